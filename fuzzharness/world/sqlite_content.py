"""What the tables of a scratch database hold: read whole once, and from then on where it may have changed.

Decides which rows are read again after a run: those that its statements touch by their footprints. Now and
then everything is read as well; where that shows more than the footprints told, everything is read for good.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fuzzharness.access import ANY, MISSING, Key
from fuzzharness.world.rows import Row, Rows, Start
from fuzzharness.world.schema import Schema, key_columns, quoted, tables_of

ALL: Key = (ANY, ANY)
"""Touched by whatever cannot be told."""

_MOST_ROWS = 200
"""Of a table in which more rows than these were touched, all are read."""

Tables = dict[str, Mapping[Any, Row]]


def is_due(number: int) -> bool:
    """Whether everything is compared after so many runs: the first, the fourth, the sixteenth and so on."""
    return number & (number - 1) == 0 and number.bit_length() % 2 == 1


class Content:
    """The tables that ``own`` reads; as it is made they hold what every run starts from.

    ``doubt`` is called when earlier runs turn out to have been read in part only; ``before`` is what was
    known of the same database earlier, so that what is alike is kept once.
    """

    def __init__(
        self,
        own: sqlite3.Connection,
        schema: Schema,
        doubt: Callable[[], None],
        before: Content | None = None,
    ) -> None:
        self._own, self._schema, self._doubt = own, schema, doubt
        self._layout: tuple[object, dict[str, list[str]]] = (None, {})
        self._start: dict[str, Start] = {}
        found, known = self._tables(), {} if before is None else before._start
        for table, rows in found.items():
            moment = Rows(Start(rows), {})
            same = table in known and Rows(known[table], {}) == moment
            self._start[table] = known[table] if same else Start(rows)
        self._calm: Tables = {table: Rows(start, {}) for table, start in self._start.items()}
        self._names = {table.lower(): table for table in found}
        self._keys = self._layout[1]
        self._captured = 0
        self._is_trusted = True

    def forget_layout(self) -> None:
        """The schema is not what it was: what this connection remembers of it is read again."""
        self._layout = (None, {})
        self._own.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def after(self, touched: Iterable[Key]) -> Tables:
        """The tables as they are now, if nothing but ``touched`` has changed since the start."""
        self._captured += 1
        if not self._is_trusted:
            return self._whole()
        found = self._again(set(touched))
        if is_due(self._captured) and found != (whole := self._whole()):
            self._is_trusted = False
            self._doubt()
            return whole
        return found

    def check(self, touched: Iterable[Key]) -> bool:
        """Whether the tables, read whole, are what :meth:`after` takes them to be."""
        return not self._is_trusted or self._again(set(touched)) == self._whole()

    def _again(self, touched: set[Key]) -> Tables:
        """The start, but for what is touched, which is read again."""
        rows: dict[str, set[Any]] = {}
        for key in touched:
            rows.setdefault(key[0], set()).add(key[1] if len(key) > 1 else ANY)
        if not rows.keys() <= self._names.keys():
            return self._whole()
        found = dict(self._calm)
        for table, keys in rows.items():
            name = self._names[table]
            found[name] = self._read(name, self._schema.key(table), keys)
        return found

    def _read(self, table: str, column: str | None, keys: set[Any]) -> Mapping[Any, Row]:
        start = self._start[table]
        if column is None or ANY in keys or len(keys) > _MOST_ROWS:
            return Rows.of(start, self._rows(table, self._keys[table]))
        changes: dict[Any, Any] = dict.fromkeys(sorted(keys, key=_place), MISSING)
        for key in changes:
            found = self._fetched(f"SELECT * FROM {quoted(table)} WHERE {quoted(column)} = ?", key)
            changes.update((key, row) for row in found)
        return Rows(start, changes)

    def _whole(self) -> Tables:
        """Everything, as it is read without knowing what has changed."""
        starts = self._start
        return {
            table: Rows.of(starts[table], rows) if table in starts else rows
            for table, rows in self._tables().items()
        }

    def _tables(self) -> dict[str, dict[Any, Row]]:
        version = self._own.execute("PRAGMA schema_version").fetchone()[0]
        if version != self._layout[0]:
            tables = {table: key_columns(self._own, table) for table in tables_of(self._own)}
            self._layout = version, tables
        return {table: self._rows(table, keys) for table, keys in self._layout[1].items()}

    def _rows(self, table: str, keys: list[str]) -> dict[Any, Row]:
        order = ", ".join(map(quoted, keys)) or "rowid"
        rows: dict[Any, Row] = {}
        for number, row in enumerate(self._fetched(f"SELECT * FROM {quoted(table)} ORDER BY {order}"), 1):
            key = tuple(row[k] for k in keys)
            name = key[0] if len(key) == 1 else key or number
            rows[(name, number) if name in rows else name] = row  # NULL may stand in several keys
        return rows

    def _fetched(self, query: str, *params: Any) -> list[Row]:
        try:
            cursor = self._own.execute(query, params)
            rows = cursor.fetchall()
        except sqlite3.OperationalError:
            self._own.text_factory = _readable  # there is text that is not UTF-8; this reads it, slowly
            cursor = self._own.execute(query, params)
            rows = cursor.fetchall()
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, values, strict=True)) for values in rows]


def _readable(content: bytes) -> str:
    return content.decode(errors="backslashreplace")


def _place(key: Any) -> tuple[str, Any]:
    return type(key).__name__, key
