"""Conditions as part of the schedule.

Decides what waiting for one is made of: giving the lock back, standing in line, taking the lock again. A
condition whose lock is a real one, since it was found nowhere, waits as ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from fuzzharness.access import CONDITION, Kind
from fuzzharness.runtime.locks import GateLock
from fuzzharness.runtime.strand import Strand
from fuzzharness.runtime.waiting import (
    Method,
    Patch,
    controlled,
    in_line,
    key_of,
    polls,
    quietly,
    step,
    touch,
)


@controlled(threading.Condition, "wait")
def _wait(strand: Strand, original: Method, self: Any, timeout: float | None = None) -> bool:
    lock = self._lock
    if not isinstance(lock, GateLock) or strand.run.strangers:
        return bool(quietly(strand, lambda: original(self, timeout)))
    if not lock._is_owned():
        raise RuntimeError("cannot wait on un-acquired lock")
    step(strand, touch(strand, CONDITION, self, Kind.WRITE))
    strand.run.trail.attempts += 1
    taken = lock._release_save()
    channel = CONDITION, key_of(strand, self)
    limit = None if timeout is not None and strand.caller.alone and polls(strand, channel) else timeout
    roused = in_line(strand, channel, self, limit, timeout is not None)
    lock._acquire_restore(taken)
    return roused


@controlled(threading.Condition, "wait_for")
def _wait_for(
    strand: Strand,
    _original: Method,
    self: Any,
    predicate: Callable[[], Any],
    timeout: float | None = None,
) -> Any:
    """As ``Condition.wait_for``; no time passes, so the first wait that is given up is the last."""
    del strand
    while not (result := predicate()):
        if not self.wait(timeout):
            return predicate()
    return result


def _notify(strand: Strand, original: Method, self: Any, n: int | None = 1) -> None:
    if not isinstance(self._lock, GateLock):
        quietly(strand, lambda: original(self) if n is None else original(self, n))
        return
    if not self._lock._is_owned():
        raise RuntimeError("cannot notify on un-acquired lock")
    step(strand, touch(strand, CONDITION, self, Kind.WRITE))
    roused = strand.run.rouse(strand, (CONDITION, key_of(strand, self)), n)
    quietly(strand, lambda: original(self) if n is None else original(self, n - roused))


def _notify_all(strand: Strand, original: Method, self: Any) -> None:
    _notify(strand, original, self, None)


PATCHES: tuple[Patch, ...] = (
    _wait,
    _wait_for,
    controlled(threading.Condition, "notify")(_notify),
    controlled(threading.Condition, "notify_all")(_notify_all),
)
