"""Loop: an event loop on a thread of its own, which takes part in a run as one thread among others.

Decides when the loop goes on by itself and when it stands still: it stands still whenever all that it
could do is to go on with a task of some call, and asks the run which call that is. Only one task is in
the midst of a step. One loop serves a whole exploration. How a loop is built is decided in
``asyncio_loop`` and ``trio_loop``.
"""

from __future__ import annotations

import _thread
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fuzzharness.runtime.workers import Aborted, release, start_thread, taken_lock

if TYPE_CHECKING:
    from fuzzharness.runtime.caller import Caller
    from fuzzharness.runtime.run import Run
    from fuzzharness.runtime.strand import Strand

LOOP = "loop"
"""The resource of touches that say who keeps an event loop busy."""

START = 1_000_000.0
"""What a loop's clock shows at the beginning of every call."""

MOST_TURNS = 100
"""So many times a task is cancelled at the end of a run before it is left behind."""

_Job = tuple[Callable[[Any], bool], Any]
"""What the loop's thread is to do; it answers whether the loop should then go on by itself."""


class Loop(ABC):
    """An event loop; every method but :meth:`rest` may be called from any thread that has the baton.

    ``inside`` is the task in the midst of a step, ``askers`` are the threads that have given the loop
    something to do, ``taken`` tells that the step under way keeps the loop from others.
    """

    name = "loop"

    def __init__(self) -> None:
        self.baton = taken_lock()
        self.ident = 0
        self.inside: Strand | None = None
        self.askers: list[Strand] = []
        self.taken = self.stubborn = self._ending = False
        self.run: Run | None = None
        self._sent: _Job | None = None
        self._own: _Job | None = None
        self._active = False
        self._ended = taken_lock()
        self._gone = taken_lock()
        start_thread(self._live, ())

    # -- what the run asks of it -------------------------------------------------------------------

    @property
    def stuck(self) -> bool:
        """Whether its thread is held by a step that was set aside."""
        return self.inside is not None and self.inside.stuck

    def begin(self, run: Run) -> None:
        """A run begins; the run before has ended."""
        self.run, self.askers, self.inside, self._ending = run, [], None, False

    def go(self, strand: Strand) -> None:
        """Go on with ``strand``."""
        self._do((self._go, strand))

    def drain(self) -> list[Strand]:
        """Do what other threads have asked for, then ask who is next; returns who had asked for that."""
        askers, self.askers = self.askers, []
        self._do((self._on, None))
        return askers

    def fire(self, caller: Caller) -> None:
        """Let what waits until ``caller``'s earliest time go on."""
        self._do((self._fire, caller))

    def due(self, caller: Caller) -> float | None:
        """As :meth:`deadline`; None while a task, of whatever call, is in the midst of a step.

        Such a task keeps the loop, and all timers there, waiting.
        """
        return self.deadline(caller) if self.inside is None else None

    @abstractmethod
    def deadline(self, caller: Caller) -> float | None:
        """The earliest time that something in ``caller`` waits for, in seconds since it began."""

    def unwind(self) -> None:
        """The run is over: let the task in the midst of a step unwind, and then take away what is left."""
        self._ending = True
        self._own = (self._abort, MOST_TURNS)  # two calls of its baton would be one
        release(self.baton)

    def end(self, timeout: float) -> bool:
        """The run is over: take away what is left of it. False if that cannot be done."""
        run = self.run
        if not self._ending:
            if run is None or not any(s.loop is self and s.started and not s.done for s in run.strands):
                return True
            self._do((self._abort, MOST_TURNS))
        return self._ended.acquire(timeout=timeout) and not self.stubborn

    def stop(self) -> None:
        """Close the loop and let its thread end."""
        self._do((self._close, None))
        if self._gone.acquire(timeout=1):
            release(self._gone)

    def _do(self, job: _Job) -> None:
        if _thread.get_ident() == self.ident:
            self._own = job
        else:
            self._sent = job
            release(self.baton)

    # -- the loop's own thread -----------------------------------------------------------------------

    def rest(self) -> None:
        """Nothing is left to do: let the run go on, and return when the loop has something to do."""
        while True:
            job, self._own = self._own, None
            if job is None:
                if self._active:
                    self._active = False
                    self._pass_on()
                    continue
                self.baton.acquire()
                job, self._sent = self._sent, None
                if job is None:
                    continue
            self._active = True
            if job[0](job[1]):
                return

    def _pass_on(self) -> None:
        run = self.run
        if run is not None and not run.over:
            try:
                run.onward()
            except BaseException as error:
                run.fail(error)

    def _live(self) -> None:
        self.ident = _thread.get_ident()
        threading.current_thread()  # else the first task that asks would be seen to set up what stands for it
        try:
            self._serve()
        except Aborted:
            self.stubborn = True  # it was meant for a step that was set aside, and met the loop itself
        finally:
            threading._active.pop(self.ident, None)  # type: ignore[attr-defined]  # left there by current_thread()
            release(self._gone)
            release(self._ended)

    def _on(self, _: Any) -> bool:
        return True

    @abstractmethod
    def _serve(self) -> None:
        """Run the loop until it is closed."""

    @abstractmethod
    def _go(self, strand: Strand) -> bool: ...

    @abstractmethod
    def _fire(self, caller: Caller) -> bool: ...

    @abstractmethod
    def _abort(self, turns: int) -> bool: ...

    @abstractmethod
    def _close(self, _: Any) -> bool: ...
