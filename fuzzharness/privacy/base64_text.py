"""Base64: text that is hidden in text.

Decides what is taken for it: a run of at least sixteen characters of the alphabet that holds printable text.
Looks at nothing that it finds.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode, urlsafe_b64encode
from typing import Final

SHORTEST: Final = 16
FORM: Final = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{16,}={0,2}(?![\w+/=-])")
"""Where base64 may be in a text."""

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_MARKS: Final = bytes(120 if byte in _ALPHABET else 32 for byte in range(256))
_LONG: Final = b"x" * SHORTEST
_BACKSLASH: Final = ord("\\")
_ESCAPES: Final = (len("n"), len("u0000"))
_BETWEEN: Final = b"AAAA"
_TEXT: Final = re.compile(
    rb"\0\0\0(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+"
    rb"(?:[\xc2-\xf4][\x80-\xbf]{0,2})?\0\0\0"
)
"""A text in UTF-8, perhaps cut within a character, where two times ``_BETWEEN`` is decoded."""


def decoded(data: bytes) -> str | None:
    """The text that ``data`` is base64 of, padded or not; None where that is no printable text."""
    bare = data.rstrip(b"=").translate(_STANDARD)
    if len(bare) % 4 == 1:
        return None
    plain = binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        return None
    return text if text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable() else None


def encoded(plain: str, like: str) -> str:
    """``plain`` in the alphabet of the base64 text ``like``, padded if that is."""
    urlsafe = "-" in like or "_" in like
    encode = urlsafe_b64encode if urlsafe else b64encode
    found = encode(plain.encode()).decode()
    padded = like.endswith("=") or len(like) % 4 == 0
    return found if padded else found.rstrip("=")


def hidden(data: bytes) -> list[str]:
    """The texts in base64 within ``data``, JSON or plain text, and perhaps some that are none."""
    runs = _runs(data)
    if not runs or not _any_text(runs):
        return []
    return [text for run in runs if (text := decoded(run)) is not None]


def _runs(data: bytes) -> list[bytes]:
    """What may be base64; of letters before it that may belong to an escape, both readings."""
    marks, found, end = data.translate(_MARKS) + b" ", list[bytes](), 0
    while (start := marks.find(_LONG, end)) >= 0:
        end = marks.find(b" ", start)
        found.append(data[start:end])
        if data[start - 1] == _BACKSLASH and start:
            found += (
                data[start + letters : end] for letters in _ESCAPES if end - start - letters >= SHORTEST
            )
    return found


def _any_text(runs: list[bytes]) -> bool:
    """Whether one of ``runs`` may hold text. All are decoded at once: few do, and there are many."""
    whole = _BETWEEN.join([b"", *(run[: len(run) & ~3] for run in runs), b""])
    return _TEXT.search(binascii.a2b_base64(whole.translate(_STANDARD))) is not None
