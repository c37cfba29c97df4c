"""Leniency: what happens to a malformed part, raised or left out and counted.

Decides nothing about what is malformed. One is made for each recording that is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fuzzharness.errors import TraceError

_Part = TypeVar("_Part")
_Value = TypeVar("_Value")


TOLD: Final = 10
"""Of so many parts that were left out it is known why."""


@dataclass(slots=True)
class Leniency:
    """Strict unless ``lenient``; ``skipped`` counts what was left out, ``complaints`` say why."""

    lenient: bool = False
    skipped: int = 0
    complaints: list[str] = field(default_factory=list)

    def leave_out(self) -> None:
        """Count a part whose :class:`TraceError` is being handled; if strict, raise that again."""
        if not self.lenient:
            raise
        self.skipped += 1
        if len(self.complaints) < TOLD:
            self.complaints.append(str(sys.exc_info()[1]))

    def take(self, other: Leniency) -> None:
        """Count what ``other`` has left out, too."""
        self.skipped += other.skipped
        self.complaints += other.complaints[: TOLD - len(self.complaints)]

    def each(self, read: Callable[[_Part], _Value], parts: Iterable[_Part]) -> Iterator[_Value]:
        """``read(part)`` of each part; a :class:`TraceError` of ``read`` ends it only if strict."""
        for part in parts:
            try:
                value = read(part)
            except TraceError:
                self.leave_out()
            else:
                yield value
