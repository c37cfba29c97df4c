"""Which tables and rows a statement is taken to read, check and write: never fewer than it does."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from fuzzharness.access import ANY, Kind
from fuzzharness.world.footprint import Reader
from fuzzharness.world.schema import schema_of

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, x, y);
CREATE TABLE named (name TEXT PRIMARY KEY, x) WITHOUT ROWID;
CREATE TABLE folded (name TEXT PRIMARY KEY COLLATE NOCASE, x);
CREATE TABLE pair (a INTEGER, b INTEGER, x, PRIMARY KEY (a, b));
CREATE TABLE folded_pair (a INTEGER, b TEXT COLLATE NOCASE, x, PRIMARY KEY (a, b));
CREATE TABLE of_pair (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER,
    FOREIGN KEY (a, b) REFERENCES held (a, b) ON DELETE CASCADE);
CREATE TABLE held (a INTEGER, b INTEGER, x, PRIMARY KEY (a, b));
CREATE TABLE nokey (x, y);
CREATE TABLE mail (id INTEGER PRIMARY KEY, address TEXT UNIQUE, x);
CREATE TABLE child (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id), x);
CREATE TABLE owned (id INTEGER PRIMARY KEY, child_id INTEGER REFERENCES child (id) ON DELETE CASCADE);
CREATE TABLE by_mail (id INTEGER PRIMARY KEY, address TEXT REFERENCES mail (address));
CREATE TABLE logged (id INTEGER PRIMARY KEY, x);
CREATE TRIGGER log AFTER UPDATE ON logged BEGIN INSERT INTO nokey VALUES (1, 2); END;
CREATE VIEW v AS SELECT * FROM t;
"""
ALL = {("read", "*", "*"), ("write", "*", "*")}


@pytest.fixture(scope="module")
def reader() -> Reader:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    schema = schema_of(connection)
    connection.close()
    return Reader(schema)


def shown(key: tuple[Any, ...], kind: Kind) -> tuple[Any, ...]:
    return (kind.value, *("*" if part is ANY else part for part in key))


CASES: list[tuple[str, Any, set[Any]]] = [
    ("SELECT x FROM t WHERE id = ?", (7,), {("read", "t", 7)}),
    ("SELECT x FROM t WHERE id = ?2 AND x = ?1", (1, 7), {("read", "t", 7)}),
    ("SELECT x FROM t WHERE id = :id", {"id": 7}, {("read", "t", 7)}),
    ("SELECT x FROM t WHERE id = @id", {"id": 7}, {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id = $id", {"id": 7}, {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id = 7", (), {("read", "t", 7)}),
    ("SELECT x FROM t WHERE 7 = id", (), {("read", "t", 7)}),
    ("SELECT x FROM T WHERE ID = 7", (), {("read", "t", 7)}),
    ('SELECT "x" FROM "t" WHERE "id" = 7', (), {("read", "t", 7)}),
    ("SELECT x FROM main.t WHERE t.id = 7", (), {("read", "t", 7)}),
    ("SELECT x FROM t WHERE id = 7 AND x > 1", (), {("read", "t", 7)}),
    ("SELECT x FROM t WHERE id = 7 OR x > 1", (), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE NOT id = 7", (), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id > 7", (), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id = 7 + 1", (), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id IN (1, ?)", (2,), {("read", "t", 1), ("read", "t", 2)}),
    ("SELECT x FROM t WHERE id NOT IN (1, 2)", (), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id IN (SELECT x FROM nokey)", (), {("read", "t", "*"), ("read", "nokey", "*")}),
    ("SELECT x FROM t", (), {("read", "t", "*")}),
    ("SELECT x FROM t -- WHERE id = ?\n WHERE id = ?", (7,), {("read", "t", 7)}),
    ("/* why */ SELECT x FROM t WHERE x = '?' AND id = ?", (7,), {("read", "t", 7)}),
    ("SELECT 1 FROM t WHERE id = ?", (7,), {("check", "t", 7)}),
    ("SELECT EXISTS (SELECT 1 FROM t WHERE id = 7)", (), {("check", "t", "*")}),
    ("SELECT count(*) FROM t", (), {("read", "t", "*")}),
    ("SELECT * FROM t JOIN child ON child.t_id = t.id WHERE t.id = 7", (),
     {("read", "t", "*"), ("read", "child", "*")}),
    ("SELECT * FROM t AS a, t AS b WHERE a.id = 7", (), {("read", "t", "*")}),
    ("SELECT * FROM (SELECT * FROM t) WHERE id = 7", (), {("read", "t", "*")}),
    ("WITH c AS (SELECT * FROM t) SELECT * FROM c WHERE id = 7", (), {("read", "t", "*")}),
    ("WITH t AS (SELECT 1 AS id) SELECT * FROM t WHERE id = 7", (), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id = 1 UNION SELECT x FROM nokey", (),
     {("read", "t", "*"), ("read", "nokey", "*")}),
    ("SELECT * FROM v WHERE id = 7", (), {("read", "*", "*")}),
    ("SELECT * FROM json_each('[1]')", (), {("read", "*", "*")}),
    ("SELECT * FROM other.t WHERE id = 7", (), {("read", "*", "*")}),
    ("SELECT name FROM sqlite_master", (), {("read", "sqlite_master", "*")}),
    ("SELECT 1", (), set()),
    # one row, however its key is written
    ("SELECT x FROM t WHERE id = ?", ("7",), {("read", "t", 7)}),
    ("SELECT x FROM t WHERE id = ?", (7.0,), {("read", "t", 7)}),
    ("SELECT x FROM t WHERE id = ?", (True,), {("read", "t", 1)}),
    ("SELECT x FROM t WHERE id = ?", (" 7",), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id = ?", (None,), {("read", "t", "*")}),
    ("SELECT x FROM named WHERE name = ?", ("ann",), {("read", "named", "ann")}),
    ("SELECT x FROM named WHERE name = ?", (7,), {("read", "named", "*")}),
    ("SELECT x FROM named WHERE name = ? COLLATE NOCASE", ("ann",), {("read", "named", "*")}),
    ("SELECT x FROM folded WHERE name = ?", ("ann",), {("read", "folded", "*")}),
    # a key of several columns, each of which has to be named
    ("SELECT x FROM pair WHERE a = 1 AND b = 2", (), {("read", "pair", (1, 2))}),
    ("SELECT x FROM pair WHERE b = ? AND a = ?", ("2", 1), {("read", "pair", (1, 2))}),
    ("SELECT x FROM pair WHERE a = 1", (), {("read", "pair", "*")}),
    ("SELECT x FROM pair WHERE a = 1 AND b > 2", (), {("read", "pair", "*")}),
    ("SELECT x FROM pair WHERE a = 1 OR b = 2", (), {("read", "pair", "*")}),
    ("SELECT x FROM pair WHERE a = 1 AND b = ?", (None,), {("read", "pair", "*")}),
    ("SELECT x FROM pair WHERE a IN (1, 2) AND b IN (3, ?)", (4,),
     {("read", "pair", row) for row in ((1, 3), (1, 4), (2, 3), (2, 4))}),
    ("SELECT x FROM folded_pair WHERE a = 1 AND b = 'x'", (), {("read", "folded_pair", "*")}),
    ("UPDATE pair SET x = 1 WHERE a = 1 AND b = 2", (),
     {("check", "pair", (1, 2)), ("write", "pair", (1, 2))}),
    ("UPDATE pair SET b = 3 WHERE a = 1 AND b = 2", (), {("check", "pair", "*"), ("write", "pair", "*")}),
    ("UPDATE pair SET x = x + a WHERE a = 1 AND b = 2", (),
     {("read", "pair", (1, 2)), ("write", "pair", (1, 2))}),
    ("DELETE FROM pair WHERE a = 1 AND b = 2", (),
     {("check", "pair", (1, 2)), ("write", "pair", (1, 2))}),
    ("DELETE FROM held WHERE a = 1 AND b = 2", (),
     {("check", "held", (1, 2)), ("write", "held", (1, 2)), ("write", "of_pair", "*")}),
    ("INSERT INTO pair (x, b, a) VALUES (0, 2, 1), (0, ?, 4)", (5,),
     {("write", "pair", (1, 2)), ("write", "pair", (4, 5))}),
    ("INSERT INTO pair (a, x) VALUES (1, 0)", (), {("write", "pair", "*")}),
    ("INSERT INTO of_pair VALUES (1, 1, 2)", (), {("write", "of_pair", "*"), ("check", "held", "*")}),
    ("UPDATE t SET x = 1 WHERE id = ?", (7,), {("check", "t", 7), ("write", "t", 7)}),
    ("UPDATE t SET x = x + 1 WHERE id = ?", (7,), {("read", "t", 7), ("write", "t", 7)}),
    ("UPDATE t SET x = 1 WHERE id = 7 AND x = 2", (), {("read", "t", 7), ("write", "t", 7)}),
    ("UPDATE t SET x = 1 WHERE id = 7 RETURNING y", (), {("read", "t", 7), ("write", "t", 7)}),
    ("UPDATE t SET x = 1 WHERE y = 2", (), {("read", "t", "*"), ("write", "t", "*")}),
    ("UPDATE t SET x = 1", (), {("check", "t", "*"), ("write", "t", "*")}),
    ("UPDATE t SET x = (SELECT max(x) FROM t) WHERE id = 7", (),
     {("read", "t", "*"), ("write", "t", "*")}),
    ("UPDATE t SET x = (SELECT x FROM nokey) WHERE id = 7", (),
     {("read", "nokey", "*"), ("read", "t", "*"), ("write", "t", "*")}),
    ("UPDATE t SET id = 9 WHERE id = 7", (),
     {("check", "t", "*"), ("write", "t", "*"), ("check", "child", "*")}),
    ("UPDATE OR REPLACE t SET x = 1 WHERE id = 7", (), ALL),
    ("UPDATE v SET x = 1 WHERE id = 7", (), ALL),
    ("UPDATE mail SET address = 'b' WHERE id = 1", (),
     {("check", "mail", "*"), ("write", "mail", "*"), ("check", "by_mail", "*")}),
    ("UPDATE mail SET x = 'b' WHERE id = 1", (), {("check", "mail", 1), ("write", "mail", 1)}),
    ("UPDATE child SET t_id = ? WHERE id = 1", (7,),
     {("check", "t", 7), ("check", "child", 1), ("write", "child", 1)}),
    ("UPDATE logged SET x = 1 WHERE id = 7", (), ALL),
    ("DELETE FROM t WHERE id = ?", (7,), {("check", "t", 7), ("write", "t", 7), ("check", "child", "*")}),
    ("DELETE FROM child WHERE id = 1", (),
     {("check", "child", 1), ("write", "child", 1), ("write", "owned", "*")}),
    ("DELETE FROM nokey WHERE x = 1", (), {("read", "nokey", "*"), ("write", "nokey", "*")}),
    ("INSERT INTO t (id, x) VALUES (?, ?)", (7, 1), {("write", "t", 7)}),
    ("INSERT INTO t (x, id) VALUES (1, 7), (2, 8)", (), {("write", "t", 7), ("write", "t", 8)}),
    ("INSERT INTO t (x) VALUES (1)", (), {("write", "t", "*")}),
    ("INSERT INTO t VALUES (7, 1, 2)", (), {("write", "t", "*")}),
    ("INSERT INTO t (id, x) VALUES (NULL, 1)", (), {("write", "t", "*")}),
    ("INSERT INTO t DEFAULT VALUES", (), {("write", "t", "*")}),
    ("INSERT INTO mail (id, address) VALUES (1, 'a')", (), {("write", "mail", "*")}),
    ("INSERT INTO child (id, t_id) VALUES (1, ?)", (7,), {("check", "t", 7), ("write", "child", 1)}),
    ("INSERT INTO by_mail (id, address) VALUES (1, 'a')", (),
     {("check", "mail", "*"), ("write", "by_mail", 1)}),
    ("INSERT INTO t (id, x) SELECT x, y FROM nokey", (), {("read", "nokey", "*"), ("write", "t", "*")}),
    ("INSERT INTO t (id, x) VALUES (7, 1) ON CONFLICT (id) DO UPDATE SET x = x + 1", (),
     {("read", "t", 7), ("write", "t", 7), ("check", "child", "*")}),
    ("REPLACE INTO t (id, x) VALUES (7, 1)", (),
     {("read", "t", 7), ("write", "t", 7), ("check", "child", "*")}),
    # a statement that looks beyond the row that it names
    ("INSERT INTO t (id, x) VALUES (7, (SELECT max(x) FROM t))", (),
     {("read", "t", "*"), ("write", "t", "*")}),
    ("INSERT INTO t (id, x) VALUES (7, 1) ON CONFLICT (id) DO UPDATE SET x = (SELECT max(x) FROM t)", (),
     {("read", "t", "*"), ("write", "t", "*"), ("check", "child", "*")}),
    ("INSERT INTO t (id, x) VALUES (7, 1) ON CONFLICT (id) DO UPDATE SET id = 9", (),
     {("read", "t", "*"), ("write", "t", "*"), ("check", "child", "*")}),
    ("UPDATE t SET rowid = 9 WHERE id = 7", (),
     {("check", "t", "*"), ("write", "t", "*"), ("check", "child", "*")}),
    # a predicate on what is not the table's
    ("UPDATE t SET x = v.x FROM (VALUES (7, 1)) AS v (id, x) WHERE v.id = 7", (),
     {("read", "t", "*"), ("write", "t", "*")}),
    ("SELECT * FROM (VALUES (1)) AS v (id) WHERE id = 1 AND EXISTS (SELECT 1 FROM t)", (),
     {("read", "t", "*")}),
    ("SELECT * FROM t CROSS JOIN (VALUES (7)) AS v (id) WHERE v.id = 7", (), {("read", "t", "*")}),
    # casts, to what the column holds and to something else
    ("SELECT x FROM t WHERE id = CAST(? AS BIGINT)", ("7",), {("read", "t", 7)}),
    ("SELECT x FROM named WHERE name = CAST(? AS TEXT)", ("7",), {("read", "named", "7")}),
    ("SELECT x FROM named WHERE name = CAST(? AS INTEGER)", ("07",), {("read", "named", "*")}),
    ("SELECT x FROM named WHERE name = CAST(? AS VARCHAR(1))", ("ab",), {("read", "named", "*")}),
    # numbers that are no keys, or are read differently by others
    ("SELECT x FROM t WHERE id = ?", (float("inf"),), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id = ?", (float("nan"),), {("read", "t", "*")}),
    ("SELECT x FROM t WHERE id = ?", ("1_0",), {("read", "t", "*")}),
    ("SELECT x FROM pair WHERE a = 1 AND b = ?", ("9223372036854775809",), {("read", "pair", "*")}),
    ("SELECT x FROM named WHERE name = ?", ("ann ",), {("read", "named", "*")}),
    ("CREATE TABLE new (x)", (), ALL),
    ("DROP TABLE t", (), ALL),
    ("VACUUM", (), ALL),
    ("this is no SQL", (), ALL),
    ("BEGIN; UPDATE t SET x = 1 WHERE id = 7; COMMIT", (), ALL),
    ("PRAGMA user_version = 3", (), ALL),
    ("PRAGMA table_info(t)", (), {("read", "sqlite_master", "*")}),
    ("PRAGMA foreign_keys = ON", (), set()),
    ("BEGIN", (), set()),
    ("", (), set()),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "params", "expected"), CASES, ids=range(len(CASES)))
def test_a_statement_touches(sql: str, params: Any, expected: set[Any], reader: Reader) -> None:
    assert {shown(key, kind) for key, kind in reader.read(sql).accesses(params)} == expected


@pytest.mark.parametrize(
    ("sql", "flags"),
    [
        ("BEGIN IMMEDIATE", {"locks"}),
        ("BEGIN", set()),
        ("COMMIT", {"commits"}),
        ("/* done */ END TRANSACTION;", {"commits"}),
        ("RELEASE a", {"commits"}),
        ("ROLLBACK", {"undoes"}),
        ("ROLLBACK TO a", set()),
        ("PRAGMA foreign_keys = ON", {"alters"}),
        ("ATTACH 'other.db' AS other", {"alters", "leaves", "writes"}),
        ("CREATE TEMP TABLE x (y)", {"alters", "reshapes", "writes"}),
        ("CREATE TABLE x (y)", {"reshapes", "writes"}),
        ("UPDATE t SET x = 1 WHERE id = 7", {"writes", "simple"}),
        ("UPDATE t SET x = (SELECT x FROM nokey)", {"writes"}),
    ],
)
def test_what_a_statement_does_to_its_transaction_and_connection(
    sql: str, flags: set[str], reader: Reader
) -> None:
    footprint = reader.read(sql)
    names = ("writes", "simple", "locks", "commits", "undoes", "alters", "reshapes", "leaves")
    assert {name for name in names if getattr(footprint, name)} == flags


@pytest.mark.parametrize(
    ("sql", "appends"),
    [
        ("INSERT INTO t (x) VALUES (1)", True),
        ("INSERT INTO t (id, x) VALUES (7, 1)", False),
        ("INSERT INTO t (rowid, x) VALUES (7, 1)", False),
        ("INSERT INTO pair (a, b, x) VALUES (1, 2, 3)", False),
        ("INSERT INTO folded (name, x) VALUES ('a', 1)", False),
    ],
)
def test_rows_are_appended_only_where_the_database_makes_their_keys(
    sql: str, appends: bool, reader: Reader
) -> None:
    assert reader.read(sql).appends is appends
