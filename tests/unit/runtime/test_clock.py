"""Calls see a time of their own: a fixed instant plus what they slept."""

import _thread
import datetime
import subprocess
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable
from datetime import datetime as imported
from time import monotonic as ticks
from typing import Any

import freezegun
import pytest
import time_machine

import fuzzharness as fh
from fuzzharness.model import Raised, Returned
from fuzzharness.runtime.clock import START, UPTIME

CLOCKS: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "time": (time.time, START, START + 90.5),
    "time_ns": (time.time_ns, START * 10**9, (START * 2 + 181) * 10**9 // 2),
    "monotonic": (lambda: time.monotonic(), UPTIME, UPTIME + 90.5),
    "monotonic, imported": (lambda: ticks(), UPTIME, UPTIME + 90.5),
    "monotonic_ns": (lambda: time.monotonic_ns(), UPTIME * 10**9, UPTIME * 10**9 + 90_500_000_000),
    "perf_counter": (lambda: time.perf_counter(), UPTIME, UPTIME + 90.5),
    "perf_counter_ns": (lambda: time.perf_counter_ns(), UPTIME * 10**9, UPTIME * 10**9 + 90_500_000_000),
    "gmtime": (lambda: time.gmtime()[:6], (2024, 1, 1, 0, 0, 0), (2024, 1, 1, 0, 1, 30)),
    "localtime": (
        lambda: time.mktime(time.localtime()),
        START,
        START + 90,
    ),
    "strftime": (lambda: time.strftime("%S"), "00", "30"),
    "datetime.now": (lambda: imported.now(datetime.UTC).isoformat(), "2024-01-01T00:00:00+00:00",
                     "2024-01-01T00:01:30.500000+00:00"),
    "datetime.now, local": (lambda: imported.now().timestamp(), START, START + 90.5),
    "datetime.today": (lambda: datetime.datetime.today().timestamp(), START, START + 90.5),
    "date.today": (lambda: datetime.date.today() - datetime.date.fromtimestamp(START), datetime.timedelta(0),
                   datetime.timedelta(0)),
    "uuid1": (lambda: uuid.uuid1().time // 10**7 - 12_219_292_800, START, START + 90),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOCKS)
def test_a_call_begins_at_a_fixed_instant_in_every_run_and_goes_on_by_what_it_slept(
    runs: Any, name: str
) -> None:
    ask, first, later = CLOCKS[name]

    def tool() -> list[Any]:
        seen = [ask()]
        time.sleep(90.5)
        return [*seen, ask()]

    assert runs(tool, tool) == [[Returned([first, later])] * 2] * 2


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
def test_utcnow_is_the_instant_too(runs: Any) -> None:
    def tool() -> str:
        return datetime.datetime.utcnow().isoformat()

    assert runs(tool, times=1) == [[Returned("2024-01-01T00:00:00")]]


def test_a_thread_that_a_call_starts_sees_the_time_of_the_call(runs: Any) -> None:
    def tool() -> list[float]:
        seen: list[float] = []
        time.sleep(60)
        other = threading.Thread(
            target=lambda: seen.extend([time.time(), datetime.datetime.now().timestamp()])
        )
        other.start()
        other.join()
        return seen

    assert runs(tool, times=1) == [[Returned([START + 60, START + 60])]]


def test_outside_of_calls_time_is_real(runs: Any) -> None:
    other_thread = types.SimpleNamespace(seen=[])

    def tool() -> None:
        gone = _thread.allocate_lock()
        gone.acquire()

        def other() -> None:
            other_thread.seen = [time.time(), datetime.datetime.now().timestamp()]
            gone.release()

        _thread.start_new_thread(other, ())
        gone.acquire()

    before = time.time()
    runs(tool, times=1)
    assert len(other_thread.seen) == 2
    assert all(before - 1 <= moment <= time.time() + 1 for moment in other_thread.seen)
    assert abs(time.time() - datetime.datetime.now().timestamp()) < 60


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "1", None, 1e300, 2**70])
def test_sleep_refuses_what_the_real_one_refuses(runs: Any, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)) as real:
        time.sleep(wrong)

    def tool() -> None:
        time.sleep(wrong)

    assert runs(tool, times=1) == [[Raised(real.type.__name__, str(real.value))]]


def test_nobody_waits_for_a_sleep(runs: Any) -> None:
    def tool() -> float:
        for _ in range(100):
            time.sleep(86_400)
        return time.time()

    assert runs(tool, times=1) == [[Returned(START + 8_640_000.0)]]


def test_code_that_waits_for_the_world_outside_does_so_by_real_time(runs: Any) -> None:
    def tool() -> Any:
        command = [sys.executable, "-c", "print('done')"]
        return subprocess.run(command, timeout=60, capture_output=True, check=True, text=True).stdout

    assert runs(tool, times=1) == [[Returned("done\n")]]


def test_a_wait_with_a_timeout_comes_to_its_end(runs: Any) -> None:
    def tool() -> bool:
        return threading.Event().wait(0.001)

    assert runs(tool, times=1) == [[Returned(False)]]


def test_time_that_a_test_has_frozen_is_what_calls_see(runs: Any) -> None:
    def tool() -> list[Any]:
        seen = imported.now(datetime.UTC).isoformat()
        time.sleep(1)
        return [seen, time.time()]

    with time_machine.travel(1_000_000_000, tick=True):
        assert runs(tool) == [[Returned(["2001-09-09T01:46:40+00:00", 1_000_000_001.0])]] * 2
        assert 1_000_000_000 <= time.time() < 1_000_001_000
    assert time.time() > START


def test_time_that_freezegun_has_frozen_is_what_calls_see(runs: Any) -> None:
    def tool() -> list[Any]:
        return [datetime.datetime.now().isoformat(), time.time()]

    with freezegun.freeze_time("2001-09-09T01:46:40"):
        assert runs(tool) == [[Returned(["2001-09-09T01:46:40", 1_000_000_000.0])]] * 2


FREEZERS: dict[str, Callable[[], Any]] = {
    "time-machine": lambda: time_machine.travel(7, tick=False),
    "freezegun": lambda: freezegun.freeze_time("1970-01-01 00:00:07"),
}


@pytest.mark.parametrize("freeze", FREEZERS.values(), ids=FREEZERS)
def test_a_tool_may_freeze_time_for_itself(runs: Any, freeze: Callable[[], Any]) -> None:
    def tool() -> list[float]:
        with freeze():
            frozen = time.time()
        return [frozen, time.time(), time.monotonic()]

    assert runs(tool) == [[Returned([7.0, float(START), float(UPTIME)])]] * 2
    assert not runs.escapes


def test_a_clock_that_a_tool_leaves_frozen_is_named_and_freed(runs: Any) -> None:
    def tool() -> float:
        seen = time.time()
        time_machine.travel(7, tick=False).start()
        return seen

    assert runs(tool) == [[Returned(float(START))]] * 2
    assert runs.escapes == ["the clock was frozen and not freed again by t0"]
    assert not time_machine.traveller_stack


def test_everything_is_put_back_also_after_an_interrupt() -> None:
    def tool(ctx: Any) -> None:
        ctx["n"] = 1

    def interrupt(_event: object) -> None:
        raise KeyboardInterrupt

    found = {name: getattr(time, name) for name in dir(time)}
    with pytest.raises(KeyboardInterrupt):
        fh.explore(
            fh.Batch((fh.Call("tool"), fh.Call("tool"))),
            fh.Toolbox({"tool": tool}),
            fh.World(ctx={}),
            on_event=interrupt,
        )
    assert {name: getattr(time, name) for name in dir(time)} == found
    assert not time_machine.traveller_stack
