"""The tables of a PostgreSQL database, read from its catalogs.

Decides what a table is for the harness: its rows, its key, what refers to it, and what makes a statement on
it touch more than it names. Reads nothing but catalogs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fuzzharness.world import layout
from fuzzharness.world.schema import SEVERAL, Foreign, Schema, known_columns, quoted

OURS = "fuzzharness_"
"""The schema of the scratch database that holds what the harness keeps there."""

ACTING = frozenset(
    """
    nextval setval set_config pg_notify pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock
    pg_try_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_shared pg_advisory_unlock_all
    pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_xact_lock
    pg_try_advisory_xact_lock_shared lo_create lo_import lo_unlink lo_put lo_from_bytea lowrite dblink
    dblink_exec pg_terminate_backend pg_cancel_backend pg_reload_conf query_to_xml pg_sleep
    """.split()  # noqa: SIM905  # a list of so many quoted names is no easier to read
)
"""Functions of the server that do more than compute."""

_AFFINITIES = {
    "smallint": "INTEGER", "integer": "INTEGER", "bigint": "INTEGER",
    "text": "TEXT", "character varying": "TEXT", "uuid": "UUID",
}  # fmt: skip

_ELSEWHERE = f"NOT IN ('pg_catalog', 'information_schema', '{OURS}')"
_OF_USERS = f"n.nspname {_ELSEWHERE} AND n.nspname NOT LIKE 'pg\\_t%'"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with rows of its own.

    ``name`` is how the report calls it, ``place`` how SQL does. ``key`` are the columns of its primary key,
    ``stored`` all that can be inserted, ``parents`` the oids of the tables its foreign keys refer to.
    ``simple``: no partition, no heir, no rule and no policy, so that a statement touches what it names.
    """

    oid: int
    schema: str
    relation: str
    columns: tuple[tuple[str, str], ...]
    stored: tuple[str, ...]
    key: tuple[str, ...]
    parents: frozenset[int]
    simple: bool

    @property
    def name(self) -> str:
        return self.relation if self.schema == "public" else f"{self.schema}.{self.relation}"

    @property
    def place(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.relation)}"


def tables_of(own: Any) -> list[Table]:
    """The tables of the database that the connection ``own`` leads to, by name."""
    columns: dict[int, list[tuple[str, str, bool]]] = {}
    for oid, *column in _rows(own, _COLUMNS):
        columns.setdefault(oid, []).append((column[0], column[1], column[2]))
    keys = {oid: tuple(names) for oid, names in _rows(own, _KEYS)}
    parents: dict[int, set[int]] = {}
    for child, parent, *_ in _rows(own, _FOREIGN):
        parents.setdefault(child, set()).add(parent)
    return [
        Table(
            oid,
            schema,
            relation,
            tuple((name, kind) for name, kind, _ in columns.get(oid, ())),
            tuple(name for name, _, made in columns.get(oid, ()) if not made),
            keys.get(oid, ()),
            frozenset(parents.get(oid, ())),
            simple,
        )
        for oid, schema, relation, simple in _rows(own, _TABLES)
    ]


def schema_of(own: Any, tables: Sequence[Table], home: str) -> Schema:
    """What footprints need of the tables of the schema ``home``, names in lower case."""
    here = {table.oid: table.relation.lower() for table in tables if table.schema == home and table.simple}
    names = {oid: table.relation.lower() for oid, table in ((t.oid, t) for t in tables)}
    functions = frozenset(name for (name,) in _rows(own, _FUNCTIONS))
    parents, children = _foreign_keys(_rows(own, _FOREIGN), names)
    unique: dict[str, frozenset[str]] = {}
    for oid, found in _rows(own, _UNIQUE):
        name = names.get(oid, "")
        unique[name] = unique.get(name, frozenset()) | {column.lower() for column in found}
    acting = {oid for (oid,) in _rows(own, _TRIGGERS)} | _calling(_rows(own, _EXPRESSIONS), functions)
    return Schema(
        tables=frozenset(here.values()),
        keys={here[t.oid]: key for t in tables if t.oid in here and (key := _row_key(t)) is not None},
        parents=parents,
        children=children,
        unique=unique,
        triggers=frozenset(names[oid] for oid in acting if oid in names),
        functions=functions | ACTING,
    )


def layout_of(own: Any, tables: Sequence[Table]) -> dict[str, layout.Table]:
    """Every table as it is captured; a foreign key counts where it names the one key column of its parent."""
    by_oid = {table.oid: table for table in tables}
    parents: dict[int, dict[str, str]] = {}
    for child, parent, columns, targets, _ in _rows(own, _FOREIGN):
        if parent in by_oid and tuple(targets) == by_oid[parent].key and len(columns) == 1:
            parents.setdefault(child, {})[columns[0]] = by_oid[parent].name
    generated = set(_rows(own, _GENERATED))
    return {
        table.name: layout.Table(
            table.key,
            len(table.key) == 1 and (table.oid, table.key[0]) in generated,
            parents.get(table.oid, {}),
        )
        for table in tables
    }


def _rows(own: Any, query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = own.execute(query).fetchall()
    return found


def _row_key(table: Table) -> tuple[tuple[str, str], ...] | None:
    kinds = dict(table.columns)
    return known_columns([(column.lower(), _AFFINITIES.get(kinds[column])) for column in table.key])


def _foreign_keys(
    rows: Iterable[tuple[Any, ...]], names: Mapping[int, str]
) -> tuple[dict[str, tuple[Foreign, ...]], dict[str, tuple[Foreign, ...]]]:
    parents: dict[str, tuple[Foreign, ...]] = {}
    children: dict[str, tuple[Foreign, ...]] = {}
    for child, parent, columns, targets, acts in rows:
        for column, target in zip(columns, targets, strict=True):
            to = target.lower() if len(columns) == 1 else SEVERAL
            mine, theirs = names.get(child, ""), names.get(parent, "")
            parents[mine] = (*parents.get(mine, ()), Foreign(theirs, column.lower(), to, acts))
            children[theirs] = (*children.get(theirs, ()), Foreign(mine, column.lower(), to, acts))
    return parents, children


def _calling(rows: Iterable[tuple[Any, ...]], functions: frozenset[str]) -> set[int]:
    """The tables with a default, a check or an index that calls a function of the application's."""
    if not functions:
        return set()
    named = re.compile(r"\b(" + "|".join(map(re.escape, functions)) + r")\"?\(", re.IGNORECASE)
    return {oid for oid, text in rows if text and named.search(text)}


_TABLES = f"""
    SELECT c.oid::int8, n.nspname, c.relname,
           NOT (c.relispartition OR c.relhassubclass OR c.relrowsecurity OR c.relhasrules
                OR EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {_OF_USERS} ORDER BY n.nspname, c.relname
"""
_COLUMNS = f"""
    SELECT a.attrelid::int8, a.attname, format_type(a.atttypid, NULL), a.attgenerated <> ''
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND {_OF_USERS}
    ORDER BY a.attrelid, a.attnum
"""
_COLUMNS_OF_INDEX = """
    SELECT coalesce(a.attname, '*') FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(n, place)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.place
"""
_KEYS = f"SELECT i.indrelid::int8, ARRAY({_COLUMNS_OF_INDEX})::text[] FROM pg_index i WHERE i.indisprimary"
_UNIQUE = f"""
    SELECT i.indrelid::int8,
           CASE WHEN i.indisexclusion THEN ARRAY['*'] ELSE ARRAY({_COLUMNS_OF_INDEX})::text[] END
    FROM pg_index i WHERE (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary
"""
_FOREIGN = """
    SELECT f.conrelid::int8, f.confrelid::int8,
           ARRAY(SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY k(n, place)
                 JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.n ORDER BY k.place),
           ARRAY(SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY k(n, place)
                 JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.n ORDER BY k.place),
           f.confupdtype IN ('c', 'n', 'd') OR f.confdeltype IN ('c', 'n', 'd')
    FROM pg_constraint f WHERE f.contype = 'f' ORDER BY f.oid
"""
_TRIGGERS = f"SELECT tgrelid::int8 FROM pg_trigger WHERE NOT tgisinternal AND tgname NOT LIKE '{OURS}%'"
_EXPRESSIONS = """
    SELECT adrelid::int8, pg_get_expr(adbin, adrelid) FROM pg_attrdef
    UNION ALL SELECT conrelid::int8, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('c', 'x')
    UNION ALL SELECT indrelid::int8, pg_get_indexdef(indexrelid) FROM pg_index
              WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
"""
_GENERATED = """
    SELECT a.attrelid::int8, a.attname::text FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) ~ '(nextval|uuid)'
"""
_FUNCTIONS = f"""
    SELECT lower(p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {_OF_USERS} AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
SHAPE = f"""
    SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
        SELECT concat('c', c.oid, c.relname, c.relkind, c.relnatts, c.relchecks, c.relhasrules,
                      c.relnamespace, c.relowner, c.relrowsecurity) AS line
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OF_USERS} AND c.relpersistence <> 't'
        UNION ALL SELECT concat('a', attrelid, attname, atttypid, atttypmod, attnotnull, atthasdef,
                                attisdropped)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OF_USERS} AND c.relpersistence <> 't'
        UNION ALL SELECT concat('k', oid, conname, contype, conrelid, confrelid) FROM pg_constraint
        UNION ALL SELECT concat('t', oid, tgname, tgenabled) FROM pg_trigger
        UNION ALL SELECT concat('p', oid, proname, md5(prosrc)) FROM pg_proc
                  WHERE pronamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname = 'pg_catalog')
        UNION ALL SELECT concat('d', oid, pg_get_expr(adbin, adrelid)) FROM pg_attrdef
        UNION ALL SELECT concat('n', oid, nspname) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_t%'
        UNION ALL SELECT concat('s', seqrelid, seqincrement, seqmax, seqmin, seqcycle) FROM pg_sequence
    ) AS lines
"""
"""A sum that is equal as long as nothing but rows has changed."""
