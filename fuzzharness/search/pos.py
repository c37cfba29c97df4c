"""Pos: every step that is about to be taken has a random number, and the largest goes first.

Guarantee: every class of interleavings has a chance in every run (partial order sampling: Yuan, Yang and
Gu, "Partial Order Aware Concurrency Sampling", CAV 2018). What is known of that chance shrinks
exponentially with the length of a run, so nothing is claimed. A number stays until its step is taken or a
step that it depends on: unlike with a uniform choice at each step, it needs no luck for a step to stay
behind many others that have nothing to do with it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.profile import Profile
from fuzzharness.search.progress import Progress
from fuzzharness.search.scheduler import Claim


class Pos:
    """Partial order sampling of the calls of ``profile``, drawn from ``seed``; never over by itself."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._footprints = profile.footprints
        self._progress = Progress(profile)
        self._random = random.Random(seed)
        self._numbers: list[float] = []

    def begin(self, last: Trail | None) -> bool:
        self._progress.begin(last)
        self._numbers = [self._random.random() for _ in self._progress.taken]
        return True

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:  # noqa: ARG002  # of the protocol
        for step in self._progress.follow(trail, ready):
            self._redraw(step, trail)
        return max(ready, key=self._numbers.__getitem__)

    def claim(self) -> Claim:
        return Claim()

    def _redraw(self, step: int, trail: Trail) -> None:
        """New numbers for the call that took ``step`` and for every step that depends on it."""
        taken = self._footprints.number(trail.touches[step])
        for call in range(len(self._numbers)):
            pending = self._progress.footprint(call, trail)
            depends = pending is not None and self._footprints.against[pending] >> taken & 1
            if depends or call == trail.order[step]:
                self._numbers[call] = self._random.random()
