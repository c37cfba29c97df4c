"""Barriers as part of the schedule.

Decides when those that have arrived go on together, and when the barrier breaks. A call that comes while
others are still leaving waits with the next that come.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from fuzzharness.access import BARRIER, Kind
from fuzzharness.runtime.register import REGISTER
from fuzzharness.runtime.strand import Strand
from fuzzharness.runtime.trail import Channel
from fuzzharness.runtime.waiting import Method, Patch, controlled, in_line, key_of, quietly, step, touch

_FILLING, _BROKEN = 0, -2
"""The states of a barrier that last beyond one step."""


@dataclass(slots=True)
class _Round:
    """Those that wait at a barrier together: the how manieth, and how it ended for them."""

    number: int = 0
    fate: str = ""


@controlled(threading.Barrier, "wait")
def _wait(strand: Strand, _original: Method, self: Any, timeout: float | None = None) -> int:
    timeout = self._timeout if timeout is None else timeout
    step(strand, touch(strand, BARRIER, self, Kind.CHECK, Kind.WRITE))
    strand.run.trail.attempts += 1
    if self._state == _BROKEN:
        raise threading.BrokenBarrierError
    mine, place = _round(strand, self), self._count
    self._count += 1
    if self._count == self._parties:
        _pass(strand, self, mine)
    elif not in_line(strand, _channel(strand, self, mine), self, timeout) and not mine.fate:
        _break(strand, self, mine)
    if mine.fate == "broken":
        raise threading.BrokenBarrierError
    return int(place)


def _round(strand: Strand, barrier: Any) -> _Round:
    """The one that fills now."""
    entry = quietly(strand, lambda: REGISTER.entry(barrier))
    if entry.note is None:
        entry.note = _Round()
    now: _Round = entry.note
    return now


def _channel(strand: Strand, barrier: Any, which: _Round) -> Channel:
    return BARRIER, (*key_of(strand, barrier), which.number)


def _next_round(strand: Strand, barrier: Any) -> None:
    entry = quietly(strand, lambda: REGISTER.entry(barrier))
    entry.note = _Round(_round(strand, barrier).number + 1)
    barrier._count = 0


def _let_go(strand: Strand, barrier: Any, which: _Round, fate: str) -> None:
    which.fate = which.fate or fate
    strand.run.rouse(strand, _channel(strand, barrier, which))


def _pass(strand: Strand, barrier: Any, mine: _Round) -> None:
    """The last call has arrived."""
    _next_round(strand, barrier)
    try:
        if barrier._action:
            barrier._action()
    except BaseException:
        _break(strand, barrier, mine)
        raise
    _let_go(strand, barrier, mine, "through")


def _break(strand: Strand, barrier: Any, which: _Round) -> None:
    barrier._state = _BROKEN
    now = _round(strand, barrier)
    _next_round(strand, barrier)
    for each in (which, now):
        _let_go(strand, barrier, each, "broken")


@controlled(threading.Barrier, "reset")
def _reset(strand: Strand, _original: Method, self: Any) -> None:
    step(strand, touch(strand, BARRIER, self, Kind.WRITE))
    self._state, now = _FILLING, _round(strand, self)
    _next_round(strand, self)
    _let_go(strand, self, now, "broken")


@controlled(threading.Barrier, "abort")
def _abort(strand: Strand, _original: Method, self: Any) -> None:
    step(strand, touch(strand, BARRIER, self, Kind.WRITE))
    _break(strand, self, _round(strand, self))


PATCHES: tuple[Patch, ...] = (_wait, _reset, _abort)
