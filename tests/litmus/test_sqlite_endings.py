"""SQLite in earnest: the exact endings of its transactions in both journal modes, and the number of classes.

Each pattern as tools write it with ``sqlite3`` and with SQLAlchemy. The endings are exact: no more, no fewer.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh

Tool = Callable[..., Any]
BUSY, STALE = "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)"))
    connection.execute(sa.text("INSERT INTO accounts VALUES (7, 100), (8, 100)"))


class Shop:
    """Databases in files that are never made, and connections to them."""

    def __init__(self, folder: Path, journal: str, driver: str) -> None:
        self.folder, self.journal, self.driver = folder, journal, driver
        self.engines: dict[str, sa.Engine] = {}

    def database(self, name: str = "shop") -> fh.Database:
        engine = self.engines[name] = sa.create_engine(f"sqlite:///{self.folder / name}.db")

        @sa.event.listens_for(engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # transactions begin where tools say so
            connection.execute(f"PRAGMA journal_mode={self.journal}")

        return fh.Database(engine, setup=fill)

    @contextmanager
    def connection(self, name: str = "shop", **options: Any) -> Iterator[Callable[..., Any]]:
        """What runs one statement and returns all it finds."""
        if self.driver == "sqlalchemy" and not options:
            with self.engines[name].connect() as connection:
                yield lambda sql, **values: _rows(connection.execute(sa.text(sql), values))
        else:
            path = self.folder / f"{name}.db"
            with closing(sqlite3.connect(path, isolation_level=None, **options)) as raw:
                yield lambda sql, **values: raw.execute(sql, values).fetchall()


def _rows(result: Any) -> Any:
    return [tuple(row) for row in result] if result.returns_rows else []


def coded(tool: Tool) -> Tool:
    """``tool``, which returns the name of the error where SQLite refuses it."""

    def guarded() -> Any:
        try:
            return tool()
        except sa.exc.OperationalError as error:
            return error.orig.sqlite_errorname  # type: ignore[union-attr]  # an error of sqlite3
        except sqlite3.OperationalError as error:
            return error.sqlite_errorname

    guarded.__name__ = tool.__name__
    return guarded


@pytest.fixture(params=["sqlite3", "sqlalchemy"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["delete", "wal"])
def shop(request: pytest.FixtureRequest, driver: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path, request.param, driver)
    yield shop
    assert list(tmp_path.iterdir()) == []


def explored(shop: Shop, *tools: Tool, names: tuple[str, ...] = ("shop",), **settings: Any) -> fh.Report:
    batch = fh.Batch(tuple(fh.Call(tool.__name__, {}) for tool in tools))
    world = fh.World(**{name: shop.database(name) for name in names})
    return fh.explore(batch, fh.Toolbox({t.__name__: t for t in tools}), world, fh.Settings(**settings))


def endings(report: fh.Report) -> set[Any]:
    """The balances in the end, by account, and what each call returned."""
    return {
        (
            *(row["balance"] for tables in o.state.values() for row in tables["accounts"].values()),
            *(getattr(result, "value", result) for result in o.results.values()),
        )
        for o in report.outcomes
    }


def balance(execute: Any, account: int = 7) -> int:
    ((found,),) = execute("SELECT balance FROM accounts WHERE id = :id", id=account)
    return int(found)


def put(execute: Any, value: int, account: int = 7) -> None:
    execute("UPDATE accounts SET balance = :value WHERE id = :id", value=value, id=account)


# ---- the patterns --------------------------------------------------------------------------------


def crediting(shop: Shop, begin: str | None = None) -> Tool:
    """Read and write back, in a transaction if ``begin`` says so."""

    def credit() -> None:
        with shop.connection() as execute:
            if begin is not None:
                execute(begin)
            put(execute, balance(execute) + 10)
            if begin is not None:
                execute("COMMIT")

    return coded(credit)


@pytest.mark.parametrize(("calls", "classes"), [(2, 4), (3, 36), (4, 576)])
def test_lost_updates_on_rows_have_as_many_classes_as_on_plain_values(
    calls: int, classes: int, shop: Shop
) -> None:
    report = explored(shop, *[crediting(shop)] * calls)
    assert report.exhausted
    assert report.executions == classes
    assert {end[0] for end in endings(report)} == {100 + 10 * n for n in range(1, calls + 1)}
    assert [(f.mode, f.anomaly) for f in report.findings] == [(fh.Mode.SHARED_STATE, "lost-update")]


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_transaction_that_takes_the_lock_first_is_safe(begin: str, shop: Shop) -> None:
    report = explored(shop, *[crediting(shop, begin)] * 3)
    assert report.verified
    assert report.executions == 6  # in whichever order they get the lock
    assert endings(report) == {(130, 100, None, None, None)}


def test_an_update_in_one_statement_is_safe(shop: Shop) -> None:
    def add() -> None:
        with shop.connection() as execute:
            execute("UPDATE accounts SET balance = balance + 10 WHERE id = 7")

    report = explored(shop, *[add] * 3)
    assert report.verified
    assert report.executions == 6
    assert endings(report) == {(130, 100, None, None, None)}


def test_two_readers_that_would_both_write_cannot_upgrade(shop: Shop) -> None:
    report = explored(shop, *[crediting(shop, "BEGIN")] * 2)
    refused = STALE if shop.journal == "wal" else BUSY
    assert report.exhausted
    assert endings(report) == {(120, 100, None, None), (110, 100, refused, None), (110, 100, None, refused)}
    assert report.verdict is fh.Verdict.UNSAFE


def test_of_three_readers_that_would_write_those_fail_that_have_read_before_another_wrote(shop: Shop) -> None:
    report = explored(shop, *[crediting(shop, "BEGIN")] * 3)
    refused = STALE if shop.journal == "wal" else BUSY
    results = [(a, b, c) for a in (None, refused) for b in (None, refused) for c in (None, refused)]
    assert report.exhausted
    assert endings(report) == {(100 + 10 * r.count(None), 100, *r) for r in results if r.count(None)}


def withdrawing(shop: Shop, account: int, begin: str | None) -> Tool:
    """Empty an account if both together hold enough."""

    def withdraw() -> None:
        with shop.connection() as execute:
            if begin is not None:
                execute(begin)
            ((total,),) = execute("SELECT sum(balance) FROM accounts")
            if total >= 200:
                put(execute, 0, account)
            if begin is not None:
                execute("COMMIT")

    withdraw.__name__ = f"withdraw_{account}"
    return coded(withdraw)


def test_write_skew_is_possible_between_statements(shop: Shop) -> None:
    report = explored(shop, withdrawing(shop, 7, None), withdrawing(shop, 8, None))
    assert report.exhausted
    assert endings(report) == {(0, 100, None, None), (100, 0, None, None), (0, 0, None, None)}
    assert "write-skew" in {f.anomaly for f in report.findings}


def test_write_skew_is_impossible_in_transactions_of_sqlite(shop: Shop) -> None:
    report = explored(shop, withdrawing(shop, 7, "BEGIN"), withdrawing(shop, 8, "BEGIN"))
    refused = STALE if shop.journal == "wal" else BUSY
    assert report.exhausted
    assert endings(report) == {
        (0, 100, None, None), (100, 0, None, None), (100, 0, refused, None), (0, 100, None, refused)
    }  # fmt: skip
    assert (0, 0) not in {end[:2] for end in endings(report)}


def test_write_skew_is_safe_to_exclude_with_begin_immediate(shop: Shop) -> None:
    begin = "BEGIN IMMEDIATE"
    report = explored(shop, withdrawing(shop, 7, begin), withdrawing(shop, 8, begin))
    assert report.exhausted
    assert report.executions == 2
    assert endings(report) == {(0, 100, None, None), (100, 0, None, None)}


def test_a_phantom_row_comes_in_between_count_and_insert(shop: Shop) -> None:
    def sign_up() -> Any:
        with shop.connection() as execute:
            ((count,),) = execute("SELECT count(*) FROM accounts")
            if count < 3:
                execute("INSERT INTO accounts (balance) VALUES (1)")
            return count

    report = explored(shop, sign_up, sign_up)
    assert report.exhausted
    assert endings(report) == {(100, 100, 1, 2, 3), (100, 100, 1, 3, 2), (100, 100, 1, 1, 2, 2)}


def test_a_reader_in_a_transaction_sees_both_writes_of_another_or_none(shop: Shop) -> None:
    def move() -> None:
        with shop.connection() as execute:
            execute("BEGIN")
            put(execute, 1, 7)
            put(execute, 1, 8)
            execute("COMMIT")

    def look() -> tuple[int, int]:
        with shop.connection() as execute:
            execute("BEGIN")
            found = balance(execute, 7), balance(execute, 8)
            execute("COMMIT")
        return found

    report = explored(shop, move, look)
    assert report.exhausted
    assert endings(report) == {(1, 1, None, (100, 100)), (1, 1, None, (1, 1))}


def test_a_reader_without_a_transaction_sees_half_of_it(shop: Shop) -> None:
    def move() -> None:
        with shop.connection() as execute:
            put(execute, 1, 7)
            put(execute, 1, 8)

    def look() -> tuple[int, int]:
        with shop.connection() as execute:
            return balance(execute, 8), balance(execute, 7)

    report = explored(shop, move, look)
    assert report.exhausted
    seen = {end[3] for end in endings(report)}
    assert seen == {(100, 100), (100, 1), (1, 1)}


def test_a_writer_that_takes_its_writes_back_was_never_there(shop: Shop) -> None:
    def write() -> None:
        with shop.connection() as execute:
            execute("BEGIN")
            put(execute, 0)
            balance(execute, 8)
            execute("ROLLBACK")

    report = explored(shop, write, crediting(shop))
    assert report.verified
    assert endings(report) == {(110, 100, None, None)}


def test_a_connection_that_does_not_wait_fails_where_another_holds_the_lock(shop: Shop) -> None:
    def impatient() -> None:
        with shop.connection(timeout=0) as execute:
            execute("BEGIN IMMEDIATE")
            put(execute, balance(execute) + 10)
            execute("COMMIT")

    report = explored(shop, coded(impatient), crediting(shop, "BEGIN IMMEDIATE"))
    assert endings(report) == {(120, 100, None, None), (110, 100, BUSY, None)}
    assert not report.exhausted
    assert ["does not wait for locks" in str(escape) for escape in report.escapes] == [True]


def test_a_connection_that_does_not_wait_may_find_readers_in_the_way(shop: Shop) -> None:
    def impatient() -> None:
        with shop.connection(timeout=0) as execute:
            put(execute, 110)

    def look() -> tuple[int, int]:
        with shop.connection() as execute:
            execute("BEGIN")
            found = balance(execute, 7), balance(execute, 8)
            execute("COMMIT")
        return found

    report = explored(shop, coded(impatient), look)
    blocked = set() if shop.journal == "wal" else {(100, 100, BUSY, (100, 100))}
    assert endings(report) == {(110, 100, None, (100, 100)), (110, 100, None, (110, 100)), *blocked}


def test_several_connections_of_one_call_are_several_clients(shop: Shop) -> None:
    def tool() -> tuple[int, int]:
        with shop.connection() as one, shop.connection() as other:
            before = balance(one)
            other("UPDATE accounts SET balance = balance + 10 WHERE id = 7")
            return before, balance(one)

    report = explored(shop, tool, tool)
    assert report.exhausted
    assert endings(report) == {
        (120, 100, *pair)
        for a, b in [((100, 110), (110, 120)), ((100, 110), (100, 120)), ((100, 120), (110, 120)),
                     ((100, 120), (100, 120))]
        for pair in ((a, b), (b, a))
    }  # fmt: skip


def test_a_call_that_locks_itself_out_fails_and_so_may_its_sibling_that_waits(shop: Shop) -> None:
    def twice() -> None:
        with shop.connection() as one, shop.connection() as other:
            one("BEGIN IMMEDIATE")
            put(one, 1)
            try:
                other("BEGIN IMMEDIATE")
            finally:
                one("ROLLBACK")

    report = explored(shop, coded(twice), crediting(shop, "BEGIN IMMEDIATE"))
    assert endings(report) == {(110, 100, BUSY, None), (100, 100, BUSY, BUSY)}


def test_threads_of_a_call_are_scheduled_like_any_other(shop: Shop) -> None:
    def tool() -> None:
        thread = threading.Thread(target=crediting(shop, "BEGIN IMMEDIATE"))
        thread.start()
        thread.join()

    report = explored(shop, tool, tool)
    assert report.verified
    assert endings(report) == {(120, 100, None, None)}


def ordering(shop: Shop, first: str, second: str) -> Tool:
    """Change two databases, one after the other."""

    def change() -> str:
        with shop.connection(first) as one, shop.connection(second) as other:
            for execute in (one, other):
                execute("BEGIN IMMEDIATE")
                execute("UPDATE accounts SET balance = balance + 1 WHERE id = 7")
            other("COMMIT")
            one("COMMIT")
        return "done"

    change.__name__ = f"{first}_then_{second}"
    return coded(change)


def test_two_databases_that_are_locked_in_opposite_order_are_a_deadlock(shop: Shop) -> None:
    tools = ordering(shop, "left", "right"), ordering(shop, "right", "left")
    names = "left", "right"
    report = explored(shop, *tools, names=names)
    assert report.exhausted
    once = (101, 100, 101, 100)
    assert endings(report) == {
        (102, 100, 102, 100, "done", "done"), (*once, "done", BUSY), (*once, BUSY, "done")
    }  # fmt: skip
    (finding,) = report.findings
    assert (finding.mode, finding.anomaly) == (fh.Mode.DEADLOCK, "deadlock")
    assert "waits for right['(write lock)'], which B holds" in finding.explanation
    world = fh.World(**{name: shop.database(name) for name in names})
    again = fh.replay(
        finding.schedule.token, finding.batch, fh.Toolbox({t.__name__: t for t in tools}), world
    )
    assert again.outcome == finding.outcome


def test_two_databases_that_are_locked_in_the_same_order_are_safe(shop: Shop) -> None:
    report = explored(shop, *[ordering(shop, "left", "right")] * 2, names=("left", "right"))
    assert report.verified
    assert report.executions == 2


def test_another_database_that_is_attached_is_an_escape(shop: Shop) -> None:
    def attach() -> None:
        with shop.connection() as execute:
            execute("ATTACH ':memory:' AS other")

    report = explored(shop, attach, attach)
    assert not report.verified
    assert any("another database was attached" in str(escape) for escape in report.escapes)


def test_what_a_search_by_class_finds_is_what_every_interleaving_finds(shop: Shop) -> None:
    def named(name: str, tool: Tool) -> Tool:
        tool.__name__ = name
        return tool

    tools = [
        named("upgrade", crediting(shop, "BEGIN")),
        named("lock", crediting(shop, "BEGIN IMMEDIATE")),
    ]
    by_class, all_of_them = (explored(shop, *tools, strategy=strategy) for strategy in ("auto", "bounded"))
    assert by_class.exhausted
    assert all_of_them.exhausted
    assert endings(by_class) == endings(all_of_them)
    assert by_class.executions < all_of_them.executions or shop.journal == "delete"  # see the README
