"""Locks are part of the schedule: both orders are reached, deadlocks are, and nothing is counted twice."""

import threading
from typing import Any

import pytest

import fuzzharness as fh

LOCK = threading.Lock()
FIRST, SECOND = threading.Lock(), threading.Lock()
MANY = threading.RLock()


def announce(ctx: Any) -> None:
    with LOCK:
        ctx["ready"] = True


def look(ctx: Any) -> None:
    with LOCK:
        ctx["ok"] = ctx["ready"]


def locked(ctx: Any) -> None:
    with LOCK:
        ctx["x"] = ctx["x"] + 1


def again(ctx: Any) -> None:
    with MANY, MANY:
        ctx["x"] = ctx["x"] + 1


def outside(ctx: Any) -> None:
    with LOCK:
        ctx["x"] = ctx["x"] + 1
    ctx["y"] = ctx["y"] + 1


def first_second(ctx: Any) -> None:
    with FIRST, SECOND:
        ctx["x"] = 1


def second_first(ctx: Any) -> None:
    with SECOND, FIRST:
        ctx["x"] = 1


def keeps(ctx: Any) -> None:
    LOCK.acquire()
    ctx["x"] = 1


def tries(ctx: Any) -> bool:
    if LOCK.acquire(blocking=False):
        ctx["x"] = ctx["x"] + 1
        LOCK.release()
        return True
    return False


def atomically(ctx: Any) -> None:
    with fh.atomic():
        ctx["y"] = 1
        with LOCK:
            ctx["x"] = ctx["x"] + 1


def test_both_orders_of_one_lock_are_reached(exhaust: Any) -> None:
    report = exhaust([announce, look], ready=False, ok=False)
    assert [o.state["ctx"]["ok"] for o in report.outcomes] == [True, False]
    assert report.executions == 2
    assert report.verdict is fh.Verdict.UNSAFE


@pytest.mark.parametrize(("n", "factorial"), [(2, 2), (3, 6), (4, 24)])
@pytest.mark.parametrize("tool", [locked, again])
def test_n_calls_around_one_lock_have_n_factorial_interleavings(
    exhaust: Any, tool: Any, n: int, factorial: int
) -> None:
    report = exhaust([tool] * n, x=0)
    assert report.verdict is fh.Verdict.SAFE
    if tool is locked:
        assert report.executions == factorial
    assert len(report.outcomes) == 1


def test_what_follows_a_lock_that_had_to_be_waited_for_is_interleaved_too(exhaust: Any) -> None:
    report = exhaust([outside, outside], x=0, y=0)
    assert {o.state["ctx"]["y"] for o in report.outcomes} == {1, 2}
    assert {o.state["ctx"]["x"] for o in report.outcomes} == {2}


def test_a_deadlock_is_found_with_the_one_preemption_that_leads_to_it(exhaust: Any) -> None:
    report = exhaust([first_second, second_first], x=0)
    (finding,) = report.findings
    assert (finding.mode, finding.anomaly) == (fh.Mode.DEADLOCK, "deadlock")
    assert (finding.schedule.digits, finding.schedule.preemptions) == ("01", 1)
    assert finding.certificate.proven
    assert finding.execution.deadlock
    assert [label for label, _ in finding.execution.stuck] == ["call-1", "call-2"]
    assert "each waits for a lock that another holds" in finding.explanation
    assert "in first_second" in finding.explanation
    assert fh.Schedule.from_token(finding.schedule.token, report.batch) == finding.schedule


def test_a_deadlock_replays() -> None:
    tools = fh.Toolbox({"a": first_second, "b": second_first})
    batch = fh.Batch((fh.Call("a"), fh.Call("b")))
    (finding,) = fh.explore(batch, tools, fh.World(ctx={"x": 0})).findings
    again = fh.replay(finding.schedule.token, batch, tools, fh.World(ctx={"x": 0}))
    assert again.deadlock
    assert again.schedule == finding.schedule


def test_calls_that_can_never_begin_are_a_deadlock_counted_once() -> None:
    tools = fh.Toolbox({"keeps": keeps, "locked": locked})
    batch = fh.Batch((fh.Call("keeps"), fh.Call("locked"), fh.Call("locked")))
    report = fh.explore(batch, tools, fh.World(ctx={"x": 0}))
    assert fh.Mode.DEADLOCK in {f.mode for f in report.findings}


def test_a_lock_that_is_only_tried_is_an_outcome_either_way(exhaust: Any) -> None:
    report = exhaust([tries, tries], x=0)
    results = {tuple(r.value for r in o.results.values()) for o in report.outcomes}
    assert results == {(True, True), (True, False), (False, True)}


def test_a_lock_inside_an_atomic_block_is_still_a_lock(exhaust: Any) -> None:
    report = exhaust([locked, atomically], x=0, y=0)
    assert [o.state["ctx"]["x"] for o in report.outcomes] == [2]
