"""One run of each class against all interleavings, on PostgreSQL: random small transactions."""

import random
from collections.abc import Callable, Hashable
from functools import partial
from itertools import cycle
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of

PROPERTY = settings(deadline=None, max_examples=5, derandomize=True, database=None)
MOST = 300

OPERATIONS: dict[str, str] = {
    "r": "SELECT n FROM t WHERE id = 1",
    "R": "SELECT n FROM t WHERE id = 2",
    "a": "UPDATE t SET n = n + 1 WHERE id = 1",
    "A": "UPDATE t SET n = n * 2 WHERE id = 2",
    "b": "UPDATE t SET n = 7 WHERE id = 1",
    "c": "UPDATE t SET n = n - 1 WHERE id = 1 AND n > 0",
    "f": "SELECT n FROM t WHERE id = 1 FOR UPDATE",
    "F": "SELECT n FROM t WHERE id = 2 FOR UPDATE",
    "d": "DELETE FROM t WHERE id = 1",
    "i": "INSERT INTO t VALUES (3, 3)",
    "m": "INSERT INTO t VALUES (3, 4) ON CONFLICT (id) DO UPDATE SET n = t.n + 10",
    "j": "INSERT INTO kids (t) VALUES (1)",
    "s": "SELECT n FROM t WHERE id = 1 FOR SHARE",
    "n": "SELECT n FROM t WHERE id = 1 FOR UPDATE NOWAIT",
    "p": "UPDATE t SET n = n + 100 WHERE n > 1",
    "q": "SELECT count(*), sum(n) FROM t",
    "k": "SELECT pg_advisory_xact_lock(5)",
}
PLAIN = "rRaAbcfFdimj"


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)"))
    connection.execute(
        sa.text(
            "CREATE TABLE kids (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            "t int REFERENCES t ON DELETE CASCADE)"
        )
    )
    connection.execute(sa.text("INSERT INTO t VALUES (1, 1), (2, 2)"))


def transact(db: sa.Engine, level: str, lines: list[str]) -> list[Any]:
    """A transaction for each line, its operations letter by letter; returns what was seen."""
    seen: list[Any] = []
    with db.connect().execution_options(isolation_level=level) as connection:
        for line in lines:
            try:
                with connection.begin():
                    for letter in line:
                        result = connection.execute(sa.text(OPERATIONS[letter]))
                        seen.append(list(map(tuple, result)) if result.returns_rows else result.rowcount)
            except sa.exc.DBAPIError as error:
                seen.append(type(error.orig).__name__)
    return seen


LEVELS = {"READ COMMITTED": 2, "REPEATABLE READ": 3, "SERIALIZABLE": 4}


async def transact_in_task(place: str, level: str, lines: list[str]) -> list[Any]:
    """As :func:`transact`, on an async connection of psycopg's to ``place``."""
    seen: list[Any] = []
    async with await psycopg.AsyncConnection.connect(place) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel(LEVELS[level]))
        for line in lines:
            try:
                async with connection.transaction():
                    for letter in line:
                        cursor = await connection.execute(OPERATIONS[letter])
                        seen.append(await cursor.fetchall() if cursor.description else cursor.rowcount)
            except psycopg.Error as error:
                seen.append(type(error).__name__)
    return seen


def program(chance: random.Random) -> list[tuple[str, list[str]]]:
    """Two or three calls of a few statements, most of them plain ones."""
    letters = PLAIN if chance.random() < 0.5 else "".join(chance.sample(list(OPERATIONS), 5))
    letters = "".join(chance.sample(letters, 4))
    level = chance.choice(["READ COMMITTED"] * 3 + ["REPEATABLE READ", "SERIALIZABLE"])
    calls = chance.choice([2, 2, 2, 3])
    most = 4 - calls if calls == 3 else 3
    return [(level, lines(chance, letters, most)) for _ in range(calls)]


def lines(chance: random.Random, letters: str, most: int) -> list[str]:
    line = "".join(chance.choices(letters, k=chance.randint(1, most)))
    cut = chance.randint(1, len(line))
    return [part for part in (line[:cut], line[cut:]) if part]


TOOLS = {"threads": ["transact"], "tasks": ["in_task"], "both": ["in_task", "transact"]}


def explored(
    url: str, calls: list[tuple[str, list[str]]], strategy: str, apart: bool = False, run_as: str = "threads"
) -> fh.Report:
    tools = {"transact": transact, "in_task": partial(transact_in_task, url.replace("+psycopg", ""))}
    named = zip(cycle(TOOLS[run_as]), calls, strict=False)
    batch = fh.Batch(tuple(fh.Call(name, {"level": level, "lines": of}) for name, (level, of) in named))
    chosen = fh.Settings(strategy=strategy, max_executions=MOST if apart else 5_000)
    database = fh.Database(url, setup=fill)
    database._store.apart = apart
    return fh.explore(batch, fh.Toolbox(tools), fh.World(db=database), chosen)


def endings(report: fh.Report) -> set[Hashable]:
    return set(map(key_of, report.outcomes))


def check(url: str, calls: list[tuple[str, list[str]]], run_as: str = "threads") -> str:
    every = explored(url, calls, "bounded", apart=True, run_as=run_as)
    if not every.exhausted:
        return "too many"
    classes = explored(url, calls, "auto", run_as=run_as)
    assert classes.exhausted, (calls, classes.reasons)
    assert endings(classes) == endings(every), calls
    return f"{classes.executions} for {every.executions}"


@pytest.mark.long
@pytest.mark.parametrize("run_as", TOOLS)
@PROPERTY
@given(seed=st.integers(0, 2**32))
def test_classes_reach_exactly_the_endings_of_all_interleavings(
    postgres: Callable[[], str], run_as: str, seed: int
) -> None:
    """With commits told from the statements before them, as no class needs."""
    check(postgres(), program(random.Random(seed)), run_as)
