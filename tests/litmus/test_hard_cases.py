"""Where two steps look independent and are not: a search by class misses nothing that others show."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of

LOCK = threading.Lock()


def holds(ctx: Any) -> None:
    with LOCK:
        ctx["a"] = 1
        ctx["b"] = 1


def asks() -> bool:
    return LOCK.locked()


def frees() -> str:
    try:
        LOCK.release()
    except RuntimeError:
        return "error"
    return "released"


def passes() -> None:
    with LOCK:
        pass


def tries(ctx: Any) -> bool:
    if LOCK.acquire(blocking=False):
        ctx["c"] = 1
        LOCK.release()
        return True
    return False


def puts_a(ctx: Any) -> None:
    ctx["new a"] = 1


def puts_b(ctx: Any) -> None:
    ctx["new b"] = 1


def sees_order(ctx: Any) -> list[str]:
    return [key for key in ctx if key.startswith("new")]


def adds_0(ctx: Any) -> None:
    ctx["set"].add(0)


def adds_8(ctx: Any) -> None:
    ctx["set"].add(8)


def sees_set(ctx: Any) -> list[int]:
    return list(ctx["set"])


def locks_late(ctx: Any) -> None:
    with fh.atomic():
        ctx["a"] = 1
        LOCK.acquire()
    ctx["b"] = 1
    LOCK.release()


def looks_inside(ctx: Any) -> str:
    with LOCK:
        ctx["c"] = 1
        a, b = ctx["a"], ctx["b"]
    return "odd" if (a, b) == (1, 0) else "even"


def reads_then_passes(ctx: Any) -> None:
    seen = ctx["a"]
    with LOCK:
        pass
    ctx["c"] = seen


CASES: dict[str, list[Callable[..., Any]]] = {
    "locked() inside a critical section": [holds, asks],
    "release of a lock that another holds": [holds, frees],
    "the same the other way round": [frees, holds],
    "an empty critical section": [holds, passes],
    "a lock that is only tried": [holds, tries, holds],
    "the order of new keys": [puts_a, puts_b, sees_order],
    "the order of a set": [adds_0, adds_8, sees_set],
    "a lock taken late in an atomic block": [locks_late, looks_inside],
    "the same, listed the other way round": [looks_inside, locks_late],
    "an empty critical section between read and write": [holds, reads_then_passes],
}


def explored(tools: list[Callable[..., Any]], strategy: str, world: Callable[[], fh.World]) -> fh.Report:
    batch = fh.Batch(tuple(fh.Call(tool.__name__) for tool in tools))
    named = fh.Toolbox({tool.__name__: tool for tool in tools})
    return fh.explore(batch, named, world(), fh.Settings(strategy=strategy, max_executions=20_000))


def values() -> fh.World:
    return fh.World(ctx={"a": 0, "b": 0, "c": 0, "set": set()})


def hold_against_brute_force(tools: list[Callable[..., Any]], world: Callable[[], fh.World]) -> None:
    every = explored(tools, "bounded", world)
    endings = set(map(key_of, every.outcomes))
    for strategy in ("auto", "dpor"):
        report = explored(tools, strategy, world)
        if report.exhausted or strategy == "auto":
            assert set(map(key_of, report.outcomes)) == endings
            assert report.verdict is every.verdict


@pytest.mark.parametrize("tools", CASES.values(), ids=CASES)
def test_a_search_by_class_misses_nothing(tools: list[Callable[..., Any]]) -> None:
    hold_against_brute_force(tools, values)


# ---- SQLite ---------------------------------------------------------------------------------------


def begins() -> sa.Engine:
    """An engine whose transactions begin with BEGIN, as SQLAlchemy's documentation has it."""
    engine = sa.create_engine("sqlite://")

    @sa.event.listens_for(engine, "connect")
    def leave_it(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def fill(connection: sa.Connection) -> None:
    for table in ("t1", "t2"):
        connection.execute(sa.text(f"create table {table} (id integer primary key, v integer)"))
        connection.execute(sa.text(f"insert into {table} values (1, 1), (2, 2)"))


def writes_elsewhere(db: sa.Engine) -> None:
    with db.begin() as connection:
        connection.execute(sa.text("update t2 set v = v + 1 where id = 1"))


def reads_and_writes(db: sa.Engine) -> None:
    with db.begin() as connection:
        value = connection.execute(sa.text("select v from t1 where id = 1")).scalar_one()
        connection.execute(sa.text("update t1 set v = :v where id = 1"), {"v": value + 1})


def keeps_a_cursor_open(db: sa.Engine) -> int:
    connection = db.raw_connection()
    try:
        cursor, other = connection.cursor(), connection.cursor()
        cursor.execute("select v from t1")
        first = cursor.fetchone()[0]
        second = other.execute("select v from t2 where id = 1").fetchone()[0]
        return int(first + second)
    finally:
        connection.close()


def writes_twice(db: sa.Engine) -> None:
    with db.begin() as connection:
        connection.execute(sa.text("update t1 set v = v + 1 where id = 2"))
        connection.execute(sa.text("update t2 set v = v + 1 where id = 2"))


def inserts_if_missing(db: sa.Engine) -> bool:
    with db.connect() as connection:
        there = connection.execute(sa.text("select v from t1 where id = 3")).first()
    if there is None:
        with db.begin() as connection:
            connection.execute(sa.text("insert into t1 values (3, 3)"))
    return there is None


ON_SQLITE: dict[str, list[Callable[..., Any]]] = {
    "a reader in a transaction beside an unrelated commit": [writes_elsewhere, reads_and_writes],
    "the same the other way round": [reads_and_writes, writes_elsewhere],
    "a cursor kept open beside a commit": [keeps_a_cursor_open, writes_twice],
    "a commit beside a cursor kept open": [writes_twice, keeps_a_cursor_open],
    "one statement beside a transaction of two": [writes_elsewhere, writes_twice],
    "an insertion that a constraint refuses": [inserts_if_missing, inserts_if_missing],
}


@pytest.mark.parametrize("engine", [begins, lambda: "sqlite://"], ids=["BEGIN", "as the driver does"])
@pytest.mark.parametrize("tools", ON_SQLITE.values(), ids=ON_SQLITE)
def test_a_search_by_class_misses_nothing_on_sqlite(tools: list[Callable[..., Any]], engine: Any) -> None:
    hold_against_brute_force(tools, lambda: fh.World(db=fh.Database(engine(), setup=fill)))


def test_one_statement_beside_a_longer_transaction_is_searched_by_class() -> None:
    tools = [writes_elsewhere, writes_twice]
    report = explored(tools, "dpor", lambda: fh.World(db=fh.Database("sqlite://", setup=fill)))
    assert (report.exhausted, report.executions) == (True, 2)


def test_calls_before_the_batch_draw_other_random_bytes_than_those_of_the_batch() -> None:
    def create(ctx: Any) -> None:
        ctx[str(uuid.uuid4())] = 1

    batch = fh.Batch((fh.Call("create"),))
    tools, world = fh.Toolbox({"create": create}), fh.World(ctx={})
    report = fh.explore(batch, tools, world, before=(batch, batch))
    assert len(report.baseline.state["ctx"]) == 3
