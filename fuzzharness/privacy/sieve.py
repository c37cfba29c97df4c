"""Sieve: which JSON lines can hold a secret at all. Most cannot, and nothing else has to look at them.

Decides by one look at the bytes, as they are written: no secret that :mod:`fuzzharness.privacy.secrets` or
:mod:`fuzzharness.privacy.keys` would find in any string of the line, in JSON within a string or in base64, is
missed. What is caught may well be none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Final

from fuzzharness.privacy.base64_text import hidden
from fuzzharness.privacy.keys import SECRET_NAMES
from fuzzharness.privacy.scanner import Form, Scanner, any_of
from fuzzharness.privacy.secrets import OPTIONS, SECRET_WORDS

GAP: Final = rb"(?:[^a-z0-9]|\\[nrtbf]|\\u00[01][0-9a-f])*"
"""Characters between words, and how JSON writes them."""

VEILED: Final = rb"\\(?:u(?:[^0]|0[^0]|00[^01])|/)"
"""An escape that JSON need not have, nor msgspec writes: behind it any character may be."""

_W: Final = rb"[\w\x80-\xff-]"
_TO_WHOM: Final = rb"(?:live|test|ant|proj|or|svcacct|admin)"
_FORMS: Final = (
    Form(b"-----begin", rb"-----begin [a-z0-9 ]*private key"),
    Form(b"eyj", rb"eyj" + _W + rb"{5,}\." + _W + rb"{5}"),
    Form(b"a3t", rb"a3t[a-z0-9]{17}"),
    Form(b"ia", rb"a[ksb]ia[a-z0-9]{16}", rb"ia[a-z0-9]{16}"),
    Form(b"acca", rb"acca[a-z0-9]{16}"),
    Form(b"k-", rb"[spr]k-" + _TO_WHOM + rb"[-_]" + _W + rb"{8}", rb"k-[ltaops]"),
    Form(b"k_", rb"[spr]k_" + _TO_WHOM + rb"[-_]" + _W + rb"{8}", rb"k_[ltaops]"),
    Form(b"k-", rb"sk-" + _W + rb"{16}"),
    Form(b"gh", rb"gh[opsur]_" + _W + rb"{16}"),
    *(Form(start, start + _W + rb"{16}") for start in (b"github_pat_", b"glpat-", b"hf_", b"npm_", b"pypi-")),
    *(Form(start, start + _W + rb"{16}") for start in (b"dop_v1_", b"key-")),
    Form(b"ya29.", rb"ya29\." + _W + rb"{16}"),
    Form(b"xox", rb"xox[abeoprs]-" + _W + rb"{8}"),
    Form(b"xapp-", rb"xapp-" + _W + rb"{8}"),
    Form(b"hooks.slack.com", rb"hooks\.slack\.com/(?:services|workflows)/"),
    Form(b"aiza", rb"aiza" + _W + rb"{30}"),
    Form(b"sg.", rb"sg\." + _W + rb"{10,}\." + _W + rb"{10}"),
    *(Form(word, word + rb" +[\w.~+/\x80-\xff-]{12}") for word in (b"bearer", b"basic", b"token")),
    Form(b"@", rb"://[^ /:@\"'<>]*:[^ /@\"'<>]+@"),
    Form(b"--", rb"--[a-z0-9-]*(?:" + "|".join(OPTIONS).encode() + rb")[^a-z0-9]"),
    Form(b"curl", rb"curl[^a-z0-9]"),
    Form(b"sshpass", rb"sshpass"),
    Form(b"-p", rb"(?:[\x00- \x80-\xff]|\\[nrtbf]|\\u00[01][0-9a-f])-p[^ -]", rb"-p[^ -]"),
    Form(b"<input", rb"<input"),
    # letters that are i, s and k to who ignores case
    Form(b"\xc4", rb"\xc4[\xb0\xb1]"),
    Form(b"\xc5", rb"\xc5\xbf"),
    Form(b"\xe2", rb"\xe2\x84\xaa"),
    Form(b"\\", VEILED),
)

_STEMS: Final = (
    *("pass", "pwd", "secret", "key", "token", "jwt", "pw", "bearer", "auth", "credential", "cookie", "pin"),
    *("cv", "otp", "code", "sig"),
)
"""One of these is in each name of a field that holds a secret."""


def _keyed() -> Iterator[Form]:
    """What stands before a secret and the sign between them, the names by the last stem that they have."""
    names: dict[str, set[str]] = {}
    for name in ("sig", *SECRET_NAMES.split("|"), *SECRET_WORDS):
        names.setdefault(max(_STEMS, key=name.rfind), set()).add(re.sub(r"_\?|\[_-]\?", "_", name))
    for stem, those in names.items():
        ends = {name[name.rfind(stem) :] for name in those}
        yield Form(stem.encode(), _before_sign(those), _before_sign(ends))


def _before_sign(names: set[str]) -> bytes:
    return (
        b"(?:"
        + "|".join(sorted(names)).encode().replace(b"_", GAP)
        + b")(?:"
        + GAP
        + b"[0-9]+)?"
        + GAP
        + b"[:=]"
    )


_SHORTEST: Final = len("pw=abcd")


class Sight(Enum):
    """What a look at a line tells."""

    CLEAR = "no secret, and all of its text is as it is written"
    HIDDEN = "no secret, but text in base64, or what else only a look at every text tells"
    CAUGHT = "perhaps a secret"


@cache
def _caught() -> Scanner:
    return any_of((*_keyed(), *_FORMS))


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
