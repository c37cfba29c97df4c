"""One run: the calls of a batch on threads that hand the baton to each other.

Decides which call holds the baton and when a run is over; asks ``choose`` who is next. Never knows
why a scheduler chooses as it does, and never judges the ending.

The thread at a gate asks the scheduler itself and wakes another thread only when the schedule
switches. The thread that called :meth:`Run.execute` sleeps until the run is over, or until nothing
has moved for ``timeout`` seconds: then the call that holds the baton is set aside as stuck and the
others go on, so that a wait for something a sibling holds is not mistaken for a hang.
"""

from __future__ import annotations

import _thread
import contextvars
import ctypes
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fuzzharness.access import OF_LOCKS, UNTOLD, Access, Key, Kind, Place, Touch
from fuzzharness.model import Raised, Result, Returned, Unfinished
from fuzzharness.runtime.places import place_of_tool
from fuzzharness.runtime.strand import RUNNING, Aborted, Strand
from fuzzharness.runtime.workers import Worker, release
from fuzzharness.world.plain import plain, without_addresses

WAITING = "waiting"
"""The resource of the touches that wake a call, and with which it goes on."""

MOST_STEPS = 100_000
"""A call that takes more steps than this in one run goes round in circles: it counts as stuck."""


Channel = tuple[str, Key]
"""What calls wait for until another wakes them: a resource and a key there."""


@dataclass(slots=True)
class Trail:
    """What a run did, densely and raw: one entry per step in most lists.

    ``announced`` holds what each step said at its gate that it would touch, ``touches`` what it did
    touch; ``pending`` is by call: what it announced last. ``waits`` holds the positions before which the
    running call could not go on, ``stood`` the calls that never came to their end. ``redundant`` is the
    number of a choice that let a call begin which could not take a single step before another did, so
    that a run without that choice is the same. ``unforeseen`` counts the waits that nothing announced,
    ``attempts`` the steps that may make their call wait until another wakes it; ``awaits`` is by call: what
    it waits for, while it does.
    """

    order: list[int] = field(default_factory=list)
    touches: list[list[Touch]] = field(default_factory=list)
    announced: list[Sequence[Touch]] = field(default_factory=list)
    pending: dict[int, Sequence[Touch]] = field(default_factory=dict)
    places: list[list[Place | None]] = field(default_factory=list)
    values: list[list[Any]] = field(default_factory=list)
    waits: set[int] = field(default_factory=set)
    stood: tuple[int, ...] = ()
    redundant: int | None = None
    stalled: list[str] = field(default_factory=list)
    unforeseen: int = 0
    attempts: int = 0
    awaits: dict[int, Channel] = field(default_factory=dict)
    deadlock: bool = False
    cut: bool = False

    def accesses(self, step: int) -> tuple[Access, ...]:
        """The accesses of one step, with places and values where they were asked for."""
        touches = self.touches[step]
        places = self.places[step] if self.places else [None] * len(touches)
        values = self.values[step] if self.values else [None] * len(touches)
        shown = zip(touches, places, values, strict=True)
        return tuple(Access(*t, p, v) for t, p, v in shown if t[2] not in UNTOLD)


Choose = Callable[[Sequence[int], int | None, Trail], int | None]
"""Given the calls that can go on, the one that runs (None at the start) and the trail so far: who is
next, or None to cut the run off as redundant."""


class Run:
    """One execution of ``bodies``, one callable without parameters per call, each on its worker.

    ``tools`` names them for messages, ``detailed`` asks for places and values, ``places`` are those of the
    calls in their batch. ``abandoned`` is True
    afterwards if a thread could not be stopped, ``disturbed`` if one was set aside as stuck.
    """

    def __init__(
        self,
        bodies: Sequence[Callable[[], Any]],
        tools: Sequence[str],
        workers: Sequence[Worker],
        choose: Choose,
        timeout: float,
        detailed: bool = False,
        places: Sequence[int] | None = None,
    ) -> None:
        self.bodies = bodies
        self.tools = tools
        self.choose = choose
        self.timeout = timeout
        self.detailed = detailed
        self.trail = Trail()
        places = range(len(bodies)) if places is None else places
        self.strands = [Strand(self, i, workers[i], place) for i, place in enumerate(places)]
        self.holder: Strand | None = None
        self.over = False
        self.abandoned = False
        self._failure: BaseException | None = None
        self._alive = 0
        self._asked = 0
        self._idle: list[int] = []
        self._lines: dict[Channel, list[Strand]] = {}
        self._awake = _thread.allocate_lock()
        self._awake.acquire()
        self._mutex = _thread.allocate_lock()
        self._context = contextvars.copy_context()

    # -- the thread that started the run ---------------------------------------------------------

    def execute(self) -> Trail:
        """Run to the end and return the trail; results are in :attr:`results`.

        Afterwards the workers are idle, unless :attr:`abandoned` says that one may not be.
        """
        try:
            with self._mutex:
                self._next(None)
            self._watch()
        finally:
            self._stop()
        if self._failure is not None:
            raise self._failure
        self.trail.stood = tuple(s.index for s in self.strands if isinstance(s.result, Unfinished))
        return self.trail

    @property
    def disturbed(self) -> bool:
        """Whether some call was set aside as stuck, so that its thread is not to be used again."""
        return self.abandoned or any(s.stood for s in self.strands)

    @property
    def results(self) -> list[Result]:
        """What each call returned or raised."""
        return [s.result or Unfinished("its run was cut off") for s in self.strands]

    def _watch(self) -> None:
        moved = -1
        while not self.over:
            if self._awake.acquire(timeout=self.timeout):
                continue
            progress = len(self.trail.order) + sum(s.done for s in self.strands)
            if progress == moved:
                self._set_aside()
                moved = -1
            else:
                moved = progress

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
                strand.result = Unfinished(self._where(strand))
        self._end()

    def _where(self, strand: Strand) -> str:
        frame = sys._current_frames().get(strand.worker.ident)
        place = place_of_tool(frame) if frame is not None else None
        return f"{place} in {place.function}" if place else "outside of any tool code"

    def _stop(self) -> None:
        self.over = True
        for strand in self.strands:
            if strand.started and not strand.done:
                if strand.stuck:
                    _raise_in(strand.worker.ident)
                else:
                    release(strand.baton)
        while self._alive:
            if not self._awake.acquire(timeout=self.timeout):
                self.abandoned = True
                break

    # -- the threads of the calls ----------------------------------------------------------------

    def arrive(self, strand: Strand, announced: Sequence[Touch]) -> None:
        """The gate: come here before the accesses ``announced``; returns when the call may make them."""
        blocked = strand.blocked is not None and strand.blocked()
        if strand.atomic and strand.steps >= strand.atomic and not blocked:
            return
        if self.over:
            self._unwind(strand)
        if strand.owed:
            self._settle(strand)
        while strand.later:
            strand.later.pop()()
        self.trail.pending[strand.index] = announced
        if blocked and strand.fresh:
            self._began_in_vain(strand)
        if blocked or not strand.fresh:
            self._decide(strand)
        self._begin(strand, announced)

    def _begin(self, strand: Strand, announced: Sequence[Touch] = ()) -> None:
        """A step of ``strand`` begins."""
        if strand.steps >= MOST_STEPS:
            self._spin(strand)
        if self._idle:
            self._note_idle(self._asked - 1)
        trail = self.trail
        strand.fresh = False
        strand.steps += 1
        strand.last = len(trail.order)
        trail.order.append(strand.index)
        trail.touches.append([])
        trail.announced.append(announced)
        if self.detailed:
            trail.places.append([])
            trail.values.append([])
            strand.looks.clear()

    def _began_in_vain(self, strand: Strand) -> None:
        if self._idle and strand.index < self._idle[-1]:
            self._note_idle(self._asked - 1)
        self._idle.append(strand.index)

    def _note_idle(self, choices: int) -> None:
        """The last choices, up to the one numbered ``choices``, let calls begin that took no step."""
        if self.trail.redundant is None:
            self.trail.redundant = choices - len(self._idle)
        self._idle.clear()

    def _spin(self, strand: Strand) -> None:
        strand.spins = True
        self._decide(strand)

    def take(self, strand: Strand, announced: Sequence[Touch], blocked: Callable[[], bool]) -> None:
        """The gate before a lock: returns when the call may go on and ``blocked`` is false."""
        strand.blocked = blocked
        try:
            self.arrive(strand, announced)
        finally:
            strand.blocked = None

    def take_or_fail(
        self, strand: Strand, announced: Sequence[Touch], resource: str, blocked: Callable[[], bool]
    ) -> None:
        """As :meth:`take`, for a lock that fails who waits for it once nobody is left to free it."""
        strand.given_up, strand.waits_for, strand.foreseen = False, resource, True
        try:
            self.take(strand, announced, lambda: blocked() and not strand.given_up)
        finally:
            strand.waits_for, strand.foreseen = None, False

    def record(
        self, strand: Strand, touch: Touch, peek: Callable[[], Any] | None, place: Place | None = None
    ) -> None:
        """Add an access to the step under way."""
        if strand.fresh:
            self.arrive(strand, (touch,))
        trail = self.trail
        trail.touches[-1].append(touch)
        if self.detailed:
            trail.places[-1].append(place or place_of_tool())
            trail.values[-1].append(None)
            if peek is not None:
                self._look(strand, touch[2], peek)

    def unlock(self, strand: Strand, resource: str, key: Key) -> None:
        """A lock that the call took is free again: part of the step under way."""
        if strand.fresh:
            return
        touches = self.trail.touches[-1]
        taken = (resource, key, Kind.LOCK)
        if taken in touches:
            touches[touches.index(taken)] = (resource, key, Kind.PASS)
        else:
            self.record(strand, (resource, key, Kind.UNLOCK), None)

    def wait(self, strand: Strand, resource: str) -> bool:
        """Stand back until :meth:`wake` for ``resource``; False when nobody could wake this call."""
        self.trail.unforeseen += 1
        strand.waits_for = resource
        strand.given_up = False
        strand.blocked = lambda: strand.waits_for is not None
        try:
            if self.over:
                self._unwind(strand)
            self._decide(strand)
        finally:
            strand.blocked = strand.waits_for = None
        if not strand.given_up:
            self._take_again(strand)
        return not strand.given_up

    def _take_again(self, strand: Strand) -> None:
        """The step that had to wait is taken only now: what it announced happens here."""
        trail, before = self.trail, strand.last
        looks = list(strand.looks)
        self._begin(strand, trail.announced[before])
        trail.touches[-1] = trail.touches[before]
        kept = [n for n, touch in enumerate(trail.touches[before]) if touch[2] in OF_LOCKS]
        trail.touches[before] = [trail.touches[before][n] for n in kept]
        if self.detailed:
            trail.places[-1], trail.values[-1] = trail.places[before], trail.values[before]
            trail.places[before] = [trail.places[before][n] for n in kept]
            trail.values[before] = [None] * len(kept)
            strand.owed = [(strand.last, place, peek) for _, place, peek in strand.owed]
            for place, peek in looks:
                trail.values[-1][place] = self._unseen(strand, peek)
            strand.looks = looks

    def wake(self, resource: str) -> None:
        """Let the calls that wait for ``resource`` try again."""
        for strand in self.strands:
            if strand.waits_for == resource and not strand.foreseen:
                strand.waits_for = None

    # -- calls that wait until another wakes them ------------------------------------------------

    def suspend(
        self,
        strand: Strand,
        channel: Channel,
        then: Sequence[Touch] = (),
        timed: bool = False,
        free: Callable[[], bool] | None = None,
        yields: bool = False,
    ) -> bool:
        """Stand in line for ``channel`` until :meth:`rouse`; a new step begins, announced as ``then``.

        False: the call was not roused. A ``timed`` one can go on at any time, and has given up if it does so
        before it is roused; any other can once ``free`` says so, and one that ``yields`` once no other can,
        which nothing announces.
        """
        line = self._lines.setdefault(channel, [])
        line.append(strand)
        woken = () if timed else ((WAITING, (strand.place,), Kind.WOKEN),)
        strand.blocked = (
            None if timed else lambda: strand in line and not (free and free()) and not strand.given_up
        )
        strand.given_up, strand.foreseen, strand.waits_for = False, True, WAITING if yields else None
        self.trail.awaits[strand.index] = channel
        try:
            self._stand_back(strand, (*woken, *then))
        finally:
            strand.blocked = strand.waits_for = None
            strand.foreseen = False
        roused = strand not in line
        if not roused:
            line.remove(strand)
            self.trail.unforeseen += not timed
        del self.trail.awaits[strand.index]
        self._begin(strand, (*woken, *then))
        for touch in (*woken, *then):
            self.record(strand, touch, None)
        if strand.atomic:
            strand.atomic = strand.steps
        return roused

    def _stand_back(self, strand: Strand, announced: Sequence[Touch]) -> None:
        if self.over:
            self._unwind(strand)
        if strand.owed:
            self._settle(strand)
        while strand.later:
            strand.later.pop()()
        self.trail.pending[strand.index] = announced
        self._decide(strand)

    def rouse(self, strand: Strand, channel: Channel, count: int | None = None) -> int:
        """The step of ``strand`` lets those in line go on, or the first ``count``; returns how many."""
        line = self._lines.get(channel, [])
        roused = line[:count]
        del line[:count]
        for other in roused:
            if other.blocked is not None:
                self.record(strand, (WAITING, (other.place,), Kind.WAKE), None)
        return len(roused)

    # --------------------------------------------------------------------------------------------

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
        """A call that had been set aside as stuck is at a gate again."""
        self._no_longer_stuck(strand)
        if self.holder is None:
            self.holder = strand
        return self.over or self.holder is strand

    def _no_longer_stuck(self, strand: Strand) -> None:
        strand.stuck = False
        self.trail.stalled.append(strand.stood)

    def _next(self, running: int | None) -> Strand | None:
        """Hand the baton on; returns the strand that has it now. Needs the mutex."""
        ready = [
            s.index
            for s in self.strands
            if not (s.done or s.stuck or s.spins or (s.blocked is not None and s.blocked()))
        ]
        if not ready:
            return self._nobody_ready()
        self._asked += 1
        try:
            chosen = self.choose(ready, running, self.trail)
        except BaseException as error:
            self._failure, chosen = error, None
        if chosen is None:
            self.trail.cut = True
            self._end()
            return None
        if running is not None and running not in ready and not self.strands[running].done:
            self._note_wait(running)
        strand = self.holder = self.strands[chosen]
        if chosen != running:
            self._hand_to(strand)
        return strand

    def _note_wait(self, running: int) -> None:
        """The call that runs cannot go on; one that took no step yet has nothing to go on with."""
        order = self.trail.order
        if order and order[-1] == running:
            self.trail.waits.add(len(order))

    def _hand_to(self, strand: Strand) -> None:
        if strand.started:
            strand.baton.release()
        else:
            strand.started = True
            self._alive += 1
            strand.worker.start(lambda: self._live(strand))

    def _nobody_ready(self) -> Strand | None:
        waiting = [s for s in self.strands if s.waits_for is not None]
        if waiting:
            return self._let_fail(waiting[0])
        self.holder = None
        if any(s.stuck for s in self.strands):
            return None
        left = [s for s in self.strands if not s.done]
        self.trail.deadlock = bool(left) and not any(s.spins for s in left)
        for strand in left:
            strand.result = Unfinished(self._where(strand))
        self._end()
        return None

    def _let_fail(self, strand: Strand) -> Strand:
        self.trail.unforeseen += 1
        strand.given_up = True
        strand.waits_for = None
        self._idle.clear()
        running, self.holder = self.holder, strand
        if strand is not running:
            self._hand_to(strand)
        return strand

    def _end(self) -> None:
        self.over = True
        self.holder = None
        if self._alive != 1:  # a last thread wakes the starter itself, when it is gone
            release(self._awake)

    def _unwind(self, strand: Strand) -> None:
        """Leave the call. What it does on its way out is let pass, but not in a later run."""
        strand.deaf = not self.abandoned
        raise Aborted

    def _live(self, strand: Strand) -> None:
        RUNNING[strand.worker.ident] = strand
        try:
            result = self._call(strand)
            if not self.over:
                self._finish(strand, result)
        except Aborted:
            pass
        except BaseException as error:
            self._fail(error)
        finally:
            RUNNING.pop(strand.worker.ident, None)
            strand.done = True
            with self._mutex:
                self._alive -= 1
            if self.over and not self._alive:
                release(self._awake)

    def _fail(self, error: BaseException) -> None:
        """The harness itself went wrong on a call's thread: the run is over, its starter is told."""
        with self._mutex:
            self._failure = self._failure or error
            if not self.over:
                self._end()

    def _call(self, strand: Strand) -> Result:
        try:
            value = self._context.copy().run(self.bodies[strand.index])
        except Aborted:
            raise
        except BaseException as error:
            strand.deaf = True
            return raised(error)
        strand.deaf = True
        if inspect.isgenerator(value) or inspect.iscoroutine(value):
            self.trail.stalled.append(f"the end of {self.tools[strand.index]}: nobody runs what it returned")
        return _returned(value)

    def _finish(self, strand: Strand, result: Result) -> None:
        with self._mutex:
            strand.deaf = False
            if strand.fresh:
                self._begin(strand)
            if strand.owed:
                self._settle(strand)
            strand.result = result
            strand.done = strand.deaf = True
            if self.holder is strand:
                self._next(strand.index)
            elif not self.over:
                self._no_longer_stuck(strand)
                if self.holder is None:
                    self._next(strand.index)

    # -- values, for explanations ----------------------------------------------------------------

    def _look(self, strand: Strand, kind: Kind, peek: Callable[[], Any]) -> None:
        """Read now what an access reads; read what it writes when the step is done."""
        if kind is Kind.WRITE or kind in OF_LOCKS:
            strand.owed.append((len(self.trail.touches) - 1, len(self.trail.touches[-1]) - 1, peek))
            return
        strand.looks.append((len(self.trail.values[-1]) - 1, peek))
        self.trail.values[-1][-1] = self._unseen(strand, peek)

    def _settle(self, strand: Strand) -> None:
        for step, place, peek in strand.owed:
            self.trail.values[step][place] = self._unseen(strand, peek)
        strand.owed.clear()

    def _unseen(self, strand: Strand, peek: Callable[[], Any]) -> Any:
        """What ``peek`` shows, without a gate on the way; None where it cannot show anything."""
        before, strand.deaf = strand.deaf, True
        try:
            return peek()
        except Exception:
            return None
        finally:
            strand.deaf = before


def raised(error: BaseException) -> Raised:
    """An exception of a tool as a result: its class and its text, without addresses."""
    return Raised(type(error).__name__, without_addresses(str(error)).strip())


def _returned(value: Any) -> Returned:
    try:
        return Returned(plain(value, named=True))
    except Exception as error:
        return Returned(f"a {type(value).__qualname__} that cannot be read: {type(error).__name__}: {error}")


def _raise_in(ident: int) -> None:
    """Ask a thread that never came back to unwind; it does so at its next bytecode, if there is one."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Aborted))
