"""SQLite in earnest: several connections, both journals, locks that are waited for and locks that are not.

Each test states the set of endings and the number of classes; a search that is not exhausted says why.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import fuzzharness as fh

Tool = Callable[..., Any]
JOURNALS = ("delete", "wal")
on_both = pytest.mark.parametrize("journal", JOURNALS)

Shop = Callable[..., Path]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A database file in the journal mode asked for: two accounts of 0, two doctors on call, no booking."""

    def make(journal: str = "delete", name: str = "shop.db") -> Path:
        path = tmp_path / name
        with closing(sqlite3.connect(path, isolation_level=None)) as made:
            made.execute(f"PRAGMA journal_mode={journal}")
            made.executescript("""
                CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
                INSERT INTO accounts VALUES (7, 0), (8, 0);
                CREATE TABLE doctors (id INTEGER PRIMARY KEY, on_call INTEGER NOT NULL);
                INSERT INTO doctors VALUES (1, 1), (2, 1);
                CREATE TABLE bookings (who TEXT PRIMARY KEY, room INTEGER NOT NULL);
            """)
        return path

    return make


@contextmanager
def connected(path: Path, **options: Any) -> Iterator[sqlite3.Connection]:
    """A connection of a tool's own that begins transactions only when told to."""
    with closing(sqlite3.connect(path, isolation_level=None, **options)) as connection:
        yield connection


def explored(*tools: Tool, world: fh.World, strategy: str = "auto", **settings: Any) -> fh.Report:
    names = [f"t{n}" for n, _ in enumerate(tools)]
    batch = fh.Batch(tuple(fh.Call(name) for name in names))
    toolbox = fh.Toolbox(dict(zip(names, tools, strict=True)))
    settings = {"call_timeout": 5, "max_executions": 20_000, **settings}
    return fh.explore(batch, toolbox, world, fh.Settings(strategy=strategy, **settings))


def on(*paths: Path) -> fh.World:
    return fh.World(**{path.stem: fh.Database(f"sqlite:///{path}") for path in paths})


def endings(report: fh.Report, account: int = 7, db: str = "shop") -> set[Any]:
    """What is left of an account, and what the calls came to, in any ending."""
    return {
        (o.state[db]["accounts"][account]["balance"], *(str(r) for r in o.results.values()))
        for o in report.outcomes
    }


def balance(connection: sqlite3.Connection, account: int = 7) -> int:
    return int(connection.execute("SELECT balance FROM accounts WHERE id = ?", (account,)).fetchone()[0])


def put(connection: sqlite3.Connection, value: int, account: int = 7) -> None:
    connection.execute("UPDATE accounts SET balance = ? WHERE id = ?", (value, account))


def anomalies(report: fh.Report) -> set[str]:
    """What is wrong in endings that no order of the calls has."""
    return {finding.anomaly for finding in report.findings if finding.mode is fh.Mode.SHARED_STATE}


def adding_at_once(path: Path) -> Tool:
    """The same in one statement."""

    def add() -> None:
        with connected(path) as own:
            own.execute("UPDATE accounts SET balance = balance + 1 WHERE id = 7")

    return add


def adding(path: Path, begin: str = "", amount: int = 1, **options: Any) -> Tool:
    """Read, add, write: in a transaction that ``begin`` opens, or in none."""

    def add() -> None:
        with connected(path, **options) as own:
            if begin:
                own.execute(begin)
            put(own, balance(own) + amount)
            if begin:
                own.execute("COMMIT")

    return add


DONE = "returned None"
LOCKED = "raised OperationalError: database is locked"
ONE_REFUSED = {(2, DONE, DONE), (1, DONE, LOCKED), (1, LOCKED, DONE)}


# ---- one row ------------------------------------------------------------------------------------------


@on_both
@pytest.mark.parametrize(("calls", "classes"), [(2, 4), (3, 36)])
def test_a_read_and_then_a_write_lose_updates(journal: str, calls: int, classes: int, shop: Shop) -> None:
    path = shop(journal)
    report = explored(*[adding(path)] * calls, world=on(path))
    assert (report.executions, report.blocked, report.exhausted) == (classes, 0, True)
    assert endings(report) == {(left, *[DONE] * calls) for left in range(1, calls + 1)}
    assert anomalies(report) == {"lost-update"}


@on_both
@pytest.mark.parametrize(("calls", "classes"), [(2, 2), (3, 6)])
@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_who_finds_the_database_locked_waits(
    journal: str, begin: str, calls: int, classes: int, shop: Shop
) -> None:
    path = shop(journal)
    report = explored(*[adding(path, begin)] * calls, world=on(path))
    assert (report.executions, report.exhausted, report.verdict) == (classes, True, fh.Verdict.SAFE)
    assert endings(report) == {(calls, *[DONE] * calls)}


@on_both
def test_every_interleaving_of_exclusive_transactions_is_safe(journal: str, shop: Shop) -> None:
    path = shop(journal)
    report = explored(*[adding(path, "BEGIN EXCLUSIVE")] * 2, world=on(path), strategy="bounded")
    assert (report.exhausted, report.verdict) == (True, fh.Verdict.SAFE)
    assert endings(report) == {(2, DONE, DONE)}


@on_both
@pytest.mark.parametrize(("calls", "classes"), [(2, 2), (3, 6)])
def test_one_statement_that_reads_and_writes_is_safe(
    journal: str, calls: int, classes: int, shop: Shop
) -> None:
    path = shop(journal)
    report = explored(*[adding_at_once(path)] * calls, world=on(path))
    assert (report.executions, report.exhausted, report.verdict) == (classes, True, fh.Verdict.SAFE)
    assert endings(report) == {(calls, *[DONE] * calls)}


@pytest.mark.parametrize(("journal", "runs"), [("delete", 6), ("wal", 4)])
def test_of_two_readers_that_would_write_one_is_refused(journal: str, runs: int, shop: Shop) -> None:
    """Rollback journal: each has a shared lock, and neither waits for the other. WAL: a snapshot is old."""
    path = shop(journal)
    report = explored(*[adding(path, "BEGIN")] * 2, world=on(path))
    assert (report.executions, report.exhausted) == (runs, True)
    assert endings(report) == ONE_REFUSED
    assert anomalies(report) == {"serialization-failure"}


@pytest.mark.parametrize(
    ("journal", "code"), [("delete", sqlite3.SQLITE_BUSY), ("wal", sqlite3.SQLITE_BUSY_SNAPSHOT)]
)
def test_a_snapshot_that_is_old_has_a_code_of_its_own(journal: str, code: int, shop: Shop) -> None:
    path = shop(journal)

    def add() -> int:
        try:
            adding(path, "BEGIN")()
        except sqlite3.OperationalError as error:
            return error.sqlite_errorcode
        return sqlite3.SQLITE_OK

    report = explored(add, add, world=on(path), strategy="bounded")
    found = {text for _, *texts in endings(report) for text in texts}
    assert (report.exhausted, found) == (True, {f"returned {sqlite3.SQLITE_OK}", f"returned {code}"})


@pytest.mark.parametrize(("journal", "runs"), [("delete", 10), ("wal", 4)])
def test_who_is_refused_and_tries_again_is_safe(journal: str, runs: int, shop: Shop) -> None:
    path = shop(journal)

    def add() -> None:
        for _ in range(5):
            try:
                return adding(path, "BEGIN")()
            except sqlite3.OperationalError:
                """Another came first."""
        raise RuntimeError("refused five times")

    report = explored(add, add, world=on(path))
    assert (report.executions, report.exhausted, report.verdict) == (runs, True, fh.Verdict.SAFE)
    assert endings(report) == {(2, DONE, DONE)}


@on_both
@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_who_does_not_wait_is_refused(journal: str, begin: str, shop: Shop) -> None:
    """Not exhausted: such a connection could also give up in the midst of a sibling's statement."""
    path = shop(journal)
    report = explored(*[adding(path, begin, timeout=0)] * 2, world=on(path), strategy="bounded")
    assert not report.exhausted
    assert all("where it would give up is not explored" in reason for reason in report.reasons)
    assert endings(report) == ONE_REFUSED


# ---- several rows -------------------------------------------------------------------------------------


def leaving(path: Path, doctor: int, begin: str) -> Tool:
    """Go off call if another doctor stays."""

    def leave() -> str:
        with connected(path) as own:
            if begin:
                own.execute(begin)
            (there,) = own.execute("SELECT count(*) FROM doctors WHERE on_call = 1").fetchone()
            if there > 1:
                own.execute("UPDATE doctors SET on_call = 0 WHERE id = ?", (doctor,))
            if begin:
                own.execute("COMMIT")
            return "leaves" if there > 1 else "stays"

    return leave


def booking(path: Path, who: str, begin: str) -> Tool:
    """Book the room if nobody has it."""

    def book() -> str:
        with connected(path) as own:
            if begin:
                own.execute(begin)
            (taken,) = own.execute("SELECT count(*) FROM bookings WHERE room = 1").fetchone()
            if not taken:
                own.execute("INSERT INTO bookings VALUES (?, 1)", (who,))
            if begin:
                own.execute("COMMIT")
            return "stays" if taken else "leaves"

    return book


LEAVES, STAYS = "returned 'leaves'", "returned 'stays'"
IN_ORDER = {(LEAVES, STAYS), (STAYS, LEAVES)}
REFUSED = {(LEAVES, LOCKED), (LOCKED, LEAVES)}


@on_both
@pytest.mark.parametrize(
    ("make", "left", "anomaly", "classes"),
    [(leaving, (1, 2), "write-skew", 3), (booking, ("Ann", "Bob"), "lost-update", 4)],
    ids=["write skew", "phantom"],
)
def test_a_condition_on_several_rows_holds_only_in_a_transaction(
    make: Any, left: tuple[Any, Any], anomaly: str, classes: int, journal: str, shop: Shop
) -> None:
    path = shop(journal)
    reports = {
        begin: explored(*[make(path, who, begin) for who in left], world=on(path))
        for begin in ("", "BEGIN", "BEGIN IMMEDIATE")
    }
    found = {begin: {ending[1:] for ending in endings(report)} for begin, report in reports.items()}
    assert all(report.exhausted for report in reports.values())
    assert found == {
        "": {*IN_ORDER, (LEAVES, LEAVES)},
        "BEGIN": {*IN_ORDER, *REFUSED},
        "BEGIN IMMEDIATE": IN_ORDER,
    }
    assert [report.executions for report in reports.values()] == [classes, 6 if journal == "delete" else 4, 2]
    assert [anomalies(report) for report in reports.values()] == [{anomaly}, {"serialization-failure"}, set()]


@pytest.mark.parametrize(("journal", "runs"), [("delete", 3), ("wal", 3)])
def test_who_reads_twice_in_a_transaction_sees_one_state(journal: str, runs: int, shop: Shop) -> None:
    """Rollback journal: the commit waits for the reader. WAL: the reader keeps its snapshot."""
    path = shop(journal)

    def look() -> tuple[int, int]:
        with connected(path) as own:
            own.execute("BEGIN")
            seen = balance(own), balance(own)
            own.execute("COMMIT")
            return seen

    report = explored(look, adding_at_once(path), world=on(path))
    assert (report.executions, report.exhausted) == (runs, True)
    assert endings(report) == {(1, f"returned ({seen}, {seen})", DONE) for seen in (0, 1)}


@on_both
def test_who_reads_twice_in_none_sees_two(journal: str, shop: Shop) -> None:
    path = shop(journal)

    def look() -> tuple[int, int]:
        with connected(path) as own:
            return balance(own), balance(own)

    report = explored(look, adding_at_once(path), world=on(path))
    assert (report.executions, report.exhausted) == (3, True)
    assert endings(report) == {(1, f"returned {seen}", DONE) for seen in ((0, 0), (0, 1), (1, 1))}


@on_both
def test_what_a_savepoint_takes_back_nobody_sees(journal: str, shop: Shop) -> None:
    path = shop(journal)

    def change_mind() -> None:
        with connected(path) as own:
            own.execute("BEGIN")
            put(own, 1)
            own.execute("SAVEPOINT here")
            put(own, 99)
            own.execute("ROLLBACK TO here")
            own.execute("RELEASE here")
            own.execute("COMMIT")

    def look() -> int:
        with connected(path) as own:
            return balance(own)

    report = explored(change_mind, look, world=on(path))
    assert (report.executions, report.exhausted) == (2, True)
    assert endings(report) == {(1, DONE, "returned 0"), (1, DONE, "returned 1")}


@on_both
def test_several_connections_of_one_call_are_several_clients(journal: str, shop: Shop) -> None:
    path = shop(journal)

    def add() -> None:
        with connected(path) as one, connected(path) as other:
            put(other, balance(one) + 1)

    report = explored(add, add, world=on(path))
    assert (report.executions, report.exhausted) == (4, True)
    assert endings(report) == {(1, DONE, DONE), (2, DONE, DONE)}


# ---- two databases ------------------------------------------------------------------------------------


def moving(source: Path, target: Path) -> Tool:
    """Lock one database, then the other, and change both."""

    def move() -> None:
        with connected(source) as one, connected(target) as other:
            one.execute("BEGIN IMMEDIATE")
            other.execute("BEGIN IMMEDIATE")
            for own in (one, other):
                put(own, balance(own) + 1)
                own.execute("COMMIT")

    return move


def test_two_databases_locked_in_one_order_are_safe(shop: Shop) -> None:
    paths = shop(), shop(name="other.db")
    report = explored(moving(*paths), moving(*paths), world=on(*paths))
    assert (report.executions, report.exhausted, report.verdict) == (2, True, fh.Verdict.SAFE)
    assert endings(report) == {(2, DONE, DONE)}


def test_of_two_databases_locked_in_opposite_order_either_is_given_up(shop: Shop) -> None:
    """SQLite knows of no other database's locks: both calls wait, and whose patience ends is refused."""
    one, other = shop(), shop(name="other.db")
    report = explored(moving(one, other), moving(other, one), world=on(one, other))
    assert report.exhausted
    assert endings(report) == ONE_REFUSED
    assert endings(report, db="other") == ONE_REFUSED
    assert {f.mode for f in report.findings} == {fh.Mode.DEADLOCK}


def test_a_database_that_is_attached_is_outside(shop: Shop, tmp_path: Path) -> None:
    path = shop()

    def attach() -> None:
        with connected(path) as own:
            own.execute("ATTACH ? AS other", (str(tmp_path / "elsewhere.db"),))

    report = explored(attach, world=on(path))
    assert not report.exhausted
    assert [escape.what for escape in report.escapes] == ["shop: another database was attached"]


# ---- through SQLAlchemy -------------------------------------------------------------------------------


class Base(DeclarativeBase):
    """The tables of the shop, as an application maps them."""


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


def add_core(shop: sa.Engine) -> None:
    with shop.begin() as connection:
        found = connection.execute(sa.select(Account.balance).where(Account.id == 7)).scalar_one()
        connection.execute(sa.update(Account).where(Account.id == 7).values(balance=found + 1))


def add_orm(shop: sa.Engine) -> None:
    with Session(shop) as session:
        account = session.get_one(Account, 7)
        account.balance += 1
        session.commit()


def add_text(shop: sa.Engine) -> None:
    with shop.begin() as connection:
        found = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": found + 1})


@on_both
@pytest.mark.parametrize("tool", [add_core, add_orm, add_text])
def test_the_lost_update_through_sqlalchemy_has_the_same_classes(
    tool: Tool, journal: str, shop: Shop
) -> None:
    path = shop(journal)
    report = explored(tool, tool, world=on(path))
    assert (report.executions, report.blocked, report.exhausted) == (4, 0, True)
    assert endings(report) == {(1, DONE, DONE), (2, DONE, DONE)}
    assert anomalies(report) == {"lost-update"}


@on_both
@pytest.mark.parametrize("tool", [add_core, add_orm, add_text])
def test_an_engine_that_begins_immediately_is_safe(tool: Tool, journal: str, shop: Shop) -> None:
    engine = sa.create_engine(f"sqlite:///{shop(journal)}")

    @sa.event.listens_for(engine, "connect")
    def leave_it(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    report = explored(tool, tool, world=fh.World(shop=fh.Database(engine)))
    assert (report.executions, report.exhausted, report.verdict) == (2, True, fh.Verdict.SAFE)
    assert endings(report) == {(2, DONE, DONE)}


# ---- rows are as values -------------------------------------------------------------------------------

PATTERNS: dict[str, list[list[tuple[str, int]]]] = {
    "read-write": [[("r", 7), ("w", 7)]] * 2,
    "three of them": [[("r", 7), ("w", 7)]] * 3,
    "four of them": [[("r", 7), ("w", 7)]] * 4,
    "write-write": [[("w", 7), ("w", 8)]] * 2,
    "in opposite order": [[("w", 7), ("w", 8)], [("w", 8), ("w", 7)]],
    "read-read-write": [[("r", 7), ("r", 8), ("w", 7)]] * 2,
    "write skew": [[("r", 7), ("r", 8), ("w", 7)], [("r", 7), ("r", 8), ("w", 8)]],
    "apart": [[("r", 7), ("w", 7)], [("r", 8), ("w", 8)]],
}
CLASSES = {"read-write": 4, "three of them": 36, "four of them": 576, "apart": 1}


def on_values(accesses: list[tuple[str, int]]) -> Tool:
    def touch(shop: Any) -> None:
        for kind, account in accesses:
            if kind == "r":
                shop[account]
            else:
                shop[account] = 1

    return touch


def on_rows(accesses: list[tuple[str, int]]) -> Tool:
    def touch(shop: sa.Engine) -> None:
        with shop.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for kind, account in accesses:
                if kind == "r":
                    connection.execute(
                        sa.text("SELECT balance FROM accounts WHERE id = :id"), {"id": account}
                    ).scalar_one()
                else:
                    connection.execute(
                        sa.text("UPDATE accounts SET balance = 1 WHERE id = :id"), {"id": account}
                    )

    return touch


def fill(connection: sa.Connection) -> None:
    Base.metadata.create_all(connection)
    connection.execute(sa.insert(Account), [{"id": 7, "balance": 0}, {"id": 8, "balance": 0}])


def hold_against_values(name: str, url: str) -> None:
    accesses = PATTERNS[name]
    values = explored(*map(on_values, accesses), world=fh.World(shop={7: 0, 8: 0}))
    rows = explored(*map(on_rows, accesses), world=fh.World(shop=fh.Database(url, setup=fill)))
    assert (rows.executions, rows.blocked, rows.exhausted) == (values.executions, 0, True)
    assert values.executions == CLASSES.get(name, values.executions)


@pytest.mark.parametrize("name", PATTERNS)
def test_rows_have_the_classes_of_values(name: str) -> None:
    hold_against_values(name, "sqlite://")


@pytest.mark.long
@pytest.mark.parametrize("name", PATTERNS)
def test_rows_have_the_classes_of_values_on_postgresql_too(name: str, postgres: Callable[[], str]) -> None:
    hold_against_values(name, postgres())


def line_tool(order: int, line: int, amount: int) -> Tool:
    """Read a row that two columns name, and write it back."""
    key = {"order": order, "line": line}

    def tool(shop: sa.Engine) -> None:
        with shop.connect() as connection:
            found = sa.text("SELECT count FROM lines WHERE shipment = :order AND line = :line")
            count = connection.execute(found, key).scalar_one()
        with shop.begin() as connection:
            put = sa.text("UPDATE lines SET count = :count WHERE line = :line AND shipment = :order")
            connection.execute(put, {**key, "count": count + amount})

    return tool


def fill_lines(connection: sa.Connection) -> None:
    connection.execute(
        sa.text("CREATE TABLE lines (shipment INT, line INT, count INT, PRIMARY KEY (shipment, line))")
    )
    connection.execute(sa.text("INSERT INTO lines VALUES (1, 1, 0), (1, 2, 0)"))


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_rows_that_two_columns_name_are_as_apart_as_values(
    server: str, request: pytest.FixtureRequest
) -> None:
    url = "sqlite://" if server == "sqlite" else request.getfixturevalue("postgres")()
    world = fh.World(shop=fh.Database(url, setup=fill_lines))

    apart = explored(line_tool(1, 1, 10), line_tool(1, 2, 20), world=world)
    assert (apart.verdict, apart.executions, apart.exhausted) == (fh.Verdict.SAFE, 1, True)

    same = explored(line_tool(1, 2, 10), line_tool(1, 2, 20), world=world)
    assert (same.executions, same.exhausted) == (4, True)
    assert {o.state["shop"]["lines"][1, 2]["count"] for o in same.outcomes} == {10, 20, 30}
    assert same.findings[0].anomaly == "lost-update"
