"""Sieve: which JSON lines can hold a secret at all. Most cannot, and nothing else has to look at them.

Decides by one look at the bytes, as they are written: no secret that :mod:`fuzzharness.privacy.secrets` or
:mod:`fuzzharness.privacy.keys` would find in any string of the line, in JSON within a string or in base64, is
missed. What is caught may well be none.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import Final

from fuzzharness.privacy.base64_text import hidden
from fuzzharness.privacy.keys import SECRET_NAMES
from fuzzharness.privacy.scanner import Scanner, scanner
from fuzzharness.privacy.secrets import SECRET_WORDS

GAP: Final = rb"(?:[^a-z0-9]|\\[nrtbf]|\\u00[01][0-9a-f])*"
"""Characters between words, and how JSON writes them."""

VEILED: Final = rb"\\u(?:[^0]|0[^0]|00[^01])|\\/"
"""An escape that JSON need not have, nor msgspec writes: behind it any character may be."""

_W: Final = rb"[\w\x80-\xff-]"
_FORMS: Final = (
    rb"-----begin [a-z0-9 ]*private key",
    rb"eyj" + _W + rb"{5,}\." + _W + rb"{5}",
    rb"(?:a3t[a-z0-9]|akia|asia|abia|acca)[a-z0-9]{16}",
    rb"[spr]k[-_](?:live|test|ant|proj|or|svcacct|admin)[-_]" + _W + rb"{8}",
    rb"(?:sk-|gh[opsur]_|github_pat_|glpat-|ya29\.|hf_|npm_|pypi-|dop_v1_|key-)" + _W + rb"{16}",
    rb"(?:xox[abeoprs]-|xapp-)" + _W + rb"{8}",
    rb"hooks\.slack\.com/(?:services|workflows)/",
    rb"aiza" + _W + rb"{30}",
    rb"sg\." + _W + rb"{10,}\." + _W + rb"{10}",
    rb"(?:bearer|basic|token) +[\w.~+/\x80-\xff-]{12}",
    rb"://[^ /:@\"'<>]*:[^ /@\"'<>]+@",
    rb"\xc4[\xb0\xb1]|\xc5\xbf|\xe2\x84\xaa",  # letters that are i, s and k to who ignores case
)


_SHORTEST: Final = len("pwd=abcd")


class Sight(Enum):
    """What a look at a line tells."""

    CLEAR = "no secret, and all of its text is as it is written"
    HIDDEN = "no secret, but text in base64"
    CAUGHT = "perhaps a secret"


_KEYED: Final = (
    b"(?:"
    + SECRET_NAMES.encode().replace(b"_?", b"_").replace(b"_", GAP)
    + b"|"
    + "|".join(SECRET_WORDS).encode()
    + b"|sig)"
    + GAP
    + b"[:=]"
)


@cache
def _caught() -> Scanner:
    return scanner(b"|".join((_KEYED, VEILED, *_FORMS)))


def holds_secret(text: str) -> bool:
    """Whether ``text`` may hold a secret that shows by its form and is not hidden."""
    return len(text) >= _SHORTEST and _caught()(text.lower().encode("utf-8", "surrogatepass")) is not None


def sight(data: bytes) -> Sight:
    """What ``data`` is, a line of JSON or a plain text in UTF-8."""
    if _caught()(data.lower()) is not None:
        return Sight.CAUGHT
    texts = [text.encode() for text in hidden(data)]
    if any(sight(text) is Sight.CAUGHT for text in texts):
        return Sight.CAUGHT
    return Sight.HIDDEN if texts else Sight.CLEAR
