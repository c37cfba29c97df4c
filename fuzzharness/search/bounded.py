"""Bounded: every interleaving by rising number of preemptions, each exactly once.

Guarantee: when the runs with up to c preemptions are through, no interleaving with at most c is left
out (iterative context bounding: Musuvathi and Qadeer, PLDI 2007). Without a bound it ends when every
interleaving has been run.

A run is a list of choices. It follows its prefix, then the default: go on with the call that runs,
else take the first that can. Its children leave the default once more, at a later choice; so every
list of choices has one parent and is made once. What is kept of a run are its choices and who was
ready at each: some 70 bytes.

A choice that let a call begin which then could not take a step changed nothing: nobody leaves the
default after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.scheduler import Claim
from fuzzharness.search.windows import rank

_Plan = tuple[bytes, bytes]
"""The choices a run must begin with, and who was ready at each in the run it branches off from."""

_BEFORE_STANDSTILL = 200
"""A call that goes round in circles could be left at every turn: only its first turns are tried."""

_RANKED = 5_000
_RANKED_STEPS = 300
"""Of how many runs, and of how long ones, the preemptions are tried in order of promise."""


@dataclass(frozen=True, slots=True)
class _Past:
    """A run in short: where its children may leave it, its choices, the ready calls as a bit mask each."""

    prefix: int
    end: int
    choices: bytes
    masks: bytes
    width: int

    def ready(self, at: int) -> int:
        return int.from_bytes(self.masks[at * self.width : (at + 1) * self.width], "little")

    def others(self, at: int) -> Iterator[int]:
        mask = self.ready(at) & ~(1 << self.choices[at])
        while mask:
            low = mask & -mask
            yield low.bit_length() - 1
            mask ^= low

    def costs(self, at: int) -> bool:
        """Whether leaving the default here makes the running call stand back."""
        return at > 0 and bool(self.ready(at) >> self.choices[at - 1] & 1)

    def branches(self, costly: bool) -> Iterator[tuple[int, int]]:
        for at in range(self.prefix, self.end):
            if self.costs(at) is costly:
                for other in self.others(at):
                    yield at, other

    def child(self, at: int, other: int) -> _Plan:
        return self.choices[:at] + bytes((other,)), self.masks[: (at + 1) * self.width]

    def children(self, costly: bool) -> Iterator[_Plan]:
        return (self.child(*branch) for branch in self.branches(costly))

    def packed(self) -> bytes:
        return self.prefix.to_bytes(4, "little") + self.end.to_bytes(4, "little") + self.choices + self.masks

    @classmethod
    def unpacked(cls, record: bytes, width: int) -> _Past:
        split = 8 + (len(record) - 8) // (1 + width)
        prefix, end = (int.from_bytes(record[at : at + 4], "little") for at in (0, 4))
        return cls(prefix, end, record[8:split], record[split:], width)


class Bounded:
    """All interleavings of ``calls`` calls with at most ``bound`` preemptions (None: no bound).

    ``level`` is the number of preemptions of the runs now made, ``complete`` the highest number for
    which all of them have been made (-1: not yet any), ``cut`` whether the bound left some out,
    ``strayed`` how many runs could not repeat the beginning of the run they branch off from.
    """

    def __init__(self, calls: int, bound: int | None = None) -> None:
        self.level = 0
        self.complete = -1
        self.cut = False
        self.strayed = 0
        self._bound = bound
        self._width = (calls + 7) // 8
        self._same: list[bytes] = []
        self._next: list[bytes] = []
        self._ranks: dict[int, list[int]] = {}
        self._plans = self._all()
        self._plan: _Plan = (b"", b"")
        self._choices = bytearray()
        self._masks = bytearray()

    def begin(self, last: Trail | None) -> bool:
        if last is not None:
            self._keep(last)
        plan = next(self._plans, None)
        if plan is None:
            return False
        self._plan, self._choices, self._masks = plan, bytearray(), bytearray()
        return True

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:  # noqa: ARG002  # of the protocol
        mask = 0
        for call in ready:
            mask |= 1 << call
        at = len(self._choices)
        if at < len(self._plan[0]):
            chosen = self._plan[0][at]
            if not mask >> chosen & 1:
                return None
        else:
            chosen = running if running is not None and mask >> running & 1 else ready[0]
        self._choices.append(chosen)
        self._masks += mask.to_bytes(self._width, "little")
        return chosen

    def claim(self) -> Claim:
        level = None if self.strayed else self.complete
        return Claim(whole=True, level=level, cut=self.cut, strayed=self.strayed)

    def _keep(self, trail: Trail) -> None:
        prefix, masks = self._plan
        if trail.cut or not self._masks.startswith(masks):
            self.strayed += 1
            return
        end = len(self._choices) if trail.redundant is None else trail.redundant + 1
        if trail.stood and not trail.deadlock:
            end = min(end, _BEFORE_STANDSTILL)
        past = _Past(len(prefix), end, bytes(self._choices), bytes(self._masks), self._width)
        if any(past.branches(costly=False)):
            self._same.append(past.packed())
        if any(past.branches(costly=True)):
            if self.level == 0 and len(self._next) < _RANKED and len(trail.order) <= _RANKED_STEPS:
                self._ranks[len(self._next)] = _ranks(past, trail)
            self._next.append(past.packed())

    def _all(self) -> Iterator[_Plan]:
        yield b"", b""
        yield from self._freely()
        self.complete = 0
        while self._next:
            if self._bound is not None and self.level >= self._bound:
                self.cut = True
                return
            parents, self._next = self._next, []
            self.level += 1
            for plan in self._costly(parents):
                yield plan
                yield from self._freely()
            self.complete = self.level

    def _freely(self) -> Iterator[_Plan]:
        while self._same:
            yield from _Past.unpacked(self._same.pop(), self._width).children(costly=False)

    def _costly(self, parents: list[bytes]) -> Iterator[_Plan]:
        ranks, self._ranks = self._ranks, {}
        for wanted in (0, 1, 2) if ranks else (None,):
            for number, record in enumerate(parents):
                past = _Past.unpacked(record, self._width)
                known = ranks.get(number)
                for n, branch in enumerate(past.branches(costly=True)):
                    if wanted is None or wanted == (known[n] if known is not None else 2):
                        yield past.child(*branch)


def _ranks(past: _Past, trail: Trail) -> list[int]:
    """How promising each costly branch of a run is; 2 where its choices are not its steps."""
    branches = past.branches(costly=True)
    if len(trail.order) != len(past.choices):
        return [2 for _ in branches]
    return [rank(trail, at, other) for at, other in branches]
