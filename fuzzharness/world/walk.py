"""An iterator over a tracked container.

Decides when going on with a loop is an access of its own: when the call has passed another gate
since the last one. A loop that does nothing else is one step, as it is for the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fuzzharness.access import ANY, Kind
from fuzzharness.world.resource import Peek
from fuzzharness.world.watch import Watch


class Walk:
    """Goes through ``real``; ``refresh`` is called when others may have put something inside."""

    __slots__ = ("_mark", "_peek", "_real", "_refresh", "_watch")

    def __init__(self, real: Iterator[Any], watch: Watch, peek: Peek, refresh: Callable[[], None]) -> None:
        self._real, self._watch, self._peek, self._refresh = real, watch, peek, refresh
        self._mark = watch.gate.mark()

    def __iter__(self) -> Walk:
        return self

    def __next__(self) -> Any:
        gate = self._watch.gate
        if gate.mark() != self._mark:
            self._watch.access(ANY, Kind.READ, self._peek)
            self._refresh()
            self._mark = gate.mark()
        return next(self._real)

    def __length_hint__(self) -> int:
        return int(getattr(self._real, "__length_hint__", lambda: 0)())
