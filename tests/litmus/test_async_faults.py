"""What went wrong with async calls once, each as small as it could be made."""

import asyncio
import gc
import threading
from collections.abc import Callable, Hashable
from typing import Any

import pytest
import trio

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of
from fuzzharness.runtime.loops import Loop

Tool = Callable[..., Any]
LOCK = threading.Lock()


def explored(*tools: Tool, strategy: str = "auto", **settings: Any) -> fh.Report:
    """One call of each tool on the plain value ``ctx``."""
    names = [f"t{n}" for n, _ in enumerate(tools)]
    batch = fh.Batch(tuple(fh.Call(name) for name in names))
    toolbox = fh.Toolbox(dict(zip(names, tools, strict=True)))
    world = fh.World(ctx={"x": 0, "y": 0})
    settings = {"call_timeout": 2, **settings}
    return fh.explore(batch, toolbox, world, fh.Settings(strategy=strategy, **settings))


class Told:
    """Garbage that passes a gate when it is collected."""

    def __init__(self, event: threading.Event) -> None:
        self.itself, self.event = self, event

    def __del__(self) -> None:
        self.event.set()


def test_garbage_is_not_collected_in_the_midst_of_a_run() -> None:
    event = threading.Event()

    def litters(ctx: Any) -> None:
        for _ in range(2):
            Told(event)
            ctx["x"] += 1

    before = gc.get_threshold()
    gc.set_threshold(100)
    try:
        report = explored(litters, litters)
    finally:
        gc.set_threshold(*before)
    assert gc.isenabled()
    assert report.exhausted
    assert {outcome.state["ctx"]["x"] for outcome in report.outcomes} == {2, 3, 4}


async def offloads(ctx: Any) -> None:
    await asyncio.to_thread(ctx.__setitem__, "y", 1)


def test_a_timer_does_not_fire_while_a_sibling_keeps_the_loop() -> None:
    async def sleeps(ctx: Any) -> int:
        ctx["y"] = 2
        await asyncio.sleep(1)
        return int(ctx["x"])

    async def adds(ctx: Any) -> None:
        ctx["x"] = ctx["x"] + 1
        await offloads(ctx)

    for strategy in ("bounded", "dpor"):
        report = explored(sleeps, adds, strategy=strategy)
        assert report.exhausted
        assert {str(next(iter(o.results.values()))) for o in report.outcomes} == {"returned 0", "returned 1"}


def test_a_task_that_waits_for_a_lock_of_its_own_sleeping_thread_gets_it() -> None:
    async def waits(ctx: Any) -> str:
        def holds() -> None:
            with LOCK:
                ctx["y"] = 1
                taken.set()
                threading.Event().wait(1)

        taken = threading.Event()
        thread = threading.Thread(target=holds)
        thread.start()
        while not taken.is_set():
            await asyncio.sleep(0)
        with LOCK:
            return "got it"

    report = explored(waits, offloads)
    assert not report.findings, report.findings[0].explanation


def same_by_class_and_one_by_one(*tools: Tool) -> fh.Report:
    """One run of each class reaches what all interleavings do; returns what is known of the classes."""
    every, by_class = explored(*tools, strategy="bounded"), explored(*tools, strategy="dpor")
    assert every.exhausted
    assert by_class.exhausted, by_class.reasons
    assert endings(by_class) == endings(every)
    return by_class


def endings(report: fh.Report) -> set[Hashable]:
    return set(map(key_of, report.outcomes))


EVENT, TRIO_EVENT = asyncio.Event(), trio.Event()


async def adds(ctx: Any) -> None:
    ctx["y"] = ctx["y"] + 1


async def adds_again(ctx: Any) -> None:
    ctx["y"] = ctx["y"] + 1
    await asyncio.sleep(0)
    await adds(ctx)


async def waits_a_while(ctx: Any) -> str:
    try:
        await asyncio.wait_for(EVENT.wait(), 1)
    except TimeoutError:
        return "late"
    finally:
        await adds(ctx)
    return "in time"


async def waits_a_while_on_trio(ctx: Any) -> str:
    with trio.move_on_after(1) as scope:
        await TRIO_EVENT.wait()
    await adds(ctx)
    return "late" if scope.cancelled_caught else "in time"


async def sets() -> None:
    EVENT.set()


async def sets_on_trio() -> None:
    TRIO_EVENT.set()
    await trio.lowlevel.checkpoint()


def test_each_call_that_only_passes_through_a_loop_comes_before_one_that_keeps_it() -> None:
    async def keeps(ctx: Any) -> None:
        await adds(ctx)
        EVENT.set()

    async def passes(ctx: Any) -> None:
        await asyncio.to_thread(ctx.__setitem__, "x", 1)
        EVENT.set()

    async def passes_twice(ctx: Any) -> None:
        seen = ctx["y"]
        await asyncio.sleep(0)
        ctx["y"] = seen + 1

    assert same_by_class_and_one_by_one(keeps, passes, passes_twice).executions == 6


def test_who_gives_up_waiting_may_do_so_before_or_after_all_that_others_did() -> None:
    assert same_by_class_and_one_by_one(waits_a_while, sets).executions == 3
    assert same_by_class_and_one_by_one(waits_a_while_on_trio, sets_on_trio).executions == 3
    same_by_class_and_one_by_one(adds_again, waits_a_while, sets)
    same_by_class_and_one_by_one(adds_again, waits_a_while_on_trio, sets_on_trio)


def test_a_thread_that_ends_while_a_sibling_keeps_the_loop_was_not_awaited_by_that() -> None:
    def add(ctx: Any) -> None:
        ctx["x"] = ctx["x"] + 1

    async def offloads(ctx: Any) -> bool:
        await asyncio.to_thread(add, ctx)
        return EVENT.is_set()

    async def keeps(ctx: Any) -> int:
        seen = ctx["y"]
        await asyncio.sleep(0)
        ctx["y"] = seen + 1
        add(ctx)
        return int(ctx["x"])

    every, by_class = (explored(offloads, keeps, strategy=strategy) for strategy in ("bounded", "dpor"))
    assert endings(by_class) == endings(every)


def test_what_two_threads_ask_of_a_loop_that_is_kept_is_told_apart() -> None:
    def add(ctx: Any) -> None:
        ctx["x"] = ctx["x"] + 1

    async def offloads(ctx: Any) -> None:
        await asyncio.to_thread(add, ctx)

    async def offloads_and_reads(ctx: Any) -> int:
        await offloads(ctx)
        return int(ctx["x"])

    every, by_class = (
        explored(adds, offloads_and_reads, offloads, strategy=strategy) for strategy in ("bounded", "dpor")
    )
    assert (by_class.exhausted, by_class.executions, endings(by_class)) == (True, 12, endings(every))


def test_a_task_that_swallows_every_end_harms_nobody_when_it_is_collected() -> None:
    async def swallows() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except BaseException:  # that is what it does
                continue

    report = explored(swallows, adds)
    assert {finding.mode for finding in report.findings} == {fh.Mode.DEADLOCK}
    gc.collect()


def test_a_shield_put_up_on_the_way_out_does_not_keep_the_loop() -> None:
    async def lingers() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep_forever()

    before = threading.active_count()
    explored(lingers, sets_on_trio)
    assert threading.active_count() == before


def test_what_goes_on_for_ever_behind_its_call_is_left_soon(caplog: pytest.LogCaptureFixture) -> None:
    async def leaves(ctx: Any) -> None:
        async def beats() -> None:
            while True:
                await asyncio.sleep(5)
                ctx["x"] = ctx["x"] + 1

        ctx["task"] = str(asyncio.create_task(beats()))[:0]

    async def reads(ctx: Any) -> int:
        return int(ctx["x"])

    report = explored(leaves, reads, max_executions=20)
    assert "never ends" in str(report.escapes[0])
    assert not caplog.records


def test_what_a_call_sets_on_its_loop_is_gone_in_the_next_run() -> None:
    async def sets_all(ctx: Any) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(adds_plainly, ctx)
        await loop.shutdown_default_executor()
        loop.set_task_factory(lambda *_, **__: 1 / 0)  # type: ignore[arg-type, return-value]  # it fails
        loop.set_debug(True)

    def adds_plainly(ctx: Any) -> None:
        ctx["y"] = ctx["y"] + 1

    report = explored(sets_all, adds_plainly)
    assert (report.exhausted, report.executions) == (True, 4)


def test_a_run_that_is_over_while_a_task_stands_at_a_gate_can_be_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = threading.Lock()

    def add(ctx: Any) -> None:
        with lock:
            ctx["x"] = ctx["x"] + 1

    async def offloads(ctx: Any) -> None:
        await asyncio.to_thread(add, ctx)

    async def keeps(ctx: Any) -> None:
        ctx["x"] = ctx["x"] + 1
        add(ctx)

    ended: list[bool] = []
    end = Loop.end
    monkeypatch.setattr(Loop, "end", lambda *args: ended.append(end(*args)) or ended[-1])
    assert explored(offloads, keeps, call_timeout=1).exhausted
    assert all(ended)


def test_what_is_raised_on_the_way_out_of_a_run_does_not_end_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stands() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("on the way out")

    died: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", died.append)
    report = explored(stands, sets_on_trio)
    assert not died
    assert report.findings[0].mode is fh.Mode.HANG
    assert {str(list(o.results.values())[1]) for o in report.outcomes} == {"returned None"}
