"""One run: the calls of a batch on threads and event loops that hand the baton to each other.

Decides how the calls come to life, what a call that does not move is, and how a run ends for its threads; who
is next is decided in ``baton``. Never judges the ending.

The thread at a gate asks the scheduler itself and wakes another thread only when the schedule
switches; so does the thread of an event loop when none of its tasks is in the midst of a step. The
thread that called :meth:`Run.execute` sleeps until the run is over, or until nothing
has moved for ``timeout`` seconds: then the call that holds the baton is set aside as stuck and the
others go on, so that a wait for something a sibling holds is not mistaken for a hang.
"""

from __future__ import annotations

import _thread
import contextvars
import ctypes
import gc
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from fuzzharness.access import Key, Kind, Place, Touch
from fuzzharness.model import Result, Unfinished
from fuzzharness.runtime.baton import Baton
from fuzzharness.runtime.caller import Body, Caller
from fuzzharness.runtime.loops import Loop
from fuzzharness.runtime.places import place_of_coroutine, place_of_tool
from fuzzharness.runtime.results import raised, returned
from fuzzharness.runtime.standing import WAITING
from fuzzharness.runtime.strand import RUNNING, Aborted, Strand
from fuzzharness.runtime.trail import Choose, Trail
from fuzzharness.runtime.workers import Worker, release

MOST_STEPS = 100_000
"""A call that takes more steps than this in one run goes round in circles: it counts as stuck."""

MOST_BEHIND = 100
"""So many steps, behind the end of its call, are enough to tell that something never ends."""


_PAUSE = 0.001
"""Between two looks whether a thread that is under nobody's control has let a call go on."""


class Crew(Protocol):
    """Where the strands of a run live."""

    def worker(self) -> Worker:
        """A thread that no strand of this run has."""
        ...

    def loop(self, name: str) -> Loop:
        """The event loop of that name."""
        ...


class Run(Baton):
    """One execution of ``bodies``, one per call.

    ``places`` are those of the calls in their batch; for ``detailed`` and ``fine`` see :class:`Record`.
    ``abandoned`` is True
    afterwards if a thread could not be stopped, ``disturbed`` if one was set aside as stuck, ``strangers`` if
    a call started a thread that runs out of control.
    """

    def __init__(
        self,
        bodies: Sequence[Body],
        crew: Crew,
        choose: Choose,
        timeout: float,
        detailed: bool = False,
        places: Sequence[int] | None = None,
        fine: bool = False,
    ) -> None:
        super().__init__(choose, detailed, fine)
        self.timeout = timeout
        self.abandoned = self.threaded = False
        self.context = contextvars.copy_context()
        self._crew = crew
        places = range(len(bodies)) if places is None else places
        self.callers = [
            Caller(self, i, p, body) for i, (p, body) in enumerate(zip(places, bodies, strict=True))
        ]
        for caller in self.callers:
            self._main_strand(caller)
        for loop in self.loops:
            loop.begin(self)

    def _main_strand(self, caller: Caller) -> None:
        body = caller.body
        if body.loop is None:
            Strand(caller, self._crew.worker(), None, body.start)
            return
        loop = self._crew.loop(body.loop)
        if loop not in self.loops:
            self.loops.append(loop)
        caller.loops.append(loop)
        Strand(caller, loop, loop, body.start)

    # -- the thread that started the run ---------------------------------------------------------

    def execute(self) -> Trail:
        """Run to the end and return the trail; results are in :attr:`results`.

        Afterwards the workers are idle, unless :attr:`abandoned` says that one may not be. Garbage waits
        until then: what is finalised in the midst of a run would pass gates wherever it is collected.
        """
        collects = gc.isenabled()
        gc.disable()
        try:
            with self._mutex:
                self._next(None)
            self._watch()
        finally:
            self._stop()
            if self.trail.cut:
                gc.collect(0)  # calls that were unwound may keep in circles what locks a file: a cursor, say
            if collects:
                gc.enable()
        if self._failure is not None:
            raise self._failure
        self.trail.stood = tuple(c.index for c in self.callers if isinstance(c.result, Unfinished))
        return self.trail

    @property
    def disturbed(self) -> bool:
        """Whether some call was set aside as stuck, so that its thread is not to be used again."""
        return self.abandoned or any(s.stood for s in self.strands)

    @property
    def results(self) -> list[Result]:
        """What each call returned or raised."""
        return [c.result or Unfinished("its run was cut off") for c in self.callers]

    def _watch(self) -> None:
        moved = -1
        while not self.over:
            if self.strangers and self.holder is None and not self._awaited:
                self._await_strangers()
                continue
            if self._awake.acquire(timeout=self.timeout):
                continue
            progress = len(self.trail.order) + sum(s.done + s.turns for s in self.strands)
            if progress == moved:
                self._set_aside()
                moved = -1
            else:
                moved = progress

    def _await_strangers(self) -> None:
        """No call can go on, but a thread that is under nobody's control may let one."""
        until = time.monotonic() + self.timeout
        while not self.over and self.holder is None and not self._awaited:
            self._awaited = time.monotonic() > until
            with self._mutex:
                if not self.over and (self._awaited or any(c.able for c in self.callers)):
                    self._next(self.running)
            self._awake.acquire(timeout=_PAUSE)

    def _set_aside(self) -> None:
        with self._mutex:
            if self.over:
                return
            if self.holder is not None:
                holder, self.holder = self.holder, None
                holder.stuck, holder.stood = True, self._where(holder)
                self._next(holder.index)
            else:
                self._give_up_stuck()

    def _give_up_stuck(self) -> None:
        for strand in self.strands:
            if strand.stuck:
                self._unfinished(strand)
        self._end()

    def _unfinished(self, strand: Strand) -> None:
        """The call of ``strand`` does not come to its end in this run."""
        caller = strand.caller
        if caller.result is None or (strand.stuck and not isinstance(caller.result, Unfinished)):
            caller.result = Unfinished(self._where(strand))

    def _place(self, strand: Strand) -> Place | None:
        loop = strand.loop
        if loop is not None and loop.inside is not strand:
            return place_of_coroutine(strand.task)
        frame = sys._current_frames().get(strand.home.ident)
        return place_of_tool(frame) if frame is not None else None

    def _where(self, strand: Strand) -> str:
        place = self._place(strand)
        return f"{place} in {place.function}" if place else "outside of any tool code"

    def _stop(self) -> None:
        self.over = True
        for strand in self.strands:
            if strand.started and not strand.done:
                if strand.stuck:
                    _raise_in(strand.home.ident)
                elif strand.loop is None:
                    release(strand.baton)
                elif strand.loop.inside is strand:
                    strand.loop.unwind()
        for loop in self.loops:
            if not loop.end(self.timeout):
                self.abandoned = True
        while self._alive:
            if not self._awake.acquire(timeout=self.timeout):
                self.abandoned = True
                break

    # -- the threads of the calls ----------------------------------------------------------------

    def arrive(self, strand: Strand, announced: Sequence[Touch]) -> None:
        """The gate: come here before the accesses ``announced``; returns when the call may make them."""
        blocked = strand.blocked is not None and strand.blocked()
        if not (blocked or strand.fresh) and (strand.merged or 0 < strand.atomic <= strand.steps):
            return
        self._about_to(strand, announced)
        if blocked and strand.fresh:
            self._began_in_vain(strand)
        if blocked or not strand.fresh:
            self._decide(strand)
        self._begin(strand, announced)

    def _begin(self, strand: Strand, announced: Sequence[Touch] = ()) -> None:
        steps = strand.steps
        if steps >= MOST_STEPS or (steps >= MOST_BEHIND and strand.caller.main.done):
            strand.spins = True
            self._decide(strand)
        self._open_step(strand, announced)

    def woke(self, strand: Strand) -> None:
        """``strand`` can go on; if that is due to other calls, their steps say so.

        Due to whoever asked the loop for what it does now, else to the strand that runs.
        """
        wakers = self._askers
        if not wakers and self.holder is not None and self.running != strand.index:
            wakers = [self.holder]
        others = [waker for waker in wakers if waker.index != strand.index]
        if not others:
            return
        if len(others) < len(wakers):
            self.trail.unforeseen += 1  # one of its own did, or another: nobody can tell
        key: Key = (strand.place,)
        self.trail.attempts += 1
        for waker in others:
            if waker.fresh:
                self.arrive(waker, ())
            self._add((WAITING, key, Kind.WAKE), waker.last)
        timed = strand.caller.timed
        strand.debts.append((WAITING, key, Kind.IN_TIME if timed else Kind.WOKEN))

    def spawn(self, parent: Strand, body: Callable[[], Any]) -> Strand:
        """A new thread of the call of ``parent``, which runs ``body`` when it is its turn."""
        self.threaded = True
        with self._mutex:
            strand = Strand(parent.caller, self._crew.worker(), None, body)
            strand.since = next(self.ticks)
        return strand

    def _decide(self, strand: Strand) -> None:
        with self._mutex:
            held = self.holder is strand
            stays = self._next(strand.index) is strand if held else self._come_back(strand)
        if not stays:
            if self.over:  # else the last thread alive would wait for its starter, and that for it
                release(self._awake)
            strand.baton.acquire()
        if self.over:
            self._unwind(strand)

    def _come_back(self, strand: Strand) -> bool:
        """A strand that had been set aside as stuck is at a gate again."""
        self._no_longer_stuck(strand)
        if self.holder is None:
            self.holder = strand
        return self.over or self.holder is strand

    def _no_longer_stuck(self, strand: Strand) -> None:
        strand.stuck = False
        self.trail.stalled.append(strand.stood)

    def _unwind(self, strand: Strand) -> None:
        """Leave the call. What it does on its way out is let pass, but not in a later run."""
        strand.deaf = not self.abandoned
        raise Aborted

    def _live(self, strand: Strand) -> None:
        ident = _thread.get_ident()
        RUNNING[ident] = strand
        try:
            result = self._call(strand)
            if not self.over:
                self._finish(strand, result)
        except Aborted:
            pass
        except BaseException as error:
            self.fail(error)
        finally:
            RUNNING.pop(ident, None)
            strand.done, strand.body = True, None
            with self._mutex:
                self._alive -= 1
            if self.over and not self._alive:
                release(self._awake)

    def fail(self, error: BaseException) -> None:
        """The harness itself went wrong on a call's thread: the run is over, its starter is told."""
        with self._mutex:
            self._failure = self._failure or error
            if not self.over:
                self._end()

    def _call(self, strand: Strand) -> Result:
        try:
            assert strand.body is not None
            value = self.context.copy().run(strand.body)
        except Aborted:
            raise
        except BaseException as error:
            strand.deaf = True
            return raised(error)
        strand.deaf = True
        if inspect.isgenerator(value) or inspect.iscoroutine(value):
            tool = strand.caller.body.name
            self.trail.stalled.append(f"the end of {tool}: nobody runs what it returned")
        return returned(value)

    def _finish(self, strand: Strand, result: Result) -> None:
        with self._mutex:
            self.ended(strand, result)
            if self.holder is strand:
                self._next(strand.index)
            elif not self.over:
                self._no_longer_stuck(strand)
                if self.holder is None:
                    self._next(strand.index)

    def ended(self, strand: Strand, result: Result | None = None) -> None:
        """``strand`` has come to its end; ``result`` is that of its call if it is the first of it."""
        strand.deaf = False
        main = strand.number == 0
        if strand.fresh and (strand.debts or (main and not any(s.steps for s in strand.caller.strands))):
            self._begin(strand)
        if strand.owed:
            self._settle(strand)
        if main:
            strand.caller.result = result
        strand.done = strand.deaf = True


def _raise_in(ident: int) -> None:
    """Ask a thread that never came back to unwind; it does so at its next bytecode, if there is one."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Aborted))
