"""An SQLite database is captured and restored by what was touched: it always comes to the whole truth."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.serial import in_order
from fuzzharness.world.sqlite_rows import Rows

TABLES = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age)",
    "CREATE TABLE pets (id INTEGER PRIMARY KEY, owner REFERENCES people ON DELETE CASCADE, name TEXT)",
    "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x)",
    "CREATE TABLE named (name TEXT PRIMARY KEY, x)",
    "CREATE TABLE backwards (id INTEGER PRIMARY KEY DESC, x)",
    "CREATE TABLE bare (id INTEGER PRIMARY KEY, code TEXT UNIQUE) WITHOUT ROWID",
    "CREATE TABLE loose (x)",
    "CREATE TABLE empty (id INTEGER PRIMARY KEY, x)",
)
ROWS = (
    "INSERT INTO people VALUES (1, 'Ada', 36), (2, 'Grace', 85), (900, 'Edsger', 72)",
    "INSERT INTO pets VALUES (1, 1, 'Rex'), (2, 2, 'Tom')",
    "INSERT INTO counted (x) VALUES (1), (2)",
    "INSERT INTO named VALUES ('a', 1), ('b', 2)",
    "INSERT INTO bare VALUES (1, 'x'), (2, 'y')",
    "INSERT INTO loose VALUES (3), (4)",
)
STATEMENTS = (
    "INSERT INTO people (name, age) VALUES ('Barbara', {n})",
    "INSERT INTO people (name) SELECT name FROM pets",
    "INSERT INTO people VALUES ({n}, 'Tony', 1) ON CONFLICT (id) DO UPDATE SET age = {n}",
    "INSERT OR REPLACE INTO people VALUES ({n}, 'Alan', NULL)",
    "INSERT OR IGNORE INTO pets (owner, name) VALUES ({n}, 'Kit')",
    "UPDATE people SET age = {n} WHERE id = {n}",
    "UPDATE people SET age = {n} WHERE name LIKE 'A%'",
    "UPDATE people SET id = id + 1000 WHERE id = {n}",
    "UPDATE OR IGNORE people SET age = 36.0 WHERE id = 1",
    "DELETE FROM people WHERE id = {n}",
    "DELETE FROM people WHERE id = 900",
    "DELETE FROM people WHERE age > 80",
    "INSERT INTO counted (x) VALUES ({n})",
    "DELETE FROM counted WHERE id = 2",
    "INSERT INTO named VALUES ('n{n}', 0)",
    "UPDATE named SET x = zeroblob({n}0000) WHERE name = 'a'",
    "INSERT INTO backwards (x) VALUES ({n})",
    "UPDATE bare SET code = 'z' WHERE id = 1",
    "INSERT OR REPLACE INTO bare VALUES ({n}, 'y')",
    "DELETE FROM loose WHERE x = {n}",
    "INSERT INTO loose VALUES ({n})",
    "INSERT INTO empty VALUES (-{n}, 0)",
    "INSERT INTO empty (x) VALUES ({n})",
    "DELETE FROM empty",
    "CREATE TABLE IF NOT EXISTS made (id INTEGER PRIMARY KEY, x)",
    "ALTER TABLE loose ADD COLUMN y",
    "SELECT * FROM people",
)


def filled(connection: sa.Connection, extra: tuple[str, ...] = ()) -> None:
    for sql in (*TABLES, *extra, *ROWS):
        connection.execute(sa.text(sql))


def run_statements(db: sa.Engine, seed: int, statements: Sequence[str] = STATEMENTS) -> None:
    """A few transactions of random statements, of which some fail and some are taken back."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 3)):
        raw = db.raw_connection()
        raw.cursor().execute("PRAGMA foreign_keys = ON")
        for _ in range(dice.randint(1, 4)):
            with suppress(sqlite3.Error):
                raw.cursor().execute(dice.choice(statements).format(n=dice.randint(1, 4)))
        raw.rollback() if dice.random() < 0.2 else raw.commit()
        raw.close()


@pytest.fixture(autouse=True)
def no_file_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages of small files are not told apart, but these files stand for large ones."""
    monkeypatch.setattr("fuzzharness.world.image.SMALL", 0)


def stage_of(world: fh.World, tool: Callable[..., Any], *args: dict[str, Any]) -> Stage:
    batch = fh.Batch(tuple(fh.Call("tool", a, str(n)) for n, a in enumerate(args)))
    return Stage(batch, fh.Toolbox({"tool": tool}), world, fh.Settings(call_timeout=5))


def content(store: Any) -> list[str]:
    """All of the scratch file, whatever is known of it."""
    connection = sqlite3.Connection(store._path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def write_unseen(store: Any) -> None:
    connection = sqlite3.Connection(store._path)
    connection.execute("UPDATE people SET age = 99 WHERE id = 2")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("mode", ["", "wal", "memory", "truncate", "persist"])
def test_random_statements_are_captured_and_taken_back_whole(mode: str) -> None:
    database = fh.Database("sqlite://", setup=filled)
    if mode:

        @sa.event.listens_for(database.engine, "connect")
        def set_up(connection: Any, _record: object) -> None:
            connection.execute(f"PRAGMA journal_mode = {mode}")

    store: Any = database._store
    for seed in range(6):
        with stage_of(fh.World(db=database), run_statements, {"seed": seed}, {"seed": seed + 1000}) as stage:
            start = content(store)
            for number in range(12):
                arguments = [stage.batch.calls[n].args for n in (0, 1)]
                for args in arguments:
                    args["seed"] += 7 * number
                ran = stage.run((0, 1), in_order((number % 2, 1 - number % 2)))
                whole = store._rows._whole()
                assert ran.outcome.state["db"] == whole
                assert stage.escapes == ()
                stage.world.reset()
                assert content(store) == start
            assert store.learned == 0


LARGE_ROWS = (
    "INSERT INTO big VALUES (NULL, zeroblob({n}000))",
    "UPDATE big SET b = randomblob({n}500) WHERE id = {n}",
    "DELETE FROM big WHERE id > 30",
    "PRAGMA user_version = {n}",
)


@pytest.mark.parametrize("vacuum", ["NONE", "FULL", "INCREMENTAL"])
@pytest.mark.parametrize("free", [False, True])
def test_a_file_with_free_pages_or_that_shrinks_is_restored_whole(
    vacuum: str, free: bool, tmp_path: Path
) -> None:
    file = sqlite3.connect(tmp_path / "shop.db")
    for sql in ("PRAGMA page_size = 1024", f"PRAGMA auto_vacuum = {vacuum}", *TABLES, *ROWS):
        file.execute(sql)
    file.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, b)")
    file.executemany("INSERT INTO big VALUES (NULL, randomblob(700))", [()] * 60)
    file.execute(f"DELETE FROM big WHERE {free:d} AND id > 20")
    file.commit()
    file.close()

    def tool(db: sa.Engine, seed: int) -> None:
        run_statements(db, seed, (*STATEMENTS[:15], *LARGE_ROWS, *LARGE_ROWS))

    database = fh.Database(f"sqlite:///{tmp_path / 'shop.db'}")
    store: Any = database._store
    for seed in range(8):
        with stage_of(fh.World(db=database), tool, {"seed": seed}, {"seed": seed + 1000}) as stage:
            start = content(store)
            for _ in range(3):
                ran = stage.run((0, 1), in_order((0, 1)))
                assert ran.outcome.state["db"] == store._rows._whole()
                assert not [e for e in stage.escapes if "not watched" in e.what]
                stage.world.reset()
                assert content(store) == start


def test_what_was_written_is_read_and_no_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def tool(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE people SET age = 37 WHERE id = 1"))
            connection.execute(sa.text("INSERT INTO counted (x) VALUES (5)"))

    with stage_of(fh.World(db=fh.Database("sqlite://", setup=filled)), tool, {}) as stage:
        stage.run((0,), in_order((0,)))
        monkeypatch.setattr(Rows, "_rows", None)
        ran = stage.run((0,), in_order((0,)))

    assert ran.outcome.state["db"]["people"][1]["age"] == 37
    assert ran.outcome.state["db"]["counted"][3] == {"id": 3, "x": 5}


def test_a_write_that_no_statement_announced_is_found_and_everything_is_read_from_then_on() -> None:
    database = fh.Database("sqlite://", setup=filled)
    store: Any = database._store

    def tool() -> None:
        write_unseen(store)

    with stage_of(fh.World(db=database), tool, {}) as stage:
        first = stage.run((0,), in_order((0,)))
        assert store.learned == 1
        second = stage.run((0,), in_order((0,)))

    assert [ran.outcome.state["db"]["people"][2]["age"] for ran in (first, second)] == [99, 99]


def test_a_late_write_that_no_statement_announced_is_an_escape() -> None:
    database = fh.Database("sqlite://", setup=filled)
    store: Any = database._store
    runs = iter(range(99))

    def tool() -> None:
        if next(runs) > 1:
            write_unseen(store)

    with stage_of(fh.World(db=database), tool, {}) as stage:
        for _ in range(3):
            stage.run((0,), in_order((0,)))
        assert [e.what for e in stage.escapes] == ["db: people was written in a way that is not watched"]
