"""Rough: which lines of a text can hold personal data that shows by its form. Most cannot.

Decides by one look at the bytes: what has any of the forms of :mod:`fuzzharness.privacy.personal` has one of
these, too. What is caught may well be none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from fuzzharness.privacy.scanner import Form, Scanner, each_of

_D: Final = rb"[0-9\x80-\xff]"
_A: Final = rb"[A-Za-z0-9]"
ROUGH: Final = (
    Form(b"@", rb"@"),
    Form(b"%40", rb"%40"),
    Form(b"::", rb"::"),
    Form(b":", rb"[0-9A-Fa-f]:(?:[0-9A-Fa-f]{1,4}:){6}"),
    Form(b"+", rb"\+" + _D + rb"[0-9 ()./\x80-\xff-]{7}"),
    *(
        Form(way, re.escape(way) + rb" " + _D)
        for way in (b"stra\xc3\x9fe", b"strasse", b"str.", b"gasse", b"allee", b"platz", b"weg")
    ),
    Form(
        b"",  # one form, since what begins with a digit alone is found fast
        _D
        + rb"(?:(?:[ -]?"
        + _D
        + rb"){12}"
        + rb"|"
        + _D
        + rb"+ ?"
        + _A
        + rb"{4} ?"
        + _A
        + rb"{4} ?"
        + _A
        + rb"{3}"
        + rb"|"
        + _D
        + rb"*\.(?:"
        + _D
        + rb"+\.){2}"
        + rb"|"
        + _D
        + rb"+\)?[ .-]?[2-9]"
        + _D
        + rb"+[ .-]"
        + _D
        + rb"|-"
        + _D
        + rb"{2,}-"
        + _D
        + rb"|[A-Za-z]? [A-Z][\w'.\x80-\xff-]* [A-Z])",
    ),
)
"""In UTF-8, what any of these forms has: most texts have none of it."""


@cache
def scanners() -> list[Scanner]:
    return each_of(ROUGH)


def rough_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of ``text`` that may hold any of these forms, and where they begin."""
    data = text.encode("utf-8", "surrogatepass")
    offset = passed = 0
    for start, end in sorted({line for search in scanners() for line in _lines(data, search)}):
        offset += len(data[passed:start].decode("utf-8", "surrogatepass"))
        passed = start
        yield offset, data[start:end].decode("utf-8", "surrogatepass")


def _lines(data: bytes, search: Scanner) -> Iterator[tuple[int, int]]:
    """From where to where the lines of ``data`` are in which there is a match."""
    end = 0
    while (match := search(data, end)) is not None:
        start = data.rfind(b"\n", 0, match.start()) + 1
        end = data.find(b"\n", match.end())
        end = len(data) if end < 0 else end
        yield start, end
