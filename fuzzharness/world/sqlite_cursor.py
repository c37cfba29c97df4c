"""SQLite cursors that announce every statement before it runs.

Decides what is announced of one statement, and when its rows have been read to their end. What a statement
touches is decided in ``footprint``; when it may run, by its connection, in ``sqlite``.
"""

from __future__ import annotations

import re
import sqlite3
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fuzzharness.access import ANY, Key, Kind
from fuzzharness.world.footprint import Reader
from fuzzharness.world.statement import Footprint, parameters

if TYPE_CHECKING:
    from fuzzharness.world.sqlite import WatchedConnection

Pairs = list[tuple[Key, Kind]]

_MOST_KNOWN = 4_096

HALF_READ: Final = (
    "a query is left half read over other accesses, and whom that keeps waiting is not explored"
)

_UNSEEN = re.compile(
    r"\bpragma\s+(\w+\s*\.\s*)?(busy_timeout\W+0|user_version|application_id)\b", re.IGNORECASE
)
"""Pragmas that share a value, or make a connection give up where others wait."""


_JOURNAL_MODE = re.compile(
    r"\bpragma\s+(\w+\s*\.\s*)?[\"'`]?journal_mode[\"'`]?\s*[=(]\s*[\"'`]?(?P<mode>\w+)", re.IGNORECASE
)

SWITCHED: Final = (
    "a call leads the file into WAL mode or out of it, and what its siblings see of that is not explored. "
    "Let setup, or a listener of the engine, choose the journal mode"
)


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
        if self._switches(sql):
            scratch.gate.escape(f"{scratch.name}: {SWITCHED}")
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

    def _switches(self, sql: str) -> bool:
        """Whether a statement would lead the file, for all connections, into WAL mode or out of it."""
        asked = _journal_mode(sql)
        if asked is None:
            return False
        try:
            (mode,) = sqlite3.Connection.execute(self.connection, "PRAGMA main.journal_mode").fetchone()
        except sqlite3.Error:  # another connection keeps it for itself, as none does in WAL mode
            mode = ""
        return (asked == "wal") is not (str(mode).lower() == "wal")

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


@lru_cache(maxsize=4096)
def _journal_mode(sql: str) -> str | None:
    """The journal mode that a statement asks for, in lower case."""
    asked = _JOURNAL_MODE.search(sql)
    return None if asked is None else asked["mode"].lower()
