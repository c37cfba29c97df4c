"""One batch in, a report out: serial outcomes, search, judgement, shrinking, explanation.

Decides the order of these and what the verdict is. Never prints and never writes a file: views
listen to the events.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fuzzharness.events import (
    BaselineReached,
    Event,
    Finished,
    Found,
    Listener,
    OutcomeReached,
    Progressed,
    Started,
)
from fuzzharness.finding import Certificate, Execution, Finding, Mode, Report, Verdict
from fuzzharness.model import Batch, Outcome
from fuzzharness.oracle.compare import differences
from fuzzharness.oracle.explanation import explain
from fuzzharness.oracle.fingerprint import fingerprint
from fuzzharness.oracle.judge import Diagnosis, Judge
from fuzzharness.oracle.serial import touched
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.schedule import Schedule
from fuzzharness.search import scheduler_for
from fuzzharness.search.bounded import Bounded
from fuzzharness.search.follow import Follow
from fuzzharness.search.scheduler import Scheduler
from fuzzharness.search.serial import in_order
from fuzzharness.settings import Settings
from fuzzharness.shrink.failing import Shrinker
from fuzzharness.tools.toolbox import Toolbox
from fuzzharness.verdict import Facts, coverage, notes, reasons
from fuzzharness.world import World

_HANGS = 3
_PER_OUTCOME = 20


def explore(
    batch: Batch,
    tools: Toolbox,
    world: World,
    settings: Settings | None = None,
    before: Sequence[Batch] = (),
    on_event: Listener | None = None,
) -> Report:
    """Run ``batch`` under its interleavings and report every way it ends unlike the recorded order.

    ``before`` are batches that are run first, call by call. ``on_event`` is told of everything as it
    happens; after Ctrl-C it gets a last :class:`fuzzharness.events.Finished` with what is known.

    Raises :class:`BatchError`, :class:`ToolError` or :class:`WorldError` before anything is run.
    """
    settings = settings or Settings()
    tell = on_event or _silent
    with Stage(batch, tools, world, settings, before) as stage:
        tell(Started(batch, settings))
        search = _Search(stage, tell)
        try:
            search.run()
            report = search.report()
        except KeyboardInterrupt:
            tell(Finished(search.report(interrupted=True)))
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

    Raises :class:`TokenError` for a token of another batch or version, :class:`ReplayMismatch` where
    the run cannot follow it.
    """
    plan = _plan(schedule, batch)
    with Stage(batch, tools, world, settings or Settings(), before) as stage:
        return _follow(stage, plan).execution()


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
        judge = Judge(stage, plan.calls)
        ran = _follow(stage, plan)
        diagnosis = judge.diagnose(ran, judge.key(ran))
        if diagnosis is None:
            return None
        size = (len(plan.calls), plan.preemptions, plan.switches)
        return _finding(stage, diagnosis, ran, Certificate(False, *size, "replayed, not searched"))


def _plan(schedule: str | Schedule, batch: Batch) -> Schedule:
    batch.check()
    return Schedule.from_token(schedule.token if isinstance(schedule, Schedule) else schedule, batch)


def _follow(stage: Stage, plan: Schedule) -> Ran:
    follow = Follow(plan, [stage.batch.calls[p].tool for p in plan.calls])
    ran = stage.run(plan.calls, follow.choose, detailed=True)
    follow.check(ran.trail)
    return ran


def _silent(event: Event) -> None:
    """Nobody listens."""


@dataclass
class _Search:
    """The state of one exploration while it goes on."""

    stage: Stage
    tell: Listener
    executions: int = 0
    blocked: int = 0
    over: bool = False
    hangs: int = 0
    stalled: dict[str, None] = field(default_factory=dict)
    outcomes: dict[Hashable, Outcome] = field(default_factory=dict)
    seen: dict[Hashable, int] = field(default_factory=dict)
    candidates: dict[tuple[Mode, str, bool], tuple[Diagnosis, Ran]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    judge: Judge | None = None
    scheduler: Scheduler | None = None

    def run(self) -> None:
        positions = tuple(range(len(self.stage.batch.calls)))
        self.shrinker = Shrinker(self.stage)
        judge = self.judge = self.shrinker.judge(positions)
        serial = judge.serial
        self.outcomes[judge.key(serial.baseline)] = serial.baseline.outcome
        self.tell(BaselineReached(serial.baseline.outcome, serial.orders, len(serial.endings)))
        self._note_hangs(judge, serial.endings.values())
        if serial.stable(self.stage.settings.ignore) and not serial.first.unfinished:
            self._explore(judge, positions)
        self._conclude()

    def _note_hangs(self, judge: Judge, runs: Iterable[Ran]) -> None:
        for ran in runs:
            if ran.unfinished:
                self.hangs += 1
                self._judge(judge, ran)

    def _explore(self, judge: Judge, positions: tuple[int, ...]) -> None:
        for ran in self._runs(positions):
            if ran.trail.cut:
                self.blocked += 1
                continue
            self.executions += 1
            self.stalled.update(dict.fromkeys(ran.trail.stalled))
            self.hangs += bool(ran.unfinished and not ran.trail.deadlock)
            self._judge(judge, ran)
            if self.executions % 100 == 0:
                self.tell(Progressed(self.executions, self.stage.settings.max_executions, len(self.outcomes)))

    def _runs(self, positions: tuple[int, ...]) -> Iterator[Ran]:
        settings, last = self.stage.settings, None
        scheduler = self.scheduler = scheduler_for(settings, len(positions))
        deadline = None if settings.budget is None else time.monotonic() + settings.budget
        while self.executions + self.blocked < settings.max_executions and self.hangs < _HANGS:
            if deadline is not None and time.monotonic() > deadline:
                return
            if not scheduler.begin(last):
                self.over = True
                return
            ran = self.stage.run(positions, scheduler.choose)
            last = ran.trail
            yield ran
        if self.hangs < _HANGS:
            self.over = not scheduler.begin(last)

    def _judge(self, judge: Judge, ran: Ran) -> None:
        key = judge.key(ran)
        if key not in self.outcomes:
            self.outcomes[key] = ran.outcome
            self.tell(OutcomeReached(ran.outcome, self.executions, ran.schedule.token))
        self.seen[key] = self.seen.get(key, 0) + 1
        if self.seen[key] <= _PER_OUTCOME:
            diagnosis = judge.diagnose(ran, key)
            if diagnosis is not None:
                self.candidates.setdefault(diagnosis.kind, (diagnosis, ran))

    def _conclude(self) -> None:
        order = list(Mode)
        for diagnosis, ran in sorted(
            self.candidates.values(), key=lambda c: (c[0].benign, order.index(c[0].mode))
        ):
            schedule, certificate = self.shrinker.shrink(ran, diagnosis)
            finding = self._settled(diagnosis, ran, schedule, certificate)
            self.findings.append(finding)
            self.tell(Found(finding))

    def _settled(
        self, diagnosis: Diagnosis, ran: Ran, schedule: Schedule, certificate: Certificate
    ) -> Finding:
        """The finding of a shrunk schedule, run once more with values."""
        if diagnosis.mode is Mode.HANG:
            return _finding(self.stage, diagnosis, ran, certificate)
        minimal = _follow(self.stage, schedule)
        judge = self.shrinker.judge(schedule.calls)
        again = judge.diagnose(minimal, judge.key(minimal)) or diagnosis
        return _finding(self.stage, again, minimal, certificate)

    def facts(self, interrupted: bool = False) -> Facts:
        """What is known so far, for the verdict."""
        settings = self.stage.settings
        facts = Facts(settings, self.stage.labels, [set() for _ in self.stage.labels], interrupted=interrupted)
        if self.judge is None:
            return facts
        serial, bounded = self.judge.serial, self.scheduler
        level = bounded.complete if isinstance(bounded, Bounded) else None
        cut = bounded.cut if isinstance(bounded, Bounded) else True
        changed = differences(serial.first.outcome, serial.second.outcome, settings.ignore)
        return replace(
            facts,
            touched=touched(serial.first, serial.second),
            executions=self.executions,
            through=self.over and not cut,
            level=level,
            unstable=changed,
            stalled=tuple(self.stalled),
            escapes=self.stage.escapes,
            hung=self.hangs > 0,
            orders=serial.orders,
            all_orders=serial.complete,
        )

    def report(self, interrupted: bool = False) -> Report:
        """What is known so far."""
        facts = self.facts(interrupted)
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
            findings=tuple(self.findings),
            escapes=facts.escapes if isinstance(facts.escapes, tuple) else tuple(facts.escapes),
            strategy=facts.settings.strategy,
            coverage=coverage(facts),
            reasons=why,
            notes=notes(facts),
            serial_orders=facts.orders,
        )


def _finding(stage: Stage, diagnosis: Diagnosis, ran: Ran, certificate: Certificate) -> Finding:
    calm = in_order(range(len(ran.positions)))
    stands = diagnosis.mode is Mode.HANG
    baseline = ran if stands else stage.run(ran.positions, calm, detailed=True)
    changes = differences(baseline.outcome, ran.outcome, stage.settings.ignore)
    return Finding(
        mode=diagnosis.mode,
        anomaly=diagnosis.anomaly,
        benign=diagnosis.benign,
        calls=ran.labels,
        schedule=ran.schedule,
        certificate=certificate,
        outcome=ran.outcome,
        diff=changes,
        explanation=explain(diagnosis, ran, baseline, changes),
        fingerprint=fingerprint(diagnosis, [stage.batch.calls[p].tool for p in ran.positions]),
        execution=ran.execution(),
        baseline=baseline.execution(),
        batch=stage.batch,
    )

