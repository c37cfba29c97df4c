"""From a failing run to a finding: shrunk, run once more with the values it reads and writes, explained.

Decides what a finding is made of. Which runs fail is decided in ``oracle``, which is the smallest in
``shrink``; when this is done, in ``exploration``.
"""

from __future__ import annotations

from fuzzharness.errors import ReplayMismatch
from fuzzharness.finding import Certificate, Finding, Mode
from fuzzharness.oracle.compare import differences
from fuzzharness.oracle.explanation import explain
from fuzzharness.oracle.fingerprint import fingerprint
from fuzzharness.oracle.judge import Diagnosis
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.schedule import Schedule
from fuzzharness.search.follow import Follow
from fuzzharness.search.serial import in_order
from fuzzharness.search.wishes import Wishes
from fuzzharness.shrink.failing import Shrinker


def conclude(stage: Stage, shrinker: Shrinker, diagnosis: Diagnosis, ran: Ran) -> Finding:
    """The finding of a failure: shrunk, and its smallest schedule run once more with values."""
    if diagnosis.mode is Mode.HANG:
        certificate = unproven(ran.schedule, "not shrunk: every try would hang")
        return make_finding(stage, diagnosis, ran, ran, certificate)
    schedule, certificate = shrinker.shrink(ran, diagnosis)
    try:
        minimal = follow(stage, schedule)
    except ReplayMismatch:
        minimal = None
    judge = shrinker.judge(schedule.calls)
    again = None if minimal is None else judge.diagnose(minimal, judge.key(minimal))
    if minimal is None or again is None or again.kind != diagnosis.kind:
        baseline = shrinker.judge(ran.positions).serial.baseline
        return make_finding(
            stage, diagnosis, ran, baseline, unproven(ran.schedule, "it did not happen again")
        )
    return make_finding(stage, again, minimal, calm(stage, minimal), certificate)


def same(one: Finding, other: Finding) -> bool:
    """Whether two findings are one: the same failure of the same run."""
    return (one.mode, one.anomaly, one.schedule) == (other.mode, other.anomaly, other.schedule)


def unproven(schedule: Schedule, method: str) -> Certificate:
    """The certificate of a schedule that may not be the smallest; ``method`` says why."""
    return Certificate(False, len(schedule.calls), schedule.preemptions, schedule.switches, method)


def calm(stage: Stage, ran: Ran) -> Ran:
    """The calls of ``ran`` in recorded order, with values."""
    return stage.run(ran.positions, in_order(range(len(ran.positions))), detailed=True)


def follow(stage: Stage, plan: Schedule) -> Ran:
    """Run ``plan`` with values; raises :class:`ReplayMismatch` where it cannot be followed exactly."""
    if plan.open:
        return stage.run(plan.calls, Wishes(plan).choose, detailed=True)
    strictly = Follow(plan, [stage.batch.calls[p].tool for p in plan.calls])
    ran = stage.run(plan.calls, strictly.choose, detailed=True)
    strictly.check(ran.trail)
    return ran


def make_finding(
    stage: Stage, diagnosis: Diagnosis, ran: Ran, baseline: Ran, certificate: Certificate
) -> Finding:
    """What is told of ``ran``, which fails as ``diagnosis`` says, beside ``baseline``."""
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
        mapping=diagnosis.mapping,
    )
