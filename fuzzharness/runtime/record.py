"""Record: what a run writes down of its steps.

Decides what belongs to the step under way, and when values are read. Never decides who takes a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from fuzzharness.access import OF_LOCKS, Key, Kind, Place, Touch
from fuzzharness.runtime.loops import LOOP
from fuzzharness.runtime.places import place_of_tool
from fuzzharness.runtime.strand import Strand
from fuzzharness.runtime.trail import Trail

_GIVING_BACK = frozenset({Kind.UNLOCK, Kind.PASS})
_HOLDING = frozenset({Kind.LOCK, Kind.TRY}) | _GIVING_BACK


class Record(ABC):
    """The trail of a run as it grows.

    ``detailed`` asks for places and values. ``fine``: tasks of event loops stop at every gate, since threads
    run beside them, and a step of theirs holds the loop. ``asked`` counts the choices so far.
    """

    def __init__(self, detailed: bool, fine: bool) -> None:
        self.detailed, self.fine = detailed, fine
        self.trail = Trail()
        self.asked = 0
        self.ticks = count()
        self._idle: list[int] = []

    @property
    @abstractmethod
    def strands(self) -> list[Strand]:
        """Every strand of every call so far."""

    @abstractmethod
    def arrive(self, strand: Strand, announced: Sequence[Touch]) -> None:
        """The gate: come here before the accesses ``announced``; returns when the call may make them."""

    @abstractmethod
    def _begin(self, strand: Strand, announced: Sequence[Touch] = ()) -> None:
        """A step of ``strand`` begins, unless it took too many."""

    def _open_step(self, strand: Strand, announced: Sequence[Touch]) -> None:
        """A step of ``strand`` begins."""
        if self._idle:
            self._note_idle(self.asked - 1)
        if self.detailed:
            self._settle_others(strand)
        trail = self.trail
        strand.fresh = False
        strand.steps += 1
        strand.last = len(trail.order)
        trail.order.append(strand.index)
        trail.numbers.append(strand.number)
        trail.touches.append([])
        trail.announced.append(announced)
        if self.detailed:
            trail.places.append([])
            trail.values.append([])
            strand.looks.clear()
        if strand.debts:
            self._pay(strand)
        if self.fine and strand.loop is not None and not strand.loop.taken:
            strand.loop.taken = True
            self._add((LOOP, (strand.loop.name,), Kind.LOCK))

    def _add(self, touch: Touch, step: int = -1) -> None:
        """Add a touch that nobody is shown to the step under way, or to ``step``."""
        trail = self.trail
        trail.touches[step].append(touch)
        if self.detailed:
            trail.places[step].append(None)
            trail.values[step].append(None)

    def _pay(self, strand: Strand) -> None:
        """A step of ``strand`` that others let it take comes after theirs."""
        for touch in strand.debts:
            self._add(touch)
        strand.debts.clear()

    def _began_in_vain(self, strand: Strand) -> None:
        if self._idle and strand.index < self._idle[-1]:
            self._note_idle(self.asked - 1)
        self._idle.append(strand.index)

    def _note_idle(self, choices: int) -> None:
        """The last choices, up to the one numbered ``choices``, let calls begin that took no step."""
        if self.trail.redundant is None:
            self.trail.redundant = choices - len(self._idle)
        self._idle.clear()

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
        if taken in touches and not self._may_hold(strand, resource, key):
            touches[touches.index(taken)] = (resource, key, Kind.PASS)
        else:
            self.record(strand, (resource, key, Kind.UNLOCK), None)

    def _may_hold(self, strand: Strand, resource: str, key: Key) -> bool:
        """Whether the call asked for a lock in a step before the one under way, and has not given it back."""
        trail = self.trail
        for step in range(len(trail.order) - 2, -1, -1):
            if trail.order[step] == strand.index:
                kinds = {kind for of, at, kind in trail.touches[step] if of == resource and at == key}
                if kinds & _HOLDING:
                    return not kinds & _GIVING_BACK
        return False

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

    def _take_back(self, strand: Strand) -> None:
        """Nothing of what the step announced has happened, but that it asked for locks."""
        trail, step = self.trail, strand.last
        kept = [n for n, touch in enumerate(trail.touches[step]) if touch[2] in OF_LOCKS]
        trail.touches[step] = [trail.touches[step][n] for n in kept]
        if self.detailed:
            trail.places[step] = [trail.places[step][n] for n in kept]
            trail.values[step] = [None] * len(kept)
            strand.owed.clear()
            strand.looks.clear()

    # -- values, for explanations ----------------------------------------------------------------

    def _look(self, strand: Strand, kind: Kind, peek: Callable[[], Any]) -> None:
        """Read now what an access reads; read what it writes when the step is done."""
        if kind is Kind.WRITE or kind in OF_LOCKS:
            strand.owed.append((len(self.trail.touches) - 1, len(self.trail.touches[-1]) - 1, peek))
            return
        strand.looks.append((len(self.trail.values[-1]) - 1, peek))
        self.trail.values[-1][-1] = self._unseen(strand, peek)

    def _settle_others(self, strand: Strand) -> None:
        """The steps of tasks are over when another call goes on: they pass no gate at their end."""
        for other in self.strands:
            if other.owed and other is not strand:
                self._settle(other)

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
