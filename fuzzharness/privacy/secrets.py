"""Secrets: credentials that show by their own form, in any text.

Decides which parts of a text are one: the password of a connection string, not its host. Knows no keys of
objects; :mod:`fuzzharness.privacy.keys` does. What has no form of its own is found only there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from fuzzharness.privacy.kind import Kind
from fuzzharness.privacy.span import Span

SECRET_WORDS: Final = (
    *("password", "passwd", "pwd", "passphrase", "private[_-]?key"),
    *("secret", "sharedaccesskey", "signature"),
    *("api[_-]?key", "access[_-]?key", "account[_-]?key"),
    "token",
)
"""In small letters, what stands before the sign behind which there is a secret."""

# In any letters; as a set of first letters and then the rest, which takes a sixth of the time of (?i:...).
_ANY_WORD: Final = (
    "[psatPSAT\u017f](?i:"
    + "|".join(
        f"(?<={first})(?:{'|'.join(word[1:] for word in words)})"
        for first, words in groupby(SECRET_WORDS, lambda word: word[0])
    )
    + r"|(?<=\bs)ig|(?<=(?<![A-Za-z0-9])p)w|(?<=(?<=[_-])p)ass)"
)

_QUOTE: Final = r"\\*[\"']"  # as it is, or within a string that is quoted itself
_TYPE: Final = r"(?:\s*:\s*[A-Za-z_][\w.]*(?:\[[^\]\n]{0,80}\])?(?:\s*\|\s*None)?(?=\s*=))?"
"""Of a variable in Python."""

_ASSIGNED: Final = (
    rf"(?:{_QUOTE})?{_TYPE}\s*(?:=>|=|:(?!//))[^\S\n]*(?:[bBrRuU]{{1,2}}(?=[\"']))?(?:"
    r"\"(?P<double>(?:\\.|[^\"\\\n]){4,})\""
    r"|'(?P<single>(?:\\.|[^'\\\n]){4,})'"
    r"|\\+[\"'](?P<within>[^\"'\\\n]{4,})\\+[\"']"
    r"|[\"'](?P<open>[^\s\"',;&)}\]]{4,})"
    r"|(?P<bare>[^\s\"'`,;&)}\]]{4,}))"
)
_ARGUMENT: Final = (
    r"(?:\"(?P<double>[^\"\n]{4,})\"|'(?P<single>[^'\n]{4,})'|(?!-)(?P<word>[^\s\"'`;|&<>()\\]{4,}))"
)
"""A word of a command line."""

OPTIONS: Final = (
    *("password", "passwd", "passphrase", "pass", "pwd", "token", "secret"),
    *("api-?key", "secret-?key", "access-?key", "private-?key"),
)
"""In small letters, what options of a command line are called, or end in, that a secret follows."""

_SERVER: Final = r"(?i:server|data source|host|address|user id|uid|user|database|initial catalog|driver)\s*="

# Of each form: some of which any text has one that has the form, in small letters, and then the form. The
# group "secret" is what has to go, the whole match where there is none.
_FORMS: Final = (
    (
        ("-----begin",),
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r".*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    ),
    (("eyj",), r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){1,3}"),  # JWT, JWE
    (
        ("a3t", "akia", "asia", "abia", "acca"),
        r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",  # AWS access key ids
    ),
    (
        ("sk-", "sk_", "pk-", "pk_", "rk-", "rk_"),  # Stripe, Anthropic, OpenAI
        r"\b(?:sk|pk|rk)[-_](?:live|test|ant|proj|or|svcacct|admin)[-_][\w-]{8,}",
    ),
    (("sk-",), r"\bsk-[\w-]{16,}"),
    (
        ("gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-"),
        r"\bgh[opsur]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}",
    ),
    (("xox", "xapp-"), r"\bxox[abeoprs]-[\w-]{8,}|\bxapp-[\w-]{8,}"),
    (("hooks.slack.com",), r"https://hooks\.slack\.com/(?:services|workflows)/(?P<secret>[\w/]+)"),
    (("aiza", "ya29."), r"\bAIza[\w-]{30,}|\bya29\.[\w-]{16,}"),
    (
        ("sg.", "hf_", "npm_", "pypi-", "dop_v1_", "key-"),
        r"\bSG\.[\w-]{10,}\.[\w-]{10,}|\bhf_\w{16,}|\bnpm_\w{16,}|\bpypi-\w{16,}|\bdop_v1_\w{16,}"
        r"|\bkey-[0-9a-f]{32}\b",
    ),
    (("bearer", "basic ", "token "), r"(?i:\bbearer|\bbasic|\btoken)[ ]+(?P<secret>[\w.~+/-]{12,}=*)"),
    (
        ("://",),
        r"\b[a-zA-Z][\w+.-]*://[^\s/:@\"'<>]*:(?P<secret>[^\s/@\"'<>]+(?:@(?=[^\s/@]*@)[^\s/@\"'<>]+)*)@",
    ),
    (("pass", "pw", "secret", "key", "token", "sig"), _ANY_WORD + _ASSIGNED),
    (
        ("authorization",),
        rf"(?i:authorization)(?:{_QUOTE})?\s*[:=]\s*(?:{_QUOTE})?"
        r"(?i:bearer|basic|token|digest|apikey)\s+(?P<word>[^\s\"',;\\]{4,})",
    ),
    (
        ("--",),
        rf"(?<![\w-])--(?:[A-Za-z0-9]+-)*(?i:{'|'.join(OPTIONS)})(?:=|[^\S\n]+){_ARGUMENT}",
    ),
    (
        ("curl",),
        r"\bcurl\b(?:\\\n|[^\n]){0,900}?\s(?:-[A-Za-z]*u|--user|--proxy-user)(?:=|\s*)"
        r"(?:\"[^\":\n]*:(?P<double>[^\"\n]{2,})\"|'[^':\n]*:(?P<single>[^'\n]{2,})'"
        r"|[^\s:\"'-][^\s:\"']*:(?P<word>[^\s\"'`;|&<>()\\]{2,}))",
    ),
    (("sshpass",), rf"\bsshpass\s+(?:-[A-Za-z]+\s+)*?-p\s*{_ARGUMENT}"),
    (
        ("mysql", "mariadb"),
        rf"\b(?:mysql|mariadb)[\w-]*[^\n;|&]{{0,300}}?\s-p{_ARGUMENT}",
    ),
    (
        ("password", "pwd"),
        rf"{_SERVER}[^\n\"']{{0,300}}?;\s*(?i:password|pwd)\s*=\s*(?P<part>[^;\"'\n]{{4,}})"
        rf"|(?i:password|pwd)\s*=\s*(?P<first>[^;\"'\n]{{4,}});(?=\s*{_SERVER})",  # connection strings
    ),
    (
        ("<input",),
        rf"(?i:<input)\b(?=[^<>]*\b(?i:name|id|type)=(?:{_QUOTE})?[\w.\[\]-]*"
        r"(?i:password|passwd|pwd|token|secret|api_?key))"
        rf"[^<>]*?\b(?i:value)={_QUOTE}(?P<value>[^\"'\\<>\n]{{4,}})",
    ),
)
_COMPILED: Final = tuple((hints, re.compile(form, re.DOTALL)) for hints, form in _FORMS)

_PLACEHOLDER: Final = re.compile(
    r"\$\(.*|`.*|[$#]?\{+[^{}]*\}*|\$[A-Z_][A-Z0-9_]*|\$[A-Za-z_]+|\$[0-9?@*#]"  # of shells and templates
    r"|%[A-Za-z_]\w*%|%[sdr]|%\(\w*\)?s?|<[A-Za-z_][\w .|-]*>?",
    re.DOTALL,
)
_CODE: Final = re.compile(r"[*&!]*[A-Za-z_.]+|[*&!]*[A-Za-z_][\w.]*[(\[].*", re.DOTALL)
_METAVARIABLE: Final = re.compile(r"[A-Z_]+")
_SET: Final = re.compile(r"[A-Za-z_]+=")
_NAMED: Final = re.compile(
    r"pass|pwd|secret|token|key|auth|cred|\A(?:str|bytes|None|True|False|Final|Any)\Z", re.I
)
_ALONE: Final = {"bare": _CODE, "word": _METAVARIABLE}
"""By the name of a group: what is no secret unless it is quoted."""

_MASK: Final = re.compile(r"secret-[0-9a-f]{16}")


def secrets(text: str) -> Iterator[Span]:
    """The secrets in ``text``; spans may overlap."""
    small = text.casefold()
    for hints, pattern in _COMPILED:
        if any(map(small.__contains__, hints)):
            yield from _matches(pattern, text)


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        group = match.lastgroup or 0
        value, code = match[group], None if _is_set(match) else _ALONE.get(str(group))
        if not is_mask(value) and not is_placeholder(value) and not (code and code.fullmatch(value)):
            yield Span(*match.span(group), Kind.SECRET)


def _is_set(match: re.Match[str]) -> bool:
    """Whether a word follows as in an environment or a query, ``PASSWORD=changeme``, and not as in code.

    There it is mostly a name that says what it is (``password=password``), or a type.
    """
    value = match["bare"] if match.lastgroup == "bare" else ""
    word = value.isalpha() and not value.isupper() and _NAMED.search(value) is None
    return word and _SET.fullmatch(match[0][: -len(value)]) is not None


def is_placeholder(text: str) -> bool:
    """Whether ``text`` only says where a secret comes from: ``$TOKEN``, ``$(cat x)``, ``{{ it }}``."""
    return not any(map(str.isalnum, _PLACEHOLDER.sub("", text)))


def is_mask(text: str) -> bool:
    """Whether ``text`` is what we put in place of a secret: it stays as it is."""
    return _MASK.fullmatch(text) is not None
