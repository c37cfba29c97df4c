"""Urw: each call that can go on is as likely as the share of the remaining steps that are its own.

Guarantee: where the steps of each call are counted right and no call ever waits, every interleaving is
equally likely in every run (URW: Zhao, Wolff, Mathur and Roychoudhury, "Selectively Uniform Concurrency
Testing", ASPLOS 2025). The counts begin with the serial runs and grow with what longer runs show. Where
calls wait or do other than counted, every interleaving can still come, but nothing is known of its
chance, and nothing is claimed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.profile import Profile
from fuzzharness.search.progress import Progress, uniform_bound, weighted
from fuzzharness.search.scheduler import Claim


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
        return max(1, len(self._progress.steps[call]) - self._progress.taken[call])
