"""SQL that asks for the time or for chance gets what the call gets from Python."""

import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh
from fuzzharness.model import Returned
from fuzzharness.world.sqlite_functions import ask_python

METADATA = sa.MetaData()
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.DateTime, server_default=sa.func.now()),
)

ASKED = [
    ("SELECT CURRENT_TIMESTAMP", "2024-01-01 00:00:00"),
    ("SELECT CURRENT_DATE", "2024-01-01"),
    ("SELECT CURRENT_TIME", "00:00:00"),
    ("SELECT datetime('now')", "2024-01-01 00:00:00"),
    ("SELECT datetime()", "2024-01-01 00:00:00"),
    ("SELECT date('now', '+1 month')", "2024-02-01"),
    ("SELECT strftime('%Y-%m')", "2024-01"),
    ("SELECT CAST(strftime('%s', 'NOW') AS INTEGER)", 1_704_067_200),
    ("SELECT unixepoch()", 1_704_067_200),
]


def explore(*tools: Any) -> fh.Report:
    named = {f"t{n}": tool for n, tool in enumerate(tools)}
    batch = fh.Batch(tuple(fh.Call(name, id=name) for name in named))
    world = fh.World(db=fh.Database("sqlite://", setup=METADATA.create_all))
    return fh.explore(batch, fh.Toolbox(named), world)


@pytest.mark.parametrize(("sql", "value"), ASKED, ids=[sql for sql, _ in ASKED])
def test_a_statement_sees_the_time_of_the_call(sql: str, value: Any) -> None:
    def tool(db: sa.Engine) -> Any:
        with db.connect() as connection:
            return connection.exec_driver_sql(sql).scalar()

    assert explore(tool).baseline.results["t0"] == Returned(value)


def test_a_default_is_the_time_of_the_call() -> None:
    def tool(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(NOTES.insert())

    report = explore(tool, tool)

    rows = report.baseline.state["db"]["notes"].values()
    assert {str(row["at"]) for row in rows} == {"2024-01-01 00:00:00"}
    assert report.verdict is fh.Verdict.SAFE


def test_chance_is_that_of_the_call() -> None:
    def tool(db: sa.Engine) -> Any:
        with db.connect() as connection:
            return list(connection.exec_driver_sql("SELECT random(), hex(randomblob(8))").one())

    report = explore(tool, tool)

    first, second = report.baseline.results.values()
    assert first != second
    assert report.baseline == explore(tool, tool).baseline


SAME = [
    "SELECT datetime('2020-01-31', '+1 month')",
    "SELECT date('bogus')",
    "SELECT date(NULL)",
    "SELECT time('12:00')",
    "SELECT julianday('2000-01-01')",
    "SELECT strftime('%Y', '2020-02-02')",
    "SELECT strftime()",
    "SELECT datetime(1092941466, 'unixepoch')",
    "SELECT typeof(random())",
    "SELECT length(randomblob(16))",
    "SELECT length(randomblob(-3))",
    "SELECT length(randomblob(NULL))",
]


@pytest.mark.parametrize("sql", SAME)
def test_everything_else_is_as_sqlite_has_it(sql: str) -> None:
    asking, plain = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    ask_python(asking)
    assert asking.execute(sql).fetchone() == plain.execute(sql).fetchone()
    asking.close()
    plain.close()


def test_schemas_may_use_dates() -> None:
    connection = sqlite3.connect(":memory:")
    ask_python(connection)
    connection.execute(
        "CREATE TABLE t (at TEXT, day TEXT GENERATED ALWAYS AS (date(at)), CHECK (date(at) IS NOT NULL))"
    )
    connection.execute("CREATE INDEX by_day ON t (date(at))")
    connection.execute("INSERT INTO t (at) VALUES ('2020-02-02 12:00')")
    assert connection.execute("SELECT day FROM t WHERE date(at) = '2020-02-02'").fetchall() == [
        ("2020-02-02",)
    ]
    connection.close()
