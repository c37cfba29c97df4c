"""Wishes: take the switch points of an open schedule that come up, and pass over the others.

One run, by the default of :mod:`fuzzharness.schedule`: go on with the call that runs; when it has ended
or waits, go to the first that can go on. Guarantee: the run repeats exactly with the same tools and
world, and the schedule it took can be followed strictly.
"""

from __future__ import annotations

from collections.abc import Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.schedule import Schedule
from fuzzharness.search.scheduler import Claim


class Wishes:
    """One run that grants the points of ``schedule`` where it can; of two for one step, the first."""

    def __init__(self, schedule: Schedule) -> None:
        self._to = {(point.call, point.step): point.to for point in reversed(schedule.points)}

    def begin(self, last: Trail | None) -> bool:
        return last is None

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:  # noqa: ARG002  # of the protocol
        current = trail.order[-1] if trail.order else 0
        wished = self._to.get((current, trail.order.count(current)))
        if wished is not None and wished in ready:
            return wished
        return current if current in ready else ready[0]

    def claim(self) -> Claim:
        return Claim()
