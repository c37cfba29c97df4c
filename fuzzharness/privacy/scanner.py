"""Scanner: whether bytes have any match of a pattern.

Decides which engine looks. The package google-re2 looks at each byte once, whatever the pattern, twenty times
as fast as the standard library; it is an extra of ours and no dependency, since not every platform has it. A
pattern that is given here means the same to both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

_MEMORY: Final = 64 << 20
"""Bytes that the states of one scanner may take."""

Scanner = Callable[[bytes], Any]
"""Something true where there is a match, None where there is none."""


def most() -> int:
    """How many alternatives a scanner may have and still be fast."""
    return 50 if _re2() is None else 1000


def _re2() -> Any:
    try:
        found = import_module("re2")
    except ImportError:
        return None
    return found if hasattr(found, "Options") else None  # other packages have that name, too


def scanner(pattern: bytes) -> Scanner:
    """A scanner for ``pattern``, which has neither lookaround nor backreference."""
    re2 = _re2()
    if re2 is None:
        return re.compile(pattern, re.DOTALL).search
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # a byte is a byte, as it is to the standard library
    options.dot_nl = options.never_capture = True
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        found: Scanner = re2.compile(pattern, options).search
    except re2.error:  # too many values were found even so
        return re.compile(pattern, re.DOTALL).search
    return found
