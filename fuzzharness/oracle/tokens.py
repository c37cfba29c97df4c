"""Words in a text that can be names: UUIDs, numbers of rows, times.

Decides what they look like. Whether one is new, and of what it is a name, is decided in ``facts``.
"""

from __future__ import annotations

import re
import uuid

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1467][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
_HEX = r"[0-9a-fA-F]{12}[1467][0-9a-fA-F]{3}[89abAB][0-9a-fA-F]{15}"
_SERIAL = r"[A-Z]+-\d+"
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_NUMBER = r"(?:(?P<word>[A-Za-z]+)(?:[ _](?:id|no|number))?(?:\s*[:=]\s*#?|\s+#?|#)|#)(?P<number>\d+)(?!\.\d)"

TOKEN = re.compile(
    rf"(?<![\w-])(?:(?P<uuid>{_UUID})|(?P<hex>{_HEX})|(?P<serial>{_SERIAL})|{_NUMBER})(?![\w-])"
)
"""``uuid``; ``hex``: one without dashes; ``serial``: ``ORD-17``; ``number`` behind a ``word`` or ``#``."""

DIGIT = re.compile(r"\d")
"""Every such word has one."""

LINE_TIME = re.compile(rf"\[?(?P<time>{_ISO})")
"""The time that a line of a log begins with."""

_WHOLE_TIME = re.compile(_ISO)
_WHOLE_UUID = re.compile(f"{_UUID}|{_HEX}")


UUID_TEXT, SERIAL_TEXT, TIME_TEXT = f"{_UUID}|{_HEX}", _SERIAL, _ISO
"""Patterns of single names."""


def is_iso(text: str) -> bool:
    """Whether a text is a time."""
    return _WHOLE_TIME.fullmatch(text) is not None


def bare(text: str) -> str:
    """A UUID without dashes; other text as it is."""
    return text.replace("-", "").lower() if _WHOLE_UUID.fullmatch(text) else text


def is_random(value: uuid.UUID) -> bool:
    """Whether a UUID is made of chance and time (versions 1, 4, 6, 7), not of what it stands for."""
    return value.version in (1, 4, 6, 7)
