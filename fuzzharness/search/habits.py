"""Habits: whether what a step touches follows from what its call has done so far.

Decides when accesses depend on values that others write, within one step: a compare-and-set, a statement
that commits in some cases only. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from fuzzharness.access import Kind, Touch
from fuzzharness.runtime.trail import Trail


class Habits:
    """What each step of a call has touched so far, where that is more than it announced.

    ``vary`` is True once the same step of a call, announcing the same, touched two different things: then
    what it touches depends on values that others write.
    """

    def __init__(self) -> None:
        self.vary = False
        self._known: dict[tuple[int, int, tuple[Touch, ...]], Sequence[Touch]] = {}

    def note(self, trail: Trail, start: int = 0) -> None:
        """Take in the steps of ``trail`` from ``start`` on."""
        turns = [0] * (max(trail.order, default=0) + 1)
        for step, call in enumerate(trail.order):
            turns[call] += 1
            if step < start:
                continue
            announced, touched = trail.announced[step], trail.touches[step]
            if self._known or not _alike(announced, touched):
                key = (call, turns[call], tuple(announced))
                known = self._known.setdefault(key, touched)
                self.vary = self.vary or not (known is touched or _alike(known, touched))


def _alike(some: Sequence[Touch], others: Sequence[Touch]) -> bool:
    """Whether both touch the same; whom a step wakes follows from the steps it depends on anyway."""
    if len(some) == len(others) == 1:
        return some[0] == others[0]
    return {t for t in some if t[2] is not Kind.WAKE} == {t for t in others if t[2] is not Kind.WAKE}
