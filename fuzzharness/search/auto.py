"""Auto: every class where they are few enough, else a portfolio of samplers.

Guarantee: where the classes counted beforehand fit into ``runs``, that of ``parts``: every class once. A
run that waits for something nothing announced, or leaves the way that was planned, leaves the classes in
doubt: then every interleaving is run instead, by rising preemptions (``bounded``). Where the classes do
not fit, that of ``portfolio``; where their number is not known for certain, four fifths of the runs are given
to ``parts`` first, in case it comes to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.bounded import Bounded
from fuzzharness.search.parts import Parts
from fuzzharness.search.portfolio import Portfolio
from fuzzharness.search.scheduler import Claim, Scheduler
from fuzzharness.search.survey import Survey


class Auto:
    """One of the strategies, or one after another; ``runs`` are made at most."""

    def __init__(self, survey: Survey, runs: int, seed: int) -> None:
        self._survey, self._seed = survey, seed
        expected = survey.forecast.runs
        certain = expected is not None and survey.forecast.exact
        self._trial = None if certain else max(1, runs * 4 // 5)
        fits = expected is None or expected <= runs
        self._now: Scheduler = Parts(survey) if fits else Portfolio(survey.profile, seed)
        self._void = self._runs = 0

    def begin(self, last: Trail | None) -> bool:
        if last is not None and isinstance(self._now, Parts):
            self._runs += not last.cut
            more = self._now.begin(last)
            if last.unforeseen or last.stalled or self._now.claim().strayed:
                return self._instead(Bounded(len(self._survey.profile.steps)))
            if more and self._trial is not None and self._runs >= self._trial:
                self._now = Portfolio(self._survey.profile, self._seed)
                return self._now.begin(None)
            return more
        return self._now.begin(last)

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        return self._now.choose(ready, running, trail)

    def claim(self) -> Claim:
        claim = self._now.claim()
        return replace(claim, void=claim.void + self._void) if self._void else claim

    def _instead(self, scheduler: Scheduler) -> bool:
        self._void, self._now = self._runs, scheduler
        return scheduler.begin(None)
