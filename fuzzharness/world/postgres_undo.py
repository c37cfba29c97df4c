"""The way back of a PostgreSQL database: what a run changed, and how it is put as it was.

Decides what is written down of each change (by triggers of our own, row by row) and how it is undone: the
rows of a small table are put back whole, in the order they lay in, so that a query without ORDER BY answers
alike in every run; of a large one only those that were touched. Reads and writes through one connection, and
only between runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fuzzharness.world.postgres_catalog import OURS, Table
from fuzzharness.world.schema import quoted

SMALL = 1_000
"""Rows of a table that is put back whole."""

MOST_TOGETHER = 2_000
"""Rows of tables that have to be put back together, because they refer to each other."""

_CLEAN_EVERY = 200

_LOG = f"""
    DROP FUNCTION IF EXISTS {OURS}.rows() CASCADE;
    DROP TABLE IF EXISTS {OURS}.log;
    CREATE UNLOGGED TABLE {OURS}.log (
        n bigint GENERATED ALWAYS AS IDENTITY, tab oid, op "char", old text, new text
    );
    CREATE FUNCTION {OURS}.rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = '1'
        SET bytea_output = 'hex' SET search_path = pg_catalog AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO {OURS}.log (tab, op, new) VALUES (TG_RELID, 'I', NEW::text);
        ELSIF TG_OP = 'UPDATE' THEN
            INSERT INTO {OURS}.log (tab, op, old, new) VALUES (TG_RELID, 'U', OLD::text, NEW::text);
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO {OURS}.log (tab, op, old) VALUES (TG_RELID, 'D', OLD::text);
        ELSE
            EXECUTE format('INSERT INTO {OURS}.log (tab, op, old) SELECT %s, ''D'', x::text FROM ONLY %s x',
                           TG_RELID, TG_RELID::regclass);
        END IF;
        RETURN NULL;
    END $$;
"""
_TABLE = """
    ALTER TABLE {place} SET (autovacuum_enabled = off);
    CREATE TRIGGER {ours}rows AFTER INSERT OR UPDATE OR DELETE ON {place}
        FOR EACH ROW EXECUTE FUNCTION {ours}.rows();
    CREATE TRIGGER {ours}all BEFORE TRUNCATE ON {place} FOR EACH STATEMENT EXECUTE FUNCTION {ours}.rows();
"""
"""No statistics of a table change in mid exploration: with them plans would, and so what a scan locks."""

_SEQUENCES = f"""
    SELECT s.seqrelid::int8, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname <> '{OURS}' AND c.relpersistence <> 't' ORDER BY s.seqrelid
"""
_LAST = "pg_sequence_last_value(seqrelid::regclass)"


class Undo:
    """What has to be undone in the database that ``own`` is connected to; ``tables`` as they stand now."""

    def __init__(self, own: Any, tables: Sequence[Table]) -> None:
        self.own = own
        self._tables = {table.oid: table for table in tables}
        self._sizes: dict[int, int] = {}
        self._times = 0
        own.execute(_LOG)
        for table in tables:
            own.execute(_TABLE.format(ours=OURS, place=table.place))
            (size,) = own.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM ONLY {table.place} LIMIT {SMALL + 1}) AS few"
            ).fetchone()
            self._sizes[table.oid] = size
            if size <= SMALL:
                copy = _copy(table)
                own.execute(f"DROP TABLE IF EXISTS {copy}")
                own.execute(f"CREATE UNLOGGED TABLE {copy} AS SELECT * FROM ONLY {table.place}")
        self._sequences = dict(own.execute(_SEQUENCES).fetchall())
        self._values = {
            oid: own.execute(f"SELECT last_value, is_called FROM {place}").fetchone()
            for oid, place in self._sequences.items()
        }
        self._asks = self._question()
        self._lasts = own.execute(self._asks).fetchone()[1]

    def _question(self) -> str:
        oids = ",".join(map(str, self._sequences))
        return (
            f"SELECT (SELECT array_agg(DISTINCT tab::int8) FROM {OURS}.log), (SELECT array_agg({_LAST} "
            f"ORDER BY seqrelid) FROM pg_sequence WHERE seqrelid = ANY('{{{oids}}}'::oid[]))"
        )

    def small(self, table: Table) -> bool:
        """Whether the table is put back whole."""
        return self._sizes[table.oid] <= SMALL

    def touched(self) -> list[Table]:
        """The tables in which something was changed since they were last put back."""
        found = self.own.execute(self._asks).fetchone()[0] or ()
        return [self._tables[oid] for oid in sorted(found)]

    def changed(self, table: Table) -> list[tuple[Any, ...]]:
        """The keys of the rows of ``table`` that were changed, put there or taken away."""
        columns = ", ".join(f"(v::{table.place}).{quoted(name)}" for name in table.key)
        sides = " UNION ".join(
            f"SELECT {side} AS v FROM {OURS}.log WHERE tab = {table.oid} AND {side} IS NOT NULL"
            for side in ("old", "new")
        )
        return list(self.own.execute(f"SELECT DISTINCT {columns} FROM ({sides}) AS rows").fetchall())

    def restore(self) -> None:
        """Put everything back as it was."""
        tables, lasts = self.own.execute(self._asks).fetchone()
        if not tables and lasts == self._lasts:
            return
        script = [*self._undone([self._tables[oid] for oid in tables or ()]), *self._set_back(lasts)]
        self._times += 1
        log = "TRUNCATE" if self._times % _CLEAN_EVERY == 0 else "DELETE FROM"
        self.own.execute(
            "BEGIN; SET LOCAL session_replication_role = replica;"
            + "".join(script)
            + f"{log} {OURS}.log; COMMIT"
        )

    def _set_back(self, lasts: Sequence[Any] | None) -> Iterable[str]:
        for (oid, place), now, before in zip(
            self._sequences.items(), lasts or (), self._lasts or (), strict=True
        ):
            if now != before:
                value, called = self._values[oid]
                name = place.replace("'", "''")
                yield f"SELECT setval('{name}', {value}, {str(called).lower()});"

    def _undone(self, touched: Sequence[Table]) -> Iterable[str]:
        whole: dict[int, None] = {}
        for table in touched:
            together = self._together(table)
            if together is not None:
                whole.update(dict.fromkeys(together))
        for table in touched:
            if table.oid not in whole:
                yield _rows_undone(table)
        if whole:
            tables = [self._tables[oid] for oid in sorted(whole)]
            yield f"TRUNCATE {', '.join('ONLY ' + table.place for table in tables)};"
            for table in tables:
                yield _inserted(table, f"SELECT {_list(table.stored)} FROM {_copy(table)}")

    def _together(self, table: Table) -> set[int] | None:
        """The table with those that refer to it, and to them; None where they are too large."""
        found, todo = {table.oid}, [table.oid]
        while todo:
            oid = todo.pop()
            for child in self._tables.values():
                if oid in child.parents and child.oid not in found:
                    found.add(child.oid)
                    todo.append(child.oid)
        sizes = [self._sizes[oid] for oid in found]
        return found if max(sizes) <= SMALL and sum(sizes) <= MOST_TOGETHER else None


def _copy(table: Table) -> str:
    return f"{OURS}.copy_{table.oid}"


def _list(names: Iterable[str], of: str = "") -> str:
    return ", ".join(f"{of}{quoted(name)}" for name in names)


def _inserted(table: Table, rows: str) -> str:
    if not table.stored:
        return ""
    return f"INSERT INTO {table.place} ({_list(table.stored)}) OVERRIDING SYSTEM VALUE {rows};"


def _rows_undone(table: Table) -> str:
    """SQL that puts back those rows that the log names; without a key a row is found by all it holds."""
    typed = f"::{table.place})."
    if table.key:
        names = ", ".join(f"(v{typed}{quoted(k)} AS k{i}" for i, k in enumerate(table.key))
        ks = ", ".join(f"k{i}" for i in range(len(table.key)))
        same = " AND ".join(f"t.{quoted(k)} = f.k{i}" for i, k in enumerate(table.key))
    else:
        names, ks, same = (
            "v AS k0",
            "k0",
            "t.ctid = (SELECT x.ctid FROM ONLY {} x WHERE x::text = f.k0 LIMIT 1)",
        )
        same = same.format(table.place)
    log = f"{OURS}.log WHERE tab = {table.oid}"
    events = (
        f"SELECT n, old AS v, old AS before FROM {log} AND old IS NOT NULL "
        f"UNION ALL SELECT n, new AS v, NULL FROM {log} AND new IS NOT NULL"
    )
    first = (
        f"SELECT DISTINCT ON ({ks}) {ks}, before FROM (SELECT n, before, {names} FROM ({events}) AS e) AS k "
        f"ORDER BY {ks}, n, before NULLS LAST"
    )
    columns = ", ".join(f"(f.before{typed}{quoted(name)}" for name in table.stored)
    return f"DELETE FROM ONLY {table.place} t USING ({first}) AS f WHERE {same};" + _inserted(
        table, f"SELECT {columns} FROM ({first}) AS f WHERE f.before IS NOT NULL"
    )
