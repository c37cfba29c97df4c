"""The rows of an SQLite scratch file as they are captured: those of the start, and what was written since.

Decides what is read after a run: the rows and tables that statements said they write, all of the rest as
it was at the start. Every now and then, and before the report, everything is read; where that shows a change
that no statement announced, everything is read from then on. Never writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fuzzharness.access import ANY, MISSING, Key
from fuzzharness.world.contents import Contents, Start
from fuzzharness.world.due import is_due
from fuzzharness.world.schema import is_generated, key_columns, quoted, tables_of

NEW = object()
"""Stands in a key for the rows that SQLite has numbered anew."""

_LARGEST = (1 << 63) - 1


class Rows:
    """What can be read through the connection ``own``, and what it was when this was made.

    ``touched`` holds the keys that were written since the start, tables in lower case; ``trusted`` is
    True as long as nothing else was found to be written.
    """

    def __init__(self, own: sqlite3.Connection, touched: Collection[Key]) -> None:
        self._own, self._touched = own, touched
        self.trusted = True
        self._captured = 0
        self._known = self._layout()
        self._keys = self._known[1]
        self._starts = {table: Start(rows) for table, rows in self._all(self._keys).items()}
        self._base = {table: Contents(start, {}) for table, start in self._starts.items()}
        self._names = {table.lower(): table for table in self._keys}
        self._newest = {table: newest for table in self._keys if (newest := self._last(table)) is not None}

    def read_schema(self) -> None:
        """The schema has been brought back: another with the number of the last one is no longer that one."""
        self._known = self._layout()

    def capture(self) -> dict[str, Any]:
        """Every table by name, its rows by key."""
        self._captured += 1
        found = self._changed() if self.trusted else None
        return self._whole() if found is None or (is_due(self._captured) and self.unseen(found)) else found

    def unseen(self, captured: Mapping[str, Any] | None = None) -> tuple[str, ...]:
        """The tables in which something was written that no statement announced, in ``captured`` or now."""
        found = captured
        if found is None and self.trusted:
            found = self._changed()
        if found is None:
            return ()
        whole = self._whole()
        tables = dict.fromkeys([*whole, *found])
        differing = tuple(table for table in tables if whole.get(table) != found.get(table))
        self.trusted = not differing
        return differing

    # -- what was touched ----------------------------------------------------------------------------

    def _changed(self) -> dict[str, Any] | None:
        """The start with what was touched as it is now; None where only reading everything can tell."""
        tables: dict[str, list[Any]] = {}
        for table, row in self._touched:
            if table not in self._names:
                return None
            tables.setdefault(self._names[table], []).append(row)
        try:
            return {**self._base, **{table: self._now(table, rows) for table, rows in tables.items()}}
        except sqlite3.Error:
            return None

    def _now(self, table: str, rows: list[Any]) -> Contents:
        columns = self._keys[table]
        newest = self._newest.get(table)
        if ANY in rows or len(columns) != 1 or (NEW in rows and (newest is None or newest in rows)):
            return self._against(table, self._rows(table, columns))
        changes: dict[Any, Any] = {}
        for row in rows:
            if row is NEW:
                found = self._where(table, f"{quoted(columns[0])} > ?", newest)
                changes.update((new[columns[0]], new) for new in found)
            else:
                changes[row] = next(self._where(table, f"{quoted(columns[0])} = ?", row), MISSING)
        return Contents(self._starts[table], changes)

    def _where(self, table: str, condition: str, value: Any) -> Iterator[dict[str, Any]]:
        found = self._own.execute(f"SELECT * FROM {quoted(table)} WHERE {condition}", (value,))
        rows = found.fetchall()
        columns = [column[0] for column in found.description]
        return (dict(zip(columns, row, strict=True)) for row in rows)

    def _last(self, table: str) -> int | None:
        """The largest number of a table whose rows SQLite numbers; None where new ones may be smaller."""
        indexes = self._own.execute(f"PRAGMA index_list({quoted(table)})").fetchall()
        if not is_generated(self._own, table) or any(index[3] == "pk" for index in indexes):
            return None
        last = max(self._starts[table].files, default=None)
        return last if isinstance(last, int) and last < _LARGEST else None

    # -- everything ----------------------------------------------------------------------------------

    def _layout(self) -> tuple[int, dict[str, list[str]]]:
        """The tables and their keys, with the version of the schema that has them."""
        (version,) = self._own.execute("PRAGMA schema_version").fetchone()
        return version, {table: key_columns(self._own, table) for table in tables_of(self._own)}

    def _whole(self) -> dict[str, Any]:
        if self._known[0] != self._own.execute("PRAGMA schema_version").fetchone()[0]:
            self._known = self._layout()
        return {
            table: self._against(table, rows) if table in self._starts else Contents(Start({}), rows)
            for table, rows in self._all(self._known[1]).items()
        }

    def _against(self, table: str, rows: dict[Any, dict[str, Any]]) -> Contents:
        """``rows`` as what differs from the start."""
        before = self._starts[table].files
        changes: dict[Any, Any] = {n: row for n, row in rows.items() if not _same(before.get(n), row)}
        changes.update((name, MISSING) for name in before.keys() - rows.keys())
        return Contents(self._starts[table], changes) if changes else self._base[table]

    def _all(self, layout: Mapping[str, list[str]]) -> dict[str, dict[Any, dict[str, Any]]]:
        try:
            return {table: self._rows(table, keys) for table, keys in layout.items()}
        except sqlite3.OperationalError:
            self._own.text_factory = _readable  # there is text that is not UTF-8; this reads it, slowly
            return {table: self._rows(table, keys) for table, keys in layout.items()}

    def _rows(self, table: str, keys: list[str]) -> dict[Any, dict[str, Any]]:
        order = ", ".join(map(quoted, keys)) or "rowid"
        found = self._own.execute(f"SELECT * FROM {quoted(table)} ORDER BY {order}")
        columns = [column[0] for column in found.description]
        rows: dict[Any, dict[str, Any]] = {}
        for number, values in enumerate(found, 1):
            row = dict(zip(columns, values, strict=True))
            key = tuple(row[k] for k in keys)
            name = key[0] if len(key) == 1 else key or number
            rows[(name, number) if name in rows else name] = row  # NULL may stand in several keys
        return rows


def _same(before: dict[str, Any] | None, row: dict[str, Any]) -> bool:
    """Whether two rows are the same, in the types of their values too."""
    if before is None or before != row:
        return False
    return list(before) == list(row) and [*map(type, before.values())] == [*map(type, row.values())]


def _readable(content: bytes) -> str:
    return content.decode(errors="backslashreplace")
