"""Caller: one call in one run, with its lines of execution, its clock and its result.

Decides which of its strands goes on when the call is chosen: the one that runs if it can, else the one
that has waited longest, as an event loop would. Never decides which call is chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from fuzzharness.model import Result

if TYPE_CHECKING:
    from fuzzharness.runtime.loops import Loop
    from fuzzharness.runtime.run import Run
    from fuzzharness.runtime.strand import Strand


@dataclass(frozen=True, slots=True)
class Body:
    """What a call does: ``start`` has no parameters; with a ``loop`` named it returns a coroutine."""

    name: str
    start: Callable[[], Any]
    loop: str | None = None


TIME = -1
"""Stands among the numbers of strands for a time that another strand of the call waits for."""


class Caller:
    """The state of one call in one run; ``place`` is its place in the batch.

    ``elapsed`` is its own time, in seconds since it began: it passes only while all of its strands wait.
    ``draws`` counts the random bytes it asked for, ``rivals`` holds the numbers of strands that
    could go on at once, pair by pair (``TIME`` is a time that could be up first); ``only`` is its
    strand as long as it has one alone. ``scopes`` are the cancel scopes that its tasks have entered,
    ``timers`` what asyncio is to do at a time, the first first.
    """

    __slots__ = (
        "body",
        "draws",
        "elapsed",
        "index",
        "loops",
        "only",
        "place",
        "result",
        "rivals",
        "run",
        "scopes",
        "strands",
        "timers",
    )

    def __init__(self, run: Run, index: int, place: int, body: Body) -> None:
        self.run, self.index, self.place, self.body = run, index, place, body
        self.strands: list[Strand] = []
        self.only: Strand | None = None
        self.loops: list[Loop] = []
        self.scopes: dict[Any, None] = {}
        self.timers: list[tuple[float, int, Any]] = []
        self.elapsed = 0.0
        self.draws = 0
        self.rivals: set[tuple[int, int]] = set()
        self.result: Result | None = None

    @property
    def done(self) -> bool:
        """Whether none of its strands has anything left to do."""
        return all(s.done for s in self.strands)

    @property
    def alone(self) -> bool:
        """Whether at most one of its strands has anything left to do."""
        return sum(not s.done for s in self.strands) < 2

    @property
    def main(self) -> Strand:
        """The strand that ends with the call's result."""
        return self.strands[0]

    @property
    def able(self) -> bool:
        """Whether the call could go on now, be it by letting its time pass."""
        only = self.only
        if only is None:
            if any(strand.able for strand in self.strands):
                return True
        elif only.able:
            return True
        elif only.loop is None and only.timer is None:
            return False
        return self.deadline is not None

    @property
    def waits(self) -> bool:
        """Whether it waits for something that a sibling could give it, and does not go round in circles."""
        left = [s for s in self.strands if not s.done]
        waits = self.index in self.run.trail.awaits or any(s.blocked is not None for s in left)
        return waits and not any(s.spins for s in left)

    def next_strand(self, running: Strand | None) -> Strand | None:
        """The strand that goes on when this call is chosen, if one can."""
        only = self.only
        if only is not None:
            return only if only.able else None
        able = [s for s in self.strands if s.able]
        if len(able) > 1:
            self.rivals.update(combinations((s.number for s in able), 2))
        if running in able and running is not None and running.loop is None:
            chosen: Strand | None = running
        else:
            chosen = min(able, key=lambda s: (s.since, s.number), default=None)
        if chosen is not None and chosen.loop is None and self.deadline is not None:
            self.rivals.add((chosen.number, TIME))
        return chosen

    @property
    def timed(self) -> bool:
        """Whether one of its tasks waits for a time, which could have come first."""
        return any(loop.deadline(self) is not None for loop in self.loops)

    @property
    def deadline(self) -> float | None:
        """When the first of its strands gives up waiting, in its own time; None if none would."""
        first = None
        for loop in self.loops:
            time = loop.due(self) if loop.inside is None else None
            if time is not None and (first is None or time < first):
                first = time
        for strand in self.strands:
            time = strand.timer
            if time is not None and not (strand.done or strand.stuck) and (first is None or time < first):
                first = time
        return first


OWNER: ContextVar[Caller] = ContextVar("fuzzharness_caller")
"""The call that the running code belongs to; what it starts inherits that."""
