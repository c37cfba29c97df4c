"""Profile: what each call does, step by step, as the serial runs show it.

Decides which steps matter to the order of calls: those on keys that another call touches too, one of
them writing. A forecast where control flow depends on data, exact where it does not. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.footprint import Footprints

Steps = tuple[int, ...]
"""The footprints of the steps of one call, by number."""


@dataclass(frozen=True)
class Profile:
    """The steps of each call in recorded order, as numbers of ``footprints``.

    ``fixed`` is True if every call did the same in all runs that were looked at, and neither tries a lock
    (which serial runs find free) nor attempts what others may make it wait for; ``ever`` holds, by call, a
    bit for every footprint seen in any of them.
    """

    footprints: Footprints
    steps: tuple[Steps, ...]
    ever: tuple[int, ...]
    fixed: bool

    @classmethod
    def of(cls, trails: Sequence[Trail], calls: int) -> Profile:
        """What the runs ``trails`` show, the first of them in recorded order."""
        footprints = Footprints()
        seen = [steps_of(trail, calls, footprints) for trail in trails]
        first = seen[0] if seen else tuple(() for _ in range(calls))
        ever = [0] * calls
        for steps in seen:
            for call, numbers in enumerate(steps):
                for number in numbers:
                    ever[call] |= 1 << number
        sure = not footprints.tries and not any(trail.attempts for trail in trails)
        fixed = sure and all(steps == first for steps in seen)
        return cls(footprints, first, tuple(ever), fixed)

    @cached_property
    def contended(self) -> tuple[tuple[bool, ...], ...]:
        """For each step of each call, whether it depends on something another call does."""
        return tuple(
            tuple(self.depends(number, call) for number in numbers) for call, numbers in enumerate(self.steps)
        )

    def depends(self, footprint: int, call: int) -> bool:
        """Whether a step of ``call`` depends on something that another call has been seen to do."""
        against = self.footprints.against[footprint]
        return any(against & ever for other, ever in enumerate(self.ever) if other != call)


def steps_of(trail: Trail, calls: int, footprints: Footprints) -> tuple[Steps, ...]:
    """The footprints of each call's steps in one run."""
    found: list[list[int]] = [[] for _ in range(calls)]
    for call, touches in zip(trail.order, trail.touches, strict=True):
        found[call].append(footprints.number(touches))
    return tuple(map(tuple, found))
