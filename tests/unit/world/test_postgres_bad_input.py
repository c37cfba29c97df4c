"""PostgreSQL where something is wrong: it is said, nothing hangs, the database of the URL stays as it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

import fuzzharness as fh

pytestmark = pytest.mark.long

Run = Callable[..., Any]
Server = Any  # of tests/conftest.py, which no test can import


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)"))
    connection.execute(sa.text("INSERT INTO accounts VALUES (7, 100)"))


@pytest.fixture
def url(postgres: Server) -> str:
    """A database with one account of 100."""
    return filled(postgres)


def filled(server: Server) -> str:
    made: str = server()
    engine = sa.create_engine(made)
    with engine.begin() as connection:
        fill(connection)
    engine.dispose()
    return made


def world(url: str) -> fh.World:
    return fh.World(db=fh.Database(url))


def plain(url: str) -> str:
    """The URL as psycopg itself takes it."""
    return url.replace("+psycopg", "")


def add(db: sa.Engine) -> None:
    with db.begin() as connection:
        balance = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": balance + 1})


async def add_async(db: AsyncEngine) -> None:
    async with db.begin() as connection:
        found = await connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7"))
        new = {"b": found.scalar_one() + 1}
        await connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), new)


def balances(report: fh.Report) -> set[int]:
    return {outcome.state["db"]["accounts"][7]["balance"] for outcome in report.outcomes}


def databases(url: str) -> set[str]:
    with psycopg.connect(plain(url)) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


def assert_untouched(url: str) -> None:
    """The database is as it was, and nothing is left beside it."""
    assert not [name for name in databases(url) if name.startswith("fuzzharness")]
    with psycopg.connect(plain(url)) as connection:
        assert connection.execute("SELECT * FROM accounts").fetchall() == [(7, 100)]


# ---- a server that dies -------------------------------------------------------------------------------


def kill(server: Server) -> None:
    """All of its processes at once, as when the machine loses power."""
    first = psutil.Process(server.pid)
    for process in [first, *first.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGKILL)
    first.wait()


def open_sockets() -> int:
    return sum(
        os.readlink(link).startswith("socket:") for link in Path("/proc/self/fd").iterdir() if link.exists()
    )


def assert_named_and_left(
    world_: fh.World, pair: tuple[Callable[..., Any], ...], unharmed: str, explore: Run, **settings: Any
) -> None:
    """It is said that the server failed; no thread, socket or stand-in is left, and others go on."""
    threads, sockets, connect = threading.active_count(), open_sockets(), psycopg.connect
    with pytest.raises(fh.WorldError, match=r"server of the database 'db' failed.*Expected.*stays up"):
        explore(world_, *pair, **settings)
    assert (threading.active_count(), open_sockets(), psycopg.connect) == (threads, sockets, connect)
    assert balances(explore(world(unharmed), add, calls=["add"] * 2)) == {101, 102}


@pytest.mark.parametrize("times", [1, 5])
def test_a_server_that_is_killed_in_mid_run_is_named(
    times: int, own_postgres: Server, url: str, explore: Run
) -> None:
    mortal, calls = world(filled(own_postgres)), count(1)

    def deadly(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))
            if next(calls) == times:
                kill(own_postgres)
            connection.execute(sa.text("UPDATE accounts SET balance = 2 WHERE id = 7"))

    assert_named_and_left(mortal, (deadly, add), url, explore)


@pytest.mark.parametrize("times", [1, 5])
def test_it_is_under_tasks_too(times: int, own_postgres: Server, url: str, explore: Run) -> None:
    mortal, calls = world(filled(own_postgres).replace("+psycopg", "+psycopg_async")), count(1)

    async def deadly(db: AsyncEngine) -> None:
        async with db.begin() as connection:
            if next(calls) == times:
                kill(own_postgres)
            await connection.execute(sa.text("UPDATE accounts SET balance = 2 WHERE id = 7"))

    assert_named_and_left(mortal, (deadly, add_async), url, explore)


def test_it_is_while_a_sibling_waits_for_a_lock(own_postgres: Server, url: str, explore: Run) -> None:
    mortal = world(filled(own_postgres))

    def hold(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))
            waiting = connection.execute(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            if waiting.scalar_one():
                kill(own_postgres)

    def wait(db: sa.Engine) -> None:
        with db.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))

    assert_named_and_left(mortal, (hold, wait), url, explore, strategy="bounded")


def test_a_server_that_is_stopped_at_once_is_named(own_postgres: Server, url: str, explore: Run) -> None:
    mortal = world(filled(own_postgres))

    def stop(db: sa.Engine) -> None:
        with db.connect() as connection:
            connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7"))
            os.kill(own_postgres.pid, signal.SIGQUIT)  # what pg_ctl stop -m immediate sends
            psutil.Process(own_postgres.pid).wait()
            connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7"))

    assert_named_and_left(mortal, (stop, add), url, explore)


# ---- Ctrl-C -------------------------------------------------------------------------------------------


INTERRUPTED = """
import signal, sys, sqlalchemy as sa, fuzzharness as fh
from fuzzharness.world.postgres_server import Server
from fuzzharness.world.postgres_store import PostgresStore

url, method, after = sys.argv[1], sys.argv[2], int(sys.argv[3])
owner = PostgresStore if hasattr(PostgresStore, method) else Server
original, times = getattr(owner, method), 0

def interrupted(self, *args):
    global times
    times += 1
    if times == after:
        signal.raise_signal(signal.SIGINT)
    return original(self, *args)

setattr(owner, method, interrupted)

def add(db):
    with db.begin() as connection:
        balance = connection.execute(sa.text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(sa.text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": balance + 1})

def reported(event):
    if isinstance(event, fh.events.Finished):
        print(event.report.verdict)

batch = fh.Batch((fh.Call("add", {}),) * 3)
try:
    fh.explore(batch, fh.Toolbox({"add": add}), fh.World(db=fh.Database(url)), on_event=reported)
except KeyboardInterrupt:
    sys.exit(2)
"""


@pytest.mark.parametrize(
    ("method", "after"),
    [
        ("_connected", 1),
        ("_taken_name", 1),
        ("copy", 1),
        ("_make_scratch", 1),
        ("_redirect", 1),
        ("mark", 1),
        ("reset", 1),
        ("reset", 9),
        ("capture", 9),
        ("close", 1),
        ("_close_connections", 2),
    ],
)
def test_an_interrupt_leaves_nothing_behind(method: str, after: int, url: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, url, method, str(after)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert_untouched(url)


# ---- a disk that is full ------------------------------------------------------------------------------


def allow(server: Server, size: int) -> None:
    """Let no connection to the server make a file larger than ``size`` bytes, as on a disk that is full."""
    command = ["prlimit", "--pid", str(server.pid), f"--fsize={size}:{size}"]
    subprocess.run(command, user=psutil.Process(server.pid).uids().real, check=True)


def grow(db: sa.Engine) -> str:
    try:
        with db.begin() as connection:
            connection.execute(sa.text("UPDATE accounts SET balance = 1 WHERE id = 7"))
            connection.execute(
                sa.text("INSERT INTO log SELECT repeat('x', 1900) FROM generate_series(1, 12000)")
            )
        return "done"
    except sa.exc.DBAPIError as error:
        return str(error.orig)


def logging(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE log (line text)"))


def test_a_disk_that_is_full_is_an_outcome(own_postgres: Server, explore: Run) -> None:
    url = filled(own_postgres)
    allow(own_postgres, 17_000_000)  # more than a segment of its write-ahead log
    report = explore(fh.World(db=fh.Database(url, setup=logging)), grow, add)
    grown = {str(outcome.results["grow-0"]) for outcome in report.outcomes}
    assert len(grown) == 1
    assert "could not" in grown.pop()
    assert (report.exhausted, balances(report)) == (True, {101})
    assert all(outcome.state["db"]["log"] == {} for outcome in report.outcomes)
    assert_untouched(url)


def test_a_disk_without_room_for_the_scratch_database_is_named(own_postgres: Server, explore: Run) -> None:
    def bloat(connection: sa.Connection) -> None:
        logging(connection)
        connection.execute(sa.text("INSERT INTO log SELECT repeat('x', 1900) FROM generate_series(1, 12000)"))

    url = filled(own_postgres)
    allow(own_postgres, 17_000_000)
    with pytest.raises(fh.WorldError, match=r"setup of the database 'db' failed with .*could not"):
        explore(fh.World(db=fh.Database(url, setup=bloat)), add)
    assert_untouched(url)


# ---- what runs do to the schema -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE extra (id int PRIMARY KEY)",
        "ALTER TABLE accounts ADD COLUMN note text",
        "DROP TABLE accounts",
        "ALTER TABLE accounts RENAME TO customers",
    ],
)
def test_a_schema_change_is_part_of_the_ending_and_gone_in_the_next_run(
    change: str, url: str, explore: Run
) -> None:
    def reshape(db: sa.Engine) -> str:
        with db.begin() as connection:
            columns = [column["name"] for column in sa.inspect(connection).get_columns("accounts")]
            connection.execute(sa.text(change))
        return ",".join(columns)

    report = explore(world(url), reshape, add)
    assert {str(outcome.results["reshape-0"]) for outcome in report.outcomes} == {"returned 'id,balance'"}
    states = [outcome.state["db"] for outcome in report.outcomes]
    if "CREATE TABLE" in change:
        assert all(state["extra"] == {} for state in states)
    elif "ADD COLUMN" in change:
        assert all(state["accounts"][7]["note"] is None for state in states)
    elif "RENAME" in change:
        assert all(state["customers"].keys() == {7} and "accounts" not in state for state in states)
    elif "DROP" in change:
        assert all("accounts" not in state for state in states)
    assert_untouched(url)


@pytest.mark.parametrize(
    ("statement", "ends"),
    [
        ("DROP DATABASE {}", "InsufficientPrivilege"),
        ('/* all */ drop database if exists "{}" with (force)', "InsufficientPrivilege"),
        ("ALTER DATABASE {} RENAME TO shop_gone", "InsufficientPrivilege"),
        ("ALTER DATABASE {} SET lock_timeout = 1", "InsufficientPrivilege"),
        ("DROP DATABASE shop_that_never_was", "InvalidCatalogName"),
        ("CREATE ROLE postgres", "DuplicateObject"),
        ("ALTER SYSTEM SET nothing_like_it = 1", "UndefinedObject"),
    ],
)
def test_the_database_is_out_of_reach_and_what_changes_the_server_is_reported(
    statement: str, ends: str, url: str, explore: Run
) -> None:
    def change() -> str:
        name = psycopg.conninfo.conninfo_to_dict(plain(url))["dbname"]
        with psycopg.connect(plain(url), autocommit=True) as connection:
            try:
                connection.execute(statement.format(name))
            except psycopg.Error as error:
                return type(error).__name__
        return "done"

    report = explore(world(url), change, add)
    assert {str(outcome.results["change-0"]) for outcome in report.outcomes} == {f"returned '{ends}'"}
    assert "the whole server" in str(report.escapes)
    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert_untouched(url)


def test_who_asks_what_other_connections_do_is_reported(url: str, explore: Run) -> None:
    def look(db: sa.Engine) -> int:
        with db.begin() as connection:
            return int(connection.execute(sa.text("SELECT count(*) FROM pg_locks")).scalar_one())

    assert "what other connections do" in str(explore(world(url), look).escapes)


# ---- URLs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("?", "?port=1&"), "cannot be reached: .*Start it, or correct the URL"),
        (lambda url: url.replace("postgres:@", "nobody:@"), "cannot be reached: .*nobody.*correct the URL"),
        (lambda url: url.replace("shop_", "shop_none_"), "cannot be copied: .*Create it, or correct the URL"),
        (lambda url: url.replace("?", "?colour=blue&"), "colour.*correct the URL"),
        (lambda _: "postgresql+psycopg://127.0.0.1:1/shop", "cannot be reached: .*Start it"),
        (lambda _: "postgresql+psycopg://127.0.0.1:seven/shop", "seven.*refuses"),
        (lambda _: "postgresql+psycopg//localhost", "refuses"),
        (lambda _: "", "refuses"),
    ],
    ids=["port", "role", "database", "option", "TCP port", "no port", "no URL", "empty"],
)
def test_a_url_that_leads_nowhere_is_named(
    change: Callable[[str], str], words: str, url: str, explore: Run
) -> None:
    connect = psycopg.connect
    with pytest.raises(fh.WorldError, match=words):
        explore(world(change(url)), add)
    assert psycopg.connect is connect
    assert_untouched(url)


def test_a_wrong_password_is_named_but_not_shown(own_postgres: Server, explore: Run) -> None:
    url = filled(own_postgres)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'right'")
        (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(file).read_text()
        Path(file).write_text(f"local all keeper scram-sha-256\n{rules}")
        connection.execute("SELECT pg_reload_conf()")
    with pytest.raises(
        fh.WorldError, match=r"cannot be reached: .*password.*keeper.*correct the URL"
    ) as caught:
        explore(world(url.replace("postgres:@", "keeper:wrong@")), add)
    assert "wrong" not in str(caught.value)
    assert balances(explore(world(url.replace("postgres:@", "keeper:right@")), add)) == {101}


@pytest.mark.parametrize(
    ("url", "surroundings"),
    [
        ("postgresql+psycopg:///shop", {"PGHOST": "db.example.com"}),
        ("postgresql+psycopg:///shop", {"PGHOST": "localhost,db.example.com"}),
        ("postgresql+psycopg://localhost/shop", {"PGHOSTADDR": "192.0.2.1"}),
        ("postgresql+psycopg:///shop", {"PGSERVICE": "production"}),
        ("postgresql+psycopg://?service=production", {}),
        ("postgresql+psycopg://localhost/shop?hostaddr=192.0.2.1", {}),
        ("postgresql+psycopg_async://localhost/shop?host=db.example.com", {}),
    ],
)
def test_a_server_that_only_the_environment_names_is_refused_too(
    url: str, surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(fh.WorldError, match=r"on another machine.*disposable=True"):
        fh.Database(url)
    assert fh.Database(url, disposable=True)


@pytest.mark.parametrize(
    ("conninfo", "surroundings"),
    [
        ("dbname=other", {"PGHOST": "db.example.com"}),
        ("host=localhost dbname=other", {"PGHOSTADDR": "192.0.2.1"}),
        ("service=production", {}),
    ],
)
def test_a_call_that_the_environment_leads_elsewhere_is_refused(
    conninfo: str, surroundings: dict[str, str], postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere() -> str:
        for name, value in surroundings.items():
            monkeypatch.setenv(name, value)
        try:
            psycopg.connect(conninfo, connect_timeout=2)
        except fh.FuzzHarnessError as error:
            return type(error).__name__
        except psycopg.Error:
            return "asked"
        return "connected"

    batch = fh.Batch((fh.Call("elsewhere", {}),))
    world = fh.World(db=fh.Database(postgres()))
    report = fh.explore(batch, fh.Toolbox({"elsewhere": elsewhere}), world)
    assert [getattr(o.results["call-1"], "value", o.results["call-1"]) for o in report.outcomes] == [
        "NetworkRefused"
    ]
