"""Secrets: credentials that show by their own form, in any text.

Decides which parts of a text are one: the password of a connection string, not its host. Knows no keys of
objects; :mod:`fuzzharness.privacy.keys` does. What has no form of its own is found only there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fuzzharness.privacy.kind import Kind
from fuzzharness.privacy.span import Span

# The group "secret" is what has to go, the whole match where there is none.
_FORMS: Final = (
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){1,3}",  # JWT, JWE
    r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",  # AWS access key ids
    r"\b(?:sk|pk|rk)[-_](?:live|test|ant|proj|or|svcacct|admin)[-_][\w-]{8,}",  # Stripe, Anthropic, OpenAI
    r"\bsk-[\w-]{16,}",
    r"\bgh[opsur]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}",
    r"\bxox[abeoprs]-[\w-]{8,}|\bxapp-[\w-]{8,}",
    r"https://hooks\.slack\.com/(?:services|workflows)/(?P<secret0>[\w/]+)",
    r"\bAIza[\w-]{30,}|\bya29\.[\w-]{16,}",
    r"\bSG\.[\w-]{10,}\.[\w-]{10,}|\bhf_\w{16,}|\bnpm_\w{16,}|\bpypi-\w{16,}|\bdop_v1_\w{16,}|\bkey-[0-9a-f]{32}\b",
    r"(?i:\bbearer|\bbasic|\btoken)[ ]+(?P<secret1>[\w.~+/-]{12,}=*)",
    r"\b[a-zA-Z][\w+.-]*://[^\s/:@\"'<>]*:(?P<secret2>[^\s/@\"'<>]+(?:@(?=[^\s/@]*@)[^\s/@\"'<>]+)*)@",
    r"(?i:[\w.-]*(?:password|passwd|pwd|passphrase|secret|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key"
    r"|sharedaccesskey|token|signature|\bsig))[\"']?\s*(?:=|:(?!//)|=>)\s*[\"']?(?P<secret3>[^\s\"',;&)}\]]{4,})",
)
_PATTERN: Final = re.compile("|".join(f"(?:{form})" for form in _FORMS), re.DOTALL)
_HINTS: Final = (
    *(
        "pass",
        "pwd",
        "secret",
        "key",
        "token",
        "sig",
        "bearer",
        "basic ",
        "://",
        "eyj",
        "a3t",
        "akia",
        "asia",
    ),
    *(
        "abia",
        "acca",
        "sk-",
        "sk_",
        "pk-",
        "pk_",
        "rk-",
        "rk_",
        "gho_",
        "ghp_",
        "ghs_",
        "ghu_",
        "ghr_",
        "github_pat",
    ),
    *("glpat", "xox", "xapp", "aiza", "ya29", "sg.", "hf_", "npm_", "pypi-", "dop_v1"),
)
"""In small letters, what any of these forms has: most texts have none of it."""

_SHORTEST: Final = len("pwd=abcd")
_MASK: Final = re.compile(r"secret-[0-9a-f]{16}")


def secrets(text: str) -> Iterator[Span]:
    """The secrets in ``text``, from left to right."""
    if len(text) < _SHORTEST:
        return
    small = text.lower()
    if not any(hint in small for hint in _HINTS):
        return
    for match in _PATTERN.finditer(text):
        group = match.lastgroup
        start, end = match.span(group) if group else match.span()
        if not is_mask(text[start:end]):
            yield Span(start, end, Kind.SECRET)


def is_mask(text: str) -> bool:
    """Whether ``text`` is what we put in place of a secret: it stays as it is."""
    return _MASK.fullmatch(text) is not None
