"""asyncio under a schedule: a loop that asks before it goes on with a task of a call.

Decides what of asyncio is held: the steps of the calls' tasks, and their timers, each by the time of its
own call. Everything else (callbacks, futures) is done at once and in order, as asyncio does it. The loop is
the real one; it asks for the next event only when it has nothing left to do, and that is where a task is
chosen.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import selectors
from _thread import get_ident as _get_ident
from contextvars import Context
from itertools import count
from typing import TYPE_CHECKING, Any

from fuzzharness.runtime.caller import OWNER, Caller
from fuzzharness.runtime.loops import START, Loop
from fuzzharness.runtime.steps import live, may_turn, step
from fuzzharness.runtime.strand import RUNNING, Aborted, Strand

if TYPE_CHECKING:
    from fuzzharness.runtime.run import Run

_PATIENCE = 3
"""So many turns of the loop in a row are left to callbacks."""

_STEP_KINDS: set[type] = set()
"""The type of what begins a task or goes on with it, which asyncio does not give out."""

_STEPS = frozenset({"task_wakeup", "__step", "__wakeup"})
"""The names of what goes on with a task, where it has one."""


class AsyncioLoop(Loop):
    """The asyncio loop of an exploration."""

    name = "asyncio"

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], Strand] = {}
        self._numbers = count()
        self._starting: Strand | None = None
        self._asked: list[asyncio.Handle] = []
        self._busy = 0
        self._loop = _EventLoop(self)
        super().__init__()

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def begin(self, run: Run) -> None:
        super().begin(run)
        self._tasks, self._starting, self._asked = {}, None, []
        self._loop.as_new()

    def deadline(self, caller: Caller) -> float | None:
        timers = caller.timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        return timers[0][0] - START if timers else None

    # -- the loop's own thread -----------------------------------------------------------------------

    def scheduled(self, caller: Caller, task: asyncio.Task[Any], handle: asyncio.Handle) -> None:
        """``task`` of ``caller`` could go on: keep how until it is chosen."""
        strand = self._tasks.get(task)
        if strand is None:
            strand = self._starting
            if strand is None or strand.caller is not caller:
                strand = Strand(caller, self, self, None)
                strand.started = True
            self._starting = None
            self._tasks[task], strand.task = strand, task
        strand.resume = handle
        strand.since = next(caller.run.ticks)
        caller.run.woke(strand)

    def crowded(self) -> bool:
        """Whether callbacks keep the loop busy, turn after turn, while a task waits to be chosen.

        anyio cancels a task again and again until that has gone on.
        """
        self._busy += 1
        waits = self._own is not None or any(s.resume is not None for s in self._tasks.values())
        return waits and self._busy > _PATIENCE

    def rest(self) -> None:
        self._busy = 0
        super().rest()

    def ask(self, strand: Strand, handle: asyncio.Handle) -> None:
        """A thread of a call wants ``handle`` to be run: that is done in no step of another call."""
        self.askers.append(strand)
        self._asked.append(handle)

    def timed(self, caller: Caller, handle: asyncio.TimerHandle) -> None:
        """``handle`` is to be run at its time, by the clock of ``caller``."""
        heapq.heappush(caller.timers, (handle.when(), next(self._numbers), handle))

    def drain(self) -> list[Strand]:
        """As there, one thing after another: so it is known for whom each is done."""
        self._do((self._on, None))
        return [self.askers.pop(0)]

    def _on(self, _: Any) -> bool:
        if self._asked:
            self._loop.push(self._asked.pop(0))
        return True

    def _go(self, strand: Strand) -> bool:
        if not strand.started:
            self._start(strand)
        handle, strand.resume = strand.resume, None
        if may_turn(strand):
            step(strand, _run, handle)
        if not strand.done and strand.task.done() and not strand.run.over:
            strand.run.ended(strand)
        return bool(self._loop._ready)  # type: ignore[attr-defined]  # what the loop has to do by itself

    def _start(self, strand: Strand) -> None:
        context = strand.run.context.copy()
        context.run(OWNER.set, strand.caller)
        strand.started, self._starting = True, strand
        self._loop.create_task(live(strand), context=context)

    def _fire(self, caller: Caller) -> bool:
        timers, now = caller.timers, START + caller.elapsed
        while timers and timers[0][0] <= now:
            handle = heapq.heappop(timers)[2]
            if not handle.cancelled():
                _run(handle)
        return bool(self._loop._ready)  # type: ignore[attr-defined]  # as in _go

    def _abort(self, turns: int) -> bool:
        for caller in () if self.run is None else self.run.callers:
            caller.timers.clear()
        while self._asked:
            self._on(None)
        for strand in self._tasks.values():
            strand.deaf = True
            RUNNING[self.ident] = strand
            if strand.resume is not None:
                self._loop.push(strand.resume)
                strand.resume = None
        for task in self._tasks:
            if task.done() and isinstance(task._exception, Aborted):  # exception() would hide any other
                task._log_traceback = False
        left = [task for task in self._tasks if not task.done()]
        if not left or not turns:
            self._leave(left)
            return False
        for task in left:
            task.cancel()
        self._own = (self._abort, turns - 1)
        return True

    def _leave(self, left: list[asyncio.Task[Any]]) -> None:
        self.stubborn = bool(left)
        for task in left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # the run is told, not the log
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(task.get_coro()))  # not even closing ends it
        self._ended.release()

    def _close(self, _: Any) -> bool:
        self._loop.stop()
        return True


class _EventLoop(asyncio.SelectorEventLoop):
    """The real loop, with a clock for each call."""

    def __init__(self, keeper: AsyncioLoop) -> None:
        super().__init__(_Selector(keeper))
        self._keeper = keeper

    def time(self) -> float:
        caller = OWNER.get(None)
        return START if caller is None else START + caller.elapsed

    def as_new(self) -> None:
        """Take back what a call may have set: no call of another run is to find it."""
        self._task_factory = self._exception_handler = self._default_executor = None
        self._executor_shutdown_called = False
        if self.get_debug():  # asking for nothing new would wake the loop all the same
            self.set_debug(False)

    def push(self, handle: asyncio.Handle) -> None:
        """Run ``handle`` as soon as the loop goes on."""
        self._ready.append(handle)  # type: ignore[attr-defined]  # as call_soon does, with a handle that is there

    def call_soon(  # type: ignore[override]  # any callback, as there
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if context is not None:
            caller = context.get(OWNER)
            if caller is not None and not caller.run.over and _is_step(callback):
                handle = asyncio.Handle(callback, args, self, context)
                self._keeper.scheduled(caller, callback.__self__, handle)
                return handle
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(  # type: ignore[override]  # as above
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        strand = RUNNING.get(_get_ident())
        if strand is None or strand.home is self._keeper:
            return super().call_soon_threadsafe(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        if strand.run.over:
            self.push(handle)
        else:
            self._keeper.ask(strand, handle)
        return handle

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        caller = OWNER.get(None)
        if caller is None or caller.run.over:
            return super().call_at(when, callback, *args, context=context)
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._keeper.timed(caller, handle)
        return handle


def _run(handle: asyncio.Handle) -> None:
    try:
        handle._run()
    except (KeyboardInterrupt, SystemExit):
        return  # the task has it as its result; a loop would end with it


def _is_step(callback: Any) -> bool:
    """Whether ``callback`` goes on with a task (and is not, say, its ``cancel``)."""
    kind = type(callback)
    if kind in _STEP_KINDS:
        return True
    name = getattr(callback, "__name__", None)
    if name is None:
        if kind.__name__ == "TaskStepMethWrapper":
            _STEP_KINDS.add(kind)
            return True
        return False
    return name in _STEPS and isinstance(callback.__self__, asyncio.Task)


class _Selector(selectors.DefaultSelector):
    """Where the loop has nothing left to do it stands still, instead of waiting for the world outside."""

    def __init__(self, keeper: AsyncioLoop) -> None:
        super().__init__()
        self._keeper = keeper

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 0 or self._keeper.crowded():
            self._keeper.rest()
        return super().select(0) if len(self.get_map()) > 1 else []
