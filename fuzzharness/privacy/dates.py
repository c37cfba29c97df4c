"""Dates: the layouts in which people and programs write the day of a birth.

Decides what is a date, and how another date is written in the layout of the first. Where the layout does not
say which number is the day and which the month, both are at most twelve: it is a date to whoever reads it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_ENGLISH: Final = "january february march april may june july august september october november december"
_GERMAN: Final = "januar februar märz april mai juni juli august september oktober november dezember"
_MONTHS: Final = tuple(map(str.split, (_ENGLISH, _GERMAN)))
_DAY: Final = r"[0-9]{1,2}(?:st|nd|rd|th)?"
_WORD: Final = r"[^\W\d_]{3,}\.?"
_LAYOUTS: Final = re.compile(
    r"[0-9]{4}(?P<a>[-/.])[0-9]{1,2}(?P=a)[0-9]{1,2}(?:[T ][0-9]{2}:[0-9]{2}.*)?"
    r"|[0-9]{1,2}(?P<b>[-/.] ?)[0-9]{1,2}(?P=b)(?:[0-9]{4}|[0-9]{2})"
    r"|(?:19|20)[0-9]{6}"
    rf"|{_DAY}\.?[ -]{_WORD},?[ -][0-9]{{4}}"
    rf"|{_WORD}[ -]{_DAY},?[ -][0-9]{{4}}",
    re.I,
)
_PARTS: Final = re.compile(
    rf"(?P<year>[0-9]{{4}})|(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?|(?P<month>{_WORD})", re.I
)


def is_date(text: str) -> bool:
    """Whether ``text`` is a date in one of the layouts known here."""
    return _LAYOUTS.fullmatch(text) is not None


def is_ambiguous(text: str) -> bool:
    """Whether the date ``text`` may be read with either of two numbers as its day."""
    return not text[:4].isdecimal() and _word_of(text) is None


def laid_out_as(text: str, day: date) -> str:
    """``day`` in the layout of the date ``text``."""
    if text.isdecimal():
        return day.strftime("%Y%m%d")
    numbers = [day.year % 100, day.day] if _word_of(text) else [day.year % 100, day.day, day.month]
    if text[:4].isdecimal():
        numbers = [day.day, day.month]
    behind = re.search(r"[T ][0-9]{2}:", text)
    end = behind.start() if behind else len(text)
    return _PARTS.sub(lambda part: _part(part, day, numbers), text[:end]) + text[end:]


def _part(part: re.Match[str], day: date, numbers: list[int]) -> str:
    if part["year"]:
        return f"{day.year:04}"
    if part["month"]:
        return _month(part["month"], day.month)
    number = f"{numbers.pop():0{len(part['day'])}}"
    return number + _suffix(int(number), part[0][len(part["day"]) :])


def _suffix(number: int, like: str) -> str:
    """The letters behind a day, if there are some."""
    ending = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return (ending.upper() if like.isupper() else ending) if like else ""


def _word_of(text: str) -> str | None:
    found = re.search(r"[^\W\d_]{3,}", text)
    return found[0] if found else None


def _month(like: str, month: int) -> str:
    """The name of ``month`` in the language, length and capitals of ``like``; an unknown one stays."""
    bare = like.rstrip(".")
    for names in _MONTHS:
        if any(name == bare.lower() for name in names):
            found = names[month - 1] + like[len(bare) :]
        elif any(name.startswith(bare.lower()) for name in names):
            found = names[month - 1][:3] + like[len(bare) :]
        else:
            continue
        return found.upper() if bare.isupper() else found if bare.islower() else found.capitalize()
    return like
