"""The search that shrinking is given: real runs, judged for one kind of failure.

Decides how many runs shrinking may spend. Which counterexample is smaller is decided in ``smallest``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from fuzzharness.finding import Certificate, Mode
from fuzzharness.oracle.judge import Diagnosis, Judge
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.schedule import Schedule
from fuzzharness.search.bounded import Bounded
from fuzzharness.shrink.smallest import Attempt, Candidate, smallest

RUNS_PER_ATTEMPT = 2_000
RUNS_IN_ALL = 10_000


class Shrinker:
    """Finds the smallest schedule with the failure of a given run, on a stage that is open."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.judge = cache(lambda positions: Judge(stage, positions))

    def shrink(self, ran: Ran, diagnosis: Diagnosis) -> tuple[Schedule, Certificate]:
        """The smallest schedule under the same mode and anomaly, and what is proven of it."""
        left = [RUNS_IN_ALL]
        hint = diagnosis.witness.calls if diagnosis.witness is not None else ()
        unserializable = diagnosis.mode is Mode.SHARED_STATE and diagnosis.anomaly != "last-writer-wins"

        def search(positions: tuple[int, ...]) -> Attempt:
            return _Runs(self._stage, self.judge(positions), positions, diagnosis, left)

        return smallest(ran.schedule, len(ran.positions), hint, search, least=int(unserializable))


class _Runs:
    """The interleavings of some calls by rising preemptions, each judged for one kind of failure."""

    def __init__(
        self, stage: Stage, judge: Judge, positions: tuple[int, ...], sought: Diagnosis, left: list[int]
    ) -> None:
        self.exhausted = False
        self._stage, self._judge, self._positions = stage, judge, positions
        self._sought, self._left = sought, left

    def __iter__(self) -> Iterator[Candidate]:
        if not self._judge.serial.stable(self._stage.settings.ignore):
            return
        scheduler, last = Bounded(len(self._positions)), None
        for _ in range(RUNS_PER_ATTEMPT):
            if not scheduler.begin(last):
                self.exhausted = True
                return
            if self._left[0] <= 0:
                return
            self._left[0] -= 1
            ran = self._stage.run(self._positions, scheduler.choose)
            last = ran.trail
            if scheduler.strayed:
                return
            if ran.trail.redundant is None and not ran.trail.cut:
                found = self._judge.diagnose(ran, self._judge.key(ran))
                yield Candidate(ran.schedule, found is not None and found.kind == self._sought.kind)
