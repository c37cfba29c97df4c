"""Phones: one number as it is dialled from abroad and at home.

Decides how many of its digits are the country's, and what stands for them at home. In texts it finds only the
numbers that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Final, NamedTuple

_COUNTRIES: Final = re.compile(
    r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3}"  # ITU-T E.164
)
_NO_PREFIX: Final = ("1", "34", "39", "45", "47", "48", "351", "420")
"""Countries in which no digit goes before the number at home."""

_RUN: Final = re.compile(r"(?<![0-9+])[0-9](?:[ ()./-]{0,2}[0-9]){5,}")
_GROUP: Final = re.compile(r"[0-9]+")
_LONGEST: Final = 17


class Spelled(NamedTuple):
    """A number in other digits than it was found with: ``prefix``, then all but the first ``country``."""

    digits: str
    prefix: str
    country: int

    def of(self, digits: str) -> str:
        """These digits of a number from abroad, in the other way."""
        return self.prefix + digits[self.country :]


def spelled(number: str) -> Iterator[tuple[str, Spelled]]:
    """In which digits the ``number``, found with the code of its country, is dialled otherwise, and how."""
    if not number.startswith("+"):
        return
    digits = re.sub(r"\D", "", number)
    country = _COUNTRIES.match(digits)
    if country is None or len(digits) - country.end() < 6:
        return
    prefix = "" if country[0] in _NO_PREFIX else "0"
    for each in (Spelled(digits, prefix, country.end()), Spelled(digits, "00", 0)):
        yield each.of(digits), each


def form(digits: str) -> str:
    """A regular expression for ``digits`` in whatever groups."""
    return "[ ()./-]{0,2}".join(digits)


def within(text: str, numbers: Container[str]) -> Iterator[tuple[int, int]]:
    """From where to where any of ``numbers``, digits each, is in ``text``, in whatever groups."""
    for run in _RUN.finditer(text):
        groups = [match.span() for match in _GROUP.finditer(text, *run.span())]
        behind = 0
        for first, (start, _) in enumerate(groups):
            ends = _ends(text, groups[first : first + _LONGEST], numbers) if start >= behind else []
            if ends:
                behind = ends[-1]
                yield start, behind


def _ends(text: str, groups: list[tuple[int, int]], numbers: Container[str]) -> list[int]:
    """Where numbers end that begin with the first of these groups of digits."""
    digits, found = "", []
    for start, end in groups:
        digits += text[start:end]
        if digits in numbers:
            found.append(end)
        if len(digits) > _LONGEST:
            break
    return found
