"""Portfolio: the samplers take turns, run by run.

Guarantee: that of each sampler, for every sixth run: bugs of depth 2 and of depth 3 (``pct``), classes of
interleavings (``pos``), uniform over contended steps (``surw``) and over all steps (``urw``), and the plain
``random``. Which of them suits a batch is not known beforehand; the best costs at most six times the runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.pct import Pct, missed_bugs
from fuzzharness.search.pos import Pos
from fuzzharness.search.profile import Profile
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.search.scheduler import Claim, Scheduler
from fuzzharness.search.surw import Surw
from fuzzharness.search.urw import Urw

_MEMBERS = 6


class Portfolio:
    """Six samplers in turn, each with a seed of its own that follows from ``seed``; never over by itself."""

    def __init__(self, profile: Profile, seed: int) -> None:
        first = seed * _MEMBERS
        self._pcts = (Pct(profile, first, 2), Pct(profile, first + 1, 3))
        self._members: tuple[Scheduler, ...] = (
            *self._pcts,
            Pos(profile, first + 2),
            Surw(profile, first + 3),
            Urw(profile, first + 4),
            RandomWalk(first + 5),
        )
        self._last: list[Trail | None] = [None] * _MEMBERS
        self._turn = -1

    def begin(self, last: Trail | None) -> bool:
        if last is not None:
            self._last[self._turn] = last
        self._turn = (self._turn + 1) % _MEMBERS
        return self._members[self._turn].begin(self._last[self._turn])

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        return self._members[self._turn].choose(ready, running, trail)

    def claim(self) -> Claim:
        return Claim(bound=missed_bugs(*self._pcts))
