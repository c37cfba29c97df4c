"""What three decisions buy, each against the way it would be done without it, and what hand-overs cost."""

import _thread
import contextlib
import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.world.image import Image

ROUNDS = 15


def credit(context: dict[str, int], amount: int) -> None:
    balance = context["balance"]
    context["balance"] = balance + amount


def credit_row(db: Engine, amount: int) -> None:
    with db.begin() as connection:
        balance = connection.execute(text("SELECT balance FROM accounts WHERE id = 7")).scalar_one()
        connection.execute(text("UPDATE accounts SET balance = :b WHERE id = 7"), {"b": balance + amount})


def fill(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)"))
    connection.execute(text("INSERT INTO accounts VALUES (7, 100)"))


def stage(tool: Callable[..., object], world: fh.World) -> Stage:
    batch = fh.Batch(tuple(fh.Call(tool.__name__, {"amount": amount}) for amount in (10, 20, 30)))
    return Stage(batch, fh.Toolbox({tool.__name__: tool}), world, fh.Settings())


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_ratio(without: Callable[[], object], with_it: Callable[[], object]) -> float:
    return statistics.median(seconds(without) / seconds(with_it) for _ in range(ROUNDS))


def runs(on: Stage, count: int, after: Callable[[], object] = lambda: None) -> None:
    scheduler = RandomWalk(seed=7)
    for _ in range(count):
        on.run((0, 1, 2), scheduler.choose)
        after()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not pin threads")
def test_threads_on_one_core_hand_over_faster_than_on_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def search() -> None:
        with stage(credit, fh.World(context={"balance": 100})) as on:
            runs(on, 500)

    def spread() -> None:
        with monkeypatch.context() as patch:
            patch.setattr("fuzzharness.runtime.stage.one_core", contextlib.nullcontext)
            search()

    print(f"\na run on all cores takes {median_ratio(spread, search):.2f} times a run on one core")


def test_threads_kept_from_run_to_run_save_starting_them() -> None:
    with stage(credit, fh.World(context={"balance": 100})) as on:
        ratio = median_ratio(lambda: runs(on, 300, on._dismiss), lambda: runs(on, 300))
    print(f"\na run on new threads takes {ratio:.2f} times a run on kept ones")


def test_restoring_pages_is_cheaper_than_a_backup_since_no_schema_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pristine: dict[int, sqlite3.Connection] = {}

    def by_backup(image: Image) -> bool:
        pristine[id(image)].backup(image._own)
        return False

    def backed_up() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Image, "restore", by_backup)
            runs(on, 50)

    with stage(credit_row, fh.World(db=fh.Database("sqlite://", setup=fill))) as on:
        image = on.world._resources["db"]._store._image
        on.world.reset()
        pristine[id(image)] = sqlite3.connect(":memory:")
        image._own.backup(pristine[id(image)])
        ratio = median_ratio(backed_up, lambda: runs(on, 50))
    print(f"\na run restored by backup takes {ratio:.2f} times a run restored by pages")


def handovers(times: int) -> None:
    """Two threads hand a baton to each other, ``times`` times each."""
    mine, theirs = _thread.allocate_lock(), _thread.allocate_lock()
    mine.acquire()
    theirs.acquire()

    def partner() -> None:
        for _ in range(times):
            theirs.acquire()
            mine.release()

    _thread.start_new_thread(partner, ())
    for _ in range(times):
        theirs.release()
        mine.acquire()


def test_how_much_of_a_run_is_handing_over_between_threads() -> None:
    calls, runs = 4, 300
    batch = fh.Batch(tuple(fh.Call("credit", {"amount": 1}) for _ in range(calls)))
    switched, world = 0, fh.World(context={"balance": 0})
    with Stage(batch, fh.Toolbox({"credit": credit}), world, fh.Settings()) as stage:
        scheduler = RandomWalk(seed=7)
        start = time.perf_counter()
        for _ in range(runs):
            order = stage.run(range(calls), scheduler.choose).trail.order
            switched += 2 + sum(a != b for a, b in pairwise(order))  # to the first call, and back at the end
        run = (time.perf_counter() - start) / runs
        start = time.perf_counter()
        handovers(5_000)  # on the one core that the stage keeps to
        one = (time.perf_counter() - start) / 10_000
    share = switched / runs * one / run
    print(
        f"\na run of {calls} read-modify-write calls takes {run * 1e6:.0f} microseconds, of which "
        f"{switched / runs:.1f} hand-overs of {one * 1e6:.1f} microseconds are {share:.0%}"
    )


def test_a_run_costs_what_it_touches_not_what_the_database_holds() -> None:
    def of(rows: int, journal: str) -> Stage:
        engine = create_engine("sqlite://")
        event.listen(engine, "connect", lambda raw, _: raw.execute(f"PRAGMA journal_mode={journal}"))

        def setup(connection: Connection) -> None:
            fill(connection)
            values = [{"id": number, "balance": 100} for number in range(8, 7 + rows)]
            connection.execute(text("INSERT INTO accounts VALUES (:id, :balance)"), values)

        return stage(credit_row, fh.World(db=fh.Database(engine, setup=setup)))

    def explored(on: Stage) -> None:
        scheduler = RandomWalk(seed=7)
        for _ in range(50):
            key_of(on.run((0, 1, 2), scheduler.choose).outcome)

    for journal in ("delete", "wal"):
        with of(10, journal) as few, of(100_000, journal) as many:
            for on in (few, many):
                runs(on, 64)  # after which everything is compared again in the 256th run only
            ratio = statistics.median(
                seconds(lambda: explored(many)) / seconds(lambda: explored(few)) for _ in range(3)
            )
        print(f"\njournal_mode={journal}: a run on 100,000 rows takes {ratio:.2f} times a run on 10")
        assert ratio < 2
