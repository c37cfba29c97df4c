"""Which tables and rows a SQL statement reads and writes, read from its text.

Decides the keys ``(table, row)`` of a statement; a row is named only where the predicate pins the
primary key to a value, else the whole table stands for it. A statement that cannot be read touches
everything. Reading SQL is sqlglot's part; nothing here is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

from fuzzharness.access import ANY, Key, Kind

_MARK = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|\?(\d*)""", re.DOTALL
)
_NONE = object()


@dataclass(frozen=True, slots=True)
class Schema:
    """What footprints need of a database: primary keys, foreign keys, further unique columns."""

    keys: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unique: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """One table a statement touches; ``row`` tells how to find the row's key among the parameters."""

    table: str
    kind: Kind
    rows: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Footprint:
    """The tables one statement touches.

    ``writes``: it changes data; ``simple``: and reads no other table to do so; ``locks``: it takes
    the write lock without writing; ``commits``: it ends a transaction and publishes what it wrote;
    ``alters``: it changes the connection rather than the database.
    """

    parts: tuple[Part, ...] = ()
    writes: bool = False
    simple: bool = False
    locks: bool = False
    commits: bool = False
    alters: bool = False

    def accesses(self, params: Any) -> list[tuple[Key, Kind]]:
        """The keys and kinds of this statement with these parameters (a sequence or a mapping)."""
        found: dict[tuple[Key, Kind], None] = {}
        for part in self.parts:
            for row in part.rows or (_NONE,):
                found.setdefault(((part.table, _value(row, params)), part.kind))
        return list(found)


EVERYTHING = Footprint((Part(ANY, Kind.READ), Part(ANY, Kind.WRITE)), writes=True)  # type: ignore[arg-type]  # ANY stands for all tables
_CONTROL = {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "EXPLAIN", ""}


@dataclass(frozen=True, slots=True)
class _Param:
    name: str | int


def _value(row: Any, params: Any) -> Any:
    if row is _NONE:
        return ANY
    if not isinstance(row, _Param):
        return row
    try:
        value = params[row.name]
    except (KeyError, IndexError, TypeError):
        return ANY
    return value if isinstance(value, (int, str, bytes, float)) else ANY


@lru_cache(maxsize=4096)
def _parsed(sql: str) -> tuple[exp.Expression | None, ...]:
    try:
        return tuple(sqlglot.parse(_numbered(sql), read="sqlite"))
    except (SqlglotError, RecursionError):
        return ()


def _numbered(sql: str) -> str:
    count = 0

    def name(match: re.Match[str]) -> str:
        nonlocal count
        if match.group(1) is None:
            return match.group(0)
        count = int(match.group(1)) if match.group(1) else count + 1
        return f":fz_{count - 1}"

    return _MARK.sub(name, sql)


class Reader:
    """Footprints of statements on one schema, remembered by text."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._known: dict[str, Footprint] = {}

    def read(self, sql: str) -> Footprint:
        """The footprint of ``sql``; :data:`EVERYTHING` where it cannot be read."""
        known = self._known.get(sql)
        if known is None:
            known = self._known[sql] = self._read(sql)
        return known

    def _read(self, sql: str) -> Footprint:
        words = sql.upper().replace(";", " ").split()
        if not words or words[0] in _CONTROL:
            locks = words[:1] == ["BEGIN"] and bool({"IMMEDIATE", "EXCLUSIVE"} & set(words))
            commits = words[:1] in (["COMMIT"], ["END"])
            return Footprint(locks=locks, commits=commits, alters=words[:1] == ["PRAGMA"])
        if words[0] in {"ATTACH", "DETACH"} or words[:2] in (["CREATE", "TEMP"], ["CREATE", "TEMPORARY"]):
            return replace(EVERYTHING, alters=True)
        trees = _parsed(sql)
        if not trees or any(tree is None for tree in trees):
            return EVERYTHING
        prints = [self._of(tree) for tree in trees if tree is not None]
        return prints[0] if len(prints) == 1 else EVERYTHING

    def _of(self, tree: exp.Expression) -> Footprint:
        if isinstance(tree, (exp.Insert, exp.Update, exp.Delete)):
            return self._writing(tree)
        if isinstance(tree, exp.Query):
            return Footprint(tuple(self._reads(tree, _checks_only(tree))), writes=False)
        return EVERYTHING

    def _writing(self, tree: exp.Expression) -> Footprint:
        target = tree.this.find(exp.Table) if tree.this is not None else None
        if target is None:
            return EVERYTHING
        table = target.name.lower()
        if table in self._schema.triggers:
            return EVERYTHING
        others = [part for part in self._reads(tree, False) if part.table != table]
        rows = self._inserted(tree, table) if isinstance(tree, exp.Insert) else self._rows(tree, table)
        parts = [*others, *self._referenced(tree, table)]
        if not isinstance(tree, exp.Insert):
            parts.append(Part(table, Kind.CHECK if self._blind(tree, table) else Kind.READ, rows))
        parts.append(Part(table, Kind.WRITE, rows))
        parts += [Part(child, Kind.WRITE) for child in self._cascades(tree, table)]
        return Footprint(tuple(parts), writes=True, simple=not others)

    def _blind(self, tree: exp.Expression, table: str) -> bool:
        """Whether an update or delete uses no value it finds, only whether its rows are there."""
        key = self._schema.keys.get(table)
        used = {column.name.lower() for column in tree.find_all(exp.Column)}
        used -= {term.left.name.lower() for term in tree.expressions if isinstance(term, exp.EQ)}
        return used <= {key} and not list(tree.find_all(exp.Subquery))

    def _cascades(self, tree: exp.Expression, table: str) -> tuple[str, ...]:
        return () if isinstance(tree, exp.Insert) else tuple(self._schema.children.get(table, ()))

    def _reads(self, tree: exp.Expression, checks: bool) -> list[Part]:
        kind = Kind.CHECK if checks else Kind.READ
        names = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        tables = list(tree.find_all(exp.Table))
        alone = len(tables) == 1 and not list(tree.find_all(exp.Subquery))
        parts = []
        for table in sorted({t.name.lower() for t in tables} - names):
            parts.append(Part(table, kind, self._rows(tree, table) if alone else ()))
        return parts

    def _rows(self, tree: exp.Expression, table: str) -> tuple[Any, ...]:
        key = self._schema.keys.get(table)
        where = tree.args.get("where")
        if key is None or where is None or len(list(tree.find_all(exp.Table))) != 1:
            return ()
        for term in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
            rows = _pinned(term.unnest(), key)
            if rows:
                return rows
        return ()

    def _inserted(self, tree: exp.Expression, table: str) -> tuple[Any, ...]:
        key = self._schema.keys.get(table)
        if key is None or table in self._schema.unique:
            return ()
        return tuple(_inserted_values(tree, key))

    def _referenced(self, tree: exp.Expression, table: str) -> list[Part]:
        """The rows that foreign keys of written columns must find."""
        parts = []
        for column, parent in self._schema.parents.get(table, ()):
            values = (
                _inserted_values(tree, column) if isinstance(tree, exp.Insert) else _set_values(tree, column)
            )
            if values or isinstance(tree, exp.Insert):
                parts.append(Part(parent, Kind.CHECK, tuple(values)))
        return parts


def _pinned(term: exp.Expression, key: str) -> tuple[Any, ...]:
    if isinstance(term, exp.EQ):
        for column, value in ((term.left, term.right), (term.right, term.left)):
            if isinstance(column, exp.Column) and column.name.lower() == key:
                found = _literal(value)
                return () if found is _NONE else (found,)
    if isinstance(term, exp.In) and isinstance(term.this, exp.Column) and term.this.name.lower() == key:
        found_all = [_literal(value) for value in term.expressions]
        return () if _NONE in found_all else tuple(found_all)
    return ()


def _inserted_values(tree: exp.Expression, column: str) -> list[Any]:
    schema, values = tree.this, tree.expression
    if not isinstance(schema, exp.Schema) or not isinstance(values, exp.Values):
        return []
    columns = [c.name.lower() for c in schema.expressions]
    if column not in columns:
        return []
    place = columns.index(column)
    rows = [_literal(row.expressions[place]) for row in values.expressions if isinstance(row, exp.Tuple)]
    return [] if _NONE in rows else rows


def _set_values(tree: exp.Expression, column: str) -> list[Any]:
    found = [
        _literal(term.right)
        for term in tree.expressions
        if isinstance(term, exp.EQ) and term.left.name.lower() == column
    ]
    return [value for value in found if value is not _NONE]


def _literal(value: exp.Expression) -> Any:
    if isinstance(value, exp.Placeholder) and isinstance(value.this, str):
        name = value.this
        return _Param(int(name[3:]) if name.startswith("fz_") else name)
    if isinstance(value, exp.Literal):
        return value.this if value.is_string else _number(value.this)
    return _NONE


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return _NONE


def _checks_only(tree: exp.Query) -> bool:
    """Whether a query only asks whether rows are there: constants, counts, or EXISTS."""
    columns = tree.expressions if isinstance(tree, exp.Select) else []
    return bool(columns) and all(
        isinstance(column.unalias(), (exp.Literal, exp.Exists)) for column in columns
    )


def parameters(params: Any) -> Any:
    """DBAPI parameters as something that :meth:`Footprint.accesses` can look up."""
    return params if isinstance(params, (Sequence, Mapping)) else tuple(params or ())
