"""Bounded: every interleaving by rising number of preemptions, each exactly once.

Guarantee: when the runs with up to c preemptions are through, no interleaving with at most c is left
out (iterative context bounding: Musuvathi and Qadeer, PLDI 2007). Without a bound it ends when every
interleaving has been run.

A run is a list of choices. It follows its prefix, then the default: go on with the call that runs,
else take the first that can. Its children leave the default once more, at a later choice; so every
list of choices has one parent and is made once. What is kept of a run are its choices and who was
ready at each: some 70 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fuzzharness.runtime.run import Trail
from fuzzharness.search.windows import rank


@dataclass(frozen=True, slots=True)
class _Past:
    """A run in short: the length of its prefix, its choices, and the ready calls as a bit mask each."""

    prefix: int
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

    def children(self, costly: bool) -> Iterator[bytes]:
        for at in range(self.prefix, len(self.choices)):
            if self.costs(at) is costly:
                for other in self.others(at):
                    yield self.choices[:at] + bytes((other,))


class Bounded:
    """All interleavings of ``calls`` calls with at most ``bound`` preemptions (None: no bound).

    ``level`` is the number of preemptions of the runs now made, ``complete`` the highest number for
    which all of them have been made (-1: not yet any), ``cut`` whether the bound left some out.
    """

    def __init__(self, calls: int, bound: int | None = None) -> None:
        self.level = 0
        self.complete = -1
        self.cut = False
        self._bound = bound
        self._width = (calls + 7) // 8
        self._same: list[bytes] = []
        self._next: list[bytes] = []
        self._first: list[tuple[int, bytes]] = []
        self._plan = self._prefixes()
        self._prefix = b""
        self._choices = bytearray()
        self._masks = bytearray()

    def begin(self, last: Trail | None) -> bool:
        if last is not None:
            self._keep(last)
        prefix = next(self._plan, None)
        if prefix is None:
            return False
        self._prefix, self._choices, self._masks = prefix, bytearray(), bytearray()
        return True

    def choose(self, ready: Sequence[int], running: int | None) -> int | None:
        mask = 0
        for call in ready:
            mask |= 1 << call
        at = len(self._choices)
        if at < len(self._prefix):
            chosen = self._prefix[at]
            if not mask >> chosen & 1:
                return None
        else:
            chosen = running if running is not None and mask >> running & 1 else ready[0]
        self._choices.append(chosen)
        self._masks += mask.to_bytes(self._width, "little")
        return chosen

    def _keep(self, trail: Trail) -> None:
        if trail.cut:
            return
        past = _Past(len(self._prefix), bytes(self._choices), bytes(self._masks), self._width)
        free = any(not past.costs(at) and any(past.others(at)) for at in range(past.prefix, len(past.choices)))
        record = len(self._prefix).to_bytes(4, "little") + past.choices + past.masks
        if free:
            self._same.append(record)
        if any(past.costs(at) and past.ready(at).bit_count() > 1 for at in range(past.prefix, len(past.choices))):
            self._next.append(record)
            if self.level == 0 and len(self._first) < 20_000 and len(trail.order) == len(past.choices):
                self._first += [(rank(trail, prefix), prefix) for prefix in past.children(costly=True)]

    def _past(self, record: bytes) -> _Past:
        steps = (len(record) - 4) // (1 + self._width)
        prefix = int.from_bytes(record[:4], "little")
        return _Past(prefix, record[4 : 4 + steps], record[4 + steps :], self._width)

    def _prefixes(self) -> Iterator[bytes]:
        yield b""
        yield from self._freely()
        self.complete = 0
        while self._next:
            if self._bound is not None and self.level >= self._bound:
                self.cut = True
                return
            parents, self._next = self._next, []
            self.level += 1
            for prefix in self._costly(parents):
                yield prefix
                yield from self._freely()
            self.complete = self.level

    def _freely(self) -> Iterator[bytes]:
        while self._same:
            yield from self._past(self._same.pop()).children(costly=False)

    def _costly(self, parents: list[bytes]) -> Iterator[bytes]:
        if self.level == 1 and 0 < len(self._first) < 20_000:
            ranked, self._first = sorted(self._first, key=lambda entry: entry[0]), []
            yield from (prefix for _, prefix in ranked)
            return
        parents.reverse()
        while parents:
            yield from self._past(parents.pop()).children(costly=True)
