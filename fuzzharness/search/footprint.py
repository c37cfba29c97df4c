"""Footprints: what steps touch, numbered, so that "do these two depend on each other?" is one bit.

Decides when two steps must not be swapped. Knows nothing of runs or of the order of steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fuzzharness.access import Kind, Touch, meet

Lock = tuple[str, object]
"""A lock: the resource it belongs to, and its key there."""


class Footprints:
    """Numbers every distinct set of touches; ``against[f]`` has bit ``g`` set if f and g depend.

    ``data[f]`` is the same without the locks that f takes and may wait for: those never excuse another
    order by themselves. ``takes[f]``, ``holds[f]`` and ``frees[f]`` are the locks that f waits for, that it
    may hold afterwards, and that it gives back; ``passes[f]`` those that it takes and gives back at once.
    ``wakes[f]`` names the calls that f lets go on, ``woken[f]`` the one that goes on with it: that order
    cannot be reversed either. ``tries`` is True if some lock is only tried, or some call had to be woken.
    """

    def __init__(self) -> None:
        self.against: list[int] = []
        self.data: list[int] = []
        self.tries = False
        self.takes: list[tuple[Lock, ...]] = []
        self.holds: list[frozenset[Lock]] = []
        self.frees: list[frozenset[Lock]] = []
        self.passes: list[frozenset[Lock]] = []
        self.wakes: list[frozenset[Lock]] = []
        self.woken: list[tuple[Lock, ...]] = []
        self._touches: list[tuple[Touch, ...]] = []
        self._numbers: dict[tuple[Touch, ...], int] = {}

    def number(self, touches: Iterable[Touch]) -> int:
        """The number of the footprint with exactly these touches."""
        told = tuple(touches)
        number = self._numbers.get(told)
        if number is None:
            number = self._numbers[told] = self._of_set(told)
        return number

    def holds_after(self, lock: Lock, steps: Iterable[int]) -> bool:
        """Whether a call holds ``lock`` after steps with these footprints."""
        held = False
        for number in steps:
            held = (held or lock in self.holds[number]) and lock not in self.frees[number]
        return held

    def depend(self, some: int, others: int) -> bool:
        """Whether one of the footprints in the mask ``some`` depends on one in the mask ``others``."""
        return any(against & others for number, against in enumerate(self.against) if some >> number & 1)

    def _of_set(self, told: tuple[Touch, ...]) -> int:
        """Touches told in another order, or twice, are the same footprint."""
        distinct = frozenset(told)
        for number, known in enumerate(self._touches):
            if len(known) == len(distinct) and distinct.issuperset(known):
                return number
        return self._add(tuple(dict.fromkeys(told)))

    def _add(self, touches: tuple[Touch, ...]) -> int:
        new = len(self._touches)
        self._touches.append(touches)
        self.tries = self.tries or any(kind in _UNSURE for _, _, kind in touches)
        self.takes.append(_locks(touches, Kind.LOCK, Kind.PASS))
        self.passes.append(frozenset(_locks(touches, Kind.PASS)))
        self.holds.append(frozenset(_locks(touches, Kind.LOCK, Kind.TRY)))
        self.frees.append(frozenset(_locks(touches, Kind.UNLOCK, Kind.PASS)))
        self.wakes.append(frozenset(_locks(touches, Kind.WAKE)))
        self.woken.append(_locks(touches, Kind.WOKEN))
        self.against.append(0)
        self.data.append(0)
        for old, others in enumerate(self._touches):
            if meet(touches, others):
                self.against[new] |= 1 << old
                self.against[old] |= 1 << new
            if meet(_free(touches), others):
                self.data[new] |= 1 << old
            if meet(_free(others), touches):
                self.data[old] |= 1 << new
        return new


def _locks(touches: Sequence[Touch], *kinds: Kind) -> tuple[Lock, ...]:
    return tuple((resource, key) for resource, key, kind in touches if kind in kinds)


def _free(touches: Sequence[Touch]) -> list[Touch]:
    return [touch for touch in touches if touch[2] not in _BOUND]


_BOUND = frozenset({Kind.LOCK, Kind.PASS, Kind.WAKE, Kind.WOKEN})
_UNSURE = frozenset({Kind.TRY, Kind.WAKE, Kind.WOKEN, Kind.IN_TIME})
