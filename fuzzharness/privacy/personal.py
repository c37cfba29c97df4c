"""Personal data that shows by its own form, in any text: mails, phones, cards, IBANs, addresses.

Decides what of a text is one, by check digits where the form has them. Knows no keys of objects.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from operator import itemgetter
from typing import Final

from fuzzharness.privacy.escapes import without_escapes
from fuzzharness.privacy.kind import Kind, fitting
from fuzzharness.privacy.rough import rough_lines
from fuzzharness.privacy.span import Span

_CARD_LENGTHS: Final = {"4": (13, 16, 19), "5": (16,), "2": (16,), "3": (14, 15, 16), "6": (16, 19)}
_CARD_LAYOUT: Final = re.compile(
    r"(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5}|\d{13,19})(?!\d)"
)
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


def _card(text: str) -> int:
    if _is_card(text):
        return len(text)
    usual = _CARD_LAYOUT.match(text)  # behind it stands another number, as the date of its expiry
    return usual.end() if usual and _is_card(usual[0]) else 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"[ -]", "", text)
    fits = len(digits) in _CARD_LENGTHS.get(digits[0], ()) and _CARD_STARTS.match(digits) is not None
    return fits and len(set(digits)) > 1 and passes_luhn(digits)


def _iban(text: str) -> int:
    while True:
        plain = text.replace(" ", "").upper()
        if 15 <= len(plain) <= 34 and iban_remainder(plain) == 1:
            return len(text)
        text, blank, _ = text.rpartition(" ")  # perhaps a word that stands behind it
        if not blank:
            return 0


def _ip(text: str) -> int:
    for candidate in (text, text.removesuffix(":")):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        nobodys = address.is_loopback or address.is_unspecified or _HINT.search(candidate) is None
        return 0 if nobodys else len(candidate)
    return 0


_STREET: Final = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Way"
    r"|Terrace)"
)
_STRASSE: Final = r"(?:straße|strasse|str\.|gasse|allee|platz|weg)"
_ESCAPE: Final = r"%(?:2[BDEbde]|5[Ff]|[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f])+)"
"""In a URL, characters that may be part of a mail."""

_APOSTROPHE: Final = r"(?<=[^\W_])(?<![^\W_]{2})'(?=[^\W\d_])"
"""As in ``o'brien``, behind one letter: behind more there is a keyword, and then a string."""

_MAIL: Final = (
    r"(?<![^\W_])(?![bBuUrRfFNE]')"  # not the quote that a string begins with
    rf"(?:[^\W_]|{_ESCAPE})[\w.+-]{{0,99}}+(?:(?:{_ESCAPE}|{_APOSTROPHE})[\w.+-]{{0,99}}+){{0,40}}+"
    r"(?<=[\w+])(?:@|%40)(?:\w(?:[\w-]{0,99}\w)?\.)+[^\W\d_]{2,}"
)
_CAPITAL: Final = r"[^\W\d_a-zß-öø-ÿ][\w'\u2019.-]*"
_SENDER: Final = (
    rf"(?<![\w'\u2019.-])(?:{_CAPITAL},? ){{0,3}}{_CAPITAL}"
    r"(?=[\"']?\\?[\"']? ?<(?!no-?reply)[^\s<>@]{1,64}@)"
)
"""A name before a mail in angle brackets."""

_HOMES: Final = (
    ("/home/", re.compile(r"/home/(?<![\w.-]/home/)(?P<name>\w[\w.-]*)/")),
    ("/Users/", re.compile(r"/Users/(?<![\w.-]/Users/)(?P<name>\w[\w.-]*)/")),
    ("Users\\", re.compile(r":\\{1,2}Users\\{1,2}(?P<name>\w[\w.-]*)\\")),
)
"""Where the name of a user is in the path of a file."""

_FORMS: Final[tuple[tuple[Kind, str, str, Callable[[str], int]], ...]] = (
    (Kind.EMAIL, "@%", _MAIL, len),
    (Kind.NAME, "@", _SENDER, lambda text: len(text) if fitting(Kind.NAME, text) is Kind.NAME else 0),
    (Kind.CARD, "", r"(?<![\d.])(?<!\d[ -])\d(?:[ -]?\d){12,18}(?!\d|[ -]\d)", _card),
    (Kind.IBAN, "", r"\b[A-Za-z]{2}\d\d(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,4})?\b", _iban),
    (Kind.IP, ".", r"(?<![^\W_])(?<!\.)(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)", _ip),
    (
        Kind.IP,
        ":",
        r"(?<!\w)(?<![0-9A-Fa-f:]:)(?:[0-9A-Fa-f]{1,4}:|::)"
        r"(?:[0-9A-Fa-f]{0,4}:){1,7}[0-9A-Fa-f]{0,4}(?![\w:])",
        _ip,
    ),
    (Kind.PHONE, "+", r"(?<![\w+])\+\d(?:[ ()./-]{0,2}\d){7,14}(?!\d)", len),
    (
        Kind.PHONE,
        " .-",
        r"(?<![\w.+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-])",
        len,
    ),
    (Kind.TEXT, "-", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", len),  # social security numbers
    (
        Kind.ADDRESS,
        " ",
        rf"\b\d{{1,5}}[A-Za-z]? (?:[A-Z][\w'.-]* ){{1,3}}{_STREET}\b(?: (?:Apt|Suite|Unit|#)\.? ?\w+)?",
        len,
    ),
    (Kind.ADDRESS, " ", rf"\b[A-ZÄÖÜ][\w-]*{_STRASSE} \d{{1,4}}(?: ?[a-z])?\b", len),
)
"""Of each form signs, of which any text that has the form has one, if there are some; the form; and how
much of a match is one, none where it is 0. None has the end of a line in it."""

_Form = tuple[int, Kind, frozenset[str], re.Pattern[str], Callable[[str], int]]
_COMPILED: Final[tuple[_Form, ...]] = tuple(
    (number, kind, frozenset(signs), re.compile(form), length)
    for number, (kind, signs, form, length) in enumerate(_FORMS)
)
_HINT: Final = re.compile(r"[@\d]")
_SIGN: Final = re.compile(r"[@%.:+ -]")
_LONG: Final = 13
"""Characters of the shortest that has none of these signs."""

_SHORT: Final = 60
"""Characters of a text that is looked through as fast as it is encoded."""


def personal(text: str) -> Iterator[Span]:
    """The personal data in ``text``; spans may overlap."""
    yield from _users(text)
    if _HINT.search(text) is None or (len(text) < _LONG and _SIGN.search(text) is None):
        return
    if len(text) < _SHORT:
        yield from (span for _, span in _in_line(text, 0))
        return
    found = [found for offset, line in rough_lines(text) for found in _in_line(line, offset)]
    yield from (span for _, span in sorted(found, key=itemgetter(0)))


def _users(text: str) -> Iterator[Span]:
    """The names of users in paths of files."""
    for sign, home in _HOMES:
        if sign in text:
            for match in home.finditer(text):
                if _is_user(match["name"]):
                    yield Span(*match.span("name"), Kind.USERNAME)


@lru_cache(maxsize=1000)
def _is_user(name: str) -> bool:
    return fitting(Kind.USERNAME, name) is not None


def _in_line(line: str, offset: int) -> Iterator[tuple[int, Span]]:
    """The personal data in a line that begins at ``offset``, each with the number of its form."""
    bare = without_escapes(line)
    for number, kind, _, pattern, length in _possible(frozenset(_SIGN.findall(line))):
        for match in pattern.finditer(bare):
            size = length(match[0])
            if size:
                start = offset + match.start()
                yield number, Span(start, start + size, kind)


@cache
def _possible(signs: frozenset[str]) -> list[_Form]:
    """The forms that may be in a line with these ``signs`` alone."""
    return [form for form in _COMPILED if not form[2] or form[2] & signs]
