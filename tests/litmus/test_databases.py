"""What a database does to two calls at once: the table of the README, one row for each situation.

``pytest -s tests/litmus/test_databases.py -k table`` prints it, from explorations made there and then on a
PostgreSQL server and on SQLite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import text

import fuzzharness as fh

README = Path(__file__).parents[2] / "README.md"


def fill(connection: sa.Connection) -> None:
    """Two accounts of 100, two doctors on call, no booking."""
    connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)"))
    connection.execute(text("INSERT INTO accounts VALUES (7, 100), (8, 100)"))
    connection.execute(text("CREATE TABLE doctors (id INTEGER PRIMARY KEY, on_call INTEGER NOT NULL)"))
    connection.execute(text("INSERT INTO doctors VALUES (1, 1), (2, 1)"))
    connection.execute(text("CREATE TABLE bookings (who TEXT PRIMARY KEY, room INTEGER NOT NULL)"))


@contextmanager
def transaction(db: sa.Engine, begin: str) -> Iterator[sa.Connection]:
    """A transaction that begins as ``begin`` says: an isolation level, or a statement of SQLite."""
    if db.dialect.name == "postgresql":
        with db.connect().execution_options(isolation_level=begin) as connection, connection.begin():
            yield connection
        return
    with db.begin() as connection:
        if begin:
            connection.exec_driver_sql(begin)
        yield connection


def balance(connection: sa.Connection, account: int, lock: str = "") -> int:
    found = connection.execute(text(f"SELECT balance FROM accounts WHERE id = :id {lock}"), {"id": account})
    return int(found.scalar_one())


def put(connection: sa.Connection, account: int, amount: int) -> None:
    connection.execute(text("UPDATE accounts SET balance = :b WHERE id = :id"), {"b": amount, "id": account})


def add_credit(account: int, amount: int, begin: str, db: sa.Engine) -> None:
    """Read, add, write."""
    with transaction(db, begin) as connection:
        put(connection, account, balance(connection, account) + amount)


def add_credit_locked(account: int, amount: int, begin: str, db: sa.Engine) -> None:
    """The same with the row locked while it is read."""
    with transaction(db, begin) as connection:
        put(connection, account, balance(connection, account, "FOR UPDATE") + amount)


def add_credit_at_once(account: int, amount: int, begin: str, db: sa.Engine) -> None:
    """The same in one statement."""
    with transaction(db, begin) as connection:
        connection.execute(
            text("UPDATE accounts SET balance = balance + :n WHERE id = :id"), {"n": amount, "id": account}
        )


def add_credit_patiently(account: int, amount: int, begin: str, db: sa.Engine) -> None:
    """Read, add, write, again as long as the database refuses."""
    for _ in range(10):
        try:
            return add_credit(account, amount, begin, db)
        except sa.exc.OperationalError:
            """Another came first."""
    raise RuntimeError("refused ten times")


def go_off_call(doctor: int, begin: str, db: sa.Engine) -> str:
    """Leave if another doctor stays."""
    with transaction(db, begin) as connection:
        on_call = connection.execute(text("SELECT count(*) FROM doctors WHERE on_call = 1")).scalar_one()
        if on_call < 2:
            return "stays"
        connection.execute(text("UPDATE doctors SET on_call = 0 WHERE id = :id"), {"id": doctor})
        return "leaves"


def book(room: int, who: str, begin: str, db: sa.Engine) -> str:
    """Book the room if nobody has it."""
    with transaction(db, begin) as connection:
        taken = connection.execute(text("SELECT count(*) FROM bookings WHERE room = :r"), {"r": room})
        if taken.scalar_one():
            return "taken"
        connection.execute(text("INSERT INTO bookings VALUES (:w, :r)"), {"w": who, "r": room})
        return "booked"


def transfer(source: int, target: int, begin: str, db: sa.Engine) -> None:
    """Take 10 from one account, then give it to the other."""
    with transaction(db, begin) as connection:
        for account, amount in ((source, -10), (target, 10)):
            connection.execute(
                text("UPDATE accounts SET balance = balance + :n WHERE id = :id"),
                {"n": amount, "id": account},
            )


TOOLS = fh.Toolbox(
    {
        function.__name__: function
        for function in (
            add_credit, add_credit_locked, add_credit_at_once, add_credit_patiently, go_off_call, book,
            transfer,
        )
    }
)  # fmt: skip

CREDITS = ({"account": 7, "amount": 10}, {"account": 7, "amount": 20})
DOCTORS = ({"doctor": 1}, {"doctor": 2})
ROOMS = ({"room": 1, "who": "Ann"}, {"room": 1, "who": "Bob"})
TRANSFERS = ({"source": 7, "target": 8}, {"source": 8, "target": 7})
COMMITTED, REPEATABLE, SERIALIZABLE = "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"
DEFERRED, IMMEDIATE = "BEGIN", "BEGIN IMMEDIATE"


@dataclass(frozen=True)
class Situation:
    """Two calls of ``tool``, and how transactions begin on each database; None: it has no such thing."""

    name: str
    tool: str
    args: tuple[Mapping[str, Any], ...]
    postgresql: str | None
    sqlite: str | None


SITUATIONS = (
    Situation("lost update: read, then write", "add_credit", CREDITS, COMMITTED, ""),
    Situation("the row locked: `FOR UPDATE`", "add_credit_locked", CREDITS, COMMITTED, None),
    Situation("the database locked: `BEGIN IMMEDIATE`", "add_credit", CREDITS, None, IMMEDIATE),
    Situation("one `UPDATE` that reads and writes", "add_credit_at_once", CREDITS, COMMITTED, ""),
    Situation("write skew, read committed", "go_off_call", DOCTORS, COMMITTED, ""),
    Situation("write skew, repeatable read", "go_off_call", DOCTORS, REPEATABLE, None),
    Situation("write skew, serializable", "go_off_call", DOCTORS, SERIALIZABLE, DEFERRED),
    Situation("phantom, read committed", "book", ROOMS, COMMITTED, ""),
    Situation("phantom, repeatable read", "book", ROOMS, REPEATABLE, None),
    Situation("phantom, serializable", "book", ROOMS, SERIALIZABLE, DEFERRED),
    Situation("locks in opposite order", "transfer", TRANSFERS, COMMITTED, ""),
    Situation("serialization failure", "add_credit", CREDITS, REPEATABLE, DEFERRED),
    Situation("serialization failure, tried again", "add_credit_patiently", CREDITS, REPEATABLE, DEFERRED),
)


def explored(situation: Situation, url: str, begin: str) -> fh.Report:
    """What comes of the two calls on the database at ``url``."""
    calls = tuple(fh.Call(situation.tool, {**args, "begin": begin}) for args in situation.args)
    return fh.explore(fh.Batch(calls), TOOLS, fh.World(db=fh.Database(url, setup=fill)))


def cell(report: fh.Report | None) -> str:
    """A report in the table: what was found, and of how many classes."""
    if report is None:
        return ""
    found = ", ".join(dict.fromkeys(finding.anomaly for finding in report.findings if not finding.benign))
    covered = f"all {report.executions}" if report.exhausted else f"{report.executions}, not all"
    return f"{found or report.verdict.name.lower()} ({covered})"


def table(postgresql: str) -> str:
    """The table as Markdown; ``postgresql`` is the URL of a database on a server."""
    lines = ["| two calls | PostgreSQL 18 | SQLite |", "|---|---|---|"]
    for situation in SITUATIONS:
        reports = [
            None if begin is None else explored(situation, url, begin)
            for url, begin in ((postgresql, situation.postgresql), ("sqlite://", situation.sqlite))
        ]
        lines.append(f"| {situation.name} | {cell(reports[0])} | {cell(reports[1])} |")
    return "\n".join(lines)


def test_the_table_of_the_readme_is_what_databases_do(postgres: Callable[[], str]) -> None:
    made = table(postgres())
    print(f"\n{made}")
    assert made in README.read_text()
