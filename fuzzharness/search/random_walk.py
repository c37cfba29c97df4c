"""Random: at every step each call that can go on is equally likely.

Guarantee: none for a single run; every interleaving of n calls with k steps in all has a chance of at
least n**-k per run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.scheduler import Claim


class RandomWalk:
    """A uniform choice at every step, drawn from ``seed``; never over by itself."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def begin(self, last: Trail | None) -> bool:  # noqa: ARG002  # of the protocol
        return True

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:  # noqa: ARG002  # of the protocol
        return ready[int(self._random.random() * len(ready))]

    def claim(self) -> Claim:
        return Claim()
