"""Progress: how far each call is in a run, what it is about to do, and what all runs have shown of it.

Decides for samplers which steps matter to other calls: it begins with the forecast of the serial runs and
learns from every run. Draws nothing by chance but what it is asked to weigh.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.profile import Profile, steps_of

_LIKELY = 0.05
"""The rarest ending spoken of is one whose chance to have been missed is at most this."""


class Progress:
    """How far each call is in the run under way, and what it is about to do.

    ``taken`` holds the number of steps of each call, ``steps`` their footprints in the longest run of it so
    far. ``runs`` counts the runs that have ended since nothing new was learned, and ``version`` how often
    something was. ``exact`` is True as long as every run went as the profile says and no call ever waited.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.taken = [0] * len(profile.steps)
        self.steps = list(profile.steps)
        self.runs = self.version = 0
        self.exact = profile.fixed
        self._seen = 0
        self._ever = list(profile.ever)
        self._matter: dict[tuple[int, int], bool] = {}

    def begin(self, last: Trail | None) -> None:
        """Another run begins; ``last`` is the trail of the one before."""
        if last is not None:
            self.follow(last, ())
            self.runs += 1
            self._learn(last)
        self.taken = [0] * len(self.profile.steps)
        self._seen = 0

    def _learn(self, trail: Trail) -> None:
        """Take in what a run shows of the calls that no run before did."""
        new = False
        for call, numbers in enumerate(steps_of(trail, len(self.steps), self.profile.footprints)):
            ever = self._ever[call]
            for number in numbers:
                ever |= 1 << number
            longer = len(numbers) > len(self.steps[call]) and not trail.stood
            if longer:
                self.steps[call] = numbers
            new = new or longer or ever != self._ever[call]
            self._ever[call] = ever
        if new:
            self.runs, self.version = 0, self.version + 1
            self._matter.clear()

    def follow(self, trail: Trail, ready: Sequence[int]) -> range:
        """Take in what was done since this was last asked: the positions of those steps in ``trail``."""
        new = range(self._seen, len(trail.order))
        for step in new:
            self.taken[trail.order[step]] += 1
        self._seen = len(trail.order)
        if self.exact:
            steps = self.profile.steps
            self.exact = list(ready) == [c for c, taken in enumerate(self.taken) if taken < len(steps[c])]
        return new

    def footprint(self, call: int, trail: Trail) -> int | None:
        """What ``call`` is about to touch: as announced, else as forecast; None if neither is known."""
        announced = trail.pending.get(call)
        if announced is not None:
            return self.profile.footprints.number(announced)
        steps, at = self.steps[call], self.taken[call]
        return steps[at] if at < len(steps) else None

    def contended(self, call: int, trail: Trail) -> bool:
        """Whether what ``call`` is about to do matters to another call; if it is not known, it may."""
        footprint = self.footprint(call, trail)
        return True if footprint is None else self.matters(call, footprint)

    def matters(self, call: int, footprint: int) -> bool:
        """Whether a step of ``call`` depends on something another call was seen to do."""
        known = self._matter.get((call, footprint))
        if known is None:
            against = self.profile.footprints.against[footprint]
            others = (ever for other, ever in enumerate(self._ever) if other != call)
            known = self._matter[call, footprint] = any(against & ever for ever in others)
        return known


def weighted(chance: random.Random, calls: Sequence[int], weights: Sequence[int]) -> int:
    """One of ``calls``, each as likely as its weight; not all weights are 0."""
    at = int(chance.random() * sum(weights))
    for call, weight in zip(calls, weights, strict=True):
        at -= weight
        if at < 0:
            return call
    return calls[-1]


def uniform_bound(progress: Progress, of: str) -> str:
    """What the runs bought if all ``of`` were equally likely in each, in a phrase; empty if they were not."""
    runs = progress.runs
    if not runs or not progress.exact:
        return ""
    rare = 10
    while (1 - 0.1 / rare) ** runs <= _LIKELY:
        rare *= 10
    missed = percent((1 - 1 / rare) ** runs)
    return f"an ending that 1 in {rare:,} {of} lead to was missed with a chance of at most {missed}"


def percent(share: float) -> str:
    """A share above 0 in per cent, rounded up to whole ones, or to the first digit of less than one."""
    parts = max(100 * share, 1e-4)
    digits = max(0, -math.floor(math.log10(parts)))
    return f"{math.ceil(round(parts * 10**digits, 6)) / 10**digits:.{digits}f} %"
