"""Which tables and rows a SQL statement reads and writes, read from its text.

Decides the keys ``(table, row)`` of a statement; a row is named only where the predicate pins each column
of the primary key to a value, else the whole table stands for it. A statement that cannot be read touches
everything. Reading SQL is sqlglot's part; nothing here is ever executed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

from fuzzharness.access import ANY, Kind
from fuzzharness.world.dialects import COMMENT, SCHEMA, SQLITE, Dialect
from fuzzharness.world.schema import SEVERAL, Schema
from fuzzharness.world.statement import EVERYTHING, NOTHING, RESHAPING, Footprint, Param, Part

_ALIASES = frozenset({"sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"})
_LOG = logging.getLogger("sqlglot")


@lru_cache(maxsize=4096)
def _parsed(sql: str, dialect: Dialect) -> tuple[Any, ...]:
    quiet, _LOG.disabled = (
        _LOG.disabled,
        True,
    )  # it warns of statements it does not know; they touch everything
    try:
        return tuple(sqlglot.parse(dialect.numbered(sql), read=dialect.name))
    except (SqlglotError, RecursionError):
        return ()
    finally:
        _LOG.disabled = quiet


class Reader:
    """Footprints of statements on one schema, in the SQL of one ``dialect``, remembered by text."""

    def __init__(self, schema: Schema, dialect: Dialect = SQLITE) -> None:
        self._schema, self._dialect = schema, dialect
        self._known: dict[str, Footprint] = {}
        self.pairs: dict[Any, Any] = {}
        """What statements with certain parameters were found to touch; kept by who asks."""

    def read(self, sql: str) -> Footprint:
        """The footprint of ``sql``; :data:`EVERYTHING` where it cannot be read."""
        known = self._known.get(sql)
        if known is None:
            known = self._known[sql] = self._read(sql)
        return known

    def _read(self, sql: str) -> Footprint:
        text = COMMENT.sub(" ", sql).strip().rstrip(";").strip()
        words = text.upper().replace("(", " (").split()
        if not words:
            return Footprint()
        control = self._dialect.control(words, text)
        if control is not None:
            return control
        trees = _parsed(sql, self._dialect)
        if len(trees) != 1 or trees[0] is None:
            return RESHAPING
        return self._of(trees[0])

    def _of(self, tree: Any) -> Footprint:
        if self._calls_unknown(tree) or any(inner is not tree for inner in tree.find_all(*_CHANGING)):
            return EVERYTHING
        if isinstance(tree, (exp.Insert, exp.Update, exp.Delete)):
            return self._writing(tree)
        if isinstance(tree, exp.Query) and tree.args.get("into") is None:
            return self._reading(tree)
        return EVERYTHING if isinstance(tree, (exp.Merge, exp.Copy)) else RESHAPING

    def _reading(self, tree: Any) -> Footprint:
        parts = tuple(self._reads(tree, _checks_only(tree)))
        locks = list(tree.find_all(exp.Lock))
        if not locks:
            return Footprint(parts)
        exclusive = all(lock.args.get("update") and lock.args.get("wait") is None for lock in locks)
        keyed = len(parts) == 1 and bool(parts[0].rows)
        kind = Kind.LOCK if exclusive and keyed else Kind.TRY
        claims = tuple(replace(part, kind=kind) for part in parts)
        return Footprint(parts, claims=claims, plain=exclusive and keyed)

    def _calls_unknown(self, tree: Any) -> bool:
        """Whether a statement calls functions that may do anything."""
        called = {name for function in tree.find_all(exp.Func) for name in _names(function)}
        return bool(called & self._schema.functions)

    def _writing(self, tree: Any) -> Footprint:
        target = tree.this.find(exp.Table) if tree.this is not None else None
        if target is None:
            return EVERYTHING
        table = target.name.lower()
        if table not in self._schema.tables or not self._at_home(target):
            return EVERYTHING
        affected = self._affected(tree, table)
        if affected is None:
            return EVERYTHING
        others = [part for part in self._reads(tree, False) if part.table != table]
        rows = self._inserted(tree, table) if isinstance(tree, exp.Insert) else self._changed(tree, table)
        affinities = self._schema.affinities(table)
        parts = [*others, *self._referenced(tree, table)]
        kind = self._looks(tree, table)
        if kind is not None:
            parts.append(Part(table, kind, rows, affinities))
        parts += [Part(table, Kind.WRITE, rows, affinities), *affected]
        claims = (Part(table, Kind.LOCK, rows, affinities), *self._shared(parts, table))
        plain = isinstance(tree, exp.Insert) or bool(self._rows(tree, table))
        plain = plain and not others and not list(tree.find_all(exp.Query))
        appends = kind is None and not affected and self._leaves_out_the_key(tree, table)
        return Footprint(
            tuple(parts), writes=True, simple=not others, claims=claims, plain=plain, appends=appends
        )

    def _leaves_out_the_key(self, tree: Any, table: str) -> bool:
        """Whether the rows that an insert adds get their keys from the database."""
        named = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
        key = self._schema.columns(table)
        given = {column.name.lower() for column in named} & {*key, *ROWIDS}
        return isinstance(tree, exp.Insert) and bool(named) and bool(key) and not given

    def _shared(self, parts: list[Part], table: str) -> list[Part]:
        """The rows that are locked because they are referred to."""
        return [part for part in parts if part.kind is Kind.CHECK and part.table != table]

    def _looks(self, tree: Any, table: str) -> Kind | None:
        """How a writing statement looks at what it changes."""
        if isinstance(tree, exp.Insert):
            return Kind.READ if _replaces(tree) or self._looks_around(tree, table) else None
        return Kind.CHECK if self._blind(tree, table) else Kind.READ

    def _looks_around(self, tree: Any, table: str) -> bool:
        """Whether an insert looks at other rows of its table, or gives what is there another key."""
        conflict = tree.args.get("conflict")
        moved = set() if conflict is None else set(_set_columns(conflict))
        again = [t for t in tree.find_all(exp.Table) if t.name.lower() == table]
        return len(again) > 1 or bool(moved & {*self._schema.columns(table), *ROWIDS})

    def _blind(self, tree: Any, table: str) -> bool:
        """Whether an update or delete uses no value it finds, only whether its rows are there."""
        assigned = {id(column) for term in tree.expressions for column in _assigned(term)}
        used = {column.name.lower() for column in tree.find_all(exp.Column) if id(column) not in assigned}
        returns = tree.args.get("returning") is not None
        named = set(self._schema.columns(table))
        return not returns and used <= named and not list(tree.find_all(exp.Query))

    def _affected(self, tree: Any, table: str) -> list[Part] | None:
        """What foreign keys to this table, and theirs in turn, read and change; None: anything."""
        if table in self._schema.triggers:
            return None
        parts: dict[Part, None] = {}
        changed = None if not isinstance(tree, exp.Update) else set(_set_columns(tree))
        if isinstance(tree, exp.Insert) and not _replaces(tree):
            return []
        if changed and changed & ROWIDS:
            changed = None
        todo, seen = [(table, changed)], {table}
        while todo:
            parent, columns = todo.pop()
            for child in self._schema.children.get(parent, ()):
                referenced = child.target or self._schema.key(parent)
                if columns is not None and referenced not in {None, SEVERAL, *columns}:
                    continue
                parts[Part(child.table, Kind.WRITE if child.acts else Kind.CHECK)] = None
                if child.acts and child.table in self._schema.triggers:
                    return None
                if child.acts and child.table not in seen:
                    seen.add(child.table)
                    todo.append((child.table, None))
        return list(parts)

    def _reads(self, tree: Any, checks: bool) -> list[Part]:
        kind = Kind.CHECK if checks else Kind.READ
        names = {cte.alias.lower() for cte in tree.find_all(exp.CTE)} - self._schema.tables
        tables = list(tree.find_all(exp.Table))
        alone = len(list(tree.find_all(exp.Query))) == 1 and not list(tree.find_all(exp.CTE))
        parts = []
        for table in sorted({t.name.lower() for t in tables} - names):
            if table == SCHEMA or table in _ALIASES:
                parts.append(Part(SCHEMA, kind))
            elif table not in self._schema.tables or not all(map(self._at_home, tables)):
                return [Part(ANY, Kind.READ)]  # type: ignore[arg-type]  # ANY stands for all tables
            else:
                rows = self._rows(tree, table) if alone else ()
                parts.append(Part(table, kind, rows, self._schema.affinities(table)))
        return parts

    def _at_home(self, table: Any) -> bool:
        return table.text("db").lower() in self._dialect.homes

    def _rows(self, tree: Any, table: str) -> tuple[tuple[Any, ...], ...]:
        key = self._schema.columns(table)
        where = tree.args.get("where")
        if not key or where is None or not _is_alone(tree):
            return ()
        terms = list(where.this.flatten() if isinstance(where.this, exp.And) else [where.this])
        values = [_named(terms, *column) for column in self._schema.keys[table]]
        return tuple(product(*values)) if prod(map(len, values)) <= _MOST_ROWS else ()

    def _changed(self, tree: Any, table: str) -> tuple[tuple[Any, ...], ...]:
        """The rows of an update or delete; all of them where it may collide with others."""
        columns = set(_set_columns(tree)) if isinstance(tree, exp.Update) else set()
        unique = self._schema.unique.get(table, frozenset())
        collides = columns & {*self._schema.columns(table), *unique, *ROWIDS} or (columns and "*" in unique)
        return () if collides else self._rows(tree, table)

    def _inserted(self, tree: Any, table: str) -> tuple[tuple[Any, ...], ...]:
        key = self._schema.keys.get(table, ())
        if not key or self._schema.unique.get(table) or self._looks_around(tree, table):
            return ()
        values = [_inserted_values(tree, *column) for column in key]
        return tuple(zip(*values, strict=True)) if all(values) else ()

    def _referenced(self, tree: Any, table: str) -> list[Part]:
        """The rows that foreign keys of written columns must find."""
        parts = []
        for foreign in self._schema.parents.get(table, ()):
            inserts = isinstance(tree, exp.Insert)
            if not inserts and foreign.column not in _set_columns(tree):
                continue
            affinities = self._schema.affinities(foreign.table)
            by_key = len(affinities) == 1 and foreign.target in (None, self._schema.key(foreign.table))
            find = _inserted_values if inserts else _set_values
            values = find(tree, foreign.column, affinities[0]) if by_key else []
            rows = tuple((value,) for value in values)
            parts.append(Part(foreign.table, Kind.CHECK, rows, affinities))
        return parts


_MOST_ROWS = 1_000
"""A predicate that names more rows than this is taken to name the table."""

ROWIDS = frozenset({"rowid", "oid", "_rowid_"})
"""Other names of a key that is the number of the row."""

_SOURCES = (exp.Join, exp.Lateral, exp.Unnest, exp.Values, exp.Subquery)
"""What has columns of its own beside those of tables."""

_TYPES = exp.DataType.Type
_CASTS = {
    "INTEGER": frozenset({_TYPES.SMALLINT, _TYPES.INT, _TYPES.BIGINT}),
    "TEXT": frozenset({_TYPES.TEXT, _TYPES.VARCHAR}),
    "UUID": frozenset({_TYPES.UUID}),
    "BLOB": frozenset[Any](),
}
"""Casts that leave a value as a column of that affinity holds it."""

_CHANGING = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def _names(function: Any) -> set[str]:
    """The names under which a function may be called."""
    if isinstance(function, exp.Anonymous):
        return {str(function.this).lower()}
    return {name.lower() for name in function.sql_names()}


def _replaces(insert: Any) -> bool:
    """Whether an insert that finds its row there does something else."""
    return insert.args.get("conflict") is not None or insert.args.get("alternative") is not None


def _is_alone(tree: Any) -> bool:
    """Whether a name of a column in the predicate can only be one of the one table's."""
    tables = list(tree.find_all(exp.Table))
    alias = tables[0].args.get("alias") if tables else None
    renamed = alias is not None and bool(alias.args.get("columns"))
    return len(tables) == 1 and not renamed and not list(tree.find_all(*_SOURCES))


def _named(terms: list[Any], column: str, affinity: str) -> tuple[Any, ...]:
    """The values of ``column`` in rows of which all ``terms`` hold; none where that may be any."""
    return next(filter(None, (_pinned(term.unnest(), column, affinity) for term in terms)), ())


def _pinned(term: Any, key: str, affinity: str) -> tuple[Any, ...]:
    if isinstance(term, exp.EQ):
        for column, value in ((term.left, term.right), (term.right, term.left)):
            if isinstance(column, exp.Column) and column.name.lower() == key:
                found = _literal(value, affinity)
                return () if found is NOTHING else (found,)
    if isinstance(term, exp.In) and isinstance(term.this, exp.Column) and term.this.name.lower() == key:
        found_all = [_literal(value, affinity) for value in term.expressions]
        return () if NOTHING in found_all else tuple(found_all)
    return ()


def _inserted_values(tree: Any, column: str, affinity: str) -> list[Any]:
    schema, values = tree.this, tree.expression
    if not isinstance(schema, exp.Schema) or not isinstance(values, exp.Values):
        return []
    columns = [c.name.lower() for c in schema.expressions]
    if column not in columns:
        return []
    place = columns.index(column)
    rows = [row for row in values.expressions if isinstance(row, exp.Tuple)]
    found = [_literal(row.expressions[place], affinity) for row in rows]
    return [] if NOTHING in found else found


def _assigned(term: Any) -> list[Any]:
    """The columns that one term of a SET clause gives values to."""
    left = term.left if isinstance(term, exp.EQ) else term
    return [left] if isinstance(left, exp.Column) else list(left.find_all(exp.Column))


def _set_columns(tree: Any) -> list[str]:
    return [column.name.lower() for term in tree.expressions for column in _assigned(term)]


def _set_values(tree: Any, column: str, affinity: str) -> list[Any]:
    terms = [
        term for term in tree.expressions if isinstance(term, exp.EQ) and term.left.name.lower() == column
    ]
    found = [_literal(term.right, affinity) for term in terms]
    return [] if NOTHING in found else found


def _literal(value: Any, affinity: str) -> Any:
    while isinstance(value, exp.Paren) or _keeps(value, affinity):
        value = value.this
    if isinstance(value, exp.Placeholder) and isinstance(value.this, str):
        name = value.this
        return Param(int(name[3:]) if name.startswith("fz_") else name)
    if isinstance(value, exp.Literal):
        return value.this if value.is_string else _number(value.this)
    return NOTHING


def _keeps(value: Any, affinity: str) -> bool:
    """Whether ``value`` is a cast to what the column holds, which changes no key; another may."""
    return isinstance(value, exp.Cast) and not value.to.expressions and value.to.this in _CASTS[affinity]


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return NOTHING


def _checks_only(tree: Any) -> bool:
    """Whether a query only asks whether rows are there: constants, counts, or EXISTS."""
    columns = tree.expressions if isinstance(tree, exp.Select) else []
    return bool(columns) and all(
        isinstance(column.unalias(), (exp.Literal, exp.Exists)) for column in columns
    )
