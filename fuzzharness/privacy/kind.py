"""Kind: what a piece of data is, as far as replacing it goes.

Decides which kinds there are, which of two wins for one and the same value, and what can be of a kind at
all. Finds nothing.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from fuzzharness.privacy.dates import is_date
from fuzzharness.privacy.everyday import is_everyday, is_nobody


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

    __hash__ = (
        object.__hash__
    )  # that of Enum is a function in Python, and kinds are keys of much that is remembered

    @property
    def rank(self) -> int:
        """Where it stands among all kinds; less is stronger."""
        return _RANKS[self]


_RANKS: Final = {kind: rank for rank, kind in enumerate(Kind)}

_STRICT: Final = {
    Kind.CARD: re.compile(r"[0-9]{12,19}"),
    Kind.IBAN: re.compile(r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{11,30}"),
}

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


def fitting(kind: Kind, text: str) -> Kind | None:
    """What ``text`` is that was found under a key that names ``kind``: a "phone" of "none" is no data at all.

    A number that is not in the form of its kind is data all the same, and so is a name with digits.
    """
    if _plausible(kind, text):
        return kind
    if kind is Kind.NAME:
        mixed = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
        return Kind.TEXT if mixed and "@" not in text else None
    return Kind.TEXT if kind in _NUMBERED and sum(map(str.isdigit, text)) >= 5 else None


_NUMBERED: Final = (Kind.CARD, Kind.IBAN, Kind.POSTCODE, Kind.BIRTHDATE)


def _plausible(kind: Kind, text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    letters = any(character.isalpha() for character in text)
    match kind:
        case Kind.EMAIL:
            return "@" in text
        case Kind.PHONE:
            return digits >= 5
        case Kind.CARD | Kind.IBAN:
            return _STRICT[kind].fullmatch(compact(kind, text)) is not None
        case Kind.POSTCODE:
            return digits > 0 and len(text) <= 12
        case Kind.IP:
            return "." in text or ":" in text
        case Kind.BIRTHDATE:
            return is_date(text)
        case Kind.NAME:
            return letters and not digits and "@" not in text and not is_nobody(text)
        case Kind.USERNAME:
            return bool(text) and not is_nobody(text) and not is_everyday(text)
        case Kind.ADDRESS | Kind.CITY:
            return letters
        case _:
            return bool(text)
