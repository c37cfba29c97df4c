"""The baton: one strand of a run has it, all others wait.

Decides which call holds it and when a run is over; asks ``choose`` who is next. Never knows why a scheduler
chooses as it does.
"""

from __future__ import annotations

import _thread
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from fuzzharness.access import Place
from fuzzharness.runtime.caller import Caller
from fuzzharness.runtime.loops import Loop
from fuzzharness.runtime.standing import Standing
from fuzzharness.runtime.strand import RUNNING, Strand
from fuzzharness.runtime.trail import Choose
from fuzzharness.runtime.workers import release


class Baton(Standing):
    """A run, as far as it goes from strand to strand. ``holder`` has the baton.

    ``strangers`` is True where threads that are under nobody's control may let a call go on.
    """

    def __init__(self, choose: Choose, detailed: bool, fine: bool) -> None:
        super().__init__(detailed, fine)
        self.choose = choose
        self.holder: Strand | None = None
        self.strangers = False
        self.loops: list[Loop] = []
        self.running: int | None = None
        self._promised: Caller | None = None
        self._askers: list[Strand] = []
        self._chosen: int | None = None
        self._at = -1
        self._awaited = False
        self._failure: BaseException | None = None
        self._alive = 0
        self._awake = _thread.allocate_lock()
        self._awake.acquire()
        self._mutex = _thread.allocate_lock()

    @abstractmethod
    def _live(self, strand: Strand) -> None:
        """Run ``strand`` on this thread, to its end."""

    @abstractmethod
    def _place(self, strand: Strand) -> Place | None:
        """Where in the user's code ``strand`` is."""

    @abstractmethod
    def _unfinished(self, strand: Strand) -> None:
        """The call of ``strand`` does not come to its end in this run."""

    def onward(self) -> None:
        """The thread of a loop has the baton and nothing of its own to do: who is next?"""
        with self._mutex:
            if not self.over:
                self._next(self.running)

    def _next(self, running: int | None) -> Strand | None:
        """Hand the baton on; returns the strand that has it now. Needs the mutex."""
        self.running, self._askers = running, []
        for loop in self.loops:
            if loop.askers and loop.inside is None:
                self._askers = loop.drain()
                return None
        promised, self._promised = self._promised, None
        if promised is not None:
            strand = promised.next_strand(None)
            if strand is not None:
                return self._hand_to(strand)
        if running is not None and running == self._chosen and len(self.trail.order) == self._at:
            strand = self._keep_on(self.callers[running])
            if strand is not None or self._promised is not None:
                return strand
        ready = [c.index for c in self.callers if _plainly_able(c) or (not _plainly_over(c) and c.able)]
        if not ready:
            return self._nobody_ready()
        self.asked += 1
        chosen = self._choice(ready, running)
        if chosen is None:
            self.trail.cut = True
            self._end()
            return None
        if running is not None and running not in ready and not self.callers[running].done:
            self._note_wait(running)
        self.running = self._chosen = chosen
        self._at = len(self.trail.order)
        return self._keep_on(self.callers[chosen])

    def _choice(self, ready: Sequence[int], running: int | None) -> int | None:
        """Whom the scheduler chooses; whatever it looks at meanwhile passes no gate."""
        here = RUNNING.get(_thread.get_ident())
        deaf = here is not None and here.deaf
        if here is not None:
            here.deaf = True
        try:
            return self.choose(ready, running, self.trail)
        except BaseException as error:
            self._failure = error
            return None
        finally:
            if here is not None:
                here.deaf = deaf

    def _keep_on(self, caller: Caller) -> Strand | None:
        """Go on with ``caller``, which was chosen to take the next step, if it can."""
        strand = caller.next_strand(self.holder)
        if strand is not None:
            return self._hand_to(strand)
        return None if caller.deadline is None else self._let_time_pass(caller)

    def _let_time_pass(self, caller: Caller) -> Strand | None:
        """All strands of a call wait: the first of them that waits for a time gives up or wakes."""
        deadline = caller.deadline
        assert deadline is not None
        caller.elapsed = max(caller.elapsed, deadline)
        self._promised = caller
        for loop in caller.loops:
            first = loop.due(caller)
            if first is not None and first <= deadline:
                loop.fire(caller)
                return None
        strand = min((s for s in caller.strands if s.timer is not None), key=lambda s: (s.timer, s.number))
        strand.timed_out, strand.timer = True, None
        self._promised = None
        return self._hand_to(strand)

    def _note_wait(self, running: int) -> None:
        """The call that runs cannot go on; one that took no step yet has nothing to go on with."""
        order = self.trail.order
        if order and order[-1] == running:
            self.trail.waits.add(len(order))

    def _hand_to(self, strand: Strand) -> Strand:
        """``strand`` has the baton: wake the thread it runs on, unless it is this one."""
        before, self.holder = self.holder, strand
        strand.since = next(self.ticks)
        if strand.loop is not None and strand.loop.inside is not strand:
            strand.loop.go(strand)
        elif strand is before and RUNNING.get(_thread.get_ident()) is strand:
            return strand
        elif strand.started:
            strand.baton.release()
        else:
            strand.started = True
            self._alive += 1
            worker: Any = strand.home
            worker.start(lambda: self._live(strand))
        return strand

    def _nobody_ready(self) -> Strand | None:
        if all(caller.done for caller in self.callers):
            self._end()
            return None
        waiting = {s.index: s for s in reversed(self.strands) if s.waits_for is not None}
        if waiting:
            return self._let_fail(waiting)
        self.holder = None
        left = [s for s in self.strands if not s.done]
        if left and self.strangers and not self._awaited:
            release(self._awake)
            return None
        if any(s.stuck for s in left):
            return None
        unfinished = [c for c in self.callers if not c.main.done]
        self.trail.deadlock = bool(unfinished) and all(c.waits for c in unfinished)
        for caller in unfinished:
            self._unfinished(caller.main)
        self.trail.left += [(s.index, self._place(s)) for s in left if s.caller.main.done]
        self._end()
        return None

    def _let_fail(self, waiting: dict[int, Strand]) -> Strand | None:
        """Every call waits: one of them, whichever, is the first to give up."""
        self.trail.unforeseen += 1
        chosen: int | None = next(iter(waiting))
        if len(waiting) > 1:
            self.asked += 1
            chosen = self._choice(sorted(waiting), None)
        if chosen is None:
            self.trail.cut = True
            self._end()
            return None
        strand = waiting[chosen]
        strand.given_up = True
        strand.waits_for = None
        self._idle.clear()
        return self._hand_to(strand)

    def _end(self) -> None:
        self.over = True
        self.holder = None
        here = RUNNING.get(_thread.get_ident())
        if self._alive != 1 or here is None or here.run is not self or here.loop is not None:
            release(self._awake)  # else a last thread wakes the starter itself, when it is gone


def _plainly_able(caller: Caller) -> bool:
    """Whether a call could go on, as far as one look can tell: no more than :attr:`Caller.able`."""
    only = caller.only
    if only is None or only.done or only.stuck or only.spins:
        return False
    loop = only.loop
    if loop is None:
        return only.blocked is None
    return loop.inside is None and only.blocked is None and (only.resume is not None or not only.started)


def _plainly_over(caller: Caller) -> bool:
    """Whether nothing of a call is left, not even a timer, as far as one look can tell."""
    only = caller.only
    return only is not None and only.done and not caller.timers and not caller.scopes
