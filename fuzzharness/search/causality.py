"""Causality: what happens before what in a run, and which pairs of steps are in a race.

Decides which two steps of two calls could have come the other way round. Knows nothing of other runs.
The relation is that of Mazurkiewicz traces: two steps are ordered if they are of one call, or depend on
each other, or by a chain of such. A race is an ordered pair of two calls with nothing in between
(Flanagan and Godefroid, POPL 2005; Abdulla et al., POPL 2014).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fuzzharness.search.footprint import Footprints, Lock


class Causality:
    """The steps of one run: who takes them, with which footprint, and what happens before each.

    ``before[i]`` has a bit for every step that happens before step i, and for i itself.
    """

    def __init__(self, footprints: Footprints) -> None:
        self.footprints = footprints
        self.calls: list[int] = []
        self.prints: list[int] = []
        self.before: list[int] = []

    def __len__(self) -> int:
        return len(self.calls)

    def cut(self, length: int) -> None:
        """Forget all steps from ``length`` on."""
        del self.calls[length:], self.prints[length:], self.before[length:]

    def add(self, call: int, footprint: int) -> list[int]:
        """Add the next step; returns the steps it is in a race with."""
        known, races = self._past(call, footprint)
        against, prints, before = self.footprints.against[footprint], self.prints, self.before
        step = len(self.calls)
        for other in range(step - 1, -1, -1):
            if against >> prints[other] & 1 and not known >> other & 1:
                known |= before[other]
        self.calls.append(call)
        prints.append(footprint)
        before.append(known | 1 << step)
        return races

    def awaited(self, call: int, footprint: int) -> list[int]:
        """The steps that a step of ``call``, which stands before it at the end, is in a race with."""
        if self.footprints.woken[footprint]:
            return []  # nobody woke it: there is no such step, in this order or in another
        own = self._own(call)
        known, races = self._data(own, call, footprint, 0)
        for lock in self.footprints.takes[footprint]:
            holder = self._last(lock)
            if holder is not None and self.calls[holder] != call:
                first = self._first(lock, holder)
                if not known >> first & 1:
                    races.append(first)
        return races

    def _past(self, call: int, footprint: int) -> tuple[int, list[int]]:
        """What happens before a next step, less what only locks order, and its races."""
        own = self._own(call)
        takes, woken = self.footprints.takes[footprint], self.footprints.woken[footprint]
        if not takes and not woken:
            return self._data(own, call, footprint, 0)
        through, firsts = self._woken(woken), []
        for lock in takes:
            past = own
            for freed in self._freed(lock, lock in self.footprints.passes[footprint]):
                if self.calls[freed] != call and not past >> freed & 1:
                    past |= self.before[freed]
                    firsts.append(self._first(lock, freed))
            through |= past
        known, races = self._data(own, call, footprint, through)
        races += [first for first in firsts if self.calls[first] != call and not known >> first & 1]
        return known | through, races

    def _data(self, known: int, call: int, footprint: int, skip: int) -> tuple[int, list[int]]:
        """``known`` and what depends on a next step, latest first; ``skip`` cannot be reversed."""
        data, prints, before = self.footprints.data[footprint], self.prints, self.before
        races = []
        for other in range(len(prints) - 1, -1, -1):
            if data >> prints[other] & 1 and not (known | skip) >> other & 1:
                known |= before[other]
                if self.calls[other] != call:
                    races.append(other)
        return known, races

    def _own(self, call: int) -> int:
        for step in range(len(self.calls) - 1, -1, -1):
            if self.calls[step] == call:
                return self.before[step]
        return 0

    def _freed(self, lock: Lock, passing: bool) -> Iterator[int]:
        """The step that gave ``lock`` back last, behind those that have passed it since, latest first.

        Steps that only pass it do not order each other.
        """
        frees, passes = self.footprints.frees, self.footprints.passes
        for step in range(len(self.prints) - 1, -1, -1):
            footprint = self.prints[step]
            if lock in passes[footprint]:
                if not passing:
                    yield step
            elif lock in frees[footprint]:
                yield step
                return

    def _woken(self, calls: Sequence[Lock]) -> int:
        """What happens before ``calls`` were woken, that step included."""
        wakes, through = self.footprints.wakes, 0
        for call in calls:
            wakers = (s for s in range(len(self.prints) - 1, -1, -1) if call in wakes[self.prints[s]])
            waker = next(wakers, None)
            through |= 0 if waker is None else self.before[waker]
        return through

    def _last(self, lock: Lock) -> int | None:
        """The step that took ``lock`` last."""
        holds = self.footprints.holds
        return next((s for s in range(len(self.prints) - 1, -1, -1) if lock in holds[self.prints[s]]), None)

    def _first(self, lock: Lock, until: int) -> int:
        """The step with which the call of step ``until`` began to hold ``lock``."""
        first, call = until, self.calls[until]
        for step in range(until, -1, -1):
            if self.calls[step] != call:
                continue
            if step < until and lock in self.footprints.frees[self.prints[step]]:
                break
            if lock in self.footprints.holds[self.prints[step]]:
                first = step
        return first
