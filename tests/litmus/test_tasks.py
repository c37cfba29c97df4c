"""Async calls: which endings they reach on asyncio and on trio, and in how many classes."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest
import trio

import fuzzharness as fh

Tool = Callable[..., Any]
LOOPS = ("asyncio", "trio")
on_both = pytest.mark.parametrize("loop", LOOPS)

SLEEPS: dict[str, Any] = {"asyncio": asyncio.sleep, "trio": trio.sleep}


def explored(*tools: Tool, strategy: str = "auto", **values: Any) -> fh.Report:
    """One call of each tool on the plain value ``ctx``."""
    names = [f"t{n}" for n, _ in enumerate(tools)]
    batch = fh.Batch(tuple(fh.Call(name) for name in names))
    toolbox = fh.Toolbox(dict(zip(names, tools, strict=True)))
    return fh.explore(batch, toolbox, fh.World(ctx=values), fh.Settings(strategy=strategy, call_timeout=2))


def left(report: fh.Report, key: str) -> set[Any]:
    """What is under ``key`` in any ending."""
    return {outcome.state["ctx"][key] for outcome in report.outcomes}


def results(report: fh.Report) -> set[tuple[str, ...]]:
    """What the calls came to in any ending."""
    return {tuple(map(str, outcome.results.values())) for outcome in report.outcomes}


def adding(loop: str, seconds: float = 0.01) -> Tool:
    """A tool that reads, sleeps and writes."""
    if loop == "asyncio":

        async def add(ctx: Any) -> None:
            seen = ctx["x"]
            await asyncio.sleep(seconds)
            ctx["x"] = seen + 1

        return add

    async def add_on_trio(ctx: Any) -> None:
        seen = ctx["x"]
        await trio.sleep(seconds)
        ctx["x"] = seen + 1

    return add_on_trio


@on_both
@pytest.mark.parametrize("seconds", [0, 0.01, 3600])
@pytest.mark.parametrize(("calls", "classes", "endings"), [(2, 4, {1, 2}), (3, 36, {1, 2, 3})])
def test_read_await_write_has_the_classes_of_plain_calls(
    loop: str, seconds: float, calls: int, classes: int, endings: set[int]
) -> None:
    report = explored(*[adding(loop, seconds)] * calls, x=0)
    assert (report.executions, report.blocked, report.exhausted) == (classes, 0, True)
    assert left(report, "x") == endings
    assert {(f.anomaly, f.schedule.notation) for f in report.findings} == {("lost-update", "AB-A")}


@on_both
def test_every_interleaving_reaches_what_every_class_does(loop: str) -> None:
    assert left(explored(*[adding(loop)] * 3, strategy="bounded", x=0), "x") == {1, 2, 3}


def test_plain_calls_asyncio_and_trio_share_one_schedule() -> None:
    def add(ctx: Any) -> None:
        ctx["x"] = ctx["x"] + 1

    report = explored(add, adding("asyncio"), adding("trio"), x=0)
    assert (report.executions, report.exhausted) == (36, True)
    assert left(report, "x") == {1, 2, 3}


@on_both
def test_either_timer_fires_first(loop: str) -> None:
    sleep = SLEEPS[loop]

    async def soon(ctx: Any) -> None:
        await sleep(1)
        ctx["last"] = "soon"

    async def later(ctx: Any) -> None:
        await sleep(60)
        ctx["last"] = "later"

    assert left(explored(soon, later, last=""), "last") == {"soon", "later"}


@on_both
def test_timers_of_one_call_fire_in_the_order_of_their_times(loop: str) -> None:
    async def quick_on_asyncio(ctx: Any) -> None:
        try:
            async with asyncio.timeout(60):
                await asyncio.sleep(1)
        except TimeoutError:
            ctx["late"] = True

    async def quick_on_trio(ctx: Any) -> None:
        with trio.move_on_after(60) as scope:
            await trio.sleep(1)
        ctx["late"] = scope.cancelled_caught

    quick = quick_on_asyncio if loop == "asyncio" else quick_on_trio
    report = explored(quick, adding(loop), late=False, x=0)
    assert left(report, "late") == {False}
    assert report.verdict is fh.Verdict.SAFE


ASYNCIO_DONE, TRIO_DONE = asyncio.Event(), trio.Event()


async def waits_on_asyncio(ctx: Any) -> str:
    try:
        await asyncio.wait_for(ASYNCIO_DONE.wait(), 5)
    except TimeoutError:
        return "gave up"
    return f"saw {ctx['x']}"


async def does_on_asyncio(ctx: Any) -> None:
    ctx["x"] = 1
    ASYNCIO_DONE.set()


async def waits_on_trio(ctx: Any) -> str:
    with trio.move_on_after(5) as scope:
        await TRIO_DONE.wait()
    return "gave up" if scope.cancelled_caught else f"saw {ctx['x']}"


async def does_on_trio(ctx: Any) -> None:
    ctx["x"] = 1
    TRIO_DONE.set()
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("waits", "does"),
    [(waits_on_asyncio, does_on_asyncio), (waits_on_trio, does_on_trio)],
    ids=LOOPS,
)
def test_giving_up_on_a_slow_sibling_is_an_outcome(waits: Tool, does: Tool) -> None:
    report = explored(does, waits, x=0)
    assert results(report) == {
        ("returned None", "returned 'saw 1'"),
        ("returned None", "returned 'gave up'"),
    }
    assert report.exhausted


@on_both
def test_cancellation_that_leaves_a_call_is_its_result(loop: str) -> None:
    async def cancels_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def too_slow() -> None:
        with trio.fail_after(1):
            await trio.sleep(2)

    report = explored(cancels_itself if loop == "asyncio" else too_slow, adding(loop), x=0)
    name = "CancelledError" if loop == "asyncio" else "TooSlowError"
    assert {first for first, _ in results(report)} == {f"raised {name}"}


async def gathers(ctx: Any) -> None:
    async def one(key: str) -> None:
        seen = ctx[key]
        await asyncio.sleep(0.01)
        ctx[key] = seen + 1

    await asyncio.gather(one("x"), one("y"))


async def groups(ctx: Any) -> None:
    async def one(key: str) -> None:
        seen = ctx[key]
        await asyncio.sleep(0.01)
        ctx[key] = seen + 1

    async with asyncio.TaskGroup() as group:
        for key in ("x", "y"):
            group.create_task(one(key))


async def nurses(ctx: Any) -> None:
    async def one(key: str) -> None:
        seen = ctx[key]
        await trio.sleep(0.01)
        ctx[key] = seen + 1

    async with trio.open_nursery() as nursery:
        for key in ("x", "y"):
            nursery.start_soon(one, key)


INSIDE = pytest.mark.parametrize("tool", [gathers, groups, nurses])


@INSIDE
def test_tasks_inside_a_call_lose_updates_to_a_sibling(tool: Tool) -> None:
    report = explored(tool, adding("trio" if tool is nurses else "asyncio"), x=0, y=0)
    assert left(report, "x") == {1, 2}
    assert left(report, "y") == {1}


@INSIDE
def test_where_only_one_of_them_meets_a_sibling_every_order_is_covered(tool: Tool) -> None:
    report = explored(tool, adding("trio" if tool is nurses else "asyncio"), x=0, y=0)
    assert (report.executions, report.exhausted) == (4, True)


@INSIDE
def test_where_both_meet_siblings_nothing_is_called_exhausted(tool: Tool) -> None:
    report = explored(tool, tool, x=0, y=0)
    assert left(report, "x") == {1, 2}
    assert not report.exhausted
    assert "does several things at once" in report.reasons[0]


def worker_on_asyncio(function: Tool) -> Tool:
    async def tool(ctx: Any) -> None:
        await asyncio.to_thread(function, ctx)

    return tool


def worker_on_trio(function: Tool) -> Tool:
    async def tool(ctx: Any) -> None:
        await trio.to_thread.run_sync(function, ctx)

    return tool


def worker_of_anyio(function: Tool) -> Tool:
    async def tool(ctx: Any) -> None:
        await anyio.to_thread.run_sync(function, ctx)

    return tool


def started(function: Tool) -> Tool:
    def tool(ctx: Any) -> None:
        thread = threading.Thread(target=function, args=(ctx,))
        thread.start()
        thread.join()

    return tool


def impatient_on_asyncio(function: Tool) -> Tool:
    async def tool(ctx: Any) -> None:
        await asyncio.wait_for(asyncio.to_thread(function, ctx), 30)

    return tool


def impatient_on_trio(function: Tool) -> Tool:
    async def tool(ctx: Any) -> None:
        with trio.move_on_after(30):
            await trio.to_thread.run_sync(function, ctx, abandon_on_cancel=True)

    return tool


def impatient(function: Tool) -> Tool:
    def tool(ctx: Any) -> None:
        thread = threading.Thread(target=function, args=(ctx,))
        thread.start()
        thread.join(30)

    return tool


IMPATIENT = pytest.mark.parametrize("hand_in", [impatient_on_asyncio, impatient_on_trio, impatient])

WORKERS = pytest.mark.parametrize("hand_in", [worker_on_asyncio, worker_on_trio, worker_of_anyio, started])


def add(ctx: Any) -> None:
    ctx["x"] = ctx["x"] + 1


@WORKERS
def test_a_worker_thread_has_the_classes_of_the_call_that_started_it(hand_in: Any) -> None:
    report = explored(hand_in(add), hand_in(add), x=0)
    assert (report.executions, report.exhausted) == (4, True)


def read(ctx: Any) -> Any:
    return ctx["x"]


@IMPATIENT
def test_that_a_call_may_not_wait_for_its_own_slow_thread_is_not_called_explored(hand_in: Any) -> None:
    report = explored(hand_in(add), read, x=0)
    assert not report.exhausted
    assert "no longer than a time" in report.reasons[0]


@IMPATIENT
def test_impatience_with_a_thread_that_meets_no_sibling_is_no_matter(hand_in: Any) -> None:
    def other(ctx: Any) -> None:
        ctx["y"] = ctx["y"] + 1

    assert explored(hand_in(add), other, x=0, y=0).exhausted


CURRENT: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="nobody")


@on_both
def test_context_variables_are_those_of_the_call(loop: str) -> None:
    sleep = SLEEPS[loop]

    async def sets() -> str:
        before = CURRENT.get()
        CURRENT.set("me")
        await sleep(1)
        return f"{before}, {CURRENT.get()}"

    report = explored(sets, sets, adding(loop), x=0)
    assert {r[:2] for r in results(report)} == {("returned 'nobody, me'",) * 2}


FIRST, SECOND = asyncio.Lock(), asyncio.Lock()
TRIO_FIRST, TRIO_SECOND = trio.Lock(), trio.Lock()


def nested(outer: Any, inner: Any, sleep: Any) -> Tool:
    async def tool(ctx: Any) -> None:
        async with outer:
            await sleep(0.01)
            async with inner:
                ctx["x"] = ctx["x"] + 1

    return tool


@pytest.mark.parametrize(
    "tools",
    [
        [nested(FIRST, SECOND, asyncio.sleep), nested(SECOND, FIRST, asyncio.sleep)],
        [nested(TRIO_FIRST, TRIO_SECOND, trio.sleep), nested(TRIO_SECOND, TRIO_FIRST, trio.sleep)],
    ],
    ids=LOOPS,
)
def test_locks_in_opposite_order_are_a_deadlock_that_says_who_waits_for_what(tools: Sequence[Tool]) -> None:
    report = explored(*tools, x=0)
    (deadlock,) = [f for f in report.findings if f.mode is fh.Mode.DEADLOCK]
    assert deadlock.explanation.count("waits for the lock") == 2
    assert deadlock.certificate.proven


def sending() -> list[Tool]:
    send, receive = trio.open_memory_channel[int](2)

    async def one() -> None:
        await send.send(1)

    async def two() -> None:
        await send.send(2)

    async def takes(ctx: Any) -> None:
        ctx["x"] = await receive.receive()

    return [one, two, takes]


def queueing() -> list[Tool]:
    queue: asyncio.Queue[int] = asyncio.Queue()

    async def one() -> None:
        await queue.put(1)

    async def two() -> None:
        await queue.put(2)

    async def takes(ctx: Any) -> None:
        ctx["x"] = await queue.get()

    return [one, two, takes]


@pytest.mark.parametrize("tools", [queueing, sending], ids=LOOPS)
def test_what_is_taken_is_what_was_put_first(tools: Callable[[], Sequence[Tool]]) -> None:
    report = explored(*tools(), x=0)
    assert left(report, "x") == {1, 2}
    assert report.exhausted
    assert left(explored(*tools(), strategy="bounded", x=0), "x") == {1, 2}


def test_what_waits_is_put_back_for_the_next_exploration() -> None:
    for _ in range(3):
        assert explored(does_on_asyncio, waits_on_asyncio, x=0).exhausted
        assert explored(does_on_trio, waits_on_trio, x=0).exhausted
    assert not ASYNCIO_DONE.is_set()
    assert not TRIO_DONE.is_set()


@on_both
def test_an_exploration_within_a_running_loop_is_one_of_its_own(loop: str) -> None:
    async def outside() -> fh.Report:
        return explored(adding("asyncio"), adding("trio"), x=0)

    report = asyncio.run(outside()) if loop == "asyncio" else trio.run(outside)
    assert (report.executions, left(report, "x")) == (4, {1, 2})


def test_tasks_of_one_call_take_turns_as_asyncio_has_them() -> None:
    async def takes_turns() -> str:
        said = []

        async def one(name: str) -> None:
            said.append(f"{name}1")
            await asyncio.sleep(0)
            said.append(f"{name}2")

        await asyncio.gather(one("a"), one("b"))
        return " ".join(said)

    (_, second) = next(iter(results(explored(adding("asyncio"), takes_turns, x=0))))
    assert second == f"returned {asyncio.run(takes_turns())!r}"


def test_a_task_that_polls_lets_its_sibling_task_go_on() -> None:
    async def polls(ctx: Any) -> None:
        found = []

        async def looks() -> None:
            while not found:
                await asyncio.sleep(0)

        async def finds() -> None:
            await asyncio.sleep(0)
            found.append(1)

        await asyncio.gather(looks(), finds())
        ctx["x"] = 1

    assert explored(polls, polls, x=0).exhausted


def test_cancellation_that_anyio_repeats_until_it_is_heard_is_heard() -> None:
    async def gives_up(ctx: Any) -> bool:
        with anyio.move_on_after(1) as scope:
            await anyio.sleep(5)
        ctx["x"] = 1
        return scope.cancelled_caught

    report = explored(gives_up, gives_up, x=0)
    assert results(report) == {("returned True", "returned True")}
    assert report.exhausted


THREAD_LOCK = threading.Lock()


@on_both
def test_a_lock_of_threads_that_is_held_across_an_await_stops_the_loop(loop: str) -> None:
    sleep = SLEEPS[loop]

    async def holds(ctx: Any) -> None:
        with THREAD_LOCK:
            seen = ctx["x"]
            await sleep(1)
            ctx["x"] = seen + 1

    async def holds_briefly(ctx: Any) -> None:
        await sleep(1)
        with THREAD_LOCK:
            ctx["x"] = ctx["x"] + 1

    report = explored(holds, holds, x=0)
    assert report.verdict is fh.Verdict.UNSAFE
    assert {f.mode for f in report.findings} <= {fh.Mode.HANG, fh.Mode.DEADLOCK}
    assert explored(holds_briefly, holds_briefly, x=0).exhausted


class AttributeDict(dict[str, int]):
    """A common idiom, which raises other than AttributeError."""

    def __getattr__(self, key: str) -> int:
        return self[key]


COUNTS = AttributeDict(n=0)


def test_names_that_answer_to_any_attribute_are_no_riddle() -> None:
    async def counts(ctx: Any) -> None:
        ctx["x"] = COUNTS["n"]

    assert explored(counts, adding("asyncio"), x=0).executions
