"""SQLite where something is wrong: it is said, nothing hangs, and the file of the URL stays as it is."""

from __future__ import annotations

import hashlib
import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh

Run = Callable[..., Any]


@pytest.fixture(params=["delete", "wal"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database file with one account of 100, in either journal mode."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"PRAGMA journal_mode={request.param}")
        made.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
        made.execute("INSERT INTO accounts VALUES (7, 100)")
        made.commit()
    return path


@contextmanager
def untouched(path: Path) -> Iterator[None]:
    """What is inside leaves the folder of ``path`` byte for byte as it is."""
    before = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}
    yield
    assert {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()} == before


def world(path: Path, **options: Any) -> fh.World:
    return fh.World(db=fh.Database(f"sqlite:///{path}", **options))


def add(db: sa.Engine) -> None:
    with db.begin() as connection:
        balance = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": balance + 1})


def balances(report: fh.Report) -> set[int]:
    return {outcome.state["db"]["accounts"][7]["balance"] for outcome in report.outcomes}


# ---- the file -----------------------------------------------------------------------------------------


def test_success_leaves_the_file_as_it_was(shop: Path, explore: Run) -> None:
    with untouched(shop):
        assert balances(explore(world(shop), add, calls=["add"] * 2)) == {101, 102}


def test_a_tool_that_crashes_leaves_the_file_as_it_was(shop: Path, explore: Run) -> None:
    def crash(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1"))
            raise ZeroDivisionError

    with untouched(shop):
        assert balances(explore(world(shop), crash, crash, add, calls=["crash", "add"])) == {101}


def test_a_failure_of_the_exploration_leaves_the_file_as_it_was(shop: Path, explore: Run) -> None:
    def setup(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE accounts SET balance = 1"))
        connection.execute(sa.text("UPDATE nothing SET balance = 1"))

    with untouched(shop), pytest.raises(fh.WorldError, match=r"setup of the database 'db' failed.*nothing"):
        explore(world(shop, setup=setup), add)


def test_an_interrupt_leaves_the_file_as_it_was(
    shop: Path, explore: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, capture, captured = sqlite3.connect, fh.Database.capture, count(1)

    def interrupted(database: fh.Database) -> dict[str, Any]:
        if next(captured) == 4:
            raise KeyboardInterrupt
        return capture(database)

    monkeypatch.setattr(fh.Database, "capture", interrupted)
    with untouched(shop), pytest.raises(KeyboardInterrupt):
        explore(world(shop), add, calls=["add"] * 3)
    assert sqlite3.connect is connect
    with closing(sqlite3.connect(shop)) as again:
        assert again.execute("SELECT balance FROM accounts").fetchone() == (100,)


def test_a_file_that_may_only_be_read_is_enough(shop: Path, explore: Run) -> None:
    shop.chmod(0o444)
    with untouched(shop):
        assert balances(explore(world(shop), add, calls=["add"] * 2)) == {101, 102}


def test_a_connection_that_may_only_read_is_refused_what_it_writes(shop: Path, explore: Run) -> None:
    def tool() -> str:
        with closing(sqlite3.connect(f"file:{shop}?mode=ro", uri=True)) as own:
            try:
                own.execute("UPDATE accounts SET balance = 1")
                own.commit()
            except sqlite3.OperationalError as error:
                return str(error)
            return "written"

    report = explore(world(shop), tool)
    assert {str(r) for o in report.outcomes for r in o.results.values()} == {
        "returned 'attempt to write a readonly database'"
    }


# ---- what is no database ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["sqlite:///{}/nowhere/shop.db", "sqlite:///{}"], ids=["no folder", "a folder"]
)
def test_a_url_of_nothing_that_can_be_opened(url: str, explore: Run, tmp_path: Path) -> None:
    with pytest.raises(fh.WorldError, match=r"nowhere|folder|directory"):
        explore(fh.World(db=fh.Database(url.format(tmp_path))), add)


def test_a_file_that_is_no_database_is_named(explore: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database at all, " * 100)
    with untouched(path), pytest.raises(fh.WorldError, match=r"notes\.txt.*not a database.*Expected"):
        explore(world(path), add)


def test_a_table_that_is_not_there_is_an_outcome(explore: Run) -> None:
    report = explore(fh.World(db=fh.Database("sqlite://")), add)
    assert all("no such table: accounts" in str(r) for o in report.outcomes for r in o.results.values())


# ---- what runs do -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE extra (id INTEGER PRIMARY KEY)",
        "ALTER TABLE accounts ADD COLUMN note TEXT",
        "DROP TABLE accounts",
    ],
    ids=["create", "alter", "drop"],
)
def test_a_schema_change_is_part_of_the_ending_and_gone_in_the_next_run(
    change: str, shop: Path, explore: Run
) -> None:
    def reshape(db: sa.Engine) -> str:
        with db.begin() as connection:
            columns = [column["name"] for column in sa.inspect(connection).get_columns("accounts")]
            connection.execute(sa.text(change))
        return ",".join(columns)

    with untouched(shop):
        report = explore(world(shop), reshape, add)
    first = {str(outcome.results["reshape-0"]) for outcome in report.outcomes}
    assert first == {"returned 'id,balance'"}
    states = [outcome.state["db"] for outcome in report.outcomes]
    if "CREATE" in change:
        assert all(state["extra"] == {} for state in states)
    elif "ALTER" in change:
        assert all(state["accounts"][7]["note"] is None for state in states)
    else:
        assert all("accounts" not in state for state in states)


def test_a_disk_that_is_full_is_an_outcome(shop: Path, explore: Run) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def grow(db: sa.Engine) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
        try:
            with db.begin() as connection:
                connection.execute(sa.text("CREATE TABLE big (x BLOB)"))
                connection.execute(sa.text("INSERT INTO big VALUES (zeroblob(10000000))"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    try:
        with untouched(shop):
            report = explore(world(shop), grow, add)
    finally:
        signal.signal(signal.SIGXFSZ, handler)
    assert {
        "full" in str(o.results["grow-0"]) or "disk I/O error" in str(o.results["grow-0"])
        for o in report.outcomes
    } == {True}
    assert all(outcome.state["db"].get("big", {}) == {} for outcome in report.outcomes)
    assert balances(report) == {101}
