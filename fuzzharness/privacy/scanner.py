"""Scanner: whether bytes have any match of a pattern.

Decides which engine looks. The package google-re2 looks at each byte once, whatever the pattern, twenty times
as fast as the standard library; it is an extra of ours and no dependency, since not every platform has it.
The standard library finds a literal as fast: without google-re2, forms are looked for only where there is a
literal that they have. A pattern that is given here means the same to both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple

_MEMORY: Final = 64 << 20
"""Bytes that the states of one scanner may take."""

Scanner = Callable[..., Any]
"""Something true where there is a match, None where there is none; given bytes, and from where if not all."""

_Steps = tuple[Scanner, Scanner]
"""What is looked for first, and what only where that is."""


class Form(NamedTuple):
    """A ``pattern``, each match of which has the literal ``hint`` in it, and there begins one of ``rest``.

    Where ``rest`` is empty, there is no more to it than the hint.
    """

    hint: bytes
    pattern: bytes
    rest: bytes = b""


def most() -> int:
    """How many alternatives a scanner may have and still be fast."""
    return 50 if _re2() is None else 1000


def _re2() -> Any:
    try:
        found = import_module("re2")
    except ImportError:
        return None
    return found if hasattr(found, "Options") else None  # other packages have that name, too


def any_of(forms: Sequence[Form]) -> Scanner:
    """A scanner for all of ``forms``, whose patterns have neither lookaround nor backreference."""
    return _joined(forms) or _one_by_one(forms)


def each_of(forms: Sequence[Form]) -> list[Scanner]:
    """Scanners that tell together where any of ``forms`` is, each of them from left to right."""
    joined = _joined(forms)
    return [_where_hinted(form) for form in forms] if joined is None else [joined]


def _joined(forms: Sequence[Form]) -> Scanner | None:
    """A scanner of google-re2; None where that is not there, or where these are too many for it."""
    re2 = _re2()
    if re2 is None:
        return None
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # a byte is a byte, as it is to the standard library
    options.dot_nl = options.never_capture = True
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        found: Scanner = re2.compile(b"|".join(form.pattern for form in forms), options).search
    except re2.error:
        return None
    return found


def _one_by_one(forms: Sequence[Form]) -> Scanner:
    by_hint: dict[bytes, list[_Steps]] = {}
    for form in forms:
        by_hint.setdefault(form.hint, []).append(_steps(form))

    def search(data: bytes) -> Any:
        near = (steps for hint, those in by_hint.items() if hint in data for steps in those)
        return next((found for rest, whole in near if rest(data) and (found := whole(data))), None)

    return search


def _steps(form: Form) -> _Steps:
    rest = re.compile(form.rest or re.escape(form.hint), re.DOTALL)  # begins with a literal, so it is fast
    return rest.search, re.compile(form.pattern, re.DOTALL).search


def _where_hinted(form: Form) -> Scanner:
    search = re.compile(form.pattern, re.DOTALL).search
    return lambda data, start=0: search(data, start) if form.hint in data else None
