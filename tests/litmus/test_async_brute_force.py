"""One run of each class against all interleavings, of async calls: random small tools, letter by letter."""

import asyncio
import queue
import random
import threading
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of

PROPERTY = settings(deadline=None, max_examples=40, derandomize=True, database=None)
MOST = 200
LATE = "late"


def look(ctx: Any, key: str = "x") -> Any:
    return ctx[key]


def add(ctx: Any, key: str = "x") -> None:
    ctx[key] = ctx[key] + 1


def swap(ctx: Any) -> bool:
    with fh.atomic():
        if ctx["x"] == 0:
            ctx["x"] = 5
            return True
        return bool(ctx["y"])


PLAIN_EVENT, PLAIN_LOCK, PLAIN_QUEUE = threading.Event(), threading.Lock(), queue.Queue[int]()


def locked(ctx: Any) -> None:
    with PLAIN_LOCK:
        add(ctx)


PLAIN: dict[str, Callable[[Any], Any]] = {
    "r": look,
    "a": add,
    "b": lambda ctx: add(ctx, "y"),
    "c": swap,
    "e": lambda _: PLAIN_EVENT.set(),
    "E": lambda _: PLAIN_EVENT.wait(),
    "k": locked,
    "Q": lambda _: PLAIN_QUEUE.put(1),
    "v": lambda _: PLAIN_QUEUE.get(),
}
"""What needs no loop; capitals that wait are done on worker threads by async calls."""


async def asyncio_add(ctx: Any, key: str = "x", seconds: float = 0) -> None:
    seen = ctx[key]
    await asyncio.sleep(seconds)
    ctx[key] = seen + 1


async def asyncio_within(wait: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(1):
            return await wait
    except TimeoutError:
        return LATE


async def asyncio_notified(timed: bool) -> Any:
    async with CONDITION:
        return await (asyncio_within(CONDITION.wait()) if timed else CONDITION.wait())


async def asyncio_notify() -> None:
    async with CONDITION:
        CONDITION.notify()


async def asyncio_locked(ctx: Any, lock: Any) -> None:
    async with lock:
        await asyncio_add(ctx)


async def asyncio_cancels(ctx: Any) -> bool:
    task = asyncio.create_task(asyncio_add(ctx, seconds=3))
    await asyncio.sleep(1)
    return task.cancel()


async def asyncio_group(ctx: Any) -> int:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio_add(ctx, "y"))
        group.create_task(asyncio.sleep(1))
    return int(ctx["x"])


async def asyncio_own_event(ctx: Any) -> None:
    event = asyncio.Event()
    task = asyncio.create_task(asyncio_add(ctx, "y"))
    task.add_done_callback(lambda _: event.set())
    await event.wait()


EVENT, LOCK, SEMAPHORE, CONDITION = asyncio.Event(), asyncio.Lock(), asyncio.Semaphore(1), asyncio.Condition()
QUEUE, SMALL = asyncio.Queue[int](), asyncio.Queue[int](1)

ASYNCIO: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "m": asyncio_add,
    "M": lambda ctx: asyncio_add(ctx, "y", 1),
    "L": lambda ctx: asyncio_locked(ctx, LOCK),
    "S": lambda ctx: asyncio_locked(ctx, SEMAPHORE),
    "w": lambda _: EVENT.wait(),
    "W": lambda _: asyncio_within(EVENT.wait()),
    "X": lambda _: asyncio.wait_for(asyncio_within(EVENT.wait()), 5),
    "s": lambda _: soon(EVENT.set),
    "i": lambda _: soon(EVENT.is_set),
    "p": lambda _: QUEUE.put(1),
    "g": lambda _: QUEUE.get(),
    "G": lambda _: asyncio_within(QUEUE.get()),
    "P": lambda _: SMALL.put(2),
    "f": lambda _: SMALL.get(),
    "o": lambda _: asyncio_notified(timed=False),
    "O": lambda _: asyncio_notified(timed=True),
    "n": lambda _: asyncio_notify(),
    "x": asyncio_cancels,
    "&": asyncio_group,
    "*": asyncio_own_event,
    "h": lambda ctx: asyncio.to_thread(add, ctx),
    "K": lambda ctx: asyncio.to_thread(locked, ctx),
    "E": lambda _: asyncio.to_thread(PLAIN_EVENT.wait),
    "v": lambda _: asyncio.to_thread(PLAIN_QUEUE.get),
}


async def soon(do: Callable[[], Any]) -> Any:
    return do()


async def trio_add(ctx: Any, key: str = "x", seconds: float = 0) -> None:
    seen = ctx[key]
    await trio.sleep(seconds)
    ctx[key] = seen + 1


async def trio_within(wait: Callable[[], Awaitable[Any]]) -> Any:
    with trio.move_on_after(1) as scope:
        await wait()
    return LATE if scope.cancelled_caught else "in time"


async def trio_notified() -> Any:
    async with TRIO_CONDITION:
        return await trio_within(TRIO_CONDITION.wait)


async def trio_notify() -> None:
    async with TRIO_CONDITION:
        TRIO_CONDITION.notify()


async def trio_locked(ctx: Any, lock: Any) -> None:
    async with lock:
        await trio_add(ctx)


async def trio_group(ctx: Any) -> int:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio_add, ctx, "y")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    return int(ctx["x"])


TRIO_EVENT, TRIO_LOCK, TRIO_LIMIT = trio.Event(), trio.Lock(), trio.CapacityLimiter(1)
TRIO_CONDITION = trio.Condition()
(SEND, RECEIVE), (HAND, TAKE) = trio.open_memory_channel[int](10), trio.open_memory_channel[int](0)

TRIO: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "m": trio_add,
    "M": lambda ctx: trio_add(ctx, "y", 1),
    "L": lambda ctx: trio_locked(ctx, TRIO_LOCK),
    "S": lambda ctx: trio_locked(ctx, TRIO_LIMIT),
    "w": lambda _: TRIO_EVENT.wait(),
    "W": lambda _: trio_within(TRIO_EVENT.wait),
    "s": lambda _: soon(TRIO_EVENT.set),
    "i": lambda _: soon(TRIO_EVENT.is_set),
    "p": lambda _: SEND.send(1),
    "g": lambda _: RECEIVE.receive(),
    "G": lambda _: trio_within(RECEIVE.receive),
    "P": lambda _: HAND.send(2),
    "f": lambda _: TAKE.receive(),
    "O": lambda _: trio_notified(),
    "n": lambda _: trio_notify(),
    "&": trio_group,
    "h": lambda ctx: trio.to_thread.run_sync(add, ctx),
    "K": lambda ctx: trio.to_thread.run_sync(locked, ctx),
    "E": lambda _: trio.to_thread.run_sync(PLAIN_EVENT.wait),
    "v": lambda _: trio.to_thread.run_sync(PLAIN_QUEUE.get),
}


def told(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def plainly(ctx: Any, line: str) -> list[Any]:
    """Do what ``line`` says, letter by letter; returns what was seen."""
    return [told(PLAIN[letter](ctx)) for letter in line]


async def on_asyncio(ctx: Any, line: str) -> list[Any]:
    """As ``plainly``, as a task of asyncio."""
    assert asyncio.get_running_loop()
    return [told(await step(ASYNCIO, letter, ctx)) for letter in line]


async def on_trio(ctx: Any, line: str) -> list[Any]:
    """As ``plainly``, as a task of trio."""
    assert trio.lowlevel.current_task()
    return [told(await step(TRIO, letter, ctx)) for letter in line]


async def step(table: dict[str, Callable[[Any], Awaitable[Any]]], letter: str, ctx: Any) -> Any:
    return await table[letter](ctx) if letter in table else PLAIN[letter](ctx)


TOOLS: dict[str, tuple[Callable[..., Any], str]] = {
    "plainly": (plainly, "".join(PLAIN)),
    "on_asyncio": (on_asyncio, "".join({**PLAIN, **ASYNCIO})),
    "on_trio": (on_trio, "".join({**PLAIN, **TRIO})),
}
KINDS = ["wsWXi", "LL", "S", "pgG", "PfPf", "oOn", "xM", "&", "*", "hK", "kK", "eE", "Qv"]
MIXES = [("on_asyncio",), ("on_asyncio",), ("on_trio",), ("on_asyncio", "plainly"), ("on_trio", "plainly")]


def program(chance: random.Random) -> list[tuple[str, str]]:
    """Two or three calls of a few letters, most of them of one or two kinds of thing to wait for."""
    mix, letters = chance.choice(MIXES), "".join(chance.sample(KINDS, 2)) + "ramb"
    calls = chance.choice([2, 2, 3])
    found = []
    for _ in range(calls):
        tool = chance.choice(mix)
        known = [letter for letter in letters if letter in TOOLS[tool][1]]
        found.append((tool, "".join(chance.choices(known, k=chance.randint(1, 5 - calls)))))
    return found


def explored(calls: list[tuple[str, str]], strategy: str) -> fh.Report:
    batch = fh.Batch(tuple(fh.Call(tool, {"line": line}) for tool, line in calls))
    chosen = fh.Settings(strategy=strategy, max_executions=MOST)
    toolbox = fh.Toolbox({name: tool for name, (tool, _) in TOOLS.items()})
    return fh.explore(batch, toolbox, fh.World(ctx={"x": 0, "y": 1}), chosen)


def endings(report: fh.Report) -> set[Hashable]:
    return set(map(key_of, report.outcomes))


@pytest.mark.long
@PROPERTY
@given(seed=st.integers(0, 2**32))
def test_classes_reach_exactly_the_endings_of_all_interleavings(seed: int) -> None:
    """Where classes cannot be told apart it is said, and auto runs every interleaving."""
    calls = program(random.Random(seed))
    every = explored(calls, "bounded")
    if not every.exhausted:
        return
    classes = explored(calls, "dpor")
    if not classes.exhausted:
        classes = explored(calls, "auto")
    assert classes.exhausted, (calls, classes.reasons)
    assert endings(classes) == endings(every), calls
    assert classes.verdict is every.verdict
    assert kinds(classes) == kinds(every), calls


def kinds(report: fh.Report) -> set[tuple[fh.Mode, str]]:
    return {(finding.mode, finding.anomaly) for finding in report.findings}


def test_programs_that_were_told_wrong_once() -> None:
    for calls in WRONG_ONCE:
        assert endings(explored(calls, "dpor")) == endings(explored(calls, "bounded")), calls


WRONG_ONCE = [
    [("on_asyncio", "rWa"), ("on_asyncio", "&sm")],
    [("on_asyncio", "hi"), ("on_asyncio", "Mar")],
    [("on_trio", "bs"), ("on_trio", "Ks"), ("on_trio", "M")],
    [("on_asyncio", "b"), ("on_asyncio", "Wb"), ("on_asyncio", "s")],
    [("on_asyncio", "K"), ("on_asyncio", "aek")],
    [("on_asyncio", "ar"), ("on_asyncio", "mxK")],
]
"""Endings were missing, or runs stood still."""
