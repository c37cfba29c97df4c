"""Going through a tracked container.

Decides when going on with a loop is an access of its own: when the call has passed another gate
since the last one. A loop that does nothing else is one step, as it is for the interpreter; so is
what one instruction of one frame asks for in a known order (``dict(d)``: keys, then each value).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from fuzzharness.access import ANY, Kind
from fuzzharness.world.resource import Peek
from fuzzharness.world.storage import JOINED, peek, take_all
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


def instruction(depth: int) -> tuple[int, int]:
    frame = sys._getframe(depth + 1)
    return id(frame), frame.f_lasti


def begin_walk(
    container: Any, family: Any, watch: Watch, make: Callable[[], Iterator[Any]], by: tuple[int, int]
) -> Iterator[Any]:
    """Announce that the whole is read from now on, by this instruction; returns the iterator.

    ``make`` makes the real one, not before the call may go on: a dict's looks at its size at once.
    """
    look: Peek = lambda: peek(container, family, ANY)  # noqa: E731  # handed on
    watch.access(ANY, Kind.READ, look)
    take_all(container, family, watch)
    object.__setattr__(container, JOINED, (watch.gate.mark(), by))
    return Walk(make(), watch, look, lambda: take_all(container, family, watch))


def joined(container: Any, watch: Watch) -> bool:
    """Whether the instruction that has just begun to read the whole goes on reading it."""
    known = getattr(container, JOINED, None)
    return known is not None and known == (watch.gate.mark(), instruction(2))
