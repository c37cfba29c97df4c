"""Threads that tools start, as strands of the call that started them.

Decides what stands in, within calls, for starting and joining a thread, also where trio and anyio do so for
their worker threads. Outside of calls all of it is what it was. Who goes next is decided in ``baton``.
"""

from __future__ import annotations

import _thread
import importlib
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fuzzharness.runtime import tasks
from fuzzharness.runtime.egress import thread_started
from fuzzharness.runtime.own_loops import OWN_LOOPS
from fuzzharness.runtime.pools import POOLS, _do, new_job, wait
from fuzzharness.runtime.standin import StandIn, standing_in
from fuzzharness.runtime.strand import Aborted, Strand, current
from fuzzharness.runtime.workers import start_thread

_START, _JOIN, _IS_ALIVE = threading.Thread.start, threading.Thread.join, threading.Thread.is_alive
_STRANDS: weakref.WeakKeyDictionary[threading.Thread, Strand] = weakref.WeakKeyDictionary()


@contextmanager
def threads_held() -> Iterator[None]:
    """Within it, threads that calls start are strands of theirs."""
    with standing_in([*_THREADS, *POOLS, *OWN_LOOPS, *_of_trio(), *_of_anyio(), *tasks.stand_ins()]):
        yield


def _start(self: Any) -> None:
    strand = current()
    if strand is None:
        return _START(self)
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    _STRANDS[self] = strand.run.spawn(strand, lambda: _bootstrap(self))
    strand.deaf = True
    self._started.set()
    strand.deaf = False
    return None


def _start_uncontrolled(*args: Any) -> int:
    """CPython 3.11 has no event for that."""
    if current() is not None:
        thread_started()
    return start_thread(*args)


def _bootstrap(thread: Any) -> None:
    """What ``threading`` does on a new thread, but for what it keeps of the system's thread."""
    thread._set_ident()
    ident, active = thread._ident, threading._active  # type: ignore[attr-defined]  # where current_thread() looks
    active[ident] = thread
    try:
        thread.run()
    except Aborted:
        raise
    except BaseException:
        thread._invoke_excepthook(thread)
    finally:
        active.pop(ident, None)
        _over(thread)


def _over(thread: Any) -> None:
    """Let ``thread`` say that it has ended, when nothing stands in for its methods any more."""
    if hasattr(thread, "_handle"):
        thread._handle._set_done()  # from CPython 3.13 on
    else:
        thread._is_stopped = True


def _join(self: Any, timeout: float | None = None) -> None:
    strand, joined = current(), _STRANDS.get(self)
    if strand is None or joined is None:
        return None if joined is not None and joined.done else _JOIN(self, timeout)
    if joined is strand:
        raise RuntimeError("cannot join current thread")
    if joined.index != strand.index:
        strand.run.trail.unforeseen += 1
    wait(strand, lambda: joined.done, timeout)
    return None


def _is_alive(self: Any) -> bool:
    strand = _STRANDS.get(self)
    return _IS_ALIVE(self) if strand is None else not strand.done


_THREADS: tuple[StandIn, ...] = (
    (threading.Thread, "start", _start),
    (threading.Thread, "join", _join),
    (threading.Thread, "is_alive", _is_alive),
    (_thread, "start_new_thread", _start_uncontrolled),
)


def _of_trio() -> list[StandIn]:
    """trio's own worker threads, where trio is in use."""
    module: Any = sys.modules.get("trio._threads")
    if module is None:
        return []
    original = module.start_thread_soon

    def start_thread_soon(fn: Any, deliver: Any, name: str | None = None) -> None:
        strand = current()
        if strand is None:
            original(fn, deliver, name)
            return
        from outcome import capture

        loop = strand.loop or strand.caller.loops[0]

        def work() -> None:
            deliver(capture(fn))
            loop.askers.append(worker)

        worker = strand.run.spawn(strand, work)

    send = module._send_message_to_trio

    def send_message(token: Any, message: Any) -> Any:
        strand = current()
        if strand is not None:
            object.__setattr__(message, "queue", _Answer(strand))  # it is frozen
        return send(token, message)

    return [
        (module, "start_thread_soon", start_thread_soon),
        (module, "_send_message_to_trio", send_message),
    ]


class _Answer:
    """What a worker thread of trio waits for when it has asked trio to run something."""

    def __init__(self, strand: Strand) -> None:
        self._strand = strand
        self._answers: list[Any] = []

    def put_nowait(self, answer: Any) -> None:
        self._answers.append(answer)

    def get(self) -> Any:
        for loop in self._strand.caller.loops:
            loop.askers.append(self._strand)
        wait(self._strand, lambda: bool(self._answers))
        return self._answers.pop()


def _of_anyio() -> list[StandIn]:
    """anyio's worker threads beside asyncio, where anyio is in use; beside trio they are trio's."""
    if "anyio" not in sys.modules:
        return []
    backend: Any = importlib.import_module("anyio._backends._asyncio").AsyncIOBackend
    original = vars(backend)["run_sync_in_worker_thread"]

    async def run_sync_in_worker_thread(
        cls: Any, func: Any, args: Any, abandon_on_cancel: bool = False, limiter: Any = None
    ) -> Any:
        strand = current()
        if strand is None:
            return await original.__func__(cls, func, args, abandon_on_cancel, limiter)
        await cls.checkpoint()
        async with limiter or cls.current_default_thread_limiter():
            return await _on_a_thread(strand, func, args, abandon_on_cancel)

    return [(backend, "run_sync_in_worker_thread", classmethod(run_sync_in_worker_thread))]


async def _on_a_thread(strand: Strand, func: Callable[..., Any], args: Any, abandon: bool) -> Any:
    """Call ``func`` on a thread of its own, as anyio's backend for asyncio does."""
    import asyncio
    import contextvars

    from anyio import CancelScope
    from anyio._backends._asyncio import AsyncIOBackend
    from anyio._core import _eventloop

    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    context.run(_eventloop.set_current_async_library, None)
    job = new_job(strand)

    def work() -> None:
        with _eventloop.claim_worker_thread(AsyncIOBackend, loop):
            _do(job, context.run, (func, *args), {})

    with CancelScope(shield=not abandon):
        future = asyncio.wrap_future(job)
        strand.run.spawn(strand, work)
        return await future
