"""Leniency: what happens to a malformed part, raised or left out and counted.

Decides nothing about what is malformed. One is made for each recording that is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from fuzzharness.errors import TraceError

_Part = TypeVar("_Part")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Leniency:
    """Strict unless ``lenient``; ``skipped`` counts the parts left out so far."""

    lenient: bool = False
    skipped: int = 0

    def leave_out(self) -> None:
        """Count a part whose :class:`TraceError` is being handled; if strict, raise that again."""
        if not self.lenient:
            raise
        self.skipped += 1

    def each(self, read: Callable[[_Part], _Value], parts: Iterable[_Part]) -> Iterator[_Value]:
        """``read(part)`` of each part; a :class:`TraceError` of ``read`` ends it only if strict."""
        for part in parts:
            try:
                value = read(part)
            except TraceError:
                self.leave_out()
            else:
                yield value
