"""How fast runs are, and the measurements behind decisions in runtime/ and world/.

`tox -e bench`. Figures that are compared are taken in turn within one process, since machines are
shared and noisy.
"""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import trio

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of
from fuzzharness.oracle.serial import serial_outcomes
from fuzzharness.runtime.gate import ThreadGate
from fuzzharness.runtime.stage import Stage
from fuzzharness.runtime.state import State
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.world.image import Image

RUNS = 500


def credit(context: dict[str, int], amount: int) -> None:
    balance = context["balance"]
    context["balance"] = balance + amount


async def credit_on_asyncio(context: dict[str, int], amount: int) -> None:
    balance = context["balance"]
    await asyncio.sleep(0)
    context["balance"] = balance + amount


async def credit_on_trio(context: dict[str, int], amount: int) -> None:
    balance = context["balance"]
    await trio.sleep(0)
    context["balance"] = balance + amount


async def sleepy_on_asyncio(context: dict[str, int], amount: int) -> None:
    balance = context["balance"]
    await asyncio.sleep(3600)
    context["balance"] = balance + amount


async def sleepy_on_trio(context: dict[str, int], amount: int) -> None:
    balance = context["balance"]
    await trio.sleep(3600)
    context["balance"] = balance + amount


async def threaded_on_asyncio(context: dict[str, int], amount: int) -> None:
    await asyncio.to_thread(credit, context, amount)


async def threaded_on_trio(context: dict[str, int], amount: int) -> None:
    await trio.to_thread.run_sync(credit, context, amount)


ASYNC = {
    function.__name__: (function, least)
    for function, least in (
        (credit_on_asyncio, 10_000),
        (credit_on_trio, 5_000),
        (sleepy_on_asyncio, None),
        (sleepy_on_trio, None),
        (threaded_on_asyncio, None),
        (threaded_on_trio, None),
    )
}


def credit_row(db: sa.Engine, account: int, amount: int) -> str:
    with db.connect() as connection:
        balance = connection.execute(
            sa.text("SELECT balance FROM accounts WHERE id = :id"), {"id": account}
        ).scalar_one()
    with db.begin() as connection:
        connection.execute(
            sa.text("UPDATE accounts SET balance = :balance WHERE id = :id"),
            {"id": account, "balance": balance + amount},
        )
    return "credited"


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)"))
    connection.execute(sa.text("INSERT INTO accounts VALUES (7, 'Ada', 100), (8, 'Grace', 50)"))


TOTAL = 100


def credit_global(amount: int) -> None:
    global TOTAL
    total = TOTAL
    TOTAL = total + amount


TOOLS = fh.Toolbox({"credit": credit, "credit_row": credit_row, "credit_global": credit_global})


def batch(tool: str, **args: Any) -> fh.Batch:
    return fh.Batch(tuple(fh.Call(tool, {"amount": amount, **args}) for amount in (10, 20, 30)))


@pytest.fixture
def values() -> Iterator[Stage]:
    with Stage(batch("credit"), TOOLS, fh.World(context={"balance": 100}), fh.Settings()) as stage:
        yield stage


@pytest.fixture
def rebound() -> Iterator[Stage]:
    with Stage(batch("credit_global"), TOOLS, fh.World(), fh.Settings()) as stage:
        serial_outcomes(stage, (0, 1, 2))  # which shows that TOTAL matters
        yield stage


@pytest.fixture
def rows() -> Iterator[Stage]:
    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    with Stage(batch("credit_row", account=7), TOOLS, world, fh.Settings()) as stage:
        yield stage


@pytest.mark.parametrize("name", ASYNC)
def test_runs_per_second_of_three_async_read_await_write_calls(benchmark: Any, name: str) -> None:
    function, least = ASYNC[name]
    tools, world = fh.Toolbox({name: function}), fh.World(context={"balance": 100})
    with Stage(batch(name), tools, world, fh.Settings()) as stage:
        benchmark.pedantic(explored, args=(stage,), rounds=15, warmup_rounds=1)

    per_second = RUNS / benchmark.stats.stats.median
    benchmark.extra_info["runs per second"] = round(per_second)
    asked = "" if least is None else f" (at least {least:,})"
    print(f"\n{name.replace('_', ' ')}: {per_second:,.0f} runs per second{asked}")


def explored(stage: Stage, runs: int = RUNS) -> None:
    """Runs as the search makes them: reset, interleave, capture, tell the ending from others."""
    scheduler = RandomWalk(seed=7)
    for _ in range(runs):
        key_of(stage.run((0, 1, 2), scheduler.choose).outcome)


def test_runs_per_second_of_three_read_modify_write_calls_on_a_plain_value(
    benchmark: Any, values: Stage
) -> None:
    benchmark.pedantic(explored, args=(values,), rounds=15, warmup_rounds=1)

    per_second = RUNS / benchmark.stats.stats.median
    benchmark.extra_info["runs per second"] = round(per_second)
    print(f"\nplain value: {per_second:,.0f} runs per second (at least 5,000)")
    assert per_second >= 5_000


def test_runs_per_second_of_three_read_modify_write_calls_on_a_global(benchmark: Any, rebound: Stage) -> None:
    benchmark.pedantic(explored, args=(rebound,), rounds=15, warmup_rounds=1)

    per_second = RUNS / benchmark.stats.stats.median
    benchmark.extra_info["runs per second"] = round(per_second)
    print(f"\nmodule global: {per_second:,.0f} runs per second (at least 5,000)")
    assert per_second >= 5_000


def test_cost_of_looking_for_state_where_there_is_none(benchmark: Any) -> None:
    """Opening and closing a stage, and the part of it that the state of unmodified code takes."""
    world = fh.World(context={"balance": 100})

    def whole() -> None:
        with Stage(batch("credit"), TOOLS, world, fh.Settings()):
            pass

    def state() -> None:
        found = State([credit])
        found.open(ThreadGate())
        found.close()

    def in_turn() -> list[float]:
        return [seconds(state) / seconds(whole) for _ in range(50)]

    part = statistics.median(benchmark.pedantic(in_turn, rounds=1))
    benchmark.extra_info["part of opening"] = round(part, 2)
    print(f"\nno state: {part:.0%} of opening a stage (at most a tenth)")
    assert part <= 0.1


def test_cost_of_an_explored_run_over_a_plain_one_on_sqlite(
    benchmark: Any, rows: Stage, tmp_path: Path
) -> None:
    """Plain is what an application does: an engine of its own, as SQLAlchemy makes it, on a file there."""
    shared = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        engine = sa.create_engine(f"sqlite:///{folder}/plain.db")
        with engine.begin() as connection:
            fill(connection)
        with closing(sqlite3.connect(f"{folder}/plain.db")) as own:
            image = Image(f"{folder}/plain.db", own)

            def reset() -> sa.Engine:
                image.restore()
                return engine

            told(benchmark, "SQLite", rows, reset)
        engine.dispose()
        image.close()


def test_cost_of_an_explored_run_over_a_plain_one_on_postgres(
    benchmark: Any, postgres: Callable[[], str]
) -> None:
    world = fh.World(db=fh.Database(postgres(), setup=fill))
    with Stage(batch("credit_row", account=7), TOOLS, world, fh.Settings()) as stage:
        told(benchmark, "PostgreSQL", stage, lambda: stage.world.reset()["db"])


def told(benchmark: Any, name: str, rows: Stage, reset: Callable[[], sa.Engine]) -> None:
    """Explored runs and plain ones in turn, each after the same reset."""

    def plain(runs: int) -> None:
        for _ in range(runs):
            engine = reset()
            for amount in (10, 20, 30):
                credit_row(engine, 7, amount)

    def in_turn() -> list[float]:
        return [seconds(lambda: explored(rows, 50)) / seconds(lambda: plain(50)) for _ in range(15)]

    ratio = statistics.median(benchmark.pedantic(in_turn, rounds=1))
    benchmark.extra_info["explored over plain"] = round(ratio, 2)
    print(f"\n{name}: an explored run costs {ratio:.2f} plain sequential ones, same reset (at most 1.5)")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
