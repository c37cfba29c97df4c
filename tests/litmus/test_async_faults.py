"""What went wrong with async calls once, each as small as it could be made."""

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import fuzzharness as fh

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
