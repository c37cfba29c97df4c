"""Explorations leave nothing behind: no thread, task, open file or function that stands in for another."""

import asyncio
import concurrent.futures
import gc
import os
import queue
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio

import fuzzharness as fh

TIMES = 1_000
LOCK, READY, ASYNC_LOCK = threading.Lock(), threading.Event(), asyncio.Lock()
POOL = concurrent.futures.ThreadPoolExecutor(2)


def add(ctx: Any) -> None:
    with LOCK:
        ctx["x"] = ctx["x"] + 1


async def in_a_worker(ctx: Any) -> None:
    async with ASYNC_LOCK:
        await asyncio.to_thread(add, ctx)


async def in_a_worker_of_trio(ctx: Any) -> None:
    with trio.move_on_after(5):
        await trio.to_thread.run_sync(add, ctx)


def in_a_thread(ctx: Any) -> bool:
    thread = threading.Thread(target=add, args=(ctx,))
    thread.start()
    thread.join()
    return READY.wait(timeout=1)


def in_a_pool(ctx: Any) -> None:
    POOL.submit(add, ctx).result(timeout=10)
    READY.set()


async def gives_up() -> None:
    async with asyncio.timeout(1):
        await asyncio.sleep(5)


TOOLS = fh.Toolbox(
    {
        tool.__name__: tool
        for tool in (add, in_a_worker, in_a_worker_of_trio, in_a_thread, in_a_pool, gives_up)
    }
)
BATCHES = [
    ("in_a_worker", "in_a_worker_of_trio"),
    ("in_a_thread", "in_a_pool"),
    ("in_a_worker", "in_a_thread"),
    ("gives_up", "in_a_worker"),
    ("in_a_worker_of_trio", "in_a_pool"),
]


def explored(tools: tuple[str, ...]) -> fh.Report:
    batch = fh.Batch(tuple(fh.Call(tool) for tool in tools))
    return fh.explore(batch, TOOLS, fh.World(ctx={"x": 0}), fh.Settings(max_executions=20))


WATCHED: tuple[ModuleType | type, ...] = (
    time, os, random, threading, queue, asyncio, asyncio.locks, trio, trio.lowlevel,
    sys.modules["trio._threads"], threading.Thread, threading.Event, threading.Condition,
    threading.Semaphore, queue.Queue, asyncio.Lock, asyncio.Event, asyncio.Queue, trio.Lock,
    trio.Event, trio.CancelScope, concurrent.futures.ThreadPoolExecutor,
    concurrent.futures.Future, random.Random,
)  # fmt: skip


def functions() -> dict[str, dict[str, int]]:
    """What is under which name, in everything that explorations stand in for."""
    return {repr(owner): {name: id(value) for name, value in vars(owner).items()} for owner in WATCHED}


def possessions() -> dict[str, Any]:
    """What a process would have too much of."""
    gc.collect()
    tasks = [o for o in gc.get_objects() if isinstance(o, (asyncio.Task, trio.lowlevel.Task))]
    found: dict[str, Any] = {"tasks": len(tasks), "python threads": threading.active_count()}
    if sys.platform == "linux":
        found["threads"] = len(os.listdir("/proc/self/task"))
        found["open files"] = len(os.listdir("/proc/self/fd"))
    return found


def explore_a_thousand_times() -> None:
    """All batches in turn, in a process of its own: what lives there is looked through every time."""
    first = [explored(tools) for tools in BATCHES]
    assert not any(report.escapes for report in first)
    had, stood = possessions(), functions()
    for n in range(TIMES):
        explored(BATCHES[n % len(BATCHES)])
    assert functions() == stood
    assert possessions() == had
    assert [explored(tools) for tools in BATCHES] == first


@pytest.mark.long
def test_a_thousand_explorations_leave_nothing() -> None:
    here = Path(__file__)
    script = f"import {here.stem}; {here.stem}.explore_a_thousand_times()"
    path = os.pathsep.join([str(here.parent), str(Path(fh.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
