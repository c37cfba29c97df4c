"""psycopg's own connections: whatever way a tool takes, a commit is watched, or it is said that it is not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import dict_row

import fuzzharness as fh

Tool = Callable[..., Any]
READ = "SELECT balance FROM accounts WHERE id = 7"
WRITE = "UPDATE accounts SET balance = %s WHERE id = 7"


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)"))
    connection.execute(sa.text("INSERT INTO accounts VALUES (7, 0)"))


@pytest.fixture
def url(postgres: Callable[[], str]) -> str:
    return postgres()


def plain(url: str) -> str:
    """The URL as psycopg itself takes it."""
    return url.replace("+psycopg", "")


def explored(url: str, *tools: Tool, **settings: Any) -> fh.Report:
    named = {f"t{n}": tool for n, tool in enumerate(tools)}
    world = fh.World(db=fh.Database(url, setup=fill), ctx={"paid": 0})
    batch = fh.Batch(tuple(fh.Call(name, {}) for name in named))
    return fh.explore(batch, fh.Toolbox(named), world, fh.Settings(**settings))


def balances(report: fh.Report) -> set[int]:
    return {outcome.state["db"]["accounts"][7]["balance"] for outcome in report.outcomes}


def seen_by(report: fh.Report, call: int) -> set[Any]:
    return {getattr([*o.results.values()][call], "value", None) for o in report.outcomes}


# ---- blocks --------------------------------------------------------------------------------------------


def adding(url: str, **options: Any) -> Tool:
    def add() -> None:
        with psycopg.connect(plain(url), **options) as connection, connection.transaction():
            (seen,) = connection.execute(READ).fetchone() or (0,)
            connection.execute(WRITE, [seen + 1])

    return add


def adding_in_a_task(url: str, **options: Any) -> Tool:
    async def add() -> None:
        async with (
            await psycopg.AsyncConnection.connect(plain(url), **options) as connection,
            connection.transaction(),
        ):
            (seen,) = await (await connection.execute(READ)).fetchone() or (0,)
            await connection.execute(WRITE, [seen + 1])

    return add


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("make", [adding, adding_in_a_task])
def test_a_block_has_the_classes_of_plain_values(
    make: Callable[..., Tool], autocommit: bool, url: str
) -> None:
    report = explored(url, *[make(url, autocommit=autocommit)] * 2)
    assert (report.executions, report.exhausted, balances(report)) == (4, True, {1, 2})
    assert report.escapes == ()


def paying(url: str) -> Tool:
    def pay(ctx: Any) -> None:
        with psycopg.connect(plain(url), autocommit=True) as connection, connection.transaction():
            connection.execute(WRITE, [1])
            ctx["paid"] = 1

    return pay


def paying_in_a_task(url: str) -> Tool:
    async def pay(ctx: Any) -> None:
        async with (
            await psycopg.AsyncConnection.connect(plain(url), autocommit=True) as connection,
            connection.transaction(),
        ):
            await connection.execute(WRITE, [1])
            ctx["paid"] = 1

    return pay


def looking(url: str) -> Tool:
    def look(ctx: Any) -> tuple[int, int]:
        paid = ctx["paid"]
        with psycopg.connect(plain(url), autocommit=True) as connection:
            return paid, (connection.execute(READ).fetchone() or (0,))[0]

    return look


def looking_in_a_task(url: str) -> Tool:
    async def look(ctx: Any) -> tuple[int, int]:
        paid = ctx["paid"]
        async with await psycopg.AsyncConnection.connect(plain(url), autocommit=True) as connection:
            return paid, (await (await connection.execute(READ)).fetchone() or (0,))[0]

    return look


@pytest.mark.parametrize("strategy", ["auto", "bounded"])
@pytest.mark.parametrize(
    ("pay", "look"),
    [(paying, looking), (paying_in_a_task, looking_in_a_task), (paying, looking_in_a_task)],
)
def test_siblings_come_before_the_commit_that_ends_a_block(
    pay: Callable[[str], Tool], look: Callable[[str], Tool], strategy: str, url: str
) -> None:
    report = explored(url, pay(url), look(url), strategy=strategy)
    assert report.exhausted
    assert seen_by(report, 1) == {(0, 0), (1, 0), (0, 1), (1, 1)}


@pytest.mark.parametrize("strategy", ["auto", "bounded"])
def test_what_an_inner_block_undoes_is_no_more(strategy: str, url: str) -> None:
    def pay() -> None:
        with psycopg.connect(plain(url)) as connection, connection.transaction():
            connection.execute(WRITE, [1])
            with connection.transaction(force_rollback=True):
                connection.execute(WRITE, [2])

    report = explored(url, pay, looking(url), strategy=strategy)
    assert (report.exhausted, balances(report), seen_by(report, 1)) == (True, {1}, {(0, 0), (0, 1)})


@pytest.mark.parametrize("strategy", ["auto", "bounded"])
def test_a_block_that_fails_leaves_nothing_and_holds_no_lock(strategy: str, url: str) -> None:
    def fail() -> None:
        with psycopg.connect(plain(url)) as connection:
            with suppress(ZeroDivisionError), connection.transaction():
                connection.execute(WRITE, [5])
                raise ZeroDivisionError
            connection.execute(READ)

    report = explored(url, fail, adding(url), strategy=strategy)
    assert (report.exhausted, balances(report), report.verdict) == (True, {1}, fh.Verdict.SAFE)


# ---- what is said ---------------------------------------------------------------------------------------


def by_name(connection: psycopg.Connection[Any]) -> object:
    with connection.cursor("mine") as cursor:
        return cursor.execute(READ).fetchall()


def of_another_class(connection: psycopg.Connection[Any]) -> object:
    return psycopg.ClientCursor(connection).execute(READ).fetchall()


def of_another_factory(connection: psycopg.Connection[Any]) -> object:
    connection.cursor_factory = psycopg.ClientCursor
    return connection.execute(READ).fetchall()


def piped(connection: psycopg.Connection[Any]) -> object:
    with connection.pipeline():
        return connection.execute(READ).fetchall()


def in_two_phases(connection: psycopg.Connection[Any]) -> object:
    connection.tpc_begin("both")
    connection.execute(WRITE, [1])
    return connection.tpc_commit()


def notified(connection: psycopg.Connection[Any]) -> object:
    return list(connection.notifies(timeout=0))


@pytest.mark.parametrize(
    "way", [by_name, of_another_class, of_another_factory, piped, in_two_phases, notified]
)
def test_a_way_that_is_not_watched_is_reported(way: Callable[..., object], url: str) -> None:
    def tool() -> None:
        with psycopg.connect(plain(url)) as connection:
            way(connection)

    report = explored(url, tool, adding(url), call_timeout=1 if way is notified else 5)
    assert report.escapes
    assert report.verdict is not fh.Verdict.SAFE


def test_what_is_set_on_connections_and_rows_needs_no_report(url: str) -> None:
    def tool() -> object:
        with psycopg.connect(plain(url), row_factory=dict_row) as connection:
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            connection.read_only = connection.deferrable = False
            with connection.cursor() as cursor:
                row = cursor.execute(READ).fetchone()
            connection.rollback()
            connection.autocommit = True
            return row and row["balance"]

    report = explored(url, tool, adding(url))
    assert (report.escapes, seen_by(report, 0)) == ((), {0, 1})
