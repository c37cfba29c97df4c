"""Surw: random over the steps that matter to other calls, as if the others were not there.

Guarantee: where the contended steps of each call are counted right and no call ever waits, every
interleaving of the contended steps is equally likely in every run, however many other steps there are
(SURW: Zhao, Wolff, Mathur and Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025). A
call is intended to take the next contended step, as likely as its share of those that remain; any other
call that comes to one stands back. All else is uniform among the calls that may go on. The counts come
from the serial runs. Where calls wait or do other than counted, every interleaving of the contended
steps can still come, but nothing is known of its chance, and nothing is claimed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.profile import Profile
from fuzzharness.search.progress import Progress, uniform_bound, weighted
from fuzzharness.search.scheduler import Claim


class Surw:
    """A random walk over the interleavings of contended steps, drawn from ``seed``; never over."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._progress = Progress(profile)
        self._random = random.Random(seed)
        self._intended: int | None = None
        self._version = -1
        self._still: list[list[int]] = []

    def begin(self, last: Trail | None) -> bool:
        progress = self._progress
        progress.begin(last)
        self._intended = None
        if progress.version != self._version:
            self._version = progress.version
            flags = ([progress.matters(c, f) for f in steps] for c, steps in enumerate(progress.steps))
            self._still = [_to_come(each) for each in flags]
        return True

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:  # noqa: ARG002  # of the protocol
        self._progress.follow(trail, ready)
        at_contended = [call for call in ready if self._progress.contended(call, trail)]
        if at_contended and self._intended not in ready:
            self._intended = weighted(self._random, ready, [self._left(call) for call in ready])
        free = [call for call in ready if call == self._intended or call not in at_contended]
        chosen = free[int(self._random.random() * len(free))]
        if chosen in at_contended:
            self._intended = None
        return chosen

    def claim(self) -> Claim:
        return Claim(bound=uniform_bound(self._progress, "interleavings of the contended steps"))

    def _left(self, call: int) -> int:
        """How many contended steps of ``call`` are still to come, as forecast, but at least 1.

        A call that has none left may be intended: it comes to its end, and another is drawn.
        """
        still, taken = self._still[call], self._progress.taken[call]
        return still[taken] if taken < len(still) else 1


def _to_come(flags: Sequence[bool]) -> list[int]:
    """How many of ``flags`` are set from each place on, at least 1."""
    return [max(1, still) for still in accumulate(reversed(flags))][::-1]
