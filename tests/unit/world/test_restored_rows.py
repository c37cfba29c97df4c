"""How a scratch database is restored and read: by what was written, and never less than that."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh
from fuzzharness.access import ANY
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.serial import in_order
from fuzzharness.world.image import Image
from fuzzharness.world.wal_image import WalImage

PRAGMAS = {
    "plain": "",
    "content of free pages is left": "PRAGMA secure_delete=OFF",
    "the file shrinks by itself": "PRAGMA auto_vacuum=1; PRAGMA secure_delete=OFF",
    "small pages": "PRAGMA page_size=512; PRAGMA secure_delete=OFF",
    "large pages": "PRAGMA page_size=65536; PRAGMA secure_delete=OFF",
    "written before the commit": "PRAGMA page_size=512; PRAGMA cache_size=10; PRAGMA secure_delete=OFF",
    "the journal has several headers": "PRAGMA page_size=512; PRAGMA cache_size=10; PRAGMA synchronous=FULL",
}


def connected(path: Path, pragmas: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(f"PRAGMA synchronous=OFF; {pragmas}")
    return connection


def fill(connection: sqlite3.Connection, seed: int) -> None:
    chance = random.Random(seed)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("CREATE INDEX i ON t (text)")
    rows = [(n, "x" * chance.randrange(3000)) for n in range(60)]
    connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.execute("DELETE FROM t WHERE id % 5 = 0")


def transaction(connection: sqlite3.Connection, chance: random.Random) -> None:
    connection.execute("BEGIN")
    for _ in range(chance.randrange(1, 30)):
        what, row = chance.randrange(3), chance.randrange(100)
        text = chance.choice("abc") * chance.randrange(6000)
        if what == 0:
            connection.execute("INSERT OR REPLACE INTO t VALUES (?, ?)", (row, text))
        elif what == 1:
            connection.execute("DELETE FROM t WHERE id BETWEEN ? AND ?", (row, row + chance.randrange(10)))
        else:
            connection.execute("UPDATE t SET text = ? WHERE id = ?", (text, row))
    connection.execute(chance.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pragmas", PRAGMAS.values(), ids=PRAGMAS)
def test_pages_that_are_written_back_are_all_that_were_written(
    pragmas: str, seed: int, tmp_path: Path
) -> None:
    path, chance = tmp_path / "scratch.db", random.Random(seed)
    own = connected(path, pragmas)
    fill(own, seed)
    before = list(own.iterdump())
    image = Image(str(path), own)
    connections = [connected(path, f"{pragmas}; PRAGMA journal_mode=PERSIST") for _ in range(2)]
    for _ in range(30):
        for _ in range(chance.randrange(1, 5)):
            transaction(chance.choice(connections), chance)
            image.committed()
        image.restore()
        assert list(own.iterdump()) == before
        assert [tuple(r) for r in own.execute("PRAGMA integrity_check")] == [("ok",)]
    assert image.trusted
    for connection in (own, *connections):
        connection.close()
    image.close()


@pytest.mark.parametrize("mode", ["PERSIST", "MEMORY", "OFF", "DELETE", "TRUNCATE"])
def test_where_the_journal_does_not_tell_everything_is_written_back(mode: str, tmp_path: Path) -> None:
    path, chance = tmp_path / "scratch.db", random.Random(mode)
    own = connected(path, "")
    fill(own, 1)
    before = list(own.iterdump())
    image = Image(str(path), own)
    known, other = (connected(path, f"PRAGMA journal_mode={m}") for m in ("PERSIST", mode))
    for turn in range(20):
        for connection in chance.choices([known, other], k=3):
            values = f"{turn} {chance.random()}", chance.randrange(60)
            connection.execute("UPDATE t SET text = ? WHERE id = ?", values)
            if mode != "PERSIST" or connection is known:  # else nobody says that it has committed
                image.committed()
        image.restore()
        assert list(own.iterdump()) == before
    for connection in (own, known, other):
        connection.close()
    image.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_database_in_wal_mode_is_set_back_to_what_it_was(seed: int, tmp_path: Path) -> None:
    path, chance = tmp_path / "scratch.db", random.Random(seed)
    own = connected(path, "PRAGMA journal_mode=WAL")
    fill(own, seed)
    before = list(own.iterdump())
    image = WalImage(str(path), own)
    connections = [connected(path, "PRAGMA wal_autocheckpoint=0") for _ in range(2)]
    for turn in range(30):
        for _ in range(chance.randrange(1, 5)):
            transaction(chance.choice(connections), chance)
        if turn % 10 == 9:
            connections[0].execute(f"PRAGMA wal_checkpoint({chance.choice(['PASSIVE', 'RESTART'])})")
        image.restore()
        for connection in (own, *connections):
            assert list(connection.iterdump()) == before
        assert [tuple(r) for r in own.execute("PRAGMA integrity_check")] == [("ok",)]
    assert image.trusted
    for connection in (own, *connections):
        connection.close()
    image.close()


# ---- what is read again --------------------------------------------------------------------------

SCHEMA = """
CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, owner INTEGER REFERENCES owners (id) ON DELETE CASCADE ON UPDATE SET NULL, balance
);
CREATE TABLE tags (name TEXT PRIMARY KEY, account INTEGER REFERENCES accounts (id) ON DELETE SET NULL);
CREATE TABLE log (text);
CREATE TABLE watched (id INTEGER PRIMARY KEY, x);
CREATE TRIGGER t AFTER UPDATE ON watched BEGIN INSERT INTO log VALUES (NEW.id); END;
CREATE VIEW rich AS SELECT * FROM accounts WHERE balance > 10;
CREATE TRIGGER v INSTEAD OF DELETE ON rich BEGIN DELETE FROM accounts WHERE id = OLD.id; END;
INSERT INTO owners VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO accounts VALUES (1, 1, 5), (2, 1, 50), (3, 2, 500), (4, NULL, 0);
INSERT INTO tags VALUES ('x', 1), ('y', 1), ('z', NULL);
INSERT INTO watched VALUES (1, 1), (2, 2);
"""
STATEMENTS: list[tuple[str, Any]] = [
    ("UPDATE accounts SET balance = balance + 1 WHERE id = ?", (1,)),
    ("UPDATE accounts SET balance = 5.0 WHERE id = :id", {"id": "1"}),
    ("UPDATE accounts SET id = 9 WHERE id = ?", (2,)),
    ("UPDATE accounts SET balance = 0 WHERE id IN (?, ?)", (1, 3)),
    ("UPDATE accounts SET balance = 0 WHERE balance > ?", (10,)),
    ("INSERT INTO accounts (id, owner, balance) VALUES (?, 2, 1)", (7,)),
    ("INSERT INTO accounts (owner, balance) VALUES (3, 1)", ()),
    ("INSERT OR REPLACE INTO accounts (id, balance) VALUES (1, 1), (8, 8)", ()),
    ("INSERT INTO owners (id, name) VALUES (3, 'd') ON CONFLICT (id) DO UPDATE SET name = 'e'", ()),
    ("REPLACE INTO owners (id, name) VALUES (5, 'a')", ()),
    ("DELETE FROM owners WHERE id = ?", (1,)),
    ("UPDATE owners SET id = 6 WHERE id = ?", (2,)),
    ("DELETE FROM accounts WHERE id = ?", (3,)),
    ("DELETE FROM rich WHERE id = ?", (2,)),
    ("UPDATE watched SET x = 3 WHERE id = ?", (1,)),
    ("INSERT INTO tags VALUES ('q', 4)", ()),
    ("UPDATE tags SET name = 'w' WHERE name = ?", ("x",)),
    ("DELETE FROM tags WHERE name = 'y'", ()),
    ("INSERT INTO log SELECT name FROM owners", ()),
    ("DELETE FROM log", ()),
    ("WITH few AS (SELECT 1 AS id) DELETE FROM accounts WHERE id IN (SELECT id FROM few)", ()),
    ("CREATE TABLE more (id INTEGER PRIMARY KEY)", ()),
    ("ALTER TABLE log ADD COLUMN y", ()),
]


def set_up(connection: sa.Connection) -> None:
    connection.connection.driver_connection.executescript(SCHEMA)  # type: ignore[union-attr]  # sqlite3's


def engine(journal: str) -> sa.Engine:
    made = sa.create_engine("sqlite://")

    @sa.event.listens_for(made, "connect")
    def choose(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("PRAGMA foreign_keys=ON")

    return made


def at_random(db: sa.Engine, chance: random.Random) -> None:
    connection = db.raw_connection()
    try:
        for _ in range(chance.randrange(1, 6)):
            with contextlib.suppress(sqlite3.Error):  # what it did before it failed counts
                connection.cursor().execute(*chance.choice(STATEMENTS))
            if chance.random() < 0.5:
                chance.choice([connection.commit, connection.commit, connection.rollback])()
    finally:
        connection.commit()
        connection.close()


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_what_is_read_again_is_all_that_statements_can_change(journal: str) -> None:
    chance = random.Random(7)
    tools = fh.Toolbox({"tool": lambda db: at_random(db, chance)})
    world = fh.World(db=fh.Database(engine(journal), setup=set_up))
    with Stage(fh.Batch((fh.Call("tool", {}),)), tools, world, fh.Settings()) as stage:
        store = world._resources["db"]._store  # type: ignore[attr-defined]  # what it reads by itself is asked
        partly = 0
        for _ in range(150):
            stage.run((0,), in_order((0,)))
            partly += not any(key[0] is ANY for key in store.touched)
            assert store._rows.unseen() == (), store.touched
            world.reset()
            assert store._rows._whole() == store._rows._base
        assert store.learned == 0
        assert partly > 20


def test_a_statement_that_does_more_than_was_thought_makes_the_search_begin_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fuzzharness.access import Kind
    from fuzzharness.world.footprint import Footprint, Part, Reader

    wrong = Footprint((Part("log", Kind.WRITE),), writes=True)
    monkeypatch.setattr(Reader, "read", lambda _self, _sql: wrong)

    def tool(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 1"))

    world = fh.World(db=fh.Database("sqlite://", setup=set_up))
    with Stage(fh.Batch((fh.Call("tool", {}),)), fh.Toolbox({"tool": tool}), world, fh.Settings()) as stage:
        ran = stage.run((0,), in_order((0,)))
        assert stage.learned == 1
        assert ran.outcome.state["db"]["accounts"][1]["balance"] == 1
        assert stage.run((0,), in_order((0,))).outcome.state == ran.outcome.state


def test_different_changes_of_the_schema_in_two_runs_are_told_apart() -> None:
    names = iter("abcd")

    def tool(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text(f"CREATE TABLE {next(names)} (id INTEGER PRIMARY KEY)"))

    for journal in ("delete", "wal"):
        world = fh.World(db=fh.Database(engine(journal)))
        batch = fh.Batch((fh.Call("tool", {}),))
        with Stage(batch, fh.Toolbox({"tool": tool}), world, fh.Settings()) as stage:
            states = [stage.run((0,), in_order((0,))).outcome.state["db"] for _ in range(2)]
        assert [list(state) for state in states] == (
            [["a"], ["b"]] if journal == "delete" else [["c"], ["d"]]
        )
