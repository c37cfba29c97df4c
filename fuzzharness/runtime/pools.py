"""Thread pools of tools: every job a strand of the call that handed it in, as many at once as the pool has.

Decides which job may begin. A pool's own threads are never started by calls.
"""

from __future__ import annotations

import concurrent.futures as futures
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from fuzzharness.access import Kind
from fuzzharness.runtime.locks import GateLock
from fuzzharness.runtime.standin import StandIn
from fuzzharness.runtime.strand import Strand, current

_RESULT, _EXCEPTION = futures.Future.result, futures.Future.exception
_INIT = futures.ThreadPoolExecutor.__init__
_SUBMIT, _SHUTDOWN = futures.ThreadPoolExecutor.submit, futures.ThreadPoolExecutor.shutdown
POOL = "pool"
"""The resource of touches on pools that have fewer threads than there are calls."""


Job = futures.Future[Any]
"""What a job comes to."""


def new_job(strand: Strand) -> Job:
    """A job of ``strand``; its own lock is a real one, held only within a step."""
    before, strand.deaf = strand.deaf, True
    try:
        return futures.Future()
    finally:
        strand.deaf = before


def _result(self: Any, timeout: float | None = None) -> Any:
    return _RESULT(self, _waited(self, timeout))


def _exception(self: Any, timeout: float | None = None) -> BaseException | None:
    return _EXCEPTION(self, _waited(self, timeout))


def _waited(future: Any, timeout: float | None) -> float | None:
    """Stand back until ``future`` is done, where it cannot tell who waits; how long is left to wait."""
    strand = current()
    if strand is None or isinstance(future._condition._lock, GateLock):
        return timeout
    wait(strand, future.done, timeout)
    return 0


def wait(strand: Strand, over: Callable[[], bool], timeout: float | None = None) -> bool:
    """Stand back until ``over``; False if that took ``timeout`` seconds of the call's own time."""
    if over():
        return True
    strand.blocked = lambda: not (strand.timed_out or over())
    until = None if timeout is None else strand.caller.elapsed + max(timeout, 0.0)
    return strand.run.stand(strand, until)


class _Pool:
    """The jobs of one executor in one run."""

    def __init__(self, executor: Any, run: Any) -> None:
        self.run, self.most = run, executor._max_workers
        self.shared = None if _MADE_BY.get(executor) is run else _number(executor)
        self.initializer = executor._initializer, executor._initargs
        self.waiting: deque[Callable[[], None]] = deque()
        self.busy = 0
        self.calls: set[int] = set()

    def hand_in(self, strand: Strand, job: Callable[[], None]) -> None:
        """Begin ``job`` on a strand of its own, or when a job of the same call is over."""
        self.calls.add(strand.index)
        self._touch(strand)
        if self.busy < self.most:
            self.busy += 1
            strand.run.spawn(strand, lambda: self._serve(job))
            return
        if len(self.calls) > 1:
            strand.run.trail.unforeseen += 1
        self.waiting.append(job)

    def _touch(self, strand: Strand) -> None:
        """Where calls have to wait for each other's jobs, their order matters."""
        if self.shared is not None and self.most < len(strand.run.callers):
            touch = (POOL, (self.shared,), Kind.WRITE)
            strand.run.arrive(strand, (touch,))
            strand.run.record(strand, touch, None)

    def _serve(self, job: Callable[[], None] | None) -> None:
        start, args = self.initializer
        if start is not None:
            start(*args)
        while job is not None:
            job()
            job = self.waiting.popleft() if self.waiting else None
        self.busy -= 1


_MADE_BY: weakref.WeakKeyDictionary[futures.Executor, Any] = weakref.WeakKeyDictionary()
"""The run in which a call made a pool."""

_NUMBERS: weakref.WeakKeyDictionary[futures.Executor, int] = weakref.WeakKeyDictionary()


def _number(executor: Any) -> int:
    """What tells a pool from others, in every run."""
    return _NUMBERS.setdefault(executor, len(_NUMBERS))


_POOLS: weakref.WeakKeyDictionary[futures.Executor, _Pool] = weakref.WeakKeyDictionary()


def _pool_of(executor: Any, strand: Strand) -> _Pool:
    pool = _POOLS.get(executor)
    if pool is None or pool.run is not strand.run:
        pool = _POOLS[executor] = _Pool(executor, strand.run)
    return pool


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    _INIT(self, *args, **kwargs)
    strand = current()
    if strand is not None:
        _MADE_BY[self] = strand.run


def _submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
    strand = current()
    if strand is None:
        return _SUBMIT(self, fn, *args, **kwargs)
    if self._shutdown:
        raise RuntimeError("cannot schedule new futures after shutdown")
    future = new_job(strand)
    _pool_of(self, strand).hand_in(strand, lambda: _do(future, fn, args, kwargs))
    return future


def _do(future: Job, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _shutdown(self: Any, wait: bool = True, *, cancel_futures: bool = False) -> None:
    strand = current()
    pool = _POOLS.get(self)
    if strand is not None and pool is not None and pool.run is strand.run:
        if cancel_futures:
            pool.waiting.clear()
        if wait:
            _wait(strand, lambda: not pool.busy)
    _SHUTDOWN(self, wait=wait, cancel_futures=cancel_futures)


_wait = wait

POOLS: tuple[StandIn, ...] = (
    (futures.ThreadPoolExecutor, "__init__", _init),
    (futures.ThreadPoolExecutor, "submit", _submit),
    (futures.ThreadPoolExecutor, "shutdown", _shutdown),
    (futures.Future, "result", _result),
    (futures.Future, "exception", _exception),
)
"""What stands in while calls run."""
