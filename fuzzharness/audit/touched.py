"""Touched: the tables that a recorded statement reads and writes, and the rows it names.

Decides without a schema, from the text alone: a row is named by columns that equal literals. What
cannot be read touches nothing here, since an audit only suspects. Reading SQL is sqlglot's part.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

_DIALECTS = {
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "mssql": "tsql",
    "microsoft.sql_server": "tsql",
    "oracle": "oracle",
    "oracle.db": "oracle",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
}
_LOG = logging.getLogger("sqlglot")


@dataclass(frozen=True, slots=True)
class Touched:
    """One table of a statement; ``pins`` has the columns that equal a literal, as text."""

    table: str
    writes: bool
    adds: bool = False
    pins: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=4096)
def touched(text: str, system: str = "") -> tuple[Touched, ...]:
    """What the statements in ``text`` touch; nothing where they cannot be read."""
    quiet, _LOG.disabled = _LOG.disabled, True  # it warns of what it does not know
    try:
        trees = sqlglot.parse(text, read=_DIALECTS.get(system))
    except (SqlglotError, RecursionError, ValueError):
        return ()
    finally:
        _LOG.disabled = quiet
    return tuple(part for tree in trees if tree is not None for part in _of(tree))


def _of(tree: Any) -> list[Touched]:
    names = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    changing = isinstance(tree, (exp.Insert, exp.Update, exp.Delete, exp.Merge))
    target = tree.this.find(exp.Table) if changing and tree.this is not None else None
    locks = any(tree.find_all(exp.Lock))
    tables = [table for table in tree.find_all(exp.Table) if table.name.lower() not in names]
    if not (changing or isinstance(tree, exp.Query)):
        return []
    pins = _inserted(tree) if isinstance(tree, exp.Insert) else _pinned(tree)
    found = {
        Touched(
            table.name.lower(),
            table is target or locks,
            table is target and isinstance(tree, exp.Insert),
            pins if len(tables) == 1 else (),
        ): None
        for table in tables
    }
    return list(found)


def _pinned(tree: Any) -> tuple[tuple[str, str], ...]:
    where = tree.args.get("where")
    if where is None:
        return ()
    terms = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
    return tuple(pin for term in terms for pin in _pin(term.unnest()))


def _pin(term: Any) -> list[tuple[str, str]]:
    if not isinstance(term, exp.EQ):
        return []
    for column, value in ((term.left, term.right), (term.right, term.left)):
        if isinstance(column, exp.Column) and isinstance(value, exp.Literal):
            return [(column.name.lower(), value.this)]
    return []


def _inserted(tree: Any) -> tuple[tuple[str, str], ...]:
    schema, given = tree.this, tree.expression
    if not isinstance(schema, exp.Schema) or not isinstance(given, exp.Values) or len(given.expressions) != 1:
        return ()
    row = given.expressions[0].expressions
    pairs = zip((column.name.lower() for column in schema.expressions), row, strict=False)
    return tuple((name, value.this) for name, value in pairs if isinstance(value, exp.Literal))
