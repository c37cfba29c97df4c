"""SQLite on asyncio: through aiosqlite, and through SQLAlchemy's async engine on it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import fuzzharness as fh

Tool = Callable[..., Any]


class Base(DeclarativeBase):
    """What there is: accounts."""


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


def fill(connection: sa.Connection) -> None:
    Base.metadata.create_all(connection)
    connection.execute(sa.insert(Account), [{"id": 7, "balance": 0}, {"id": 8, "balance": 0}])


def explored(*tools: Tool, world: fh.World, strategy: str = "auto", **settings: Any) -> fh.Report:
    names = [f"t{n}" for n, _ in enumerate(tools)]
    batch = fh.Batch(tuple(fh.Call(name) for name in names))
    toolbox = fh.Toolbox(dict(zip(names, tools, strict=True)))
    settings = {"call_timeout": 5, "max_executions": 20_000, **settings}
    return fh.explore(batch, toolbox, world, fh.Settings(strategy=strategy, **settings))


def balances(report: fh.Report, account: int = 7) -> set[int]:
    return {outcome.state["db"]["accounts"][account]["balance"] for outcome in report.outcomes}


def results(report: fh.Report) -> set[tuple[str, ...]]:
    return {tuple(str(r) for r in outcome.results.values()) for outcome in report.outcomes}


# ---- plain aiosqlite --------------------------------------------------------------------------------


def adding(path: Path, begin: str = "") -> Tool:
    """A tool that reads, adds and writes, in a transaction that ``begin`` opens."""

    async def add() -> None:
        async with aiosqlite.connect(path, isolation_level=None if begin else "DEFERRED") as db:
            if begin:
                await db.execute(begin)
            async with db.execute("SELECT balance FROM accounts WHERE id = 7") as cursor:
                (balance,) = await cursor.fetchone() or (0,)
            await db.execute("UPDATE accounts SET balance = ? WHERE id = 7", (balance + 1,))
            await db.commit()

    return add


def at(path: Path) -> fh.World:
    return fh.World(db=fh.Database(f"sqlite:///{path}", setup=fill))


@pytest.mark.parametrize(("calls", "classes", "endings"), [(2, 4, {1, 2}), (3, 36, {1, 2, 3})])
def test_the_lost_update_has_the_classes_of_plain_values(
    calls: int, classes: int, endings: set[int], tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    report = explored(*[adding(path)] * calls, world=at(path))
    assert (report.executions, report.blocked, report.exhausted) == (classes, 0, True)
    assert balances(report) == endings
    assert {f.anomaly for f in report.findings} == {"lost-update"}
    assert report.escapes == ()


def test_every_interleaving_comes_to_the_endings_of_every_class(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    report = explored(*[adding(path)] * 2, world=at(path), strategy="bounded")
    assert report.exhausted
    assert balances(report) == {1, 2}


@pytest.mark.parametrize(("calls", "classes"), [(2, 2), (3, 6)])
@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_who_finds_the_database_locked_waits_while_the_loop_goes_on(
    begin: str, calls: int, classes: int, tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    report = explored(*[adding(path, begin)] * calls, world=at(path))
    assert (report.executions, report.exhausted, report.verdict) == (classes, True, fh.Verdict.SAFE)
    assert balances(report) == {calls}


def test_reading_and_then_writing_in_one_transaction_is_refused_as_by_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    reports = [
        explored(*[adding(path, "BEGIN")] * 2, world=at(path), strategy=strategy)
        for strategy in ("auto", "bounded")
    ]
    for report in reports:
        assert report.exhausted
        assert balances(report) == {1, 2}
        assert {sum("locked" in r for r in pair) for pair in results(report)} == {0, 1}


def test_tasks_and_plain_calls_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    def plain() -> None:
        own = sqlite3.connect(path, isolation_level=None)
        own.execute("BEGIN IMMEDIATE")
        (balance,) = own.execute("SELECT balance FROM accounts WHERE id = 7").fetchone()
        own.execute("UPDATE accounts SET balance = ? WHERE id = 7", (balance + 1,))
        own.execute("COMMIT")
        own.close()

    report = explored(adding(path, "BEGIN IMMEDIATE"), plain, world=at(path))
    assert (report.executions, report.exhausted, report.verdict) == (2, True, fh.Verdict.SAFE)
    assert balances(report) == {2}


def test_others_may_come_between_a_statement_and_what_its_task_does_next(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    async def pay(ctx: Any) -> None:
        async with aiosqlite.connect(path, isolation_level=None) as db:
            await db.execute("UPDATE accounts SET balance = 1 WHERE id = 7")
            ctx["paid"] = 1

    async def look(ctx: Any) -> tuple[int, int]:
        async with aiosqlite.connect(path) as db:
            rows = await db.execute_fetchall("SELECT balance FROM accounts WHERE id = 7")
            return next(iter(rows))[0], ctx["paid"]

    database = fh.Database(f"sqlite:///{path}", setup=fill)
    report = explored(pay, look, world=fh.World(db=database, ctx={"paid": 0}))
    assert {outcome.results["1"].value if "1" in outcome.results else tuple(outcome.results.values())[1].value
            for outcome in report.outcomes} == {(0, 0), (0, 1), (1, 0), (1, 1)}  # fmt: skip


def test_a_rollback_lets_the_next_go_on(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    async def change_mind() -> None:
        async with aiosqlite.connect(path, isolation_level=None) as db:
            await db.execute("BEGIN IMMEDIATE")
            await db.execute("UPDATE accounts SET balance = 99 WHERE id = 7")
            await db.rollback()

    for strategy in ("auto", "bounded"):
        report = explored(change_mind, adding(path, "BEGIN IMMEDIATE"), world=at(path), strategy=strategy)
        assert report.verdict is fh.Verdict.SAFE, report.reasons
        assert balances(report) == {1}


@pytest.mark.parametrize("strategy", ["auto", "bounded"])
def test_who_gives_up_waiting_goes_on_without(strategy: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    async def hold() -> str:
        async with aiosqlite.connect(path, isolation_level=None) as db:
            await db.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(60)
            await db.execute("UPDATE accounts SET balance = 5 WHERE id = 7")
            await db.commit()
        return "held"

    async def hurry() -> str:
        async with aiosqlite.connect(path, isolation_level=None) as db:
            try:
                async with asyncio.timeout(1):
                    await db.execute("BEGIN IMMEDIATE")
            except TimeoutError:
                return "late"
            await db.commit()
        return "there"

    report = explored(hold, hurry, world=at(path), strategy=strategy)
    assert any("the lock later is left out" in reason for reason in report.reasons)  # that it still waits
    assert {pair[1] for pair in results(report)} == {"returned 'late'", "returned 'there'"}


def test_tasks_of_one_call_take_turns_on_its_connection(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    async def both() -> list[int]:
        async with aiosqlite.connect(path, isolation_level=None) as db:

            async def add(account: int) -> int:
                await db.execute("UPDATE accounts SET balance = balance + 1 WHERE id = ?", (account,))
                return account

            return list(await asyncio.gather(add(7), add(8)))

    report = explored(both, adding(path, "BEGIN IMMEDIATE"), world=at(path))
    assert balances(report) == {2}
    assert balances(report, 8) == {1}


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")  # the tool's, told from 3.13 on
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    methods = {name: aiosqlite.Connection.__dict__[name] for name in ("__init__", "_execute", "__await__")}
    threads = threading.enumerate()

    async def fail() -> None:
        db = await aiosqlite.connect(path)
        await db.execute("UPDATE accounts SET balance = 1 WHERE id = 7")
        raise ValueError("no more")

    report = explored(fail, adding(path), world=at(path))
    assert balances(report) == {0, 1}  # as long as its traceback lives, nobody else can write
    assert {name: aiosqlite.Connection.__dict__[name] for name in methods} == methods
    assert threading.enumerate() == threads
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_was_open_before_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    async def main() -> fh.Report:
        async with aiosqlite.connect(path) as early:

            async def tool() -> None:
                await early.execute("SELECT 1")

            await early.execute("SELECT 1")
            return await asyncio.to_thread(
                lambda: explored(tool, world=at(path), max_executions=1, call_timeout=0.2)
            )

    report = asyncio.run(main())
    assert any("was open before" in str(escape) for escape in report.escapes)


# ---- SQLAlchemy's async engine ------------------------------------------------------------------------


async def add_core(db: AsyncEngine) -> None:
    async with db.begin() as connection:
        query = sa.select(Account.balance).where(Account.id == 7)
        balance = (await connection.execute(query)).scalar_one()
        await connection.execute(sa.update(Account).where(Account.id == 7).values(balance=balance + 1))


async def add_orm(db: AsyncEngine) -> None:
    async with AsyncSession(db) as session:
        account = await session.get(Account, 7)
        assert account is not None
        account.balance += 1
        await session.commit()


async def add_at_once(db: AsyncEngine) -> None:
    async with db.begin() as connection:
        await connection.execute(sa.text("UPDATE accounts SET balance = balance + 1 WHERE id = 7"))


@pytest.mark.parametrize("tool", [add_core, add_orm])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_the_lost_update_is_found_through_the_engine(tool: Tool, where: str, tmp_path: Path) -> None:
    url = "sqlite+aiosqlite://" + ("" if where == "memory" else f"/{tmp_path / 'shop.db'}")
    report = explored(tool, tool, world=fh.World(db=fh.Database(url, setup=fill)))
    assert (report.executions, report.exhausted) == (4, True)
    assert balances(report) == {1, 2}
    assert {f.anomaly for f in report.findings} == {"lost-update"}
    assert list(tmp_path.iterdir()) == []


def test_one_statement_through_the_engine_is_safe() -> None:
    world = fh.World(db=fh.Database("sqlite+aiosqlite://", setup=fill))
    report = explored(add_at_once, add_at_once, world=world)
    assert (report.executions, report.exhausted, report.verdict) == (2, True, fh.Verdict.SAFE)


@pytest.mark.parametrize("where", ["memory", "file"])
def test_an_engine_of_the_application_is_given_back_as_it_was(where: str, tmp_path: Path) -> None:
    url = "sqlite+aiosqlite://" + ("" if where == "memory" else f"/{tmp_path / 'shop.db'}")
    engine = create_async_engine(url)
    pool = engine.sync_engine.pool

    async def set_up() -> None:
        async with engine.begin() as connection:
            await connection.run_sync(fill)

    async def look() -> int:
        async with engine.connect() as connection:
            found = (await connection.execute(sa.select(Account.balance).where(Account.id == 7))).scalar_one()
        await engine.dispose()
        return int(found)

    async def tool() -> None:
        await add_core(engine)

    asyncio.run(set_up())
    report = explored(tool, tool, world=fh.World(db=fh.Database(engine)))
    assert (report.executions, balances(report)) == (4, {1, 2})
    assert report.escapes == ()
    assert engine.sync_engine.pool is pool
    assert asyncio.run(look()) == 0


async def credits_a_row(amount: int, db: AsyncEngine) -> None:
    async with db.begin() as connection:
        found = await connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7"))
        changed = {"balance": found.scalar_one() + amount}
        await connection.execute(sa.text("UPDATE accounts SET balance = :balance WHERE id = 7"), changed)


def an_account(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)"))
    connection.execute(sa.text("INSERT INTO accounts VALUES (7, 100)"))


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_a_finding_tells_what_each_task_has_written(server: str, request: pytest.FixtureRequest) -> None:
    url = "sqlite+aiosqlite://"
    if server == "postgresql":
        url = request.getfixturevalue("postgres")().replace("+psycopg", "+psycopg_async")
    batch = fh.Batch(tuple(fh.Call("credits_a_row", {"amount": amount}) for amount in (10, 20)))
    world = fh.World(db=fh.Database(url, setup=an_account))
    report = fh.explore(batch, fh.Toolbox({"credits_a_row": credits_a_row}), world)
    told = report.findings[0].explanation
    written = [told.index(f"wrote db['accounts'][7] = balance {balance}") for balance in (120, 110)]
    assert written == sorted(written)
