"""Personal data that shows by its own form, in any text: mails, phones, cards, IBANs, addresses.

Decides what of a text is one, by check digits where the form has them. Knows no keys of objects.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import cache
from operator import itemgetter
from typing import Final

from fuzzharness.privacy.kind import Kind
from fuzzharness.privacy.scanner import Form, Scanner, each_of
from fuzzharness.privacy.span import Span

_CARD_LENGTHS: Final = {"4": (13, 16, 19), "5": (16,), "2": (16,), "3": (14, 15, 16), "6": (16, 19)}
_CARD_STARTS: Final = re.compile(
    r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|3[47]|3[068]|35|6011|64[4-9]|65|62|50|5[6-9]|6[0-9]"
)


def passes_luhn(digits: str) -> bool:
    """Whether the last of ``digits`` is the check digit of the others, as on payment cards."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban_remainder(iban: str) -> int:
    """The remainder that is 1 for a valid IBAN without blanks."""
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97


def _is_card(text: str) -> bool:
    digits = re.sub(r"[ -]", "", text)
    fits = len(digits) in _CARD_LENGTHS.get(digits[0], ()) and _CARD_STARTS.match(digits) is not None
    return fits and len(set(digits)) > 1 and passes_luhn(digits)


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "").upper()
    return 15 <= len(plain) <= 34 and iban_remainder(plain) == 1


def _is_ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _always(_: str) -> bool:
    return True


_STREET: Final = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Way"
    r"|Terrace)"
)
_STRASSE: Final = r"(?:straße|strasse|str\.|gasse|allee|platz|weg)"
_FORMS: Final[tuple[tuple[Kind, str, str, Callable[[str], bool]], ...]] = (
    (Kind.EMAIL, "@%", r"[\w.%+'-]*[\w+](?:@|%40)(?:\w(?:[\w-]*\w)?\.)+[^\W\d_]{2,}", _always),
    (Kind.CARD, "", r"(?<![\d.])(?<!\d[ -])\d(?:[ -]?\d){12,18}(?!\d|[ -]\d)", _is_card),
    (Kind.IBAN, "", r"\b[A-Za-z]{2}\d\d(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,4})?\b", _is_iban),
    (Kind.IP, ".", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)", _is_ip),
    (Kind.IP, ":", r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])", _is_ip),
    (Kind.PHONE, "+", r"(?<![\w+])\+\d(?:[ ()./-]{0,2}\d){7,14}(?!\d)", _always),
    (
        Kind.PHONE,
        " .-",
        r"(?<![\w.+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-])",
        _always,
    ),
    (Kind.TEXT, "-", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", _always),  # social security numbers
    (
        Kind.ADDRESS,
        " ",
        rf"\b\d{{1,5}}[A-Za-z]? (?:[A-Z][\w'.-]* ){{1,3}}{_STREET}\b(?: (?:Apt|Suite|Unit|#)\.? ?\w+)?",
        _always,
    ),
    (Kind.ADDRESS, " ", rf"\b[A-ZÄÖÜ][\w-]*{_STRASSE} \d{{1,4}} ?[a-z]?\b", _always),
)
"""Of each form signs, of which any text that has the form has one, if there are some; the form; and a check.
None has the end of a line in it."""

_Form = tuple[int, Kind, frozenset[str], re.Pattern[str], Callable[[str], bool]]
_COMPILED: Final[tuple[_Form, ...]] = tuple(
    (number, kind, frozenset(signs), re.compile(form), check)
    for number, (kind, signs, form, check) in enumerate(_FORMS)
)
_HINT: Final = re.compile(r"[@\d]")
_SIGN: Final = re.compile(r"[@%.:+ -]")
_LONG: Final = 13
"""Characters of the shortest that has none of these signs."""

_SHORT: Final = 60
"""Characters of a text that is looked through as fast as it is encoded."""

_D: Final = rb"[0-9\x80-\xff]"
_A: Final = rb"[A-Za-z0-9]"
_ROUGH: Final = (
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
def _rough() -> list[Scanner]:
    return each_of(_ROUGH)


def personal(text: str) -> Iterator[Span]:
    """The personal data in ``text``; spans may overlap."""
    if _HINT.search(text) is None or (len(text) < _LONG and _SIGN.search(text) is None):
        return
    if len(text) < _SHORT:
        yield from (span for _, span in _in_line(text, 0))
        return
    found = [found for offset, line in _rough_lines(text) for found in _in_line(line, offset)]
    yield from (span for _, span in sorted(found, key=itemgetter(0)))


def _in_line(line: str, offset: int) -> Iterator[tuple[int, Span]]:
    """The personal data in a line that begins at ``offset``, each with the number of its form."""
    for number, kind, _, pattern, check in _possible(frozenset(_SIGN.findall(line))):
        for match in pattern.finditer(line):
            if check(match[0]):
                yield number, Span(offset + match.start(), offset + match.end(), kind)


@cache
def _possible(signs: frozenset[str]) -> list[_Form]:
    """The forms that may be in a line with these ``signs`` alone."""
    return [form for form in _COMPILED if not form[2] or form[2] & signs]


def _rough_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of ``text`` that may hold any of these forms, and where they begin."""
    data = text.encode("utf-8", "surrogatepass")
    offset = passed = 0
    for start, end in sorted({line for search in _rough() for line in _lines(data, search)}):
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
