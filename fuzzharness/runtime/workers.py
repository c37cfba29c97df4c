"""The threads that calls run on, kept from run to run.

Decides what a call finds on its thread: nothing of the call before. Thread-locals are cleared after
every call, so that each has them as on a thread of its own; starting a thread for each call would
cost as much as all the rest of a small run (tests/benchmarks/test_decisions.py). From CPython 3.13 on
they are kept where nobody can clear them: there each call does get a thread of its own.
"""

from __future__ import annotations

import _thread
import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

_ALLOCATE, start_thread = _thread.allocate_lock, _thread.start_new_thread
"""The real ones, also while something stands in for them."""

_get_dict = ctypes.pythonapi.PyThreadState_GetDict
_get_dict.restype = ctypes.c_void_p  # borrowed: as py_object it would be given back once too often


class Aborted(BaseException):
    """Unwinds a call whose run is over. A BaseException, so that tools do not catch it by habit."""


class KeptWorker:
    """One thread that runs one job at a time; it sleeps on ``baton`` between them.

    ``baton`` is taken exactly once for every job, and by the job itself for as often as it is handed
    on to it, so that it is never free while a job goes on.
    """

    __slots__ = ("_busy", "_ended", "_gone", "_job", "baton", "ident")

    def __init__(self) -> None:
        self.baton = taken_lock()
        self._gone = taken_lock()
        self._job: Callable[[], object] | None = None
        self._busy = self._ended = False
        self.ident = 0

    def start(self, job: Callable[[], object]) -> None:
        """Run ``job`` on this thread, which must be idle."""
        self._job = job
        self._busy = True
        release(self.baton)
        if not self.ident:
            self.ident = -1
            start_thread(self._live, (threading.gettrace(),))

    def stop(self) -> None:
        """Let the thread end: before this returns if it is idle, else when its job is done."""
        self._ended = True
        release(self.baton)
        if self.ident and not self._busy and self._gone.acquire(timeout=1):
            release(self._gone)

    def _live(self, trace: Any) -> None:
        self.ident = _thread.get_ident()
        if trace is not None:
            sys.settrace(trace)
        try:
            self._work()
        except Aborted:  # meant for a job that ended by itself at that moment
            return
        finally:
            threading._active.pop(self.ident, None)  # type: ignore[attr-defined]  # left there by current_thread()
            release(self._gone)

    def _work(self) -> None:
        locals_of_thread = _thread_dict()
        while True:
            self.baton.acquire()
            job, self._job = self._job, None
            if job is not None:
                job()
                if locals_of_thread:
                    locals_of_thread.clear()
                self._busy = False
            if self._ended:
                return


class FreshWorker:
    """A new thread for every job; ``baton`` is free only between being handed on and being taken."""

    __slots__ = ("_ended", "_gone", "baton", "ident")

    def __init__(self) -> None:
        self.baton = taken_lock()
        self._gone = taken_lock()
        self._ended: list[bool] = []
        self.ident = 0

    def start(self, job: Callable[[], object]) -> None:
        """Run ``job`` on a thread of its own; the job before must have come to its end."""
        self.baton.acquire(blocking=False)
        self._gone, self._ended = taken_lock(), []
        start_thread(self._live, (job, threading.gettrace(), self._gone, self._ended))

    def stop(self) -> None:
        """Let the last thread end: before this returns if its job is over, else when it is."""
        release(self.baton)
        if self._ended and self._gone.acquire(timeout=1):
            release(self._gone)

    def _live(self, job: Callable[[], object], trace: Any, gone: _thread.LockType, ended: list[bool]) -> None:
        ident = self.ident = _thread.get_ident()
        if trace is not None:
            sys.settrace(trace)
        try:
            job()
        except Aborted:  # meant for a job that ended by itself at that moment
            return
        finally:
            ended.append(True)
            threading._active.pop(ident, None)  # type: ignore[attr-defined]  # left there by current_thread()
            release(gone)


if sys.version_info >= (3, 13):
    Worker = FreshWorker
else:
    Worker = KeptWorker


def _thread_dict() -> dict[Any, Any]:
    """Where the running thread keeps its thread-locals."""
    found: dict[Any, Any] = ctypes.cast(_get_dict(), ctypes.py_object).value
    return found


def release(lock: _thread.LockType) -> None:
    """Free ``lock`` if it is taken."""
    try:
        lock.release()
    except RuntimeError:
        return


def taken_lock() -> _thread.LockType:
    """A new lock that is taken."""
    lock = _ALLOCATE()
    lock.acquire()
    return lock
