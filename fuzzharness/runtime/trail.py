"""Trail: what a run did, densely and raw.

Decides nothing; ``run`` writes it, schedulers and judges read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fuzzharness.access import UNTOLD, Access, Key, Place, Touch

Channel = tuple[str, Key]
"""What calls wait for until another wakes them: a resource and a key there."""

Cycle = tuple[tuple[int, str, Key], ...]
"""Calls that wait for each other: each with the resource and the key that the next one holds."""


@dataclass(slots=True)
class Trail:
    """What a run did, densely and raw: one entry per step in most lists.

    ``announced`` holds what each step said at its gate that it would touch, ``touches`` what it did
    touch; ``pending`` is by call: what it announced last. ``waits`` holds the positions before which the
    running call could not go on, ``stood`` the calls that never came to their end. ``redundant`` is the
    number of a choice that let a call begin which could not take a single step before another did, so
    that a run without that choice is the same. ``unforeseen`` counts the waits that nothing announced,
    ``attempts`` the steps that may make their call wait until another wakes it; ``awaits`` is by call: what
    it waits for, while it does. ``numbers`` tells which strand of its call took each step, ``left`` holds the
    strands that went on behind the end of their call and came to none: the call and where. ``cycles`` are the
    deadlocks that a server has broken by letting a call fail: who waited for what, each for the next one.
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
    numbers: list[int] = field(default_factory=list)
    left: list[tuple[int, Place | None]] = field(default_factory=list)
    deadlock: bool = False
    cycles: list[Cycle] = field(default_factory=list)
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
