"""Standing back: how a strand waits, for a lock, for a time, or until another wakes it.

Decides what a strand that cannot go on waits for, and what lets it go on. Who goes on instead is decided in
``baton``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from fuzzharness.access import Kind, Touch
from fuzzharness.runtime.caller import Caller
from fuzzharness.runtime.record import Record
from fuzzharness.runtime.strand import Strand
from fuzzharness.runtime.trail import Channel

WAITING = "waiting"
"""The resource of the touches that wake a call, and with which it goes on."""


class Standing(Record):
    """A run, as far as its strands wait. ``over`` is True once it has ended."""

    def __init__(self, detailed: bool, fine: bool) -> None:
        super().__init__(detailed, fine)
        self.over = False
        self.callers: list[Caller] = []
        self._lines: dict[Channel, list[Strand]] = {}

    @property
    def strands(self) -> list[Strand]:
        """Every strand of every call so far."""
        return [strand for caller in self.callers for strand in caller.strands]

    @abstractmethod
    def _decide(self, strand: Strand) -> None:
        """``strand`` cannot go on, or may be held: returns when it is its turn."""

    @abstractmethod
    def _unwind(self, strand: Strand) -> None:
        """Leave the call: the run is over."""

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

    def in_vain(self, strand: Strand) -> None:
        """``strand`` was chosen and can take no step."""
        if self.over:
            self._unwind(strand)
        if strand.fresh:
            self._began_in_vain(strand)

    def not_in_vain(self, strand: Strand) -> None:
        """``strand`` takes a step all the same, since it gives up waiting."""
        if strand.index in self._idle:
            self._idle.remove(strand.index)

    def broken_off(self, strand: Strand) -> None:
        """The step of ``strand`` has not come to anything, and what it is about will be tried in another."""
        if self.over:
            self._unwind(strand)
        self.trail.unforeseen += 1
        self._take_back(strand)

    def wake(self, resource: str) -> None:
        """Let the calls that wait for ``resource`` try again."""
        if not self.trail.unforeseen:
            return  # none has waited yet
        for strand in self.strands:
            if strand.waits_for == resource and not strand.foreseen:
                strand.waits_for = None

    def sleep(self, strand: Strand, seconds: float) -> None:
        """Let time pass for the call of ``strand``; its other strands go on meanwhile."""
        caller = strand.caller
        if len(caller.strands) == 1 or strand.loop is not None:
            caller.elapsed += seconds
            return
        strand.blocked = lambda: not strand.timed_out
        self.stand(strand, caller.elapsed + seconds)

    def stand(self, strand: Strand, until: float | None = None) -> bool:
        """Stand back until :attr:`Strand.blocked` is over; False if it was given up at ``until``."""
        strand.timer, strand.timed_out = until, False
        try:
            if self.over:
                self._unwind(strand)
            self._decide(strand)
        finally:
            strand.blocked = strand.timer = None
        return not strand.timed_out

    def suspend(
        self,
        strand: Strand,
        channel: Channel,
        then: Sequence[Touch] = (),
        timeout: float | None = None,
        free: Callable[[], bool] | None = None,
        yields: bool = False,
    ) -> bool:
        """Stand in line for ``channel`` until :meth:`rouse`; a new step begins, announced as ``then``.

        False: the call was not roused: with a ``timeout`` it has given up, which it may do as soon as none of
        its strands can go on; else ``free`` says that it can, and one that ``yields`` can once no other can,
        which nothing announces.
        """
        line = self._lines.setdefault(channel, [])
        line.append(strand)
        timed = timeout is not None
        woken = () if timed else ((WAITING, (strand.place,), Kind.WOKEN),)
        strand.timed_out = False
        strand.timer = None if timeout is None else strand.caller.elapsed + max(timeout, 0.0)
        strand.blocked = lambda: (
            strand in line and not (strand.timed_out or strand.given_up or (free is not None and free()))
        )
        strand.given_up, strand.foreseen, strand.waits_for = False, True, WAITING if yields else None
        self.trail.awaits[strand.index] = channel
        try:
            self._stand_back(strand, (*woken, *then))
        finally:
            strand.blocked = strand.waits_for = strand.timer = None
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
        self._about_to(strand, announced)
        self._decide(strand)

    def _about_to(self, strand: Strand, announced: Sequence[Touch]) -> None:
        """The step of ``strand`` is over, the next is announced."""
        if self.over:
            self._unwind(strand)
        if strand.owed:
            self._settle(strand)
        while strand.later:
            strand.later.pop()()
        self.trail.pending[strand.index] = announced

    def rouse(self, strand: Strand, channel: Channel, count: int | None = None) -> int:
        """The step of ``strand`` lets those in line go on, or the first ``count``; returns how many."""
        line = self._lines.get(channel, [])
        roused = line[:count]
        del line[:count]
        for other in roused:
            if other.blocked is not None:
                self.record(strand, (WAITING, (other.place,), Kind.WAKE), None)
        return len(roused)
