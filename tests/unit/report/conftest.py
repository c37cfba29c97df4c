"""The seed story as values built by hand: two credits, the second lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fuzzharness.access import Access, Kind, Place, Step
from fuzzharness.finding import Certificate, Change, Execution, Finding, Mode, Report, Verdict
from fuzzharness.model import Batch, Call, Outcome, Returned
from fuzzharness.schedule import Schedule

BATCH = Batch(
    (
        Call("add_credit", {"account": 7, "amount": 10}, "call_A"),
        Call("add_credit", {"account": 7, "amount": 20}, "call_B"),
    ),
    "turn-1",
)
BALANCE = ("accounts", 7, "balance")


def access(kind: Kind, value: Any, line: int) -> Access:
    return Access("db", BALANCE, kind, Place("tools.py", line, "add_credit"), value)


def execution(order: tuple[int, ...], values: tuple[int, ...]) -> Execution:
    seen = [0, 0]
    steps = []
    for call, value in zip(order, values, strict=True):
        kind, line = ((Kind.READ, 12), (Kind.WRITE, 13))[seen[call]]
        seen[call] += 1
        steps.append(Step(BATCH.labels[call], (access(kind, value, line),)))
    schedule = Schedule.from_order(BATCH.fingerprint, (0, 1), order)
    state = {"db": {"accounts": {7: {"balance": values[-1]}}}}
    results = {label: Returned("ok") for label in BATCH.labels}
    return Execution(schedule, tuple(steps), Outcome(state, results))


@pytest.fixture
def finding() -> Finding:
    run = execution((0, 1, 1, 0), (100, 100, 120, 110))
    serial = execution((0, 0, 1, 1), (100, 110, 110, 130))
    return Finding(
        mode=Mode.SHARED_STATE,
        anomaly="lost-update",
        benign=False,
        calls=("call_A", "call_B"),
        schedule=run.schedule,
        certificate=Certificate(True, 2, 1, 2, "every schedule with fewer preemptions was run"),
        outcome=run.outcome,
        diff=(Change(("db", *BALANCE), 130, 110),),
        explanation="call_A read the balance 100 before call_B wrote 120, and wrote 110 over it.",
        fingerprint="0123456789abcdef",
        execution=run,
        baseline=serial,
        batch=BATCH,
    )


@pytest.fixture
def report(finding: Finding) -> Report:
    return Report(
        batch=BATCH,
        verdict=Verdict.UNSAFE,
        exhausted=True,
        executions=6,
        blocked=0,
        baseline=finding.baseline.outcome,
        outcomes=(finding.baseline.outcome, finding.outcome),
        findings=(finding,),
        strategy="auto",
        coverage="every interleaving",
        serial_orders=2,
    )


@pytest.fixture
def safe(report: Report) -> Callable[..., Report]:
    """The report of a safe batch, with ``changes``."""

    def build(**changes: Any) -> Report:
        outcomes = (report.baseline,)
        return replace(report, **{"verdict": Verdict.SAFE, "findings": (), "outcomes": outcomes, **changes})

    return build
