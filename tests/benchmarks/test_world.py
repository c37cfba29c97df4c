"""What a run costs by the size of the world: it follows what calls touch.

`tox -e bench`. Small and large worlds are taken in turn within one process, since machines are shared.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.random_walk import RandomWalk

SMALL, LARGE = 10, 100_000
RUNS = 40


def credit(db: sa.Engine, account: int, amount: int) -> None:
    with db.connect() as connection:
        balance = connection.execute(
            sa.text("SELECT balance FROM accounts WHERE id = :id"), {"id": account}
        ).scalar_one()
    with db.begin() as connection:
        connection.execute(
            sa.text("UPDATE accounts SET balance = :balance WHERE id = :id"),
            {"id": account, "balance": balance + amount},
        )


def credit_and_log(db: sa.Engine, account: int, amount: int) -> None:
    credit(db, account, amount)
    with db.begin() as connection:
        connection.execute(sa.text("INSERT INTO log (what) VALUES (:what)"), {"what": str(amount)})


def filled(size: int) -> Callable[[sa.Connection], None]:
    def setup(connection: sa.Connection) -> None:
        key = "SERIAL PRIMARY KEY" if connection.dialect.name == "postgresql" else "INTEGER PRIMARY KEY"
        connection.execute(
            sa.text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)")
        )
        connection.execute(sa.text(f"CREATE TABLE log (id {key}, what TEXT)"))
        for start in range(0, size, 1000):
            rows = ", ".join(f"({n}, 'Ada', 100)" for n in range(start, min(start + 1000, size)))
            connection.execute(sa.text(f"INSERT INTO accounts VALUES {rows}"))
            rows = ", ".join(f"('{n}')" for n in range(start, min(start + 1000, size)))
            connection.execute(sa.text(f"INSERT INTO log (what) VALUES {rows}"))

    return setup


@contextmanager
def opened(url: str, tool: Callable[..., Any], size: int) -> Iterator[Stage]:
    batch = fh.Batch(tuple(fh.Call("tool", {"account": 7, "amount": amount}) for amount in (10, 20, 30)))
    world = fh.World(db=fh.Database(url, setup=filled(size)))
    with Stage(batch, fh.Toolbox({"tool": tool}), world, fh.Settings()) as stage:
        yield stage


def seconds(stage: Stage, runs: int = RUNS) -> float:
    """Runs as the search makes them: reset, interleave, capture, tell the ending from others."""
    scheduler = RandomWalk(seed=7)
    start = time.perf_counter()
    for _ in range(runs):
        key_of(stage.run((0, 1, 2), scheduler.choose).outcome)
    return time.perf_counter() - start


def ratio_of(urls: Callable[[], str], tool: Callable[..., Any]) -> float:
    """How much dearer a run is on many rows, of small and large in turn; both past their first checks."""
    with opened(urls(), tool, SMALL) as small, opened(urls(), tool, LARGE) as large:
        seconds(small, 70), seconds(large, 70)
        return statistics.median(seconds(large) / seconds(small) for _ in range(15))


@pytest.mark.parametrize("tool", [credit, credit_and_log])
@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
def test_cost_of_a_run_on_many_rows_over_one_on_few(
    benchmark: Any, request: pytest.FixtureRequest, kind: str, tool: Callable[..., Any]
) -> None:
    urls = request.getfixturevalue("postgres") if kind == "PostgreSQL" else lambda: "sqlite://"
    ratio = benchmark.pedantic(ratio_of, args=(urls, tool), rounds=1)
    benchmark.extra_info["many over few"] = round(ratio, 2)
    many, few = f"{LARGE:,} rows", f"{SMALL} (at most 1.5)"
    print(f"\n{kind}, {tool.__name__}: a run on {many} costs {ratio:.2f} times one on {few}")
    assert ratio <= 1.5
