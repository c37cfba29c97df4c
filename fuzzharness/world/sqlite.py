"""SQLite connections that announce every statement, and wait instead of failing.

Decides when a write is published and when "database is locked" means waiting. What a statement
touches is decided in ``footprint``.

An uncommitted write is seen by nobody else: the statement takes the write lock, the write itself
happens at the commit. A commit that directly follows the last statement it publishes is the same
step: nothing can tell them apart, since SQLite lets one connection write at a time.
"""

from __future__ import annotations

import sqlite3
import sqlite3.dbapi2
import types
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Protocol

from fuzzharness.access import ANY, Key, Kind, Place
from fuzzharness.world.footprint import Reader
from fuzzharness.world.resource import Gate, HeldBack
from fuzzharness.world.sqlite_cursor import Pairs, WatchedCursor
from fuzzharness.world.sqlite_rows import NEW
from fuzzharness.world.statement import Footprint

_BUSY, _LOCKED = 5, 6
_SNAPSHOT = 517
WRITE_LOCK: Key = ("(write lock)",)
SNAPSHOT: Key = ("(snapshot)",)
"""What a reader in an open transaction holds on to, and a commit has to wait for."""

_OWN: frozenset[Key] = frozenset({WRITE_LOCK, SNAPSHOT})

IMPATIENT: Final = "a connection does not wait for locks, and where it would give up is not explored"


class Scratch(Protocol):
    """What a connection needs to know of the database it stands in for."""

    name: str
    gate: Gate
    reader: Reader
    connections: weakref.WeakSet[WatchedConnection]
    writer: weakref.ref[WatchedConnection] | None
    touched: set[Key]

    def look(self, connection: sqlite3.Connection | None, key: Key) -> Any:
        """The rows at ``key`` as this connection sees them; None for what is committed."""
        ...

    def over(self) -> None:
        """A transaction that wrote has ended."""
        ...

    def forget_schema(self) -> None:
        """The schema has changed: until the next run every statement may touch anything."""
        ...


_IN_LINE: list[tuple[object, Scratch]] = []
"""The calls that ask for the write lock of a database, and which."""


def _cycle(first: tuple[object, Scratch]) -> list[tuple[object, str, Key]]:
    """Who waits for which write lock that the next one holds; nothing if one of them waits for none."""
    way, found = first, list[tuple[object, Scratch]]()
    while way not in found:
        found.append(way)
        holder = None if way[1].writer is None else way[1].writer()
        following = [w for w in _IN_LINE if holder is not None and w[0] == holder.call]
        if not following:
            return []
        way = first if first in following else following[0]
    return [(call, scratch.name, WRITE_LOCK) for call, scratch in found[found.index(way) :]]


class WatchedConnection(sqlite3.Connection):
    """A connection to a scratch database.

    ``altered`` is True once a statement has changed the connection itself, ``patient`` unless it was opened
    with a timeout of 0; ``drains`` if queries are read to their end at once, since a task could be held
    before it fetches what it asked for; ``call`` is who took the write lock by it. ``_unpublished`` holds
    what its transaction wrote so far, ``_mark`` the step of the last write.
    """

    altered = False
    patient = True
    drains = False
    call: object = None
    scratch: Scratch | None = None
    _unpublished: dict[Key, Place | None]
    _has_read = False
    _mark: object = None

    @property
    def settings(self) -> tuple[Any, ...]:
        """What a call may have set on it, to tell whether another can have it as it is."""
        return self.isolation_level, self.row_factory, self.text_factory

    def watch(self, scratch: Scratch) -> None:
        """Announce to ``scratch`` from now on."""
        self._unpublished = {}
        self.scratch = scratch
        scratch.connections.add(self)

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(WatchedCursor if factory is None else watched(factory, WatchedCursor))

    def backup(self, target: sqlite3.Connection, **options: Any) -> None:
        self._all(Kind.READ)
        super().backup(target, **options)

    def serialize(self, **options: Any) -> bytes:
        self._all(Kind.READ)
        return super().serialize(**options)

    def deserialize(self, data: Any, /, **options: Any) -> None:
        self._outside("deserialize replaced the database of a connection")
        super().deserialize(data, **options)

    def blobopen(self, *args: Any, **options: Any) -> sqlite3.Blob:
        self._outside("blobopen gave a handle whose accesses cannot be seen")
        return super().blobopen(*args, **options)

    def _all(self, kind: Kind) -> None:
        if self.scratch is not None:
            self.scratch.gate.accesses(self.scratch.name, [((ANY, ANY), kind)])

    def _outside(self, what: str) -> None:
        if self.scratch is not None and self.scratch.gate.inside:
            self.scratch.gate.escape(f"{self.scratch.name}: {what}")
        if self.scratch is not None:
            self.scratch.touched.add((ANY, ANY))

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        return self.cursor().executemany(sql, parameters)

    def executescript(self, script: str, /) -> Any:
        return self.cursor().executescript(script)

    def commit(self) -> None:
        self.publish(super().commit)

    def rollback(self) -> None:
        super().rollback()
        self._over()

    def close(self) -> None:
        super().close()
        if self.scratch is not None:
            self.scratch.connections.discard(self)
            self._over()

    def __exit__(self, kind: Any, value: Any, trace: Any) -> Any:
        if kind is None:
            self.commit()
        else:
            self.rollback()
        return False

    def statement(self, footprint: Footprint, pairs: Pairs, run: Callable[[], Any]) -> Any:
        """Run one statement of a call: gate, wait for locks, then note what it wrote."""
        scratch = self.scratch
        assert scratch is not None
        announced = [pair for pair in pairs if pair[1] is not Kind.WRITE]
        taking = footprint.writes or footprint.locks
        waits = self.patient and not self._upgrading()
        if taking:
            announced.append((WRITE_LOCK, Kind.LOCK if waits else Kind.TRY))
        elif announced and self.in_transaction:
            announced.append((SNAPSHOT, Kind.SNAPSHOT))
        hopeless = False
        if taking and waits:
            hopeless = not self._in_line(announced)
        elif announced:
            scratch.gate.accesses(scratch.name, announced, self._seen)
        held_back = False
        try:
            return run() if hopeless else self.patiently(run)
        except sqlite3.IntegrityError:
            self._refused(pairs)
            raise
        except sqlite3.OperationalError:
            if footprint.writes:
                scratch.gate.note(scratch.name, SNAPSHOT, Kind.PUBLISH)  # a reader may have kept it from that
            raise
        except HeldBack:
            held_back = True
            raise
        finally:
            if held_back:
                """It has not been made: there is nothing to remember."""
            elif taking and self.in_transaction and not self._locked_out():
                scratch.writer, self.call = weakref.ref(self), scratch.gate.caller()
            elif taking and waits and scratch.writer is None:
                scratch.gate.unlock(scratch.name, WRITE_LOCK)
            self._after(footprint, pairs, bool(announced))

    def _in_line(self, announced: Pairs) -> bool:
        """The gate before the write lock; False if another still has it: all wait, and this call gives up."""
        scratch = self.scratch
        assert scratch is not None
        waits = scratch.gate.caller(), scratch
        _IN_LINE.append(waits)
        try:
            scratch.gate.accesses(scratch.name, announced, self._seen, self._locked_out)
            if not self._locked_out():
                return True
            cycle = _cycle(waits)
            if cycle:
                scratch.gate.broken(cycle)
            return False
        finally:
            _IN_LINE.remove(waits)

    def _refused(self, pairs: Pairs) -> None:
        """A statement that a constraint refuses has looked for rows that others put there, whichever."""
        scratch = self.scratch
        assert scratch is not None
        for table in {key[0] for key, kind in pairs if kind is Kind.WRITE}:
            scratch.gate.note(scratch.name, (table, ANY), Kind.CHECK)

    def _locked_out(self) -> bool:
        """Whether another connection holds the write lock."""
        assert self.scratch is not None
        writer = None if self.scratch.writer is None else self.scratch.writer()
        return writer is not None and writer is not self and writer.in_transaction

    def _upgrading(self) -> bool:
        """Whether this transaction has read and would write now: SQLite lets that fail, not wait."""
        return self.in_transaction and self._has_read and not self._unpublished

    def _after(self, footprint: Footprint, pairs: Pairs, looked: bool) -> None:
        """Remember what a statement wrote; one that failed may have written a part of it."""
        scratch = self.scratch
        assert scratch is not None
        if footprint.writes:
            here = scratch.gate.here()
            written = [key for key, kind in pairs if kind is Kind.WRITE]
            self._unpublished.update(dict.fromkeys(written, here))
            scratch.touched.update([(table, NEW) for table, _ in written] if footprint.appends else written)
            self._mark = scratch.gate.mark() if footprint.simple else None
        self._has_read = self._has_read or looked
        if footprint.reshapes:
            scratch.forget_schema()
        if footprint.undoes:
            self._over()
        elif not self.in_transaction:
            self._note_published()

    def publish(self, commit: Callable[[], Any]) -> Any:
        """Commit: a gate of its own, unless it directly follows the last statement it publishes."""
        scratch = self.scratch
        if scratch is None or not scratch.gate.inside:
            return commit()
        apart = bool(self._unpublished) and self._mark != scratch.gate.mark()
        if apart:
            written = [*((key, Kind.WRITE) for key in self._unpublished), (SNAPSHOT, Kind.PUBLISH)]
            scratch.gate.accesses(scratch.name, written, self._committed)
        try:
            result = self.patiently(commit)
        except sqlite3.OperationalError:
            scratch.gate.note(scratch.name, SNAPSHOT, Kind.PUBLISH)
            raise
        if self.in_transaction and not getattr(self, "autocommit", True):
            self._over()  # the next transaction has begun by itself
        elif not self.in_transaction:
            if apart:
                self._over()
            else:
                self._note_published()
        return result

    def patiently(self, operation: Callable[[], Any]) -> Any:
        """Run ``operation``, waiting while another call holds the lock it needs."""
        scratch = self.scratch
        while True:
            try:
                return operation()
            except sqlite3.OperationalError as error:
                if scratch is None or not self._may_wait(error):
                    raise
                if not scratch.gate.wait(scratch.name):
                    break
        return operation()  # nobody is left to wait for: it fails now, if it has to

    def _may_wait(self, error: sqlite3.OperationalError) -> bool:
        """SQLite itself waits, except for a transaction that has read and now wants to write."""
        code = getattr(error, "sqlite_errorcode", 0)
        busy = code & 0xFF in (_BUSY, _LOCKED) and code != _SNAPSHOT
        return self.patient and busy and not self._upgrading()

    def _note_published(self) -> None:
        scratch = self.scratch
        assert scratch is not None
        if self._unpublished:
            scratch.gate.note(scratch.name, SNAPSHOT, Kind.PUBLISH)
        for key, place in self._unpublished.items():
            scratch.gate.note(scratch.name, key, Kind.WRITE, lambda k=key: self._committed(k), place)  # type: ignore[misc]  # mypy cannot infer a default's type
        self._over()

    def _over(self) -> None:
        """The transaction has ended: forget it, and let those that wait try again."""
        wrote, scratch = bool(self._unpublished), self.scratch
        self._unpublished, self._has_read, self._mark = {}, False, None
        if scratch is None:
            return
        if wrote:
            scratch.over()
        if scratch.writer is not None and scratch.writer() in (self, None):
            scratch.writer = None
            scratch.gate.unlock(scratch.name, WRITE_LOCK)
        scratch.gate.wake(scratch.name)

    def _seen(self, key: Key) -> Any:
        return None if self.scratch is None or key in _OWN else self.scratch.look(self, key)

    def _committed(self, key: Key) -> Any:
        return None if self.scratch is None or key in _OWN else self.scratch.look(None, key)


@cache
def watched(factory: Any, watched: Any) -> Any:
    """A class of connections or cursors of the application, with announcements below it."""
    if issubclass(watched, factory) or issubclass(factory, watched):
        return watched if issubclass(watched, factory) else factory
    return types.new_class(factory.__name__, (factory, watched))
