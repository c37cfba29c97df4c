"""What calls wait for is part of the schedule: exactly the endings there are, and waits in vain are found."""

import concurrent.futures
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


@pytest.mark.parametrize("strategy", ["dpor", "auto"])
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


LOCK = threading.Lock()
CONDITION = threading.Condition()
SHARED = threading.Condition(LOCK)
BARRIER = threading.Barrier(2)
SIMPLE: "queue.SimpleQueue[int]" = queue.SimpleQueue()


def impatient(ctx: Any) -> bool:
    if LOCK.acquire(timeout=5):
        ctx["x"] = ctx["x"] + 1
        LOCK.release()
        return True
    return False


@BOTH
def test_a_lock_that_a_call_waits_for_only_so_long_is_an_outcome_either_way(
    exhaust: Any, strategy: str
) -> None:
    report = exhaust([impatient, impatient], strategy, x=0)
    assert returned(report) == {(True, True), (True, False), (False, True)}


def ready_with(condition: threading.Condition, ctx: Any) -> None:
    with condition:
        ctx["ready"] = True
        condition.notify()


def wait_rightly(condition: threading.Condition, ctx: Any) -> None:
    with condition:
        condition.wait_for(lambda: ctx["ready"])
        ctx["ok"] = True


def ready(ctx: Any) -> None:
    ready_with(CONDITION, ctx)


def waits(ctx: Any) -> None:
    wait_rightly(CONDITION, ctx)


def ready_shared(ctx: Any) -> None:
    ready_with(SHARED, ctx)


def waits_shared(ctx: Any) -> None:
    wait_rightly(SHARED, ctx)


def notify_outside(ctx: Any) -> None:
    ctx["ready"] = True
    with CONDITION:
        CONDITION.notify()


def wait_wrongly(ctx: Any) -> None:
    if not ctx["ready"]:
        with CONDITION:
            CONDITION.wait()
    ctx["ok"] = True


def wait_in_time(ctx: Any) -> bool:
    with CONDITION:
        return CONDITION.wait_for(lambda: ctx["ready"], timeout=5)


@BOTH
@pytest.mark.parametrize("pair", [(waits, ready), (waits_shared, ready_shared)], ids=["own", "shared"])
def test_a_condition_that_is_looked_at_under_its_lock_is_safe(exhaust: Any, strategy: str, pair: Any) -> None:
    report = exhaust(pair, strategy, ready=False, ok=False)
    assert report.verdict is fh.Verdict.SAFE
    assert values(report, "ok") == {True}


@BOTH
def test_a_lost_wake_up_is_found(exhaust: Any, strategy: str) -> None:
    report = exhaust([wait_wrongly, notify_outside], strategy, ready=False, ok=False)
    (finding,) = report.findings
    assert finding.mode is fh.Mode.DEADLOCK
    assert finding.certificate.proven
    assert f"waits for the condition {__name__}.CONDITION, which nobody notifies" in finding.explanation
    again = fh.replay(
        finding.schedule.token,
        report.batch,
        fh.Toolbox({"wait_wrongly": wait_wrongly, "notify_outside": notify_outside}),
        fh.World(ctx={"ready": False, "ok": False}),
    )
    assert again.deadlock


@BOTH
def test_a_condition_waited_for_only_so_long_is_an_outcome_either_way(exhaust: Any, strategy: str) -> None:
    report = exhaust([wait_in_time, ready], strategy, ready=False)
    assert returned(report) == {(True, None), (False, None)}


def test_waiting_for_a_condition_without_its_lock_fails_as_ever() -> None:
    def careless(ctx: Any) -> None:
        ctx["x"] = 1
        CONDITION.wait()

    assert "raised RuntimeError: cannot wait" in str(explored(careless, x=0).baseline.results["call-1"])


def meet(ctx: Any) -> int:
    with fh.atomic():
        ctx["here"] = ctx["here"] + 1
    place = BARRIER.wait()
    return place + 10 * ctx["here"]


def meet_in_time(ctx: Any) -> str:
    ctx["here"] = ctx["here"] + 1
    try:
        BARRIER.wait(timeout=5)
    except threading.BrokenBarrierError:
        return "broken"
    return "met"


@BOTH
def test_two_calls_meet_at_a_barrier(exhaust: Any, strategy: str) -> None:
    report = exhaust([meet, meet], strategy, here=0)
    assert returned(report) == {(20, 21), (21, 20)}
    assert (BARRIER.n_waiting, BARRIER.broken) == (0, False)


@BOTH
def test_a_barrier_where_a_call_loses_patience_breaks_for_all(exhaust: Any, strategy: str) -> None:
    report = exhaust([meet_in_time, meet_in_time], strategy, here=0)
    assert returned(report) == {("met", "met"), ("broken", "broken")}


def test_one_call_alone_at_a_barrier_of_two_is_a_deadlock() -> None:
    (finding,) = explored(meet, here=0).findings
    assert finding.mode is fh.Mode.DEADLOCK
    assert f"waits for the barrier {__name__}.BARRIER, where not enough calls arrive" in finding.explanation


def put_simple(ctx: Any) -> None:
    ctx["put"] = True
    SIMPLE.put(1)


def get_simple(ctx: Any) -> None:
    ctx["got"] = SIMPLE.get()


def get_simple_in_time(ctx: Any) -> Any:
    ctx["tried"] = True
    try:
        return SIMPLE.get(timeout=5)
    except queue.Empty:
        return None


@BOTH
def test_a_simple_queue_is_waited_for_like_any_other(exhaust: Any, strategy: str) -> None:
    before = SIMPLE
    assert exhaust([get_simple, put_simple], strategy, put=False, got=0).verdict is fh.Verdict.SAFE
    report = exhaust([get_simple_in_time, put_simple], strategy, put=False, tried=False)
    assert returned(report) == {(None, None), (1, None)}
    assert SIMPLE is before
    assert SIMPLE.empty()


def own_lock(ctx: Any) -> None:
    lock, event = threading.RLock(), threading.Event()
    with lock, lock:
        ctx["x"] = ctx["x"] + 1
        event.set()
    event.wait()


def test_locks_and_events_of_a_calls_own_cost_no_interleavings(exhaust: Any) -> None:
    report = exhaust([own_lock, own_lock], "dpor", x=0)
    assert report.executions == 4
    assert values(report, "x") == {1, 2}


HANDED: "queue.SimpleQueue[Any]" = queue.SimpleQueue()


def makes_a_lock(ctx: Any) -> None:
    made = threading.Lock()
    HANDED.put(made)
    with made, LOCK:
        ctx["x"] = 1


def takes_a_lock(ctx: Any) -> None:
    made = HANDED.get()
    with LOCK, made:
        ctx["x"] = 2


@BOTH
def test_two_locks_in_opposite_order_are_a_deadlock_where_a_call_makes_one(
    exhaust: Any, strategy: str
) -> None:
    report = exhaust([makes_a_lock, takes_a_lock], strategy, x=0)
    assert values(report, "x") == {0, 1, 2}
    deadlock = next(f for f in report.findings if f.mode is fh.Mode.DEADLOCK)
    assert "each waits for a lock that another holds" in deadlock.explanation
    assert f"waits for the lock {__name__}.LOCK, which B holds" in deadlock.explanation
    assert "in call 1, which A holds" in deadlock.explanation


def claim(ctx: Any) -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    HANDED.put(future)
    ctx["answer"] = future.result()


def settle(ctx: Any) -> None:
    future = HANDED.get()
    ctx["settled"] = True
    future.set_result(7)


@BOTH
def test_the_result_of_a_future_is_waited_for(exhaust: Any, strategy: str) -> None:
    report = exhaust([claim, settle], strategy, answer=0, settled=False)
    assert report.verdict is fh.Verdict.SAFE
    assert values(report, "answer") == {7}


def in_a_pool(ctx: Any) -> int:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        found = pool.submit(pow, 2, 3).result()
    ctx["x"] = found
    return found


def test_a_pool_of_a_calls_own_is_under_control() -> None:
    report = explored(in_a_pool, in_a_pool, x=0)
    assert returned(report) == {(8, 8)}
    assert report.exhausted


def test_nothing_stays_patched() -> None:
    owners = (threading.Event, threading.Semaphore, threading.Condition, threading.Barrier, queue.Queue)
    before = [dict(vars(owner)) for owner in owners], threading.Lock, threading.RLock, queue.SimpleQueue
    explored(use, announce, x=0, seen=None)
    batch, tools = fh.Batch((fh.Call("use"),)), fh.Toolbox({"use": use})
    with pytest.raises(ZeroDivisionError):
        fh.explore(batch, tools, fh.World(ctx={}), on_event=lambda _event: 1 // 0)
    assert ([dict(vars(o)) for o in owners], threading.Lock, threading.RLock, queue.SimpleQueue) == before


def polls_an_event(ctx: Any) -> None:
    while not READY.wait(timeout=0.1):
        pass
    ctx["seen"] = ctx["x"]


def polls_a_queue(ctx: Any) -> None:
    while True:
        try:
            ctx["seen"] = ITEMS.get(timeout=0.1)
        except queue.Empty:
            continue
        return


def polls_a_condition(ctx: Any) -> None:
    with CONDITION:
        while not ctx["ready"]:
            CONDITION.wait(timeout=0.1)
        ctx["seen"] = 1


def polls_a_lock(ctx: Any) -> None:
    while not LOCK.acquire(timeout=0.1):
        pass
    ctx["seen"] = 1
    LOCK.release()


def holds(ctx: Any) -> None:
    with LOCK:
        ctx["x"] = 1


def one_item(ctx: Any) -> None:
    ctx["x"] = 1
    ITEMS.put(1)


@pytest.mark.parametrize(
    "pair",
    [
        (polls_an_event, announce),
        (polls_a_queue, one_item),
        (polls_a_condition, ready),
        (polls_a_lock, holds),
    ],
)
def test_a_call_that_polls_is_taken_to_wait_in_the_end_which_the_report_says(pair: Any) -> None:
    report = explored(*pair, x=0, seen=0, ready=False)
    assert values(report, "seen") == {1}
    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert any("where it polls" in reason for reason in report.reasons)


RANKED: "queue.PriorityQueue[int]" = queue.PriorityQueue()
LAST_FIRST: "queue.LifoQueue[int]" = queue.LifoQueue()
RANKED.put(5)
LAST_FIRST.put(5)
BOUNDED = threading.BoundedSemaphore(1)


def swaps(ctx: Any) -> tuple[int, int]:
    RANKED.put(1)
    LAST_FIRST.put(1)
    ctx["x"] = ctx["x"] + 1
    return RANKED.get(), LAST_FIRST.get()


def test_what_queues_hold_is_put_back_before_every_run(exhaust: Any) -> None:
    report = exhaust([swaps], x=0)
    assert report.baseline.results["call-1"] == fh.Returned((1, 1))
    assert len(report.outcomes) == 1
    assert (RANKED.queue, LAST_FIRST.queue) == ([5], [5])


def gives_back_too_much(ctx: Any) -> None:
    ctx["x"] = 1
    with BOUNDED:
        BOUNDED.release()


def test_a_bounded_semaphore_fails_as_ever() -> None:
    result = explored(gives_back_too_much, x=0).baseline.results["call-1"]
    assert "raised ValueError: Semaphore released too many times" in str(result)
    assert BOUNDED._value == 1


def joins(ctx: Any) -> None:
    ITEMS.put(1)
    ITEMS.join()
    ctx["joined"] = ctx["done"]


def works(ctx: Any) -> None:
    ITEMS.get()
    ctx["done"] = True
    ITEMS.task_done()


@BOTH
def test_a_queue_is_joined_when_it_is_worked_off(exhaust: Any, strategy: str) -> None:
    report = exhaust([joins, works], strategy, joined=None, done=False)
    assert report.verdict is fh.Verdict.SAFE
    assert values(report, "joined") == {True}


def makes_a_condition(ctx: Any) -> None:
    condition = threading.Condition()
    HANDED.put(condition)
    with condition:
        ctx["told"] = condition.wait(timeout=5)


def notifies_it(ctx: Any) -> None:
    condition = HANDED.get()
    with condition:
        ctx["x"] = 1
        condition.notify_all()


@BOTH
def test_a_condition_that_a_call_makes_is_one_of_the_schedule(exhaust: Any, strategy: str) -> None:
    report = exhaust([makes_a_condition, notifies_it], strategy, told=None, x=0)
    assert values(report, "told") == {True, False}


def shuts_down(ctx: Any) -> None:
    ctx["x"] = 1
    ITEMS.shutdown()  # type: ignore[attr-defined]  # from CPython 3.13 on


@pytest.mark.skipif(not hasattr(queue.Queue, "shutdown"), reason="CPython 3.13 has it first")
def test_a_queue_that_is_shut_down_wakes_who_waits(exhaust: Any) -> None:
    report = exhaust([consume, shuts_down], "dpor", x=0, got=None)
    assert {str(o.results["call-1"]) for o in report.outcomes} == {"raised ShutDown"}
