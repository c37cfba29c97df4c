"""trio under a schedule: a run of trio that asks before it goes on with a task of a call.

Decides what of trio is held: the steps of the calls' tasks, and their deadlines, each by the time of its own
call. A task's coroutine is wrapped when it is spawned: resumed out of turn it tells trio that it waits, and
keeps what it was resumed with until it is chosen. The next is chosen as soon as a step is over, so that most
steps cost one turn of trio's loop. trio itself is not changed, but that cancel scopes are listed.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio
from trio.abc import Clock, Instrument

from fuzzharness.runtime.caller import OWNER, Caller
from fuzzharness.runtime.loops import MOST_TURNS, START, Loop
from fuzzharness.runtime.steps import live, may_turn, step
from fuzzharness.runtime.strand import RUNNING, Strand

if TYPE_CHECKING:
    from fuzzharness.runtime.run import Run

_LONG = 3600.0


class TrioLoop(Loop):
    """The trio run of an exploration."""

    name = "trio"

    def __init__(self) -> None:
        self._tasks: dict[Any, Strand] = {}
        self._starting: Strand | None = None
        self._passing: Strand | None = None
        self._stepped = self._closing = self._aborting = self._draining = False
        super().__init__()

    def begin(self, run: Run) -> None:
        super().begin(run)
        self._tasks = {}
        self._starting = self._passing = None

    def deadline(self, caller: Caller) -> float | None:
        if not caller.scopes:
            return None
        times = [s.deadline for s in caller.scopes if s.deadline != math.inf]
        return min(times) - START if times else None

    # -- the loop's own thread -----------------------------------------------------------------------

    def _serve(self) -> None:
        with _scopes_listed():
            trio.run(self._main, clock=_CallClock(), instruments=[_Turns(self)])

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        while not self._closing:
            async with trio.open_nursery() as self._nursery:
                if self._aborting:
                    self._aborting = False
                    self._ended.release()
                self._stepped = True
                await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)

    def after_step(self) -> None:
        """trio has taken in what a task did."""
        if self._stepped:
            self._stepped = False
            self.rest()

    def idle(self) -> None:
        """trio is about to wait for events."""
        if not (self._draining or self._aborting or self._closing):
            self.rest()
            self._token.run_sync_soon(_nothing)

    def spawned(self, task: Any) -> None:
        """``task`` is new: if it belongs to a call, its steps are held."""
        caller = task.context.get(OWNER)
        if caller is None or caller.run.over:
            return
        strand = self._starting
        if strand is None or strand.caller is not caller:
            strand = Strand(caller, self, self, None)
            strand.started = True
        self._starting = None
        strand.task, self._tasks[task] = task, strand
        task.coro = _Held(task.coro, strand, self)

    def scheduled(self, task: Any) -> None:
        """``task`` could go on."""
        strand = self._tasks.get(task)
        if strand is None or strand.resume is not None or strand.run.over:
            return
        strand.resume, strand.since = task, next(strand.run.ticks)
        strand.run.woke(strand)

    def exited(self, task: Any) -> None:
        """``task`` has come to its end."""
        strand = self._tasks.get(task)
        if strand is not None and not strand.done and not strand.run.over:
            strand.run.ended(strand)

    def may_pass(self, strand: Strand) -> bool:
        """Whether ``strand`` was chosen; if so, this is its turn."""
        if self._passing is not strand:
            return False
        self._passing, strand.resume, self._stepped = None, None, True
        return may_turn(strand)

    def _on(self, _: Any) -> bool:
        self._draining = True
        self._token.run_sync_soon(self._drained)
        return True

    def _drained(self) -> None:
        self._draining = False

    def _go(self, strand: Strand) -> bool:
        self._passing = strand
        if not strand.started:
            strand.started, self._starting = True, strand
            context = strand.run.context.copy()
            context.run(OWNER.set, strand.caller)
            context.run(self._nursery.start_soon, live, strand)
        elif strand.task.coro.kept is not None:
            trio.lowlevel.reschedule(strand.task)
        return True

    def _fire(self, caller: Caller) -> bool:
        due = [s for s in caller.scopes if s.deadline <= START + caller.elapsed]
        for scope in sorted(due, key=lambda s: s.deadline):
            del caller.scopes[scope]
            scope.cancel()
        return False

    def _abort(self, turns: int) -> bool:  # noqa: ARG002  # of the protocol; each task counts its own
        self._aborting = True
        for scope in [s for caller in self._callers() for s in caller.scopes]:
            scope.shield = False
        self._nursery.cancel_scope.cancel()
        for task, strand in self._tasks.items():
            strand.deaf = True
            RUNNING[self.ident] = strand
            if task.coro.kept is not None:
                trio.lowlevel.reschedule(task)
        return True

    def _callers(self) -> list[Caller]:
        return [] if self.run is None else self.run.callers

    def _close(self, _: Any) -> bool:
        self._closing = True
        self._nursery.cancel_scope.cancel()
        return True


class _Held:
    """A task's coroutine that goes on only if it was chosen; ``kept`` is what it was resumed with if not."""

    def __init__(self, coroutine: Any, strand: Strand, loop: TrioLoop) -> None:
        self._coroutine, self._strand, self._loop = coroutine, strand, loop
        self._late = 0
        self.kept: tuple[Callable[[Any], Any], Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)

    def send(self, value: Any) -> Any:
        return self._resume(self._coroutine.send, value)

    def throw(self, error: Any) -> Any:
        return self._resume(self._coroutine.throw, error)

    def _resume(self, go_on: Callable[[Any], Any], value: Any) -> Any:
        if self.kept is not None:
            go_on, value = self.kept
        self.kept = None
        if self._strand.run.over:
            return self._leave(go_on, value)
        if self._loop.may_pass(self._strand):
            return step(self._strand, go_on, value)
        self.kept = go_on, value
        return _LATER

    def _leave(self, go_on: Callable[[Any], Any], value: Any) -> Any:
        """The run is over: let it unwind, but not for ever."""
        self._late += 1
        if self._late <= MOST_TURNS:
            return go_on(value)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._coroutine))  # left behind: nothing can end it
        raise StopIteration


class _Turns(Instrument):
    """What trio tells a loop."""

    def __init__(self, loop: TrioLoop) -> None:
        self.task_spawned = loop.spawned  # type: ignore[method-assign]  # trio calls whatever is under the name
        self.task_scheduled = loop.scheduled  # type: ignore[method-assign]  # as above
        self.task_exited = loop.exited  # type: ignore[method-assign]  # as above
        self._loop = loop

    def after_task_step(self, task: Any) -> None:  # noqa: ARG002  # of the protocol
        if self._loop._stepped:
            self._loop.after_step()

    def before_io_wait(self, timeout: float) -> None:
        if timeout > 0:
            self._loop.idle()


class _CallClock(Clock):
    """The time of the call that asks."""

    def start_clock(self) -> None:
        """It always stands."""

    def current_time(self) -> float:
        caller = OWNER.get(None)
        return START if caller is None else START + caller.elapsed

    def deadline_to_sleep_time(self, deadline: float) -> float:  # noqa: ARG002  # of the protocol
        return _LONG


def _nothing() -> None:
    """Only wakes trio up."""


def _message() -> Any:
    """What tells trio that a task waits, and cannot be cancelled meanwhile."""
    waiting: Any = trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
    message = waiting.send(None)
    waiting.close()
    return message


_LATER = _message()
_LISTING = [0]
_MUTEX = threading.Lock()
_ENTER, _CLOSE = trio.CancelScope.__enter__, trio.CancelScope._close


@contextmanager
def _scopes_listed() -> Iterator[None]:
    """Within it every call knows which cancel scopes its tasks are in."""
    scope: Any = trio.CancelScope
    with _MUTEX:
        _LISTING[0] += 1
        scope.__enter__, scope._close = _enter, _close
    try:
        yield
    finally:
        with _MUTEX:
            _LISTING[0] -= 1
            if not _LISTING[0]:
                scope.__enter__, scope._close = _ENTER, _CLOSE


def _enter(scope: Any) -> Any:
    entered = _ENTER(scope)
    caller = OWNER.get(None)
    if caller is not None:
        caller.scopes[scope] = None
        if caller.run.over:
            scope.shield = False  # nothing may keep the run from unwinding
    return entered


def _close(scope: Any, error: BaseException | None) -> Any:
    caller = OWNER.get(None)
    if caller is not None:
        caller.scopes.pop(scope, None)
    return _CLOSE(scope, error)
