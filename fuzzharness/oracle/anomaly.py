"""Which anomaly a run shows: patterns of reads and writes between two calls.

Decides the field's name for a run that equals no serial order. The patterns are those of Berenson et
al., "A Critique of ANSI SQL Isolation Levels" (SIGMOD 1995) and Adya's generalised dependency graph
(ICDE 2000), on the accesses of a run in the order they happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from fuzzharness.access import OF_LOCKS, OF_WAITING, Key, Kind, overlap
from fuzzharness.runtime.trail import Trail


@dataclass(frozen=True, slots=True)
class Event:
    """One access in a run: at which step, by which call, to which key."""

    step: int
    call: int
    resource: str
    key: Key
    kind: Kind

    @property
    def writes(self) -> bool:
        return self.kind is Kind.WRITE

    def same(self, other: Event) -> bool:
        """Whether both can name the same thing."""
        return self.resource == other.resource and overlap(self.key, other.key)


@dataclass(frozen=True, slots=True)
class Witness:
    """The accesses that make an anomaly, in the order they happened; ``calls`` names its two calls."""

    anomaly: str
    calls: tuple[int, int]
    events: tuple[Event, ...]


def events_of(trail: Trail) -> list[Event]:
    """Reads and writes of a run in order; locks are left out."""
    return [
        Event(step, call, *touch)
        for step, (call, touches) in enumerate(zip(trail.order, trail.touches, strict=True))
        for touch in touches
        if touch[2] not in OF_LOCKS
    ]


def own_reads(events: Sequence[Event]) -> set[Event]:
    """The reads among ``events`` of places that the call itself was the last to write: they need tell nothing
    of others, though what was appended to, or written in part, holds what others left.
    """
    return {event for n, event in enumerate(events) if _finds_its_own(event, events[:n])}


def _finds_its_own(event: Event, before: Sequence[Event]) -> bool:
    last = None if event.writes else next((e for e in reversed(before) if e.writes and e.same(event)), None)
    return last is not None and last.call == event.call and last.key == event.key[: len(last.key)]


def anomaly_of(trail: Trail) -> Witness | None:
    """The first pattern of :data:`PATTERNS` that two calls of the run show in their data, or None."""
    events = [event for event in events_of(trail) if event.resource not in OF_WAITING]
    did = {call: Did.of(call, events) for call in sorted(set(trail.order))}
    for name, pattern in PATTERNS:
        for a, b in permutations(did, 2):
            found = next(pattern(did[a], did[b]), None)
            if found is not None:
                return Witness(name, (a, b), tuple(sorted(found, key=lambda e: e.step)))
    return None


def last_writes(trail: Trail, early: Event, late: Event) -> tuple[Event, Event]:
    """Of two calls that write blindly what each left there: to open a file writes, and not yet the text."""
    events = events_of(trail)
    last = [e for e in events if _is_again(e, late)][-1]
    return [e for e in events if _is_again(e, early) and e.step < last.step][-1], last


def _is_again(event: Event, before: Event) -> bool:
    """Whether ``event`` is the access ``before`` once more, at any step."""
    return (event.call, event.resource, event.key, event.kind) == (
        before.call,
        before.resource,
        before.key,
        before.kind,
    )


@dataclass(frozen=True, slots=True)
class Did:
    """The reads and writes of one call in order; reads of values before mere checks, since they tell more."""

    reads: Sequence[Event]
    writes: Sequence[Event]

    @classmethod
    def of(cls, call: int, events: Sequence[Event]) -> Did:
        """What ``call`` did of ``events``."""
        mine = [e for e in events if e.call == call]
        reads = sorted((e for e in mine if not e.writes), key=lambda e: e.kind is Kind.CHECK)
        return cls(reads, [e for e in mine if e.writes])


Found = Iterator[tuple[Event, ...]]
Pattern = Callable[[Did, Did], Found]


def lost_update(mine: Did, theirs: Did) -> Found:
    """P4: a reads x, b writes x, a writes x."""
    for read in mine.reads:
        for between in theirs.writes:
            for write in mine.writes:
                in_order = read.step < between.step < write.step
                if in_order and read.same(between) and read.same(write) and between.same(write):
                    yield read, between, write


def dirty_read(mine: Did, theirs: Did) -> Found:
    """G1b: a reads what b wrote and then wrote again."""
    for read in mine.reads:
        for early in theirs.writes:
            for late in theirs.writes:
                if early.step < read.step < late.step and read.same(early) and early.same(late):
                    yield early, read, late


def non_repeatable_read(mine: Did, theirs: Did) -> Found:
    """P2: a reads x, b writes x, a reads x again."""
    for first in mine.reads:
        for between in theirs.writes:
            for second in mine.reads:
                same = first.same(between) and first.key == second.key and first.resource == second.resource
                if first.step < between.step < second.step and same:
                    yield first, between, second


def circular_flow(mine: Did, theirs: Did) -> Found:
    """G1c: a writes x, b writes x over it, a reads there what b wrote instead of its own."""
    for write, over in _pairs(mine.writes, theirs.writes):
        for read in mine.reads:
            in_order = write.step < over.step < read.step
            again = any(over.step < own.step <= read.step and own.same(read) for own in mine.writes)
            if in_order and over.same(read) and write.same(read) and not again:
                yield write, over, read


def read_skew(mine: Did, theirs: Did) -> Found:
    """A5A: a reads x before and y after b writes both."""
    for old, change in _pairs(mine.reads, theirs.writes):
        for other, new in _pairs(theirs.writes, mine.reads):
            if not change.same(other) and old.step < change.step and other.step < new.step:
                yield old, change, other, new


def write_skew(mine: Did, theirs: Did) -> Found:
    """A5B: a reads what b then writes, b reads what a then writes, and they write different things."""
    for read, rewritten in _pairs(mine.reads, theirs.writes):
        for other_read, other_rewritten in _pairs(theirs.reads, mine.writes):
            early = read.step < rewritten.step and other_read.step < other_rewritten.step
            if early and not rewritten.same(other_rewritten):
                yield read, other_read, rewritten, other_rewritten


def dirty_write(mine: Did, theirs: Did) -> Found:
    """G0: a writes x before b does, and y after b did."""
    for first, second in _pairs(mine.writes, theirs.writes):
        for other, last in _pairs(theirs.writes, mine.writes):
            if first.step < second.step and other.step < last.step and not first.same(last):
                yield first, second, other, last


def _pairs(some: Sequence[Event], others: Sequence[Event]) -> Iterator[tuple[Event, Event]]:
    return ((a, b) for a in some for b in others if a.same(b))


PATTERNS: tuple[tuple[str, Pattern], ...] = (
    ("dirty-read", dirty_read),
    ("lost-update", lost_update),
    ("non-repeatable-read", non_repeatable_read),
    ("read-skew", read_skew),
    ("write-skew", write_skew),
    ("dirty-write", dirty_write),
    ("circular-information-flow", circular_flow),
)
"""In the order they are looked for: a read of something half done tells more than what came of it."""

UNNAMED = "unserializable"
"""For a run that equals no serial order and shows none of the patterns between two calls."""

REFUSED = "serialization-failure"
"""For a run in which a database has let a call fail rather than break its isolation."""

ANOMALIES: tuple[str, ...] = (
    *(name for name, _ in PATTERNS),
    UNNAMED,
    REFUSED,
    "stale-read",
    "future-read",
    "missing-precondition",
    "premature-effect",
    "last-writer-wins",
    "order-dependent",
    "deadlock",
    "hang",
)
"""Every name that a finding's anomaly can have."""
