"""Kind: what a piece of data is, as far as replacing it goes.

Decides which kinds there are, which of two wins for one and the same value, and what can be of a kind at
all. Finds nothing.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Kind(Enum):
    """The strongest first: a value that is found as several kinds is taken for the first of them."""

    SECRET = "secret"
    CARD = "card"
    IBAN = "iban"
    EMAIL = "email"
    IP = "ip"
    BIRTHDATE = "birthdate"
    PHONE = "phone"
    POSTCODE = "postcode"
    USERNAME = "username"
    ADDRESS = "address"
    CITY = "city"
    NAME = "name"
    TEXT = "text"

    @property
    def rank(self) -> int:
        """Where it stands among all kinds; less is stronger."""
        return _RANKS[self]


_RANKS: Final = {kind: rank for rank, kind in enumerate(Kind)}

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


_LOOSE: Final = {
    Kind.CARD: re.compile(r"[ -]"),
    Kind.IBAN: re.compile(r"[ -]"),
    Kind.PHONE: re.compile(r"\D"),
}


def compact(kind: Kind, text: str) -> str:
    """``text`` less what only spaces it: a card is the same in groups of four and without."""
    return _LOOSE[kind].sub("", text) if kind in _LOOSE else text


def laid_out(kind: Kind, text: str, characters: str) -> str:
    """``characters``, as many as ``text`` has when compact, spaced as ``text`` is."""
    if kind not in _LOOSE:
        return characters
    loose, rest = _LOOSE[kind], iter(characters)
    return "".join(c if loose.match(c) else next(rest) for c in text)


def plausible(kind: Kind, text: str) -> bool:
    """Whether ``text``, found under a key that names ``kind``, can be one: a "phone" of "none" is not."""
    digits = sum(character.isdigit() for character in text)
    letters = any(character.isalpha() for character in text)
    match kind:
        case Kind.EMAIL:
            return "@" in text
        case Kind.PHONE:
            return digits >= 5
        case Kind.CARD | Kind.IBAN:
            return digits >= 10
        case Kind.POSTCODE:
            return digits >= 3 and len(text) <= 12
        case Kind.IP:
            return "." in text or ":" in text
        case Kind.BIRTHDATE:
            return _DATE.fullmatch(text) is not None
        case Kind.NAME:
            return letters and not digits and "@" not in text
        case Kind.ADDRESS | Kind.CITY:
            return letters
        case _:
            return bool(text)
