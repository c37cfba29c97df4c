"""What footprints need to know of an SQLite database: keys, foreign keys, unique columns, triggers.

Decides which tables have rows that a key names for certain. Reads the database, never changes it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fuzzharness.world.layout import Table

SEVERAL = "(several)"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A foreign key as one of its two tables sees it.

    ``table`` is the other table, ``column`` the column of the child, ``target`` the referenced column
    (None: the primary key; SEVERAL: a part of a longer key). ``acts``: deleting or changing what is
    referenced changes the child.
    """

    table: str
    column: str
    target: str | None
    acts: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """What footprints need of a database; every name in lower case.

    ``keys`` holds the primary key of tables where equal values of it are written alike: ``(column,
    affinity)`` of each of its columns. ``unique`` are the columns of further unique indexes, with ``*`` for
    expressions, ``functions`` those whose code is the application's. A table that is not among
    ``tables`` may be anything: a view, a virtual table.
    """

    tables: frozenset[str] = frozenset()
    keys: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    parents: Mapping[str, tuple[Foreign, ...]] = field(default_factory=dict)
    children: Mapping[str, tuple[Foreign, ...]] = field(default_factory=dict)
    unique: Mapping[str, frozenset[str]] = field(default_factory=dict)
    triggers: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns that together name a row of ``table``; none where nothing does for certain."""
        return tuple(column for column, _ in self.keys.get(table, ()))

    def key(self, table: str) -> str | None:
        """The column that alone names a row of ``table``."""
        columns = self.columns(table)
        return columns[0] if len(columns) == 1 else None

    def affinities(self, table: str) -> tuple[str, ...]:
        """Of each of :meth:`columns`, how a value is stored there."""
        return tuple(affinity for _, affinity in self.keys.get(table, ()))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def tables_of(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in rows if not name.startswith("sqlite_")]


def key_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    rows = connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall()
    return [row[1] for row in sorted(rows, key=lambda r: r[5]) if row[5]]


def schema_of(connection: sqlite3.Connection) -> Schema:
    """Keys, foreign keys, unique columns and triggers of every table, names in lower case."""
    tables = tables_of(connection)
    parents = {table.lower(): _parents(connection, table) for table in tables}
    children: dict[str, tuple[Foreign, ...]] = {}
    for child, foreign_keys in parents.items():
        for foreign in foreign_keys:
            seen = Foreign(child, foreign.column, foreign.target, foreign.acts)
            children[foreign.table] = (*children.get(foreign.table, ()), seen)
    triggers = connection.execute("SELECT lower(tbl_name) FROM sqlite_master WHERE type = 'trigger'")
    return Schema(
        tables=frozenset(map(str.lower, tables)) - _virtual(connection),
        keys={t.lower(): key for t in tables if (key := _row_key(connection, t)) is not None},
        parents=parents,
        children=children,
        unique={table.lower(): _unique(connection, table) for table in tables},
        triggers=frozenset(name for (name,) in triggers),
    )


def layout_of(connection: sqlite3.Connection, schema: Schema) -> dict[str, Table]:
    """Every table as it is captured; a foreign key counts where it names the one key column of its parent."""
    tables = tables_of(connection)
    keys = {table: tuple(key_columns(connection, table)) for table in tables}
    by_name = {table.lower(): table for table in tables}
    return {
        table: Table(keys[table], is_generated(connection, table), _to_keys(table, schema, by_name, keys))
        for table in tables
    }


def is_generated(connection: sqlite3.Connection, table: str) -> bool:
    """Whether SQLite numbers the rows of a table: its key is another name of the row's number."""
    columns = [row for row in connection.execute(f"PRAGMA table_info({quoted(table)})") if row[5]]
    return len(columns) == 1 and columns[0][2].upper() == "INTEGER"


def _to_keys(
    table: str, schema: Schema, by_name: Mapping[str, str], keys: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for foreign in schema.parents.get(table.lower(), ()):
        parent = by_name.get(foreign.table, "")
        columns = [key.lower() for key in keys.get(parent, ())]
        if len(columns) == 1 and foreign.target in (None, columns[0]):
            found[foreign.column] = parent
    return found


def _virtual(connection: sqlite3.Connection) -> frozenset[str]:
    rows = connection.execute("SELECT lower(name) FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'")
    return frozenset(name for (name,) in rows)


def _parents(connection: sqlite3.Connection, table: str) -> tuple[Foreign, ...]:
    rows = connection.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall()
    acting = {"CASCADE", "SET NULL", "SET DEFAULT"}
    parts = [number for number, *_ in rows]
    return tuple(
        Foreign(
            parent.lower(),
            column.lower(),
            # a part of a key names no row by itself
            SEVERAL if parts.count(number) > 1 else target and target.lower(),
            bool({on_update, on_delete} & acting),
        )
        for number, _, parent, column, target, on_update, on_delete, _ in rows
    )


def _row_key(connection: sqlite3.Connection, table: str) -> tuple[tuple[str, str], ...] | None:
    columns = key_columns(connection, table)
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    if not columns or "COLLATE" in (sql or "").upper():
        return None
    info = connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall()
    kinds = {row[1]: row[2].upper() for row in info}
    found = [(column.lower(), _affinity(kinds[column])) for column in columns]
    return known_columns(found)


def known_columns(columns: Collection[tuple[str, str | None]]) -> tuple[tuple[str, str], ...] | None:
    """The columns of a key with their affinities; None where one of these is not known."""
    found = [(column, affinity) for column, affinity in columns if affinity is not None]
    return tuple(found) if found and len(found) == len(columns) else None


def _affinity(kind: str) -> str | None:
    """The affinity of a declared type, https://www.sqlite.org/datatype3.html section 3.1."""
    if "INT" in kind:
        return "INTEGER"
    if any(word in kind for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    return "BLOB" if not kind or "BLOB" in kind else None


def _unique(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    found = set()
    for row in connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
        if row[2] and row[3] != "pk":
            columns = connection.execute(f"PRAGMA index_info({quoted(row[1])})").fetchall()
            found |= {"*" if column[2] is None else column[2].lower() for column in columns}
    return frozenset(found)
