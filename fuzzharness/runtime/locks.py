"""Locks of the application as part of the schedule: a call that waits for one is not ready.

Decides what stands in for a lock. Which locks are stood in for is decided in ``found`` and ``births``; any
other is a real lock still: a call that waits for it is set aside after ``call_timeout`` and the report says
so. A thread of a tool's own really waits for a stand-in.
"""

from __future__ import annotations

import _thread
import time
from typing import Any

from fuzzharness.access import Kind
from fuzzharness.runtime.strand import RUNNING, Strand, current
from fuzzharness.runtime.waiting import PAUSE, polls


class GateLock:
    """Stands in for a ``threading.Lock`` or, ``reentrant``, an ``RLock``."""

    def __init__(self, reentrant: bool, name: str = "lock") -> None:
        self.name = name
        self._reentrant = reentrant
        self._owner: object = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As ``threading.Lock.acquire``; calls may be ever so slow, so one with a timeout is a try."""
        _check(blocking, timeout)
        me = _me()
        if self._reentrant and self._owner == me:
            self._count += 1
            return True
        strand = current()
        if strand is not None:
            self._arrive(strand, blocking and (timeout < 0 or self._polled(strand)))
        if self._owner is not None and not self._really_waits(strand, blocking, timeout):
            return False
        self._owner, self._count = me, 1
        return True

    def _arrive(self, strand: Strand, waits: bool) -> None:
        """The gate before the lock is taken, or tried."""
        waits_apart = waits and strand.loop is None  # a task that waits keeps its whole loop waiting
        touch = ("lock", (self.name,), Kind.LOCK if waits_apart else Kind.TRY)
        announced = (touch,)
        strand.run.take(strand, announced, self._taken if waits else lambda: False)
        if waits and strand.run.trail.announced[-1] is not announced:
            strand.run.trail.unforeseen += 1  # inside of one step: it is one only while the lock is free
        strand.run.record(strand, touch, None)

    def _polled(self, strand: Strand) -> bool:
        """Whether a try that times out may be taken for one of a loop that ends when the lock is free."""
        return self._taken() and polls(strand, self)

    def _taken(self) -> bool:
        return isinstance(self._owner, Strand)

    def _really_waits(self, strand: Strand | None, blocking: bool, timeout: float) -> bool:
        """Wait as threads do, where one that is no call is involved; whether the lock came free."""
        if not blocking or (strand is not None and (self._taken() or timeout >= 0)):
            return False
        until = None if timeout < 0 else time.monotonic() + timeout
        while self._owner is not None:
            if until is not None and time.monotonic() >= until:
                return False
            time.sleep(PAUSE)
        return True

    def release(self) -> None:
        """As ``threading.Lock.release``."""
        me = _me()
        self._look(Kind.UNLOCK, not self._reentrant and self._owner is not me)
        if self._owner is None or (self._reentrant and self._owner != me):
            free = self._owner is None
            raise RuntimeError("release unlocked lock" if free else "cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._give_back()

    def _give_back(self) -> None:
        self._owner, self._count = None, 0
        strand = current()
        if strand is not None:
            strand.run.unlock(strand, "lock", (self.name,))

    def locked(self) -> bool:
        """Whether somebody holds the lock."""
        self._look(Kind.CHECK, True)
        return self._owner is not None

    def _look(self, kind: Kind, apart: bool) -> None:
        """A step of its own, where what a call finds depends on what others do with the lock."""
        strand = current()
        if strand is not None and (apart or strand.fresh):
            touch = ("lock", (self.name,), kind)
            strand.run.arrive(strand, (touch,))
            strand.run.record(strand, touch, None)

    def free(self) -> None:
        """Forget the owner, at the start of a run."""
        self._owner, self._count = None, 0

    # -- as a condition asks for it --------------------------------------------------------------

    def _is_owned(self) -> bool:
        return bool(self._owner == _me())

    def _release_save(self) -> int:
        """Give the lock back however often it was taken; returns how often that was."""
        count = self._count
        self._give_back()
        return count

    def _acquire_restore(self, count: int) -> None:
        self.acquire()
        self._count = count

    def _at_fork_reinit(self) -> None:
        self.free()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()


def _me() -> Any:
    """Who takes a lock: the call, or the thread that is none."""
    ident = _thread.get_ident()
    return RUNNING.get(ident) or ident


def _check(blocking: bool, timeout: float) -> None:
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
