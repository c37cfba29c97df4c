"""SQLite connections that announce every statement, wait instead of failing, and can be redirected.

Decides when a write is published and when "database is locked" means waiting. What a statement
touches is decided in ``footprint``.

An uncommitted write is seen by nobody else: the statement takes the write lock, the write itself
happens at the commit. A commit that directly follows the last statement it publishes is the same
step: nothing can tell them apart, since SQLite lets one connection write at a time.
"""

from __future__ import annotations

import gc
import os
import re
import sqlite3
import sqlite3.dbapi2
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, Final, Protocol
from urllib.parse import unquote

from fuzzharness.access import ANY, Key, Kind, Place
from fuzzharness.world.footprint import Reader
from fuzzharness.world.references import Replaced
from fuzzharness.world.resource import Gate, HeldBack
from fuzzharness.world.sqlite_functions import ask_python
from fuzzharness.world.sqlite_rows import NEW
from fuzzharness.world.statement import Footprint, parameters

_BUSY, _LOCKED = 5, 6
_SNAPSHOT = 517
WRITE_LOCK: Key = ("(write lock)",)
SNAPSHOT: Key = ("(snapshot)",)
"""What a reader in an open transaction holds on to, and a commit has to wait for."""

_OWN: frozenset[Key] = frozenset({WRITE_LOCK, SNAPSHOT})

Pairs = list[tuple[Key, Kind]]


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
        return super().cursor(WatchedCursor if factory is None else _watched(factory, WatchedCursor))

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


class WatchedCursor(sqlite3.Cursor):
    """A cursor whose every statement passes the gate first."""

    connection: WatchedConnection
    _ended = True
    _single = False
    _rows: deque[Any] | None = None

    def execute(self, sql: str, params: Any = (), /) -> Any:
        run = super().execute
        return self._announced(sql, [params], lambda: run(sql, params))

    def executemany(self, sql: str, params: Any, /) -> Any:
        run, rows = super().executemany, list(params)
        return self._announced(sql, rows, lambda: run(sql, rows))

    def executescript(self, script: str, /) -> Any:
        run = super().executescript
        if self.connection.scratch is not None and self.connection.in_transaction:
            self.connection.commit()  # as executescript itself does first
        return self._announced(script, [()], lambda: run(script))

    def _announced(self, sql: str, rows: Sequence[Any], run: Callable[[], Any]) -> Any:
        connection = self.connection
        scratch = connection.scratch
        if scratch is None:
            return run()
        footprint = scratch.reader.read(sql)
        if not scratch.gate.inside:
            if footprint.writes:
                scratch.touched.add((ANY, ANY))
            return run()
        connection.altered = connection.altered or footprint.alters
        if _is_unseen(sql):
            scratch.gate.escape(f"{scratch.name}: {' '.join(sql.split())} is neither gated nor compared")
        if footprint.leaves:
            scratch.gate.escape(f"{scratch.name}: another database was attached")
        if footprint.commits:
            return connection.publish(run)
        self._rows = None
        pairs = _known_pairs(scratch.reader, sql, footprint, rows)
        result = connection.statement(footprint, pairs, run)
        if self.description is not None:
            self._ended, self._single = False, _single(pairs)
            if connection.drains:
                self._rows = deque(super().fetchall())
            scratch.gate.later(_Open(self).look)
        return result

    @property
    def left(self) -> bool:
        """Whether rows are left that it has read and nobody has asked for."""
        return bool(self._rows) and not self._ended

    def _next(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchone(self) -> Any:
        row = super().fetchone() if self._rows is None else self._next()
        self._ended = self._ended or self._single or row is None
        return row

    def fetchmany(self, *args: Any, **kwargs: Any) -> Any:
        if self._rows is None:
            rows = super().fetchmany(*args, **kwargs)
        else:
            size = args[0] if args else kwargs.get("size", self.arraysize)
            rows = [self._rows.popleft() for _ in range(min(size, len(self._rows)))]
        self._ended = self._ended or not rows
        return rows

    def fetchall(self) -> Any:
        rows = super().fetchall() if self._rows is None else [*self._rows]
        if self._rows is not None:
            self._rows.clear()
        self._ended = True
        return rows

    def __next__(self) -> Any:
        if self._rows:
            return self._rows.popleft()
        try:
            return super().__next__()
        except StopIteration:
            self._ended = True
            raise

    def close(self) -> None:
        self._ended = True
        super().close()


def _single(pairs: Pairs) -> bool:
    """Whether a query names its one row: having fetched it, the interpreter ends the statement."""
    return len(pairs) == 1 and ANY not in pairs[0][0]


class _Open:
    """Looks, when a call comes to its next gate, whether a cursor has rows left: others may wait for it."""

    def __init__(self, cursor: WatchedCursor) -> None:
        self._cursor = weakref.ref(cursor)

    def look(self) -> None:
        cursor = self._cursor()
        scratch = None if cursor is None else cursor.connection.scratch
        if cursor is None or scratch is None or cursor._ended:
            return
        if not cursor.connection.drains:
            scratch.gate.unforeseen()
        elif cursor.left and not cursor.connection.in_transaction:
            scratch.gate.escape(f"{scratch.name}: {HALF_READ}")


def _known_pairs(reader: Reader, sql: str, footprint: Footprint, rows: Sequence[Any]) -> Pairs:
    """As :func:`_pairs`; it remembers the statements that come in every run."""
    (params,) = rows if len(rows) == 1 else (None,)
    if type(params) is not tuple:
        return _pairs(footprint, rows)
    sign = sql, params, *map(type, params)  # 7 and 7.0 are not one key everywhere
    try:
        known = reader.pairs.get(sign)
    except TypeError:
        return _pairs(footprint, rows)
    if known is None:
        known = _pairs(footprint, rows)
        if len(reader.pairs) < _MOST_KNOWN:
            reader.pairs[sign] = known
    return known


def _pairs(footprint: Footprint, rows: Sequence[Any]) -> Pairs:
    if len(rows) == 1:
        return footprint.accesses(parameters(rows[0]))
    if len(rows) > 50:
        return [((part.table, ANY), part.kind) for part in footprint.parts]
    found: dict[tuple[Key, Kind], None] = {}
    for row in rows:
        found.update(dict.fromkeys(footprint.accesses(parameters(row))))
    return list(found)


@lru_cache(maxsize=4096)
def _is_unseen(sql: str) -> bool:
    return _UNSEEN.search(sql) is not None


_MOST_KNOWN = 4_096

HALF_READ: Final = (
    "a query is left half read over other accesses, and whom that keeps waiting is not explored"
)
IMPATIENT: Final = "a connection does not wait for locks, and where it would give up is not explored"

_UNSEEN = re.compile(
    r"\bpragma\s+(\w+\s*\.\s*)?(busy_timeout\W+0|user_version|application_id)\b", re.IGNORECASE
)
"""Pragmas that share a value, or make a connection give up where others wait."""


# ---- redirecting connections -------------------------------------------------------------------

Make = Callable[[tuple[Any, ...], dict[str, Any]], WatchedConnection]

_READ_ONLY = re.compile(r"^file:.*[?&](mode=ro|immutable=1)(&|#|$)")
_ORIGINAL = sqlite3.dbapi2.connect
_REDIRECTS: dict[str, Make] = {}
_REPLACED = Replaced()
_FORCED: ContextVar[Make | None] = ContextVar("fuzzharness_make", default=None)


def connect(database: Any, *args: Any, **kwargs: Any) -> Any:
    """``sqlite3.connect`` for as long as a scratch database stands in for a file."""
    make = _FORCED.get() or _REDIRECTS.get(file_name(database))
    if make is None:
        return _ORIGINAL(database, *args, **kwargs)
    connection = make(args, kwargs)
    if kwargs.get("uri") and _READ_ONLY.search(os.fsdecode(database)):
        sqlite3.Connection.execute(connection, "PRAGMA query_only=ON")
    return connection


def file_name(database: Any) -> str:
    """The real path a database name stands for; the empty text for a private one in memory."""
    try:
        text = os.fsdecode(database)
    except TypeError:
        return ""
    if text.startswith("file:"):
        name, _, options = text[5:].partition("?")
        if "mode=memory" in options or name == ":memory:":
            return f"memory:{name}" if "cache=shared" in options else ""
        text = unquote(name[name.find("/", 2) :] if name.startswith("//") else name)
    return "" if text in ("", ":memory:") else os.path.realpath(text)


def redirect(target: str, make: Make) -> None:
    """Let connections to the file ``target`` be made by ``make`` from now on."""
    if not _REDIRECTS:
        _REPLACED.replace([(_ORIGINAL, connect)])
    _REDIRECTS[target] = make


def restore(target: str) -> None:
    """Let connections to ``target`` go to the file again."""
    _REDIRECTS.pop(target, None)
    if not _REDIRECTS:
        _REPLACED.restore()


def connections_to(file: str, known: object) -> int:
    """How many open connections lead to ``file`` itself, beside those that the pool ``known`` keeps."""
    if not file:
        return 0
    found = [o for o in gc.get_objects() if isinstance(o, sqlite3.Connection) and _leads_to(o, file)]
    return sum(not any(keeps(known, record) for record in gc.get_referrers(o)) for o in found)


def _leads_to(connection: sqlite3.Connection, file: str) -> bool:
    try:
        names = [row[2] for row in sqlite3.Connection.execute(connection, "PRAGMA database_list")]
    except sqlite3.Error:  # closed, or of another thread
        return False
    return any(name and os.path.realpath(name) == file for name in names)


def keeps(pool: object, record: Any) -> bool:
    """Whether an SQLAlchemy connection record, or its fields, belong to ``pool``.

    What aiosqlite keeps is for ``sqlite_async`` to count.
    """
    fields = record if isinstance(record, dict) else {}
    if "_connector" in fields or hasattr(record, "_connector"):
        return True
    name = "_ConnectionRecord__pool"
    return fields.get(name, getattr(record, name, None)) is pool


@contextmanager
def forced(make: Make) -> Iterator[None]:
    """Within it every new connection of this context is made by ``make``, whatever it asks for."""
    token = _FORCED.set(make)
    try:
        yield
    finally:
        _FORCED.reset(token)


def is_forced() -> bool:
    """Whether whoever connects now gets a connection to a scratch database."""
    return _FORCED.get() is not None


def open_scratch(path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> WatchedConnection:
    """A connection to the scratch file ``path`` with the settings another was asked for.

    It never waits inside SQLite, and does not sync: both change when, never what.
    """
    names = ("timeout", "detect_types", "isolation_level", "check_same_thread", "factory")
    asked = {**dict(zip(names, args, strict=False)), **kwargs}
    patient = asked.get("timeout") != 0
    factory = _watched(asked.get("factory") or sqlite3.Connection, WatchedConnection)
    asked |= {"timeout": 0, "check_same_thread": False, "factory": factory}
    asked.pop("uri", None)
    connection: WatchedConnection = _ORIGINAL(path, **asked)
    connection.patient = patient
    for pragma in ("PRAGMA synchronous=OFF", "PRAGMA temp_store=MEMORY", "PRAGMA wal_autocheckpoint=0"):
        with suppress(sqlite3.OperationalError):  # who connects beside an exclusive lock waits only later
            sqlite3.Connection.execute(connection, pragma)
    ask_python(connection)
    return connection


@cache
def _watched(factory: Any, watched: Any) -> Any:
    """A class of connections or cursors of the application, with announcements below it."""
    if issubclass(watched, factory) or issubclass(factory, watched):
        return watched if issubclass(watched, factory) else factory
    return types.new_class(factory.__name__, (factory, watched))
