"""What calls wait for is part of the schedule: exactly the endings there are, and waits in vain are found."""

import queue
import threading
from typing import Any

import pytest

import fuzzharness as fh

READY = threading.Event()
SLOTS = threading.Semaphore(2)
ITEMS: "queue.Queue[int]" = queue.Queue()
ROOM: "queue.Queue[int]" = queue.Queue(1)

BOTH = pytest.mark.parametrize("strategy", ["bounded", "dpor", "auto"])


def values(report: fh.Report, name: str) -> set[Any]:
    return {outcome.state["ctx"][name] for outcome in report.outcomes}


def returned(report: fh.Report) -> set[tuple[Any, ...]]:
    return {tuple(getattr(r, "value", r) for r in outcome.results.values()) for outcome in report.outcomes}


def announce(ctx: Any) -> None:
    ctx["x"] = ctx["x"] + 1
    READY.set()


def announce_early(ctx: Any) -> None:
    READY.set()
    ctx["x"] = ctx["x"] + 1


def use(ctx: Any) -> None:
    READY.wait()
    ctx["seen"] = ctx["x"]


def look(ctx: Any) -> bool:
    ctx["looked"] = True
    return READY.is_set()


def use_in_time(ctx: Any) -> bool:
    if READY.wait(timeout=5):
        ctx["seen"] = ctx["x"]
        return True
    return False


@BOTH
def test_a_call_that_waits_for_an_event_sees_what_came_before_it(exhaust: Any, strategy: str) -> None:
    report = exhaust([use, announce], strategy, x=0, seen=None)
    assert report.verdict is fh.Verdict.SAFE
    assert values(report, "seen") == {1}


@BOTH
def test_an_event_that_is_set_too_early_shows_both_orders(exhaust: Any, strategy: str) -> None:
    report = exhaust([use, announce_early], strategy, x=0, seen=None)
    assert values(report, "seen") == {0, 1}
    assert report.verdict is fh.Verdict.UNSAFE


@BOTH
def test_whether_an_event_is_set_yet_is_an_outcome(exhaust: Any, strategy: str) -> None:
    report = exhaust([look, announce], strategy, x=0, looked=False)
    assert returned(report) == {(False, None), (True, None)}
    assert {f.mode for f in report.findings} == {fh.Mode.TIMING}


@BOTH
def test_whether_a_timed_wait_times_out_is_an_outcome(exhaust: Any, strategy: str) -> None:
    report = exhaust([use_in_time, announce], strategy, x=0, seen=None)
    assert returned(report) == {(False, None), (True, None)}
    assert report.baseline.results["call-1"] == fh.Returned(False)


def test_an_event_is_what_it_was_before_every_run_and_after_the_last(exhaust: Any) -> None:
    exhaust([look, announce], x=0, looked=False)
    assert not READY.is_set()


def explored(*tools: Any, strategy: str = "auto", **values: Any) -> fh.Report:
    named = {tool.__name__: tool for tool in tools}
    batch = fh.Batch(tuple(fh.Call(tool.__name__) for tool in tools))
    return fh.explore(batch, fh.Toolbox(named), fh.World(ctx=values), fh.Settings(strategy=strategy))


def test_a_wait_for_what_nobody_sets_is_a_deadlock() -> None:
    report = explored(look, use, x=0, looked=False, seen=None)
    (finding,) = report.findings
    assert (finding.mode, finding.anomaly) == (fh.Mode.DEADLOCK, "deadlock")
    assert f"waits for the event {__name__}.READY, which nobody sets" in finding.explanation


def slot(ctx: Any) -> None:
    with SLOTS:
        ctx["x"] = ctx["x"] + 1


def peak(ctx: Any) -> None:
    with SLOTS:
        with fh.atomic():
            ctx["now"] = ctx["now"] + 1
            ctx["most"] = max(ctx["most"], ctx["now"])
        with fh.atomic():
            ctx["now"] = ctx["now"] - 1


@BOTH
def test_a_semaphore_of_two_lets_two_of_three_calls_in(exhaust: Any, strategy: str) -> None:
    report = exhaust([peak, peak, peak], strategy, now=0, most=0)
    assert values(report, "most") == {1, 2}


@BOTH
def test_two_calls_in_a_semaphore_of_two_lose_an_update(exhaust: Any, strategy: str) -> None:
    report = exhaust([slot, slot], strategy, x=0)
    assert values(report, "x") == {1, 2}


def produce(ctx: Any) -> None:
    for n in (1, 2):
        ITEMS.put(n)
    ctx["made"] = 2


def consume(ctx: Any) -> None:
    ctx["got"] = [ITEMS.get(), ITEMS.get()]


def grab(ctx: Any) -> Any:
    ctx["tried"] = True
    try:
        return ITEMS.get_nowait()
    except queue.Empty:
        return None


@BOTH
def test_a_consumer_gets_what_a_producer_puts(exhaust: Any, strategy: str) -> None:
    report = exhaust([consume, produce], strategy, made=0, got=None)
    assert [outcome.state["ctx"]["got"] for outcome in report.outcomes] == [[1, 2]]
    assert report.verdict is fh.Verdict.SAFE


@BOTH
def test_what_a_queue_holds_when_it_is_looked_into_is_an_outcome(exhaust: Any, strategy: str) -> None:
    report = exhaust([produce, grab], strategy, made=0, tried=False)
    assert returned(report) == {(None, None), (None, 1)}
    assert ITEMS.qsize() == 0


def fill(ctx: Any) -> None:
    ROOM.put(1)
    ROOM.put(2)
    ctx["full"] = True


def drain(ctx: Any) -> None:
    ctx["drained"] = ROOM.get()


@BOTH
def test_a_put_waits_for_room(exhaust: Any, strategy: str) -> None:
    report = exhaust([fill, drain], strategy, full=False, drained=0)
    assert report.verdict is fh.Verdict.SAFE
    assert values(report, "drained") == {1}


def test_two_that_take_from_one_item_are_a_deadlock() -> None:
    report = explored(fill, drain, consume, full=False, drained=0, got=None)
    (finding,) = report.findings
    assert finding.mode is fh.Mode.DEADLOCK
    assert f"waits for an item in the queue {__name__}.ITEMS, which nobody puts there" in finding.explanation
