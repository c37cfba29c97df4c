"""The search that shrinking is given: real runs, judged for one kind of failure.

Decides how many runs shrinking may spend, and which sub-batches need none. Which counterexample is smaller
is decided in ``smallest``, which order of a class is the cheapest in ``cheapest``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from fuzzharness.access import Touch, meet
from fuzzharness.finding import Certificate, Mode
from fuzzharness.oracle.judge import Diagnosis, Judge
from fuzzharness.oracle.serial import Told, silent
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.schedule import Schedule
from fuzzharness.search.bounded import Bounded
from fuzzharness.search.parts import Parts
from fuzzharness.search.serial import in_order
from fuzzharness.shrink.cheapest import cheapest
from fuzzharness.shrink.smallest import Attempt, Candidate, smallest

RUNS_PER_ATTEMPT = 2_000
RUNS_IN_ALL = 20_000

Positions = tuple[int, ...]


@dataclass
class _Classes:
    """The classes of the interleavings of some calls: those that fail, by kind, and what all touched."""

    failing: list[tuple[Hashable, Ran]] = field(default_factory=list)
    touched: set[Touch] = field(default_factory=set)
    exhausted: bool = False
    rising: bool = False

    def of(self, kind: Hashable) -> _Found:
        """The candidates that fail with ``kind``."""
        return _Found(self, kind)


class _Found:
    """One of each class that fails in one way."""

    rising = False

    def __init__(self, classes: _Classes, kind: Hashable) -> None:
        self.exhausted = classes.exhausted
        self._runs = [ran for known, ran in classes.failing if known == kind]

    def __iter__(self) -> Iterator[Candidate]:
        for ran in self._runs:
            yield Candidate(True, lambda ran=ran: cheapest_schedule(ran))  # type: ignore[misc]  # mypy cannot infer a default's type


class Shrinker:
    """Finds the smallest schedule with the failure of a given run, on a stage that is open.

    It spends RUNS_IN_ALL runs, serial ones included, and no time after ``deadline`` (of ``time.monotonic``).
    tell: is told of every serial order that is done.
    """

    def __init__(self, stage: Stage, deadline: float | None = None, tell: Told = silent) -> None:
        self._stage = stage
        self._left = RUNS_IN_ALL
        self._deadline = deadline
        self._known: dict[Positions, _Classes] = {}
        self.judge = cache(lambda positions: Judge(stage, positions, tell))

    def shrink(self, ran: Ran, diagnosis: Diagnosis) -> tuple[Schedule, Certificate]:
        """The smallest schedule under the same mode, anomaly and keys, and what is proven of it."""
        unserializable = diagnosis.mode is Mode.SHARED_STATE and diagnosis.anomaly != "last-writer-wins"

        def search(positions: Positions) -> Attempt:
            classes = self._classes(positions)
            return self._rising(positions, diagnosis) if classes.rising else classes.of(diagnosis.kind)

        known = cache(lambda: cheapest_schedule(ran))
        return smallest(known, len(ran.positions), search, int(unserializable))

    def _classes(self, positions: Positions) -> _Classes:
        if positions not in self._known:
            self._known[positions] = self._apart(positions) or self._searched(positions)
        return self._known[positions]

    def _apart(self, positions: Positions) -> _Classes | None:
        """The classes of calls of which some have nothing to do with the others: none is new.

        Both groups were exhausted before, since they are smaller; what they touched does not meet.
        """
        for group in _groups(positions, self._alone):
            rest = tuple(p for p in positions if p not in group)
            mine, theirs = self._known.get(group), self._known.get(rest)
            done = rest and mine and theirs and mine.exhausted and theirs.exhausted
            if mine and theirs and done and not meet(mine.touched, theirs.touched):
                return _Classes(touched=mine.touched | theirs.touched, exhausted=True)
        return None

    def _alone(self, position: int) -> set[Touch]:
        """What one call touches when it runs alone."""
        known = self._known.get((position,))
        if known is None:
            trail = self._stage.run((position,), in_order((0,))).trail
            touched = {touch for touches in trail.touches for touch in touches}
            known = self._known[(position,)] = _Classes(touched=touched, exhausted=not trail.stood)
        return known.touched

    def _searched(self, positions: Positions) -> _Classes:
        """Run one interleaving of every class and judge it."""
        found = _Classes()
        if self._spent():
            return found
        judge = self.judge(positions)
        serial = judge.serial
        self._left -= serial.orders
        runs = judge.survey.forecast.runs
        unforeseen = any(trail.unforeseen for trail in serial.trails)
        found.rising = unforeseen or runs is None or runs > RUNS_PER_ATTEMPT
        if found.rising or not serial.stable(self._stage.settings.ignore):
            return found
        scheduler, last = Parts(judge.survey), None
        for _ in range(RUNS_PER_ATTEMPT):
            if not scheduler.begin(last):
                found.exhausted = serial.complete and not scheduler.claim().strayed
                return found
            if self._spent():
                return found
            ran = self._stage.run(positions, scheduler.choose)
            last = ran.trail
            if last.unforeseen or last.stalled:
                found.rising = True
                return found
            if not last.cut:
                _keep(found, ran, judge)
        return found

    def _spent(self) -> bool:
        """Whether no further run may be made; counts as one."""
        self._left -= 1
        return self._left < 0 or (self._deadline is not None and time.monotonic() > self._deadline)

    def _rising(self, positions: Positions, sought: Diagnosis) -> Attempt:
        return _Rising(self._stage, self.judge(positions), positions, sought, self._spent)


def _keep(classes: _Classes, ran: Ran, judge: Judge) -> None:
    for touches in ran.trail.touches:
        classes.touched.update(touches)
    found = judge.diagnose(ran, judge.key(ran))
    if found is not None:
        classes.failing.append((found.kind, ran))


def _groups(positions: Positions, alone: Callable[[int], set[Touch]]) -> Iterator[Positions]:
    """Calls that meet each other when they run alone, directly or by a chain of others."""
    left = list(positions)
    while left:
        group = [left.pop(0)]
        for member in group:
            near = [other for other in left if meet(alone(member), alone(other))]
            group += near
            left = [other for other in left if other not in near]
        yield tuple(sorted(group))


class _Rising:
    """All interleavings of some calls by rising preemptions, each judged for one kind of failure."""

    rising = True

    def __init__(
        self,
        stage: Stage,
        judge: Judge,
        positions: Sequence[int],
        sought: Diagnosis,
        spent: Callable[[], bool],
    ) -> None:
        self.exhausted = False
        self._stage, self._judge, self._positions, self._sought = stage, judge, positions, sought
        self._spent = spent

    def __iter__(self) -> Iterator[Candidate]:
        if not self._judge.serial.stable(self._stage.settings.ignore):
            return
        scheduler, last = Bounded(len(self._positions)), None
        for _ in range(RUNS_PER_ATTEMPT):
            if not scheduler.begin(last):
                self.exhausted = True
                return
            if self._spent():
                return
            ran = self._stage.run(self._positions, scheduler.choose)
            last = ran.trail
            if scheduler.strayed:
                return
            if ran.trail.redundant is None and not ran.trail.cut:
                yield Candidate(self._fails(ran), lambda ran=ran: ran.schedule)  # type: ignore[misc]  # mypy cannot infer a default's type

    def _fails(self, ran: Ran) -> bool:
        found = self._judge.diagnose(ran, self._judge.key(ran))
        return found is not None and found.kind == self._sought.kind


def cheapest_schedule(ran: Ran) -> Schedule:
    """The cheapest schedule of the class of ``ran``; its own where that cannot be told."""
    trail, calls = ran.trail, len(ran.positions)
    found = None if trail.unforeseen or trail.stalled or trail.left else cheapest(trail, calls)
    if found is None:
        return ran.schedule
    return Schedule.from_order(ran.batch.fingerprint, ran.positions, *found, trail.stood)
