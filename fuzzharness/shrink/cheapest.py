"""The cheapest order of a class: fewest preemptions, then fewest switches, then the least in order of calls.

Decides which of the equivalent interleavings of one run is shown. Works on what happens before what; runs
nothing. By dynamic programming over the points at which the calls can stand, backwards: at each, for each
call that ran last, the cheapest way to the end. So it is the least of the whole class, not only a small
one; ∏(length + 1)·calls states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.causality import Causality
from fuzzharness.search.footprint import Footprints, Lock

MOST_STATES = 200_000
"""Runs whose calls can stand in more ways than this are left as they are."""

Point = tuple[int, ...]
"""How many steps each call has taken."""

_Cost = tuple[int, int]


def cheapest(trail: Trail, calls: int) -> tuple[tuple[int, ...], frozenset[int]] | None:
    """The calls that take each step in the cheapest order of the class of ``trail``; None if too many.

    With it the positions before which the call that ran last could not go on.
    """
    lines = _Lines(trail, calls, Footprints())
    if lines.states > MOST_STATES:
        return None
    order = _Search(lines).order()
    return order, frozenset(lines.waits(order))


class _Lines:
    """The steps of a run, by call: what each needs to have happened, and which locks are held when."""

    def __init__(self, trail: Trail, calls: int, footprints: Footprints) -> None:
        self.calls = calls
        self.prints: list[list[int]] = [[] for _ in range(calls)]
        self.needs: list[list[Point]] = [[] for _ in range(calls)]
        self._footprints = footprints
        self._stood = {c: footprints.number(trail.pending.get(c, ())) for c in trail.stood}
        past, masks = Causality(footprints), [0] * calls
        for step, call in enumerate(trail.order):
            footprint = footprints.number(trail.touches[step])
            past.add(call, footprint)
            before = past.before[step] & ~(1 << step)
            self.needs[call].append(tuple((before & mask).bit_count() for mask in masks))
            self.prints[call].append(footprint)
            masks[call] |= 1 << step

    @cached_property
    def ends(self) -> Point:
        """The point at which the run ends."""
        return tuple(map(len, self.prints))

    @property
    def states(self) -> int:
        """At how many points the calls could stand, times who ran last."""
        states = self.calls
        for end in self.ends:
            states *= end + 1
        return states

    def next_calls(self, point: Point) -> Iterator[int]:
        """The calls whose next step may come at ``point``, in ascending order."""
        for call, at in enumerate(point):
            if at < self.ends[call] and all(map(int.__ge__, point, self.needs[call][at])):
                yield call

    def could_go_on(self, call: int, point: Point) -> bool:
        """Whether ``call`` itself could take a step at ``point``, in this class or in another."""
        at = point[call]
        if at < self.ends[call]:
            footprint = self.prints[call][at]
        elif call in self._stood:
            footprint = self._stood[call]
        else:
            return False
        others = [self.prints[other][: point[other]] for other in range(self.calls) if other != call]
        takes = self._footprints.takes[footprint]
        if any(self._footprints.holds_after(lock, steps) for lock in takes for steps in others):
            return False
        return all(self._is_awake(who, call, at, others) for who in self._footprints.woken[footprint])

    def _is_awake(self, who: Lock, call: int, at: int, others: Sequence[Sequence[int]]) -> bool:
        """Whether ``call``, known as ``who``, was woken once more than its first ``at`` steps say."""
        wakes, woken = self._footprints.wakes, self._footprints.woken
        often = sum(who in wakes[footprint] for steps in others for footprint in steps)
        return often > sum(who in woken[footprint] for footprint in self.prints[call][:at])

    def waits(self, order: Sequence[int]) -> Iterator[int]:
        """The positions in ``order`` at which a call that has not ended cannot go on."""
        point = tuple(0 for _ in self.ends)
        for position, call in enumerate(order):
            last = order[position - 1] if position else call
            ended = point[last] == self.ends[last] and last not in self._stood
            if last != call and not ended and not self.could_go_on(last, point):
                yield position
            point = _after(point, call)


class _Search:
    """The table of cheapest ways to the end; ``_best[point][last]``: its cost and the call to go on with."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._best: dict[Point, list[tuple[_Cost, int] | None]] = {}

    def order(self) -> tuple[int, ...]:
        """The calls of the cheapest order, step by step."""
        lines = self._lines
        for point in product(*(range(end, -1, -1) for end in lines.ends)):
            self._best[point] = self._ways(point)
        start = self._start()
        order, point, last = [], tuple(0 for _ in lines.ends), start
        while point != lines.ends:
            order.append(last)
            point = _after(point, last)
            way = self._best[point][last]
            assert way is not None
            last = way[1]
        return tuple(order)

    def _ways(self, point: Point) -> list[tuple[_Cost, int] | None]:
        lines = self._lines
        if point == lines.ends:
            return [((0, 0), -1)] * lines.calls
        onward = [(call, self._best[_after(point, call)][call]) for call in lines.next_calls(point)]
        return [self._way(point, last, onward) for last in range(lines.calls)]

    def _way(
        self, point: Point, last: int, onward: Sequence[tuple[int, tuple[_Cost, int] | None]]
    ) -> tuple[_Cost, int] | None:
        leaving = int(self._lines.could_go_on(last, point))
        best: tuple[_Cost, int] | None = None
        for call, rest in onward:
            if rest is None:
                continue
            (preemptions, switches), _ = rest
            cost = (preemptions, switches) if call == last else (preemptions + leaving, switches + 1)
            if best is None or cost < best[0]:
                best = cost, call
        return best

    def _start(self) -> int:
        """The call to begin with: nobody is left for it, so its switch is free."""
        point = tuple(0 for _ in self._lines.ends)
        found = [
            (way[0], call)
            for call in self._lines.next_calls(point)
            if (way := self._best[_after(point, call)][call]) is not None
        ]
        return min(found)[1] if found else -1


def _after(point: Point, call: int) -> Point:
    return (*point[:call], point[call] + 1, *point[call + 1 :])
