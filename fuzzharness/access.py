"""Access, Step, and when two of them conflict.

Decides which accesses touch the same thing. Never observes one: that is the world's part, and the
runtime's to hold the call that makes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fuzzharness.literal import literal


class _Any:
    """Stands in a key for every key at that place: a whole table, a whole directory."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "*"


ANY: Final = _Any()


class _Order:
    """Stands in a key for the order in which the keys at that place were put there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(order)"


ORDER: Final = _Order()


class _Missing:
    """Stands for a value where there is none."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(nothing)"


MISSING: Final = _Missing()

Key = tuple[Any, ...]


class Kind(Enum):
    """What an access does: READ uses the value, CHECK only asks whether it is there, WRITE changes it.

    Of a lock: LOCK takes it and waits until that can be, TRY takes it only if it is free, UNLOCK gives it
    back in a later step, PASS takes it and gives it back within one step. Of a database: SNAPSHOT reads in
    a transaction that stays open, PUBLISH commits, which such a reader may keep from happening. INSERT puts
    a new key into a container, behind those that are there. Of a call that could not go on: WAKE lets it go
    on, WOKEN is the step with which it does, IN_TIME such a step that a time-out would have brought as well;
    their key names the call.
    """

    READ = "read"
    CHECK = "check"
    WRITE = "write"
    LOCK = "lock"
    TRY = "try lock"
    UNLOCK = "unlock"
    PASS = "pass lock"
    SNAPSHOT = "keep a snapshot of"
    PUBLISH = "publish"
    INSERT = "insert into"
    WAKE = "wake"
    WOKEN = "go on"
    IN_TIME = "go on in time"

    __hash__ = object.__hash__  # members are single: their own hash would be a call into Python


COMMUTING: Final = frozenset({Kind.READ, Kind.CHECK, Kind.PASS})
"""Kinds that do not mind each other, whatever they touch."""

_ALIKE: Final = frozenset({Kind.SNAPSHOT, Kind.PUBLISH})
"""Kinds that do not mind their own kind."""

OF_LOCKS: Final = frozenset(
    {
        Kind.LOCK, Kind.TRY, Kind.UNLOCK, Kind.PASS, Kind.SNAPSHOT, Kind.PUBLISH, Kind.INSERT,
        Kind.WAKE, Kind.WOKEN, Kind.IN_TIME,
    }
)  # fmt: skip
"""Kinds that say in which order calls go on, not what is read or written."""

UNTOLD: Final = frozenset(
    {Kind.UNLOCK, Kind.SNAPSHOT, Kind.PUBLISH, Kind.INSERT, Kind.WAKE, Kind.WOKEN, Kind.IN_TIME}
)
"""Kinds that matter to the search and are not shown."""

EVENT: Final = "the event"
SEMAPHORE: Final = "the semaphore"
CONDITION: Final = "the condition"
BARRIER: Final = "the barrier"
QUEUE: Final = "the queue"
FILE_LOCK: Final = "the file lock"

TASK_LOCK: Final = "the lock"
CHANNEL: Final = "the channel"
OF_WAITING: Final = frozenset({EVENT, SEMAPHORE, CONDITION, BARRIER, QUEUE, FILE_LOCK, TASK_LOCK, CHANNEL})
"""Resources that calls wait with; no resource of a world bears such a name. Their keys name what."""

Touch = tuple[str, Key, Kind]
"""An access in its raw form: resource, key, kind."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a tool: file, line number and the function it is in."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Access:
    """One read or write of one ``key`` of one ``resource``.

    ``key`` is the path inside the resource: dict keys, ``(table, row)``, or the parts of a file's
    path; :data:`ANY` stands for all keys at its place. ``place`` is the tool's line. ``value`` is
    the value read or left there, when the run was asked for values, else ``None``.
    """

    resource: str
    key: Key
    kind: Kind
    place: Place | None = None
    value: Any = None

    def __str__(self) -> str:
        return f"{self.kind.value} {location(self.resource, self.key)}"


@dataclass(frozen=True, slots=True)
class Step:
    """What one call did from one gate to the next, uninterrupted. ``call`` is its label."""

    call: str
    accesses: tuple[Access, ...]


def location(resource: str, key: Key) -> str:
    """A key as Python would index it: ``context['balance']``, ``db['accounts'][7]``; ``[*]`` for all."""
    if not key:
        return resource
    return resource + "".join(f"[{literal(part)}]" for part in key)


def overlap(a: Key, b: Key) -> bool:
    """Whether two keys of one resource can name the same thing."""
    if a == b:
        return True
    return len(a) == len(b) and all(x is ANY or y is ANY or x == y for x, y in zip(a, b, strict=True))


def conflict(a: Access, b: Access) -> bool:
    """Whether swapping the two could matter: one resource, overlapping keys, not both reading."""
    return dependent((a.resource, a.key, a.kind), (b.resource, b.key, b.kind))


def dependent(a: Touch, b: Touch) -> bool:
    """As :func:`conflict`, on the raw form of accesses."""
    if a[2] in COMMUTING and b[2] in COMMUTING:
        return False
    if a[2] is b[2] and a[2] in _ALIKE:
        return False
    return a[0] == b[0] and overlap(a[1], b[1])


def meet(some: Iterable[Touch], others: Collection[Touch]) -> bool:
    """Whether one of ``some`` depends on one of ``others``."""
    return any(dependent(a, b) for a in some for b in others)
