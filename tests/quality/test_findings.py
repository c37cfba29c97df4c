"""Several findings of one batch: each told once, each as small as can be, the first one early."""

from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.events import Event, Found, OutcomeReached
from fuzzharness.exploration import explore


def add(ctx: Any, account: str) -> None:
    ctx[account] = ctx[account] + 1


def put(ctx: Any, name: str, value: int) -> None:
    ctx[name] = value


def look(ctx: Any, name: str) -> int:
    return int(ctx[name])


def note(ctx: Any, text: str) -> None:
    ctx["log"].append(text)


TOOLS = fh.Toolbox({"add": add, "put": put, "look": look, "note": note})
START: dict[str, Any] = {"a": 0, "b": 0, "c": 0, "log": []}


def searched(*calls: tuple[str, dict[str, Any]], **settings: Any) -> tuple[fh.Report, list[Event]]:
    batch, events = fh.Batch(tuple(fh.Call(tool, args) for tool, args in calls)), list[Event]()
    chosen = fh.Settings(**settings)
    return explore(batch, TOOLS, fh.World(ctx=START), chosen, on_event=events.append), events


def told(report: fh.Report) -> list[tuple[str, str, tuple[str, ...], str, bool]]:
    return [
        (f.mode.value, f.anomaly, f.calls, f.schedule.digits, f.certificate.proven) for f in report.findings
    ]


def test_each_key_is_a_finding_of_its_own_with_its_own_smallest_schedule() -> None:
    a, b = ("add", {"account": "a"}), ("add", {"account": "b"})
    report, _ = searched(a, b, a, b)
    assert told(report) == [
        ("shared-state", "lost-update", ("call-1", "call-3"), "0110", True),
        ("shared-state", "lost-update", ("call-2", "call-4"), "0110", True),
    ]


@pytest.mark.parametrize("strategy", ["auto", "dpor", "bounded", "random", "pct"])
def test_the_same_failure_of_other_calls_is_told_once(strategy: str) -> None:
    report, _ = searched(*[("add", {"account": "a"})] * 4, strategy=strategy, max_executions=3_000)
    assert told(report) == [("shared-state", "lost-update", ("call-1", "call-2"), "0110", True)]


def test_modes_and_anomalies_are_told_apart_and_the_gravest_comes_first() -> None:
    report, _ = searched(
        ("note", {"text": "x"}),
        ("note", {"text": "y"}),
        ("put", {"name": "b", "value": 1}),
        ("look", {"name": "b"}),
        ("add", {"account": "a"}),
        ("add", {"account": "a"}),
        ("put", {"name": "c", "value": 1}),
        ("put", {"name": "c", "value": 2}),
    )
    assert [(f.mode.value, f.anomaly, f.benign) for f in report.findings] == [
        ("shared-state", "lost-update", False),
        ("shared-state", "last-writer-wins", False),
        ("context", "stale-read", False),
        ("context", "stale-read", True),
    ]
    assert all(f.certificate.proven and len(f.calls) == 2 for f in report.findings)
    assert report.coverage == "7 of 7 classes in 4 independent parts"


def test_deadlocks_over_other_locks_are_other_findings() -> None:
    report = deadlocks()
    assert [(f.mode, f.calls, f.schedule.digits) for f in report.findings] == [
        (fh.Mode.DEADLOCK, ("call-1", "call-2"), "01"),
        (fh.Mode.DEADLOCK, ("call-3", "call-4"), "01"),
    ]


def deadlocks() -> fh.Report:
    import threading

    locks = {name: threading.Lock() for name in "pqrs"}

    def take(ctx: Any, first: str, second: str) -> None:
        with locks[first], locks[second]:
            ctx["a"] = 1

    calls = [("p", "q"), ("q", "p"), ("r", "s"), ("s", "r")]
    batch = fh.Batch(tuple(fh.Call("take", {"first": a, "second": b}) for a, b in calls))
    return fh.explore(batch, fh.Toolbox({"take": take}), fh.World(ctx={"a": 0}))


HIDDEN = {
    "at the end": [*[("add", {"account": name}) for name in "abc"], ("add", {"account": "c"})],
    "among harmless writes": [
        *[("put", {"name": "a", "value": 1})] * 4,
        ("add", {"account": "c"}),
        ("add", {"account": "c"}),
    ],
    "among reads": [*[("look", {"name": "c"})] * 4, ("add", {"account": "c"}), ("add", {"account": "c"})],
    "at the beginning": [
        ("add", {"account": "c"}),
        ("add", {"account": "c"}),
        *[("put", {"name": "a", "value": 1})] * 4,
    ],
}


@pytest.mark.parametrize("calls", HIDDEN.values(), ids=HIDDEN)
def test_the_first_finding_is_told_within_the_first_runs(calls: Any) -> None:
    report, events = searched(*calls, max_executions=20_000)
    races = [e for e in events if isinstance(e, Found) and e.finding.anomaly == "lost-update"]
    before = events[: events.index(races[0])]
    runs = max(e.execution for e in before if isinstance(e, OutcomeReached))
    assert report.exhausted
    assert races[0].finding.certificate.proven
    assert runs <= 20
