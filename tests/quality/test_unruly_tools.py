"""Tools that do not behave: each ends in a finding or an error that names it, and harms nobody after it."""

import _thread
import asyncio
import collections
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio

import fuzzharness as fh

Tool = Callable[..., Any]
SECONDS = 0.2
"""How long a call may stand still; nothing here depends on how long that is."""


def add(ctx: Any) -> None:
    ctx["x"] = ctx["x"] + 1


async def add_on_asyncio(ctx: Any) -> None:
    seen = ctx["x"]
    await asyncio.sleep(0)
    ctx["x"] = seen + 1


async def add_on_trio(ctx: Any) -> None:
    seen = ctx["x"]
    await trio.sleep(0)
    ctx["x"] = seen + 1


SIBLINGS = {"plain": add, "asyncio": add_on_asyncio, "trio": add_on_trio}


def beside(kind: str, tool: Tool) -> fh.Report:
    """``tool`` before a well-behaved call of its kind."""
    batch = fh.Batch((fh.Call("unruly"), fh.Call("add")))
    tools = fh.Toolbox({"unruly": tool, "add": SIBLINGS[kind]})
    settings = fh.Settings(call_timeout=SECONDS, max_executions=50)
    return fh.explore(batch, tools, fh.World(ctx={"x": 0}), settings)


@pytest.fixture(autouse=True)
def nobody_after_it_is_harmed() -> Any:
    yield
    for kind, sibling in SIBLINGS.items():
        report = beside(kind, sibling)
        assert (report.executions, report.exhausted) == (4, True)
        assert {outcome.state["ctx"]["x"] for outcome in report.outcomes} == {1, 2}


HIDDEN = collections.deque([_thread.allocate_lock()])
"""A lock that nobody finds."""


def stand_still() -> None:
    HIDDEN[0].acquire()
    HIDDEN[0].acquire()


def blocks() -> None:
    stand_still()


async def blocks_on_asyncio() -> None:
    stand_still()


async def blocks_on_trio() -> None:
    await trio.lowlevel.checkpoint()
    stand_still()


def runs_hot() -> None:
    while True:
        pass


async def runs_hot_on_asyncio() -> None:
    while True:
        pass


async def runs_hot_on_trio() -> None:
    await trio.lowlevel.checkpoint()
    while True:
        pass


async def waits_for_nothing_on_asyncio() -> None:
    await asyncio.get_running_loop().create_future()


async def waits_for_nothing_on_trio() -> None:
    await trio.sleep_forever()


async def polls_on_asyncio() -> None:
    while True:
        await asyncio.sleep(0.1)


async def polls_on_trio() -> None:
    while True:
        await trio.sleep(0.1)


async def swallows_on_asyncio() -> None:
    while True:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            continue


async def swallows_on_trio() -> None:
    while True:
        try:
            await trio.sleep_forever()
        except BaseException:
            continue


HANGING = {
    ("plain", blocks),
    ("asyncio", blocks_on_asyncio),
    ("trio", blocks_on_trio),
    ("plain", runs_hot),
    ("asyncio", runs_hot_on_asyncio),
    ("trio", runs_hot_on_trio),
    ("asyncio", waits_for_nothing_on_asyncio),
    ("trio", waits_for_nothing_on_trio),
    ("asyncio", polls_on_asyncio),
    ("trio", polls_on_trio),
    ("asyncio", swallows_on_asyncio),
    ("trio", swallows_on_trio),
}


@pytest.mark.parametrize(("kind", "tool"), sorted(HANGING, key=lambda case: case[1].__name__))
def test_one_that_never_comes_back_is_a_hang_at_its_line(kind: str, tool: Tool) -> None:
    report = beside(kind, tool)
    finding = report.findings[0]
    assert finding.mode is fh.Mode.HANG
    assert "test_unruly_tools.py" in str(finding.outcome.results["call-1"])
    assert report.verdict is fh.Verdict.UNSAFE
    assert not report.exhausted


def ends_all() -> None:
    os._exit(3)


async def ends_all_on_asyncio() -> None:
    await asyncio.sleep(0)
    os._exit(3)


async def ends_all_on_trio() -> None:
    await trio.lowlevel.checkpoint()
    os._exit(3)


@pytest.mark.parametrize(
    ("kind", "tool"), [("plain", ends_all), ("asyncio", ends_all_on_asyncio), ("trio", ends_all_on_trio)]
)
def test_one_that_would_end_the_process_ends_itself(kind: str, tool: Tool) -> None:
    report = beside(kind, tool)
    assert "os._exit" in str(report.baseline.results["call-1"])
    (escape,) = report.escapes
    assert (escape.tool, escape.place is not None) == ("unruly", True)
    assert not report.exhausted


class Doom(BaseException):
    """What no tool should raise."""


def dooms() -> None:
    raise Doom("now")


async def dooms_on_asyncio() -> None:
    await asyncio.sleep(0)
    raise Doom("now")


async def dooms_on_trio() -> None:
    await trio.lowlevel.checkpoint()
    raise Doom("now")


async def dooms_in_a_task() -> None:
    await asyncio.create_task(dooms_on_asyncio())


async def dooms_in_a_nursery() -> None:
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dooms_on_trio)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


@pytest.mark.parametrize(
    ("kind", "tool"),
    [
        ("plain", dooms),
        ("asyncio", dooms_on_asyncio),
        ("trio", dooms_on_trio),
        ("asyncio", dooms_in_a_task),
        ("trio", dooms_in_a_nursery),
    ],
)
def test_what_no_tool_should_raise_is_a_result(kind: str, tool: Tool) -> None:
    report = beside(kind, tool)
    assert {str(outcome.results["call-1"]) for outcome in report.outcomes} == {"raised Doom: now"}
    assert report.exhausted


NEVER = threading.Event()


def leaves_a_thread() -> None:
    threading.Thread(target=NEVER.wait, daemon=True).start()


async def leaves_a_task() -> None:
    kept.task = asyncio.create_task(waits_for_nothing_on_asyncio())


async def leaves_a_worker() -> None:
    await trio.lowlevel.checkpoint()
    threading.Thread(target=NEVER.wait, daemon=True).start()


kept = type("Kept", (), {"task": None})


@pytest.mark.parametrize(
    ("kind", "tool"),
    [("plain", leaves_a_thread), ("asyncio", leaves_a_task), ("trio", leaves_a_worker)],
)
def test_what_goes_on_behind_the_end_of_its_call_is_named(kind: str, tool: Tool) -> None:
    report = beside(kind, tool)
    assert any("behind the end of its call" in e.what and e.tool == "unruly" for e in report.escapes)
    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert [t.name for t in threading.enumerate() if t.name.startswith("Thread-")] == []


def patches_the_clock() -> None:
    time.sleep = lambda _seconds: None  # type: ignore[assignment]  # what the test is about


async def patches_the_clock_on_asyncio() -> None:
    time.sleep = lambda _seconds: None  # type: ignore[assignment]  # what the test is about


async def patches_threads_on_trio() -> None:
    await trio.lowlevel.checkpoint()
    threading.Event = threading.Condition  # type: ignore[assignment,misc]  # what the test is about


@pytest.mark.parametrize(
    ("kind", "tool", "name"),
    [
        ("plain", patches_the_clock, "time.sleep"),
        ("asyncio", patches_the_clock_on_asyncio, "time.sleep"),
        ("trio", patches_threads_on_trio, "threading.Event"),
    ],
)
def test_one_that_replaces_what_all_calls_use_is_named(kind: str, tool: Tool, name: str) -> None:
    before = time.sleep, threading.Event
    report = beside(kind, tool)
    assert any(f"{name} was replaced" in str(escape) for escape in report.escapes)
    assert not report.exhausted
    assert (time.sleep, threading.Event) == before
