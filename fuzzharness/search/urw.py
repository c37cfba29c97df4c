"""Urw: each call that can go on is as likely as the share of the remaining steps that are its own.

Guarantee: where the steps of each call are counted right and no call ever waits, every interleaving is
equally likely in every run (URW: Zhao, Wolff, Mathur and Roychoudhury, "Selectively Uniform Concurrency
Testing", ASPLOS 2025). The counts come from the serial runs. Where calls wait or do other than counted,
every interleaving can still come, but nothing is known of its chance, and nothing is claimed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from fuzzharness.runtime.run import Trail
from fuzzharness.search.profile import Profile
from fuzzharness.search.scheduler import Claim

_LIKELY = 0.05
"""The rarest ending spoken of is one whose chance to have been missed is at most this."""


class Progress:
    """How far each call is in the run under way, and what it is about to do.

    ``taken`` holds the number of steps of each call, ``runs`` the number of runs that have ended;
    ``exact`` is True as long as every run went as the profile says and no call ever waited.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.taken = [0] * len(profile.steps)
        self.runs = 0
        self.exact = profile.fixed
        self._seen = 0
        self._matter: dict[tuple[int, int], bool] = {}

    def begin(self, last: Trail | None) -> None:
        """Another run begins; ``last`` is the trail of the one before."""
        if last is not None:
            self.follow(last, ())
            self.runs += 1
        self.taken = [0] * len(self.profile.steps)
        self._seen = 0

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
        steps, at = self.profile.steps[call], self.taken[call]
        return steps[at] if at < len(steps) else None

    def contended(self, call: int, trail: Trail) -> bool:
        """Whether what ``call`` is about to do matters to another call; if it is not known, it may."""
        footprint = self.footprint(call, trail)
        if footprint is None:
            return True
        known = self._matter.get((call, footprint))
        if known is None:
            known = self._matter[call, footprint] = self.profile.depends(footprint, call)
        return known


class Urw:
    """A random walk over the interleavings that ``profile`` forecasts, drawn from ``seed``; never over."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._progress = Progress(profile)
        self._random = random.Random(seed)

    def begin(self, last: Trail | None) -> bool:
        self._progress.begin(last)
        return True

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:  # noqa: ARG002  # of the protocol
        self._progress.follow(trail, ready)
        return weighted(self._random, ready, [self._left(call) for call in ready])

    def claim(self) -> Claim:
        return Claim(bound=uniform_bound(self._progress, "interleavings"))

    def _left(self, call: int) -> int:
        return max(1, len(self._progress.profile.steps[call]) - self._progress.taken[call])


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
