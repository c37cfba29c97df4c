"""Escapes: how programs write what stands between words, in strings and in URLs.

Decides which escapes part words: ``\\nAda`` is a new line and then a name, ``%27ada`` a quote and then
one. Those that may be part of a mail (``%2B``, ``%40``) are none of them. Looks for nothing else.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPED: Final = re.compile(
    r"\\(?:[nrtbfv]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})"
    r"|%(?:2[0-9ACFacf]|3[A-Fa-f]|5[B-Eb-e]|60|7[B-Eb-e])"
)
"""How programs write characters that are no part of a word."""


def without_escapes(text: str) -> str:
    """``text`` with other characters, which stand in no data, where some are escaped between words."""
    if "\\" not in text and "%" not in text:
        return text
    return _ESCAPED.sub(lambda match: "\0" * len(match[0]), text)
