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
    + r"|(?<=\bs)ig)"
)

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
    (
        ("pass", "pwd", "secret", "key", "token", "sig"),
        _ANY_WORD + r"[\"']?\s*(?:=|:(?!//)|=>)\s*[\"']?(?P<secret>[^\s\"',;&)}\]]{4,})",
    ),
)
_COMPILED: Final = tuple((hints, re.compile(form, re.DOTALL)) for hints, form in _FORMS)

_MASK: Final = re.compile(r"secret-[0-9a-f]{16}")


def secrets(text: str) -> Iterator[Span]:
    """The secrets in ``text``; spans may overlap."""
    small = text.casefold()
    for hints, pattern in _COMPILED:
        if any(map(small.__contains__, hints)):
            yield from _matches(pattern, text)


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        start, end = match.span(match.lastgroup or 0)
        if not is_mask(text[start:end]):
            yield Span(start, end, Kind.SECRET)


def is_mask(text: str) -> bool:
    """Whether ``text`` is what we put in place of a secret: it stays as it is."""
    return _MASK.fullmatch(text) is not None
