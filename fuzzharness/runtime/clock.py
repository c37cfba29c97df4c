"""The time that calls see: the same in every run and every process, for each call its own.

Decides what ``time``, ``datetime`` and ``uuid.uuid1`` show to a call: a fixed instant, plus what the call
has slept. Nobody waits for a sleep. Outside of calls time stays what it is, as it does in code that waits
for the world outside by it (``_REAL``). A test that has frozen time itself gives the instant.
"""

from __future__ import annotations

import datetime
import operator
import sys
import time
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import module_from_spec
from types import BuiltinFunctionType, FrameType, ModuleType
from typing import Any

from fuzzharness.runtime.strand import RUNNING, Strand

START = 1_704_067_200
"""What the clock shows when a call begins: 2024-01-01T00:00:00Z."""

UPTIME = 1_000_000
"""What ``time.monotonic`` and ``time.perf_counter`` show then."""

_SECOND = 1_000_000_000
_LONGEST = 2**63 / _SECOND
_TICKING: dict[str, int] = {
    "monotonic": 1,
    "monotonic_ns": _SECOND,
    "perf_counter": 1,
    "perf_counter_ns": _SECOND,
}
_WALL = ("time", "time_ns", "gmtime", "localtime", "strftime", "clock_gettime", "clock_gettime_ns")

_REAL = frozenset(
    {
        "asyncio", "concurrent", "multiprocessing", "queue", "selectors", "socket", "ssl", "subprocess",
        "threading", "trio", "sqlalchemy.pool", "sqlalchemy.util.queue",
    }
)  # fmt: skip
"""Packages that wait by real time: a clock that stands still would keep them waiting for ever."""


def sleep(seconds: Any, /) -> None:
    """As ``time.sleep``; inside a call nobody waits: its own clock goes on instead."""
    strand = _shown(sys._getframe(1))
    given = seconds if isinstance(seconds, float) else operator.index(seconds)
    if strand is None or not 0 <= given < _LONGEST:
        _SLEEP(seconds)
        return
    _SLEEP(0)
    if not strand.deaf:
        strand.run.sleep(strand, given)


def _untouched(module: ModuleType) -> ModuleType:
    """A second copy of a built-in module, whatever somebody has put into the first."""
    spec = module.__spec__
    assert spec is not None
    assert spec.loader is not None
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


_SLEEP: Callable[[Any], None] = _untouched(time).sleep


def functions() -> list[tuple[Any, Any]]:
    """Each function that is stood in for, with what stands in for it; not what a test has replaced."""
    found = [(getattr(time, name), _ticking(name, getattr(time, name))) for name in _TICKING]
    return [pair for pair in [*found, (time.sleep, sleep)] if isinstance(pair[0], BuiltinFunctionType)]


@contextmanager
def own_time() -> Iterator[Callable[[], bool]]:
    """Within it each call sees its own time; gives a check whether a run has left the clock to it.

    The check puts the clock right again.
    """
    if not _can_travel():
        yield lambda: True
        return
    import time_machine

    stack = time_machine.traveller_stack
    start = time.time_ns() if stack else START * _SECOND
    below = stack[-1].time_ns if stack else _real_time(time_machine.escape_hatch.time.time_ns)
    travel = time_machine.travel(START, tick=False)
    traveller: Any = travel.start()

    def time_ns() -> int:
        strand = _shown(sys._getframe(1))
        return below() if strand is None else start + round(strand.elapsed * _SECOND)

    def kept() -> bool:
        if stack[-1:] == [traveller]:
            return True
        while traveller in stack:
            travel.stop()
        travel.start()
        stack[-1] = traveller
        return False

    traveller.time_ns = time_ns
    try:
        yield kept
    finally:
        kept()
        travel.stop()


def _real_time(ask: Callable[[], int]) -> Callable[[], int]:
    def time_ns() -> int:
        try:
            return ask()
        except ValueError:  # another thread asked at the moment when the clock was put right
            return time.time_ns()

    return time_ns


def _can_travel() -> bool:
    """Whether the clock is the interpreter's: a test that replaced it by freezegun has the say."""
    if not isinstance(datetime.datetime.now, BuiltinFunctionType):
        return False
    pristine = all(
        isinstance(getattr(time, name), BuiltinFunctionType) for name in _WALL if hasattr(time, name)
    )
    return pristine or "time_machine" in sys.modules


@cache
def _ticking(name: str, original: Callable[[], Any]) -> Callable[[], Any]:
    unit = _TICKING[name]

    def stand_in() -> Any:
        strand = _shown(sys._getframe(1))
        if strand is None:
            return original()
        return UPTIME + strand.elapsed if unit == 1 else UPTIME * unit + round(strand.elapsed * unit)

    stand_in.__name__ = name
    return stand_in


def _shown(caller: FrameType) -> Strand | None:
    """The strand whose time the code that ``caller`` runs is to see; None where that is the real one."""
    strand = RUNNING.get(get_ident())
    return None if strand is None or _waits_outside(caller.f_globals.get("__name__", "")) else strand


@cache
def _waits_outside(module: str) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:n]) in _REAL for n in range(1, len(parts) + 1))
