"""PostgreSQL on asyncio: siblings come between a statement and what its task does next."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

import fuzzharness as fh


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)"))
    connection.execute(sa.text("INSERT INTO accounts VALUES (7, 0)"))


async def pay(db: AsyncEngine, ctx: Any) -> None:
    async with db.connect() as made:
        connection = await made.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))
        ctx["paid"] = 1


async def look(db: AsyncEngine, ctx: Any) -> tuple[int, int]:
    async with db.connect() as made:
        connection = await made.execution_options(isolation_level="AUTOCOMMIT")
        found = await connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7"))
        return found.scalar_one(), ctx["paid"]


async def add(db: AsyncEngine) -> None:
    async with db.begin() as connection:
        found = await connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7"))
        new = {"new": found.scalar_one() + 1}
        await connection.execute(sa.text("UPDATE accounts SET balance = :new WHERE id = 7"), new)


@pytest.mark.parametrize(("calls", "classes", "endings"), [(2, 4, {1, 2}), (3, 36, {1, 2, 3})])
def test_the_lost_update_has_the_classes_of_plain_values(
    calls: int, classes: int, endings: set[int], postgres: Callable[[], str]
) -> None:
    url = postgres().replace("postgresql+psycopg:", "postgresql+psycopg_async:")
    world = fh.World(db=fh.Database(url, setup=fill))
    report = fh.explore(fh.Batch((fh.Call("add"),) * calls), fh.Toolbox({"add": add}), world)
    assert (report.executions, report.blocked, report.exhausted) == (classes, 0, True)
    assert {outcome.state["db"]["accounts"][7]["balance"] for outcome in report.outcomes} == endings


def test_others_may_come_between_a_statement_and_what_its_task_does_next(
    postgres: Callable[[], str],
) -> None:
    url = postgres().replace("postgresql+psycopg:", "postgresql+psycopg_async:")
    report = fh.explore(
        fh.Batch((fh.Call("pay"), fh.Call("look"))),
        fh.Toolbox({"pay": pay, "look": look}),
        fh.World(db=fh.Database(url, setup=fill), ctx={"paid": 0}),
    )
    seen = {str([*outcome.results.values()][1]) for outcome in report.outcomes}
    assert (report.executions, report.exhausted) == (4, True)
    assert seen == {f"returned ({balance}, {paid})" for balance in (0, 1) for paid in (0, 1)}


async def hold(db: AsyncEngine) -> None:
    async with db.begin() as connection:
        await connection.execute(sa.text("UPDATE accounts SET balance = balance + 1 WHERE id = 7"))
        await asyncio.sleep(10)


async def hurry(db: AsyncEngine) -> str:
    try:
        async with asyncio.timeout(5), db.begin() as connection:
            await connection.execute(sa.text("UPDATE accounts SET balance = balance + 10 WHERE id = 7"))
    except TimeoutError:
        return "late"
    return "in time"


@pytest.mark.parametrize("strategy", ["auto", "bounded"])
def test_who_is_cancelled_while_the_row_is_locked_has_changed_nothing(
    strategy: str, postgres: Callable[[], str]
) -> None:
    url = postgres().replace("postgresql+psycopg:", "postgresql+psycopg_async:")
    report = fh.explore(
        fh.Batch((fh.Call("hold"), fh.Call("hurry"))),
        fh.Toolbox({"hold": hold, "hurry": hurry}),
        fh.World(db=fh.Database(url, setup=fill)),
        fh.Settings(call_timeout=5, strategy=strategy),
    )
    ends = {(str([*o.results.values()][1]), o.state["db"]["accounts"][7]["balance"]) for o in report.outcomes}
    assert ends == {("returned 'late'", 1), ("returned 'in time'", 11)}
