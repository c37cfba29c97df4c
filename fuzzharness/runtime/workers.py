"""The threads that calls run on, kept from run to run.

Decides what a call finds on its thread: nothing of the call before. Thread-locals are cleared after
every call, so that each has them as on a thread of its own; starting a thread for each call would
cost as much as all the rest of a small run (tests/benchmarks/test_decisions.py).
"""

from __future__ import annotations

import _thread
import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

_thread_dict = ctypes.pythonapi.PyThreadState_GetDict
_thread_dict.restype = ctypes.py_object


class Worker:
    """One thread that runs one job at a time; it sleeps on ``baton`` between them."""

    __slots__ = ("_job", "baton", "ident")

    def __init__(self) -> None:
        self.baton = _thread.allocate_lock()
        self.baton.acquire()
        self._job: Callable[[], object] | None = None
        self.ident = 0

    def start(self, job: Callable[[], object]) -> None:
        """Run ``job`` on this thread, which must be idle."""
        self._job = job
        if self.ident:
            self.baton.release()
        else:
            self.ident = -1
            _thread.start_new_thread(self._live, (threading.gettrace(),))

    def stop(self) -> None:
        """Let the thread end: at once if it is idle, else when its job is done."""
        self._job = _end
        if self.ident and self.baton.locked():
            self.baton.release()

    def _live(self, trace: Any) -> None:
        self.ident = _thread.get_ident()
        if trace is not None:
            sys.settrace(trace)
        locals_of_thread = _thread_dict()
        while self._job is not _end:
            job, self._job = self._job, None
            if job is not None:
                job()
                if locals_of_thread:
                    locals_of_thread.clear()
            if self._job is None:
                self.baton.acquire()


def _end() -> None:
    """The job after which a thread ends."""
