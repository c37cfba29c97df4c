"""Pct: random priorities, lowered at a few random decisions (probabilistic concurrency testing).

Guarantee: a bug of depth d, one that shows whenever d pairs of steps come in a certain order, is hit in
every run with a chance of at least 1/(n·k^(d-1)), for n calls and k decisions (Burckhardt, Kothari,
Musuvathi and Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS
2010). It holds where k is not smaller than the real number and where the steps that matter are known. Both
begin with what the profile forecasts and grow with what runs show; runs before something new was learned
are not counted.

Departure from the paper: it counts steps. Here a decision is counted when the call with the highest
priority is about to take a contended step while another could go on, and once more for the call that
comes up when that one is lowered. So two calls can be lowered before the same step, in either order, and
a call before its first one, as the proof needs where calls do not begin with a step of their own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.profile import Profile
from fuzzharness.search.progress import Progress, percent
from fuzzharness.search.scheduler import Claim

_UNTOLD = 0.99
"""Bugs that were missed with a higher chance than this are not worth a word."""


class Pct:
    """Runs for bugs of ``depth``, drawn from ``seed``; never over by itself.

    ``decisions`` is the k of the guarantee, ``missed`` the chance, at most, that all runs so far missed a
    bug of this depth. A run in which a call went round in circles does not count for k.
    """

    def __init__(self, profile: Profile, seed: int, depth: int = 3) -> None:
        self.depth = depth
        self.calls = len(profile.steps)
        self.decisions = max(depth, sum(map(sum, profile.contended)) + depth - 2)
        self._progress = Progress(profile)
        self._random = random.Random(seed)
        self._made = 0
        self._priorities: list[int] = []
        self._points: dict[int, int] = {}

    def begin(self, last: Trail | None) -> bool:
        self._progress.begin(last)
        if last is not None and (last.deadlock or not last.stood):
            self.decisions = max(self.decisions, self._made)
        self._made = 0
        self._priorities = self._draw_priorities()
        self._points = self._draw_points()
        return True

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:  # noqa: ARG002  # of the protocol
        self._progress.follow(trail, ready)
        call = max(ready, key=self._priorities.__getitem__)
        while len(ready) > 1 and self._progress.contended(call, trail):
            self._made += 1
            if self._made not in self._points:
                break
            self._priorities[call] = self._points[self._made]
            call = max(ready, key=self._priorities.__getitem__)
        return call

    def claim(self) -> Claim:
        return Claim(bound=missed_bugs(self))

    @property
    def missed(self) -> float:
        hit = 1 / (self.calls * self.decisions ** (self.depth - 1))
        return float((1 - hit) ** self._progress.runs)

    def _draw_priorities(self) -> list[int]:
        """Distinct ones from ``depth`` on, in random order."""
        drawn = [self._random.random() for _ in range(self.calls)]
        priorities = [0] * self.calls
        for rank, call in enumerate(sorted(range(self.calls), key=drawn.__getitem__)):
            priorities[call] = self.depth + rank
        return priorities

    def _draw_points(self) -> dict[int, int]:
        """Decision -> the priority below ``depth`` that the call has from then on."""
        points: dict[int, int] = {}
        while len(points) < self.depth - 1:
            points.setdefault(1 + int(self._random.random() * self.decisions), len(points) + 1)
        return points


def missed_bugs(*samplers: Pct) -> str:
    """What the runs bought, in a phrase; empty where it is next to nothing."""
    told = ""
    for pct in samplers:
        if pct.missed > _UNTOLD or pct.calls < 2:
            continue
        chance = percent(pct.missed)
        if told:
            told += f", one of depth {pct.depth} ({pct.decisions:,} decisions) with at most {chance}"
        else:
            size = f"{pct.calls} calls, {pct.decisions:,} decisions"
            told = f"a bug of depth {pct.depth} ({size}) was missed with a chance of at most {chance}"
    return told
