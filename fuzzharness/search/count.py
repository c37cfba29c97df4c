"""Count: how many classes of interleavings there are, before any of them is run.

Decides from what the calls do in the serial runs; exact where that does not depend on data, else an
estimate. f(p) = Σ over the non-empty sets I of pairwise independent next steps of (-1)^(|I|+1)·f(p+I),
f(end) = 1 (Cartier and Foata, 1969), over the calls that can go on at p: a call before a lock that
another holds cannot. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from fuzzharness.search.footprint import Footprints
from fuzzharness.search.profile import Profile, Steps

_MOST_WORK = 200_000
_MOST_STEPS = 400
"""Where the count would take more terms, or more steps could be told apart, no number is worked out."""

Part = tuple[int, ...]
"""Calls that depend on each other, directly or by a chain of others."""

Point = tuple[int, ...]
"""How many steps each call has taken."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many classes each independent part of the batch has; None where that was not worked out.

    ``exact`` is False where what the calls do was seen to depend on data.
    """

    parts: tuple[Part, ...]
    counts: tuple[int | None, ...]
    exact: bool

    @property
    def runs(self) -> int | None:
        """How many runs it takes: the first one serves every part."""
        total = 1
        for count in self.counts:
            if count is None:
                return None
            total += count - 1
        return total


def forecast(profile: Profile) -> Forecast:
    """The parts of a batch and how many classes each has, the fewest first."""
    counted = [(_classes(profile, part), part) for part in independent_parts(profile)]
    counted.sort(key=lambda each: (each[0] is None, each[0]))
    return Forecast(tuple(part for _, part in counted), tuple(n for n, _ in counted), profile.fixed)


def independent_parts(profile: Profile) -> tuple[Part, ...]:
    """The calls, grouped so that calls of different groups were never seen to depend on each other."""
    calls = range(len(profile.steps))
    group = list(calls)
    for a, b in combinations(calls, 2):
        if group[a] != group[b] and profile.footprints.depend(profile.ever[a], profile.ever[b]):
            joined = group[b]
            group = [group[a] if g == joined else g for g in group]
    return tuple(tuple(c for c in calls if group[c] == g) for g in dict.fromkeys(group))


def _classes(profile: Profile, part: Part) -> int | None:
    """The number of classes of the calls in ``part``."""
    lines = [_mattering(profile.steps[call], call, profile) for call in part]
    if sum(map(len, lines)) > _MOST_STEPS:
        return None
    try:
        return _Counter(profile.footprints, lines).count()
    except _TooMany:
        return None


def _mattering(steps: Steps, call: int, profile: Profile) -> Steps:
    """Steps that depend on nothing another call does can be left out: they go with the step before."""
    return tuple(footprint for footprint in steps if profile.depends(footprint, call))


class _TooMany(Exception):
    """The count would take too long."""


class _Counter:
    """The recursion over the points at which the calls stand."""

    def __init__(self, footprints: Footprints, lines: Sequence[Steps]) -> None:
        self._footprints, self._lines = footprints, lines
        self._known: dict[Point, int] = {}
        self._left = _MOST_WORK
        self._after = [_suffixes(line) for line in lines]

    def count(self) -> int:
        """The number of classes of whole runs; raises :class:`_TooMany`."""
        return self._from(tuple(0 for _ in self._lines))

    def _from(self, point: Point) -> int:
        known = self._known.get(point)
        if known is None:
            known = self._known[point] = self._sum(point)
        return known

    def _sum(self, point: Point) -> int:
        able = [(c, self._lines[c][at]) for c, at in enumerate(point) if self._can_go(c, point)]
        if not able:
            return 1
        for call, footprint in able:
            if self._is_free(call, footprint, point):
                return self._from(_step(point, (call,)))
        total = 0
        for chosen in _independent_sets(self._footprints, able):
            self._left -= 1
            if self._left < 0:
                raise _TooMany
            sign = 1 if len(chosen) % 2 else -1
            total += sign * self._from(_step(point, chosen))
        return total

    def _is_free(self, call: int, footprint: int, point: Point) -> bool:
        """Whether a step depends on nothing that another call has yet to do: it may as well come first."""
        against = self._footprints.against[footprint]
        return not any(against & self._after[other][at] for other, at in enumerate(point) if other != call)

    def _can_go(self, call: int, point: Point) -> bool:
        if point[call] == len(self._lines[call]):
            return False
        takes = self._footprints.takes[self._lines[call][point[call]]]
        others = [self._lines[other][:at] for other, at in enumerate(point) if other != call]
        return not any(self._footprints.holds_after(lock, steps) for lock in takes for steps in others)


def _suffixes(line: Steps) -> list[int]:
    """For each position the footprints from there on, a bit each."""
    masks = [0]
    for footprint in reversed(line):
        masks.append(masks[-1] | 1 << footprint)
    return masks[::-1]


def _step(point: Point, calls: Sequence[int]) -> Point:
    return tuple(at + (call in calls) for call, at in enumerate(point))


def _independent_sets(footprints: Footprints, able: Sequence[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """The non-empty sets of calls whose next steps do not depend on each other."""
    grown: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for call, footprint in able:
        against = footprints.against[footprint]
        for chosen, prints in list(grown):
            if not against & prints:
                grown.append(((*chosen, call), prints | 1 << footprint))
    return (chosen for chosen, _ in grown if chosen)
