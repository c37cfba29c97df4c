"""Wakeup trees: the beginnings of runs that are still to be made from one point on.

Decides whether a sequence of steps is already covered, by a call that sleeps or by a branch that is
there. Knows nothing of runs. From Abdulla, Aronis, Jonsson and Sagonas, "Source Sets: A Foundation for
Optimal Dynamic Partial Order Reduction" (JACM 2017), section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fuzzharness.search.footprint import Footprints

Planned = tuple[int, int]
"""A step that is still to be made: its call, and the number of its footprint."""

UNKNOWN = -1
"""In place of a footprint's number, for a step whose accesses depend on values: it may touch anything."""


@dataclass(slots=True)
class Branch:
    """One step of a wakeup tree and what is planned after it, in the order it will be explored."""

    call: int
    footprint: int
    after: list[Branch] = field(default_factory=list)


def is_weak_initial(footprints: Footprints, step: Planned, sequence: Sequence[Planned]) -> bool:
    """Whether ``sequence``, or more of the same, can as well begin with ``step``.

    It can if the first step of that call in ``sequence`` depends on nothing before it, or if there is
    none and ``step`` depends on nothing in ``sequence``.
    """
    call, footprint = step
    before = 0
    for at, (other, touched) in enumerate(sequence):
        if other == call:
            return at == 0 or (touched != UNKNOWN and not before & footprints.against[touched])
        if touched == UNKNOWN:
            return False
        before |= 1 << touched
    return footprint != UNKNOWN and not before & footprints.against[footprint]


def sleeps(footprints: Footprints, asleep: Mapping[int, int], sequence: Sequence[Planned]) -> bool:
    """Whether some call in ``asleep`` (with the footprint of its step) may begin ``sequence``."""
    return any(is_weak_initial(footprints, step, sequence) for step in asleep.items())


def insert(footprints: Footprints, branches: list[Branch], sequence: Sequence[Planned]) -> None:
    """Add ``sequence`` to a tree as its last branch, unless a branch that is there covers it."""
    while True:
        covering = _covering(footprints, branches, sequence)
        if covering is None:
            _append(branches, sequence)
            return
        if not covering.after:
            return
        sequence, branches = _without(covering.call, sequence), covering.after


def _covering(
    footprints: Footprints, branches: Iterable[Branch], sequence: Sequence[Planned]
) -> Branch | None:
    for branch in branches:
        if is_weak_initial(footprints, (branch.call, branch.footprint), sequence):
            return branch
    return None


def _without(call: int, sequence: Sequence[Planned]) -> list[Planned]:
    """``sequence`` less the first step of ``call``."""
    at = next((n for n, step in enumerate(sequence) if step[0] == call), len(sequence))
    return [*sequence[:at], *sequence[at + 1 :]]


def _append(branches: list[Branch], sequence: Iterable[Planned]) -> None:
    for call, footprint in sequence:
        branch = Branch(call, footprint)
        branches.append(branch)
        branches = branch.after
