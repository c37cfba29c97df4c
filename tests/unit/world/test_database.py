"""A database as a resource: what is seen, what is restored, and what is left alone."""

from __future__ import annotations

import hashlib
import sqlite3
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.pool import NullPool, QueuePool, SingletonThreadPool, StaticPool

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.serial import in_order

Run = Callable[..., Any]


class Base(orm.DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "accounts"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    balance: orm.Mapped[int]
    notes: orm.Mapped[list[Note]] = orm.relationship(back_populates="account")


class Note(Base):
    __tablename__ = "notes"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    account_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("accounts.id"))
    text: orm.Mapped[str]
    account: orm.Mapped[Account] = orm.relationship(back_populates="notes")


def fill(connection: sa.Connection) -> None:
    Base.metadata.create_all(connection)
    connection.execute(sa.insert(Account), [{"id": 7, "balance": 100}, {"id": 8, "balance": 50}])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def credit_core(db: sa.Engine) -> None:
    table = Account.__table__
    with db.begin() as connection:
        balance = connection.execute(sa.select(table.c.balance).where(table.c.id == 7)).scalar_one()
        connection.execute(sa.update(table).where(table.c.id == 7).values(balance=balance + 10))


def credit_text(db: sa.Engine) -> None:
    with db.connect() as connection:
        balance = connection.execute(
            sa.text("SELECT balance FROM accounts WHERE id = :id"), {"id": 7}
        ).scalar_one()
        connection.execute(
            sa.text("UPDATE accounts SET balance = :b WHERE id = :id"), {"b": balance + 10, "id": 7}
        )
        connection.commit()


def credit_orm(db: sa.Engine) -> None:
    with orm.Session(db) as session:
        account = session.get(Account, 7, with_for_update=True)
        assert account is not None
        account.balance += 10
        session.commit()


def credit_raw(db: sa.Engine) -> None:
    connection = db.raw_connection()
    try:
        cursor = connection.cursor()
        (balance,) = cursor.execute("SELECT balance FROM accounts WHERE id = ?", (7,)).fetchone()
        cursor.executemany("UPDATE accounts SET balance = ? WHERE id = ?", [(balance + 10, 7)])
        connection.commit()
    finally:
        connection.close()


@pytest.mark.parametrize("credit", [credit_core, credit_text, credit_orm, credit_raw])
def test_the_lost_update_is_found_however_the_tool_speaks_to_the_database(
    credit: Callable[[sa.Engine], None], explore: Run
) -> None:
    report = explore(fh.World(db=fh.Database("sqlite://", setup=fill)), credit, calls=[credit.__name__] * 2)
    assert report.baseline.state["db"]["accounts"][7] == {"id": 7, "balance": 120}
    assert {o.state["db"]["accounts"][7]["balance"] for o in report.outcomes} == {110, 120}
    (finding,) = report.findings
    assert (finding.mode, finding.anomaly) == (fh.Mode.SHARED_STATE, "lost-update")
    assert "accounts" in finding.explanation
    assert report.escapes == ()


@pytest.mark.parametrize("pool", [StaticPool, SingletonThreadPool, QueuePool, NullPool])
def test_an_engine_of_any_pool_is_watched_and_given_back_as_it_was(
    pool: type[sa.Pool], explore: Run, tmp_path: Path
) -> None:
    in_memory = pool in (StaticPool, SingletonThreadPool)
    url = "sqlite://" if in_memory else f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sa.create_engine(url, poolclass=pool)
    with engine.begin() as connection:
        fill(connection)
    before = engine.pool

    def credit() -> None:
        credit_core(engine)

    report = explore(fh.World(db=fh.Database(engine)), credit, calls=["credit"] * 2)
    assert report.verdict is fh.Verdict.UNSAFE
    assert engine.pool is before
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one() == 100
    engine.dispose()


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_file_that_the_url_names_is_read_and_never_written(
    journal: str, explore: Run, tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)")
    connection.execute("INSERT INTO accounts VALUES (7, 100)")
    connection.commit()
    files = {file: digest(file) for file in tmp_path.iterdir()}

    def raw() -> None:
        with sqlite3.connect(path) as own:
            (balance,) = own.execute("SELECT balance FROM accounts WHERE id = 7").fetchone()
            own.execute("UPDATE accounts SET balance = ? WHERE id = 7", (balance + 10,))
        own.close()

    report = explore(fh.World(db=fh.Database(f"sqlite:///{path}")), raw, credit_core)
    assert {o.state["db"]["accounts"][7]["balance"] for o in report.outcomes} == {110, 120}
    assert {file: digest(file) for file in tmp_path.iterdir()} == files
    assert ["was open before" in str(escape) for escape in report.escapes] == [True]
    assert sqlite3.connect is sqlite3.dbapi2.connect
    connection.close()


def test_a_file_that_is_not_there_is_never_made(explore: Run, tmp_path: Path) -> None:
    report = explore(fh.World(db=fh.Database(f"sqlite:///{tmp_path / 'new.db'}", setup=fill)), credit_core)
    assert report.verified
    assert list(tmp_path.iterdir()) == []


def test_connect_imported_by_name_is_redirected_too(run_once: Run, tmp_path: Path) -> None:
    from sqlite3 import connect  # what a tool module does

    path = tmp_path / "shop.db"
    module = type(sqlite3)("a_tool_module")
    module.connect = connect  # type: ignore[attr-defined]  # as after "from sqlite3 import connect"
    import sys

    sys.modules["a_tool_module"] = module
    try:

        def write() -> None:
            own = module.connect(path)
            own.execute("INSERT INTO accounts (id, balance) VALUES (9, 1)")
            own.commit()
            own.close()

        seen = run_once(fh.World(db=fh.Database(f"sqlite:///{path}", setup=fill)), write)
    finally:
        del sys.modules["a_tool_module"]
    assert 9 in seen.state["db"]["accounts"]
    assert module.connect is connect
    assert not path.exists()


def test_listeners_of_the_engine_see_every_new_connection(run_once: Run) -> None:
    engine = sa.create_engine("sqlite://")

    @sa.event.listens_for(engine, "connect")
    def enforce(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    def orphan() -> None:
        with engine.begin() as connection:
            connection.execute(sa.insert(Note), {"id": 1, "account_id": 99, "text": "x"})

    seen = run_once(fh.World(db=fh.Database(engine, setup=fill)), orphan)
    engine.dispose()
    assert "FOREIGN KEY" in str(seen.result)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_listener_may_choose_the_journal_mode(mode: str, explore: Run) -> None:
    engine = sa.create_engine("sqlite://")

    @sa.event.listens_for(engine, "connect")
    def choose(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA journal_mode = {mode}")

    report = explore(fh.World(db=fh.Database(engine, setup=fill)), credit_core, calls=["credit_core"] * 2)
    engine.dispose()
    assert {o.state["db"]["accounts"][7]["balance"] for o in report.outcomes} == {110, 120}


def test_a_call_that_switches_to_wal_mode_does_not_spoil_the_next_run(run_once: Run) -> None:
    def switch(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))
        with db.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("PRAGMA journal_mode = WAL"))
            connection.execute(sa.text("UPDATE accounts SET balance = balance + 1 WHERE id = 7"))

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), switch, again=5)
    assert seen.state["db"]["accounts"][7]["balance"] == 2


@pytest.mark.parametrize(("before", "after"), [("DELETE", "WAL"), ("WAL", "DELETE")])
def test_a_switch_of_the_journal_mode_is_no_ground_for_safety(
    before: str, after: str, explore: Run, tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {before}")
        connection.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY)")

    def switch() -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA journal_mode({after})")

    def ask() -> Any:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT 1 FROM accounts").fetchall()
            return connection.execute("PRAGMA journal_mode").fetchone()

    def same() -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA journal_mode = {before}")

    def world() -> fh.World:
        return fh.World(db=fh.Database(f"sqlite:///{path}"))

    report = explore(world(), switch, ask)
    assert not report.exhausted
    assert any("WAL mode" in reason for reason in report.reasons)
    assert explore(world(), same, ask).reasons == ()


def test_two_connections_of_one_call_see_each_other_as_two_clients(run_once: Run) -> None:
    def tool(db: sa.Engine) -> list[Any]:
        query = sa.text("SELECT balance FROM accounts WHERE id = 7")
        with db.connect() as first, db.connect() as second:
            first.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))
            before = second.execute(query).scalar_one()
            second.rollback()
            first.commit()
            return [before, second.execute(query).scalar_one()]

    assert run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool).result == [100, 1]


def begin_immediate(db: sa.Engine) -> None:
    connection = db.raw_connection()
    try:
        connection.driver_connection.isolation_level = None  # type: ignore[union-attr]  # an sqlite3 one
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        (balance,) = cursor.execute("SELECT balance FROM accounts WHERE id = 7").fetchone()
        cursor.execute("UPDATE accounts SET balance = ? WHERE id = 7", (balance + 10,))
        cursor.execute("COMMIT")
    finally:
        connection.close()


def test_a_call_that_finds_the_database_locked_waits_as_it_would(explore: Run) -> None:
    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    report = explore(world, begin_immediate, calls=["begin_immediate"] * 2, strategy="bounded")
    assert report.verified
    assert [o.state["db"]["accounts"][7]["balance"] for o in report.outcomes] == [120]


def read_then_write(db: sa.Engine) -> None:
    connection = db.raw_connection()
    try:
        connection.driver_connection.isolation_level = None  # type: ignore[union-attr]  # an sqlite3 one
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        (balance,) = cursor.execute("SELECT balance FROM accounts WHERE id = 7").fetchone()
        cursor.execute("UPDATE accounts SET balance = ? WHERE id = 7", (balance + 10,))
        cursor.execute("COMMIT")
    finally:
        connection.close()


def test_reading_and_then_writing_in_one_transaction_fails_as_in_sqlite(explore: Run) -> None:
    report = explore(
        fh.World(db=fh.Database("sqlite://", setup=fill)), read_then_write, calls=["read_then_write"] * 2
    )
    errors = {str(r) for o in report.outcomes for r in o.results.values() if "locked" in str(r)}
    assert errors
    assert {o.state["db"]["accounts"][7]["balance"] for o in report.outcomes} == {110, 120}


def test_a_rollback_publishes_nothing(run_once: Run) -> None:
    def tool(db: sa.Engine) -> None:
        with db.connect() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))
            connection.rollback()

    def words(db: sa.Engine) -> None:
        connection = db.raw_connection()
        connection.driver_connection.isolation_level = None  # type: ignore[union-attr]  # an sqlite3 one
        for sql in ("BEGIN", "UPDATE accounts SET balance = 1 WHERE id = 7", "ROLLBACK"):
            connection.cursor().execute(sql)
        connection.close()

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool, words)
    assert "write" not in [kind for kind, _ in seen.accesses]
    assert seen.state["db"]["accounts"][7]["balance"] == 100


def test_what_a_call_leaves_uncommitted_is_gone(run_once: Run) -> None:
    def tool(db: sa.Engine) -> None:
        cursor = db.raw_connection().driver_connection.cursor()  # type: ignore[union-attr]  # an sqlite3 one
        cursor.execute("UPDATE accounts SET balance = 1 WHERE id = 7")
        leaked.append(cursor)

    leaked: list[Any] = []
    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool, again=3)
    assert seen.state["db"]["accounts"][7]["balance"] == 100


@pytest.mark.parametrize("release", [False, True], ids=["commit", "release of a savepoint"])
def test_a_commit_apart_from_its_last_statement_is_a_step_of_its_own(release: bool, explore: Run) -> None:
    def pay(db: sa.Engine, ctx: dict[str, int]) -> None:
        connection = db.raw_connection()
        connection.driver_connection.isolation_level = None  # type: ignore[union-attr]  # an sqlite3 one
        cursor = connection.cursor()
        cursor.execute("SAVEPOINT a" if release else "BEGIN")
        cursor.execute("UPDATE accounts SET balance = 1 WHERE id = 7")
        ctx["paid"] = 1
        cursor.execute("RELEASE a" if release else "COMMIT")
        connection.close()

    def look(db: sa.Engine, ctx: dict[str, int]) -> tuple[int, int]:
        paid = ctx["paid"]
        with db.connect() as connection:
            return paid, connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()

    world = fh.World(db=fh.Database("sqlite://", setup=fill), ctx={"paid": 0})
    report = explore(world, pay, look)
    assert {o.results["look-1"].value for o in report.outcomes} == {(0, 100), (0, 1), (1, 100), (1, 1)}


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
@pytest.mark.parametrize("writes", [1, 2, 3])
def test_a_transaction_and_a_write_of_another_row_come_in_either_order(
    writes: int, end: str, explore: Run
) -> None:
    def many(db: sa.Engine) -> None:
        with db.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN")
            for balance in range(writes):
                connection.exec_driver_sql("UPDATE accounts SET balance = ? WHERE id = 7", (balance,))
            connection.exec_driver_sql(end)

    def one(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.exec_driver_sql("UPDATE accounts SET balance = 0 WHERE id = 8")

    report = explore(fh.World(db=fh.Database("sqlite://", setup=fill)), many, one)
    assert (report.verdict, report.exhausted, report.reasons) == (fh.Verdict.SAFE, True, ())
    assert report.executions == (1 if writes == 1 else 2)  # the lock is held over a gate


def test_a_statement_that_fails_half_way_is_noted_with_what_it_wrote(run_once: Run) -> None:
    def tool(db: sa.Engine) -> None:
        connection = db.raw_connection()
        cursor = connection.cursor()
        with pytest.raises(sqlite3.IntegrityError):
            cursor.executemany("INSERT INTO accounts (id, balance) VALUES (?, ?)", [(9, 1), (7, 1)])
        connection.commit()
        connection.close()

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool)
    assert 9 in seen.state["db"]["accounts"]
    assert ("write", ("accounts", 9)) in seen.accesses


def test_a_script_is_seen(run_once: Run) -> None:
    def tool(db: sa.Engine) -> None:
        connection = db.raw_connection()
        connection.driver_connection.executescript(  # type: ignore[union-attr]  # an sqlite3 one
            "BEGIN; UPDATE accounts SET balance = 1 WHERE id = 7; COMMIT"
        )
        connection.close()

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool)
    assert ("write", ("*", "*")) in seen.accesses
    assert seen.state["db"]["accounts"][7]["balance"] == 1


def test_schema_changes_of_a_tool_are_seen_and_undone(run_once: Run) -> None:
    def tool(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("CREATE TABLE extra (id INTEGER PRIMARY KEY)"))
            connection.execute(sa.text("INSERT INTO extra (id) VALUES (1)"))
            connection.execute(sa.text("ALTER TABLE accounts ADD COLUMN name TEXT"))

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool, again=4)
    assert seen.state["db"]["extra"] == {1: {"id": 1}}
    assert seen.state["db"]["accounts"][7] == {"id": 7, "balance": 100, "name": None}


def test_statements_after_a_schema_change_are_taken_to_touch_anything(run_once: Run) -> None:
    def tool(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(
                sa.text("CREATE TRIGGER g AFTER UPDATE ON accounts BEGIN DELETE FROM notes; END")
            )
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))

    def other(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))

    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    assert run_once(world, tool).accesses[-1] == ("write", ("*", "*"))
    assert run_once(world, other).accesses[-1] == ("write", ("accounts", 7))


def test_the_state_is_keyed_by_table_and_primary_key(run_once: Run) -> None:
    def setup(connection: sa.Connection) -> None:
        for sql in (
            "CREATE TABLE pair (a INTEGER, b TEXT, x, PRIMARY KEY (b, a))",
            "CREATE TABLE named (name TEXT PRIMARY KEY, x) WITHOUT ROWID",
            "CREATE TABLE loose (x)",
            "CREATE TABLE holes (name TEXT PRIMARY KEY, x)",
            "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x)",
            "INSERT INTO pair VALUES (1, 'p', 5)",
            "INSERT INTO named VALUES ('n', 5)",
            "INSERT INTO loose VALUES (3), (2)",
            "INSERT INTO holes VALUES (NULL, 1), (NULL, 2)",
            "INSERT INTO counted (x) VALUES (1)",
            "CREATE INDEX i ON loose (x)",
        ):
            connection.execute(sa.text(sql))

    def tool() -> None:
        """Does nothing."""

    assert run_once(fh.World(db=fh.Database("sqlite://", setup=setup)), tool).state["db"] == {
        "counted": {1: {"id": 1, "x": 1}},
        "holes": {None: {"name": None, "x": 1}, (None, 2): {"name": None, "x": 2}},
        "loose": {1: {"x": 3}, 2: {"x": 2}},
        "named": {"n": {"name": "n", "x": 5}},
        "pair": {("p", 1): {"a": 1, "b": "p", "x": 5}},
    }


def test_counters_of_surrogate_keys_start_again_in_every_run(run_once: Run) -> None:
    def setup(connection: sa.Connection) -> None:
        connection.execute(sa.text("CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x)"))

    def tool(db: sa.Engine) -> Any:
        with db.begin() as connection:
            connection.execute(sa.text("INSERT INTO counted (x) VALUES (1)"))
            return connection.execute(sa.text("SELECT max(id) FROM counted")).scalar_one()

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=setup)), tool, again=4)
    assert (seen.result, seen.state["db"]) == (1, {"counted": {1: {"id": 1, "x": 1}}})


def test_text_that_is_not_utf8_is_part_of_the_state(run_once: Run) -> None:
    def setup(connection: sa.Connection) -> None:
        connection.execute(sa.text("CREATE TABLE t (x TEXT)"))
        connection.execute(sa.text("INSERT INTO t VALUES (CAST(x'ff' AS TEXT))"))

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=setup)), lambda: None)
    assert seen.state["db"] == {"t": {1: {"x": "\\xff"}}}


def test_settings_a_call_makes_on_its_connection_do_not_reach_the_next_run(run_once: Run) -> None:
    def tool(db: sa.Engine) -> Any:
        connection = db.raw_connection()
        driver: Any = connection.driver_connection
        found = driver.row_factory
        driver.row_factory = sqlite3.Row
        connection.close()
        return found

    assert run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool, again=3).result is None


def test_connections_that_tools_forget_are_not_kept(run_once: Run, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    database = fh.Database(f"sqlite:///{path}", setup=fill)

    def tool() -> None:
        own = sqlite3.connect(path)
        own.execute("SELECT 1")
        own.close()
        seen.kept = len(database._store.connections)

    seen = types.SimpleNamespace(kept=99)
    run_once(fh.World(db=database), tool, again=20)
    assert seen.kept <= 1


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (lambda c, p: c.execute(f"ATTACH '{p}' AS other"), "attached"),
        (lambda c, _path: c.blobopen("accounts", "balance", 7).close(), "blobopen"),
    ],
    ids=["attach", "blobopen"],
)
def test_what_leaves_the_database_or_its_statements_is_reported(
    what: Any, expected: str, run_once: Run, tmp_path: Path
) -> None:
    def tool(db: sa.Engine) -> None:
        connection = db.raw_connection()
        try:
            what(connection.driver_connection, tmp_path / "other.db")
        except sqlite3.OperationalError:
            pass  # an integer cannot be opened as a blob
        finally:
            connection.close()

    seen = run_once(fh.World(db=fh.Database("sqlite://", setup=fill)), tool)
    assert any(expected in what for what in seen.escapes)


def test_a_connection_that_was_open_before_is_reported(run_once: Run, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    with engine.begin() as connection:
        fill(connection)
    world = fh.World(db=fh.Database(engine))
    assert run_once(world, credit_core).escapes == ()
    early = sqlite3.connect(tmp_path / "shop.db")
    assert any("was open before" in what for what in run_once(world, credit_core).escapes)
    early.close()
    engine.dispose()


def test_an_impatient_connection_fails_at_once(explore: Run, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    def write() -> str:
        own = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            own.execute("BEGIN IMMEDIATE")
            own.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 7")
            own.execute("COMMIT")
        except sqlite3.OperationalError as error:
            return str(error)
        finally:
            own.close()
        return "done"

    report = explore(fh.World(db=fh.Database(f"sqlite:///{path}", setup=fill)), write, calls=["write"] * 2)
    assert "database is locked" in {r.value for o in report.outcomes for r in o.results.values()}


def test_perturbing_a_row_changes_what_may_change() -> None:
    database = fh.Database("sqlite://", setup=fill)
    world = fh.World(db=database)
    batch = fh.Batch((fh.Call("tool", {}),))
    with Stage(batch, fh.Toolbox({"tool": lambda: None}), world, fh.Settings()) as stage:
        stage.run((0,), in_order((0,)))
        assert world.perturb("db", ("accounts", 7))
        assert not world.perturb("db", ("accounts", 99))
        row = world.capture()["db"]["accounts"][7]
    assert row["id"] == 7
    assert row["balance"] != 100


@pytest.fixture
def opened() -> Iterator[fh.World]:
    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    with Stage(fh.Batch((fh.Call("tool", {}),)), fh.Toolbox({"tool": lambda: None}), world, fh.Settings()):
        yield world


def test_a_world_that_is_open_refuses_to_be_opened_again_and_stays_open(
    opened: fh.World, explore: Run
) -> None:
    with pytest.raises(fh.WorldError, match=r"being explored already.*Expected one.*Make a World"):
        explore(opened, lambda: None)
    assert opened.reset()


def test_a_setup_that_fails_is_told_with_what_it_was_and_leaves_nothing(tmp_path: Path, explore: Run) -> None:
    def setup(connection: sa.Connection) -> None:
        connection.execute(sa.text("CREATE TABLE"))

    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    pool, connect = engine.pool, sqlite3.connect
    with pytest.raises(
        fh.WorldError, match=r"setup of the database 'db' failed with OperationalError.*Expected"
    ):
        explore(fh.World(db=fh.Database(engine, setup=setup)), lambda: None)
    assert (engine.pool, sqlite3.connect) == (pool, connect)
    engine.dispose()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "'nonsense', which SQLAlchemy refuses.*Expected a URL such as"),
        ("sqlite+pysqlcipher://", "refuses|no other driver"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_in_words(url: str, message: str) -> None:
    with pytest.raises(fh.WorldError, match=message):
        fh.Database(url)


def test_closing_twice_is_closing_once() -> None:
    database = fh.Database("sqlite://", setup=fill)
    world = fh.World(db=database)
    with Stage(fh.Batch((fh.Call("tool", {}),)), fh.Toolbox({"tool": lambda: None}), world, fh.Settings()):
        pass
    database.close()
    world.close()
    assert database.roots == ()
