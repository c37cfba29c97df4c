"""One batch in, a report out: serial outcomes, search, judgement, shrinking, explanation.

Decides the order of these and what the verdict is. Never prints and never writes a file: views
listen to the events.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Never

from fuzzharness.conclusion import calm, conclude, follow, make_finding, same, unproven
from fuzzharness.errors import ReplayMismatch, SettingsError
from fuzzharness.events import (
    BaselineReached,
    Event,
    Finished,
    Found,
    Listener,
    OutcomeReached,
    Progressed,
    SerialProgressed,
    Started,
)
from fuzzharness.finding import Execution, Fidelity, Finding, Mode, Report, Verdict, broken
from fuzzharness.model import Batch, Outcome, Raised
from fuzzharness.oracle.anomaly import ANOMALIES
from fuzzharness.oracle.compare import differences
from fuzzharness.oracle.fidelity import ended_as, fidelity
from fuzzharness.oracle.judge import Diagnosis, Judge
from fuzzharness.oracle.serial import at_most, serial_outcomes, touched
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.schedule import Schedule
from fuzzharness.search import scheduler_for
from fuzzharness.search.bounded import Bounded
from fuzzharness.search.scheduler import Claim, Scheduler
from fuzzharness.settings import Settings
from fuzzharness.shrink.failing import Shrinker
from fuzzharness.tools.toolbox import Toolbox
from fuzzharness.verdict import Facts, Stop, coverage, notes, reasons
from fuzzharness.world import World

_RESTARTS = 20
"""So often a search begins anew with what it has learned; then every access to state is a step."""

_STANDSTILLS = 3
"""After so many runs that hung, or places where calls waited unseen, the search stops: each costs seconds."""

_ORDERS = 10
"""After so many serial orders there is word of them."""

_PLACES = 10
"""Of one mode and anomaly so many places are reported."""

_PER_OUTCOME = 50
"""So many runs of one ending are looked at for the way it came about; the first come first by preemptions."""


def explore(
    batch: Batch,
    tools: Toolbox,
    world: World,
    settings: Settings | None = None,
    before: Sequence[Batch] = (),
    on_event: Listener | None = None,
    **unknown: Never,
) -> Report:
    """Run ``batch`` under its interleavings and report every way it ends unlike the recorded order.

    ``before`` are batches that are run first, call by call. ``on_event`` is told of everything as it
    happens; after Ctrl-C it gets a last :class:`fuzzharness.events.Finished` with what is known.

    Raises :class:`BatchError`, :class:`ToolError` or :class:`WorldError` before anything is run, and
    :class:`SettingsError` for a setting that is given as a parameter.
    """
    _check_no_others(unknown)
    settings = settings or Settings()
    tell = on_event or _silent
    with Stage(batch, tools, world, settings, before) as stage:
        tell(Started(batch, settings))
        search = _Search(stage, tell)
        try:
            search.run()
            report = search.report()
        except KeyboardInterrupt:
            tell(Finished(search.interrupt()))
            raise
    tell(Finished(report))
    return report


def replay(
    schedule: str | Schedule,
    batch: Batch,
    tools: Toolbox,
    world: World,
    settings: Settings | None = None,
    before: Sequence[Batch] = (),
) -> Execution:
    """Run ``batch`` once along a schedule or its token, with the values read and written.

    Of an open schedule (:func:`fuzzharness.strategies.schedules`) the points that come up are taken; the
    schedule of the execution is the exact one, with a token.

    Raises :class:`TokenError` for a token of another batch or version, :class:`ReplayMismatch` where
    the run cannot follow it.
    """
    plan = _plan(schedule, batch)
    with Stage(batch, tools, world, settings or Settings(), before) as stage:
        return _followed(stage, plan).execution()


def judge_replay(
    schedule: str | Schedule,
    batch: Batch,
    tools: Toolbox,
    world: World,
    settings: Settings | None = None,
    before: Sequence[Batch] = (),
) -> Finding | None:
    """As :func:`replay`, and compare the ending with the recorded order of the same calls.

    None: the ending is the baseline.
    """
    plan = _plan(schedule, batch)
    with Stage(batch, tools, world, settings or Settings(), before) as stage:
        ran = _followed(stage, plan)
        judge = Judge(stage, plan.calls)
        diagnosis = judge.diagnose(ran, judge.key(ran))
        if diagnosis is None:
            return None
        baseline = ran if diagnosis.mode is Mode.HANG else calm(stage, ran)
        return make_finding(stage, diagnosis, ran, baseline, unproven(ran.schedule, "replayed, not searched"))


def _followed(stage: Stage, plan: Schedule) -> Ran:
    """The run of ``plan``, with those accesses as steps that the search for it had learned to be."""
    positions, known = tuple(range(len(stage.batch.calls))), -1
    while stage.stateful and known != stage.learned:
        known = stage.learned
        serial_outcomes(stage, positions)
    searched = False
    while True:
        known = stage.learned
        try:
            ran = follow(stage, plan)
        except ReplayMismatch:
            if known == stage.learned and (searched or not stage.stateful):
                raise
            if known == stage.learned:
                searched = True
                _Search(stage, _silent, learned=known).run()
        else:
            if known == stage.learned:
                return ran


def _plan(schedule: str | Schedule, batch: Batch) -> Schedule:
    batch.check()
    if isinstance(schedule, Schedule):
        return schedule.checked(batch)
    return Schedule.from_token(schedule, batch)


def _check_no_others(unknown: Iterable[str]) -> None:
    for name in unknown:
        raise SettingsError(
            f"explore was given {name}=…. Expected settings as one value, and beside it only before and "
            f"on_event. Write explore(batch, tools, world, fh.Settings({name}=…))."
        )


def _silent(event: Event) -> None:
    """Nobody listens."""


@dataclass
class _Search:
    """The state of one exploration while it goes on."""

    stage: Stage
    tell: Listener
    complete: int = 0
    cut: int = 0
    stop: Stop | None = None
    hung: int = 0
    missed: bool = False
    stalled: dict[str, None] = field(default_factory=dict)
    outcomes: dict[Hashable, Outcome] = field(default_factory=dict)
    seen: Counter[Hashable] = field(default_factory=Counter)
    kinds: dict[Hashable, Finding | None] = field(default_factory=dict)
    blamed: dict[Hashable, Hashable] = field(default_factory=dict)
    places: Counter[Hashable] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    pending: tuple[Diagnosis, Ran] | None = None
    judge: Judge | None = None
    scheduler: Scheduler | None = None
    learned: int = 0
    restarts: int = 0
    orders: int = 0

    def run(self) -> None:
        """Search; and begin anew whenever runs have shown state to matter that was taken for none before."""
        self._search()
        while self.stage.learned != self.learned:
            self._begin_anew()
            self._search()

    def _begin_anew(self) -> None:
        if self.restarts == _RESTARTS:
            self.stage.learn_no_more()
        anew = _Search(self.stage, self.tell, learned=self.stage.learned, restarts=self.restarts + 1)
        vars(anew)["deadline"] = self.deadline
        vars(self).pop("shrinker", None)
        vars(self).update(vars(anew))

    def _search(self) -> None:
        positions = tuple(range(len(self.stage.batch.calls)))
        judge = self.judge = self.shrinker.judge(positions)
        if self.stage.learned != self.learned:
            return
        self._begin(judge)
        if judge.serial.stable(self.stage.settings.ignore) and not judge.serial.first.unfinished:
            self.stop = self._explore(judge, positions)

    @cached_property
    def deadline(self) -> float | None:
        """When the time of this exploration is over."""
        budget = self.stage.settings.budget
        return None if budget is None else time.monotonic() + budget

    @cached_property
    def shrinker(self) -> Shrinker:
        """What makes the findings small; it keeps what it has run."""
        return Shrinker(self.stage, self.deadline, self._ordered)

    def _ordered(self, calls: int, orders: int) -> None:
        """Take notice of a serial order that is done."""
        self.orders = orders
        if orders % _ORDERS == 0:
            self.tell(SerialProgressed(calls, orders, at_most(calls)))

    def _begin(self, judge: Judge) -> None:
        serial = judge.serial
        self.outcomes[judge.key(serial.baseline)] = serial.baseline.outcome
        self.tell(BaselineReached(serial.baseline.outcome, serial.orders, len(serial.endings)))
        for ran in serial.endings.values():
            if ran.unfinished:
                self.hung += 1
                self._weigh(judge, ran)

    def _explore(self, judge: Judge, positions: tuple[int, ...]) -> Stop:
        """Search the interleavings; returns why there is no further one.

        A search by class that does not come to an ending which serial runs have shown has told apart what
        should be one: then every interleaving is run instead.
        """
        settings = self.stage.settings
        stop = self._runs(scheduler_for(settings, judge.survey), judge, positions)
        by_class = self.claim.unit == "class" and self.claim.parts == 1  # parts do not make all endings
        if stop is Stop.THROUGH and by_class and not self._serial_endings(judge):
            self.missed = True
            if settings.strategy == "auto":
                self.cut, self.complete = self.cut + self.complete, 0
                stop = self._runs(Bounded(len(positions)), judge, positions)
                self.missed = not self._serial_endings(judge)
        return stop

    def _serial_endings(self, judge: Judge) -> bool:
        """Whether the search came to every ending of a serial order itself."""
        return all(self.seen[key] for key in judge.serial.endings)

    def _runs(self, scheduler: Scheduler, judge: Judge, positions: tuple[int, ...]) -> Stop:
        """Run one interleaving after another, as ``scheduler`` says."""
        settings, last, self.scheduler = self.stage.settings, None, scheduler
        while scheduler.begin(last):
            if self.complete + self.cut >= settings.max_executions:
                return Stop.LIMIT
            if self.hung + len(self.stalled) >= _STANDSTILLS:
                return Stop.STANDSTILL
            if self.deadline is not None and time.monotonic() > self.deadline:
                return Stop.BUDGET
            ran = self.stage.run(positions, scheduler.choose)
            last = ran.trail
            if self.stage.learned == self.learned:
                self._take(judge, ran)
            if self.stage.learned != self.learned:
                return Stop.LEARNED
        return Stop.THROUGH

    def _take(self, judge: Judge, ran: Ran) -> None:
        """Count a run, and judge it unless it is no execution of its own."""
        self.stalled.update(dict.fromkeys(ran.trail.stalled))
        if ran.trail.cut or (ran.trail.redundant is not None and self.claim.every_interleaving):
            self.cut += 1
            return
        self.complete += 1
        self.hung += bool(ran.unfinished and not ran.trail.deadlock)
        self._weigh(judge, ran)
        if self.complete % 100 == 0:
            self.tell(Progressed(self.executions, self._expected(), len(self.outcomes)))

    @property
    def claim(self) -> Claim:
        """What the runs so far are worth."""
        return Claim() if self.scheduler is None else self.scheduler.claim()

    @property
    def executions(self) -> int:
        """Complete runs that count."""
        return self.complete - self.claim.void

    @property
    def blocked(self) -> int:
        """Runs that were cut off, or made again."""
        return self.cut + self.claim.void

    def _expected(self) -> int:
        """How many runs there will be at most."""
        return min(
            self.claim.expected or self.stage.settings.max_executions, self.stage.settings.max_executions
        )

    def _weigh(self, judge: Judge, ran: Ran) -> None:
        """Keep the first run of every ending; shrink and explain the first of every kind of failure."""
        key = judge.key(ran)
        if key not in self.outcomes:
            self.outcomes[key] = ran.outcome
            self.tell(OutcomeReached(ran.outcome, self.complete, ran.schedule.token))
        self.seen[key] += 1
        if self.seen[key] > _PER_OUTCOME:
            return
        diagnosis = judge.diagnose(ran, key)
        if diagnosis is not None:
            self.blamed.setdefault(key, diagnosis.kind)
        if diagnosis is not None and diagnosis.kind not in self.kinds:
            self.kinds[diagnosis.kind] = None
            self.places[diagnosis.kind[:3]] += 1
            if self.places[diagnosis.kind[:3]] <= _PLACES:
                self._conclude(diagnosis, ran)

    def _conclude(self, diagnosis: Diagnosis, ran: Ran) -> None:
        self.pending = diagnosis, ran
        finding = conclude(self.stage, self.shrinker, diagnosis, ran)
        self.pending = None
        known = next((known for known in self.findings if same(finding, known)), None)
        self.kinds[diagnosis.kind] = known or finding
        if known is None:
            self.findings.append(finding)
            self.tell(Found(finding))

    def interrupt(self) -> Report:
        """What is known when the search is broken off: no further run is made."""
        self.stop = Stop.INTERRUPTED
        if self.pending is not None and self.judge is not None:
            diagnosis, ran = self.pending
            certificate = unproven(ran.schedule, "not shrunk: interrupted")
            baseline = self.judge.serial.baseline
            self.findings.append(make_finding(self.stage, diagnosis, ran, baseline, certificate))
        return self.report()

    def _ranked(self) -> tuple[Finding, ...]:
        """The findings, the gravest first."""
        return tuple(sorted(self.findings, key=_gravity))

    def facts(self) -> Facts:
        """What is known so far, for the verdict."""
        settings = self.stage.settings
        facts = Facts(settings, self.stage.labels, [set() for _ in self.stage.labels], stop=self.stop)
        if self.judge is None:
            return replace(facts, orders=self.orders, ordered=False, escapes=self.stage.escapes)
        serial = self.judge.serial
        return replace(
            facts,
            touched=[
                seen | self.stage.beside.get(call, set())
                for call, seen in enumerate(touched(serial.first, serial.second))
            ],
            executions=self.executions,
            claim=self.claim,
            missed=self.missed,
            forecast=self.judge.survey.forecast,
            unstable=differences(serial.first.outcome, serial.second.outcome, settings.ignore),
            stalled=tuple(self.stalled),
            escapes=self.stage.escapes,
            hung=self.hung > 0,
            orders=serial.orders,
            all_orders=serial.complete,
            raised=_raised(serial.baseline.outcome),
            hidden=self.stage.hidden,
            rivals=tuple(self.stage.rivals),
            broken=broken(serial.baseline.outcome, self._fidelity),
            recorded=any(call.error or call.result is not None for call in self.stage.batch.calls),
        )

    def report(self) -> Report:
        """What is known so far."""
        facts = self.facts()
        failing = [f for f in self.findings if facts.settings.strict_order or not f.benign]
        why = reasons(facts)
        return Report(
            batch=self.stage.batch,
            verdict=Verdict.UNSAFE if failing else Verdict.INCONCLUSIVE if why else Verdict.SAFE,
            exhausted=facts.exhausted,
            executions=self.executions,
            blocked=self.blocked,
            baseline=self.judge.serial.baseline.outcome if self.judge else Outcome({}, {}),
            outcomes=tuple(self.outcomes.values()),
            findings=self._ranked(),
            escapes=tuple(facts.escapes),
            strategy=facts.settings.strategy,
            coverage=coverage(facts),
            reasons=why,
            notes=notes(facts),
            serial_orders=facts.orders,
            fidelity=replace(self._fidelity, happened=self._happened()),
        )

    @cached_property
    def _fidelity(self) -> Fidelity:
        """The results in recorded order beside those of the recording."""
        judge = self.judge
        if judge is None:
            return Fidelity()
        ending, ignore = judge.serial.baseline.outcome, self.stage.settings.ignore
        return fidelity(self.stage.batch, ending, lambda: judge.likeness, ignore)

    def _happened(self) -> Finding | None:
        """The gravest finding of an ending that gives every recorded result, if the baseline does not."""
        judge = self.judge
        if judge is None or not self._fidelity.differing:
            return None
        batch, ignore = self.stage.batch, self.stage.settings.ignore
        found = [
            finding
            for key, kind in self.blamed.items()
            if (finding := self.kinds[kind])
            and ended_as(batch, self.outcomes[key], lambda: judge.likeness, ignore)
        ]
        return min(found, key=_gravity, default=None)


def _gravity(finding: Finding) -> tuple[bool, int, int, tuple[int, ...], tuple[int, ...]]:
    mode, anomaly = list(Mode).index(finding.mode), ANOMALIES.index(finding.anomaly)
    return finding.benign, mode, anomaly, finding.schedule.calls, finding.schedule.order


def _raised(outcome: Outcome) -> list[tuple[str, str]]:
    """The calls that ended with an exception, and which."""
    return [(label, str(result)) for label, result in outcome.results.items() if isinstance(result, Raised)]
