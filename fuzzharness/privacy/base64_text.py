"""Base64: text that is hidden in text.

Decides what is taken for it: a run of at least sixteen characters of the alphabet that holds printable text.
Looks at nothing that it finds.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Final

SHORTEST: Final = 16
FORM: Final = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{16,}={0,2}(?![\w+/=-])")
"""Where base64 may be in a text."""

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_RUNS: Final = bytes(120 if byte in _ALPHABET else 32 for byte in range(256))
_CONTROLS: Final = bytes(byte for byte in (*range(32), 127) if byte not in b"\n\r\t")


def decoded(data: bytes) -> str | None:
    """The text that ``data`` is base64 of, padded or not; None where that is no printable text."""
    bare = data.rstrip(b"=").translate(_STANDARD)
    if len(bare) % 4 == 1:
        return None
    plain = binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    if len(plain.translate(None, _CONTROLS)) < len(plain):
        return None
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


def hidden(data: bytes) -> Iterator[str]:
    """The texts in base64 within ``data``, JSON or plain text, and perhaps some that are none."""
    runs, end = data.translate(_RUNS), 0
    while (start := runs.find(b"x" * SHORTEST, end)) >= 0:
        end = runs.find(b" ", start)
        end = len(runs) if end < 0 else end
        for begin in _beginnings(data, start):
            text = decoded(data[begin:end]) if end - begin >= SHORTEST else None
            if text is not None:
                yield text


def _beginnings(data: bytes, start: int) -> tuple[int, ...]:
    """Where a run may begin of which the first letters may belong to an escape: ``\\n`` or ``\\u0000``."""
    return (start, start + 1, start + 5) if start and data[start - 1] == 92 else (start,)
