"""Eight things that tools like this one get wrong, each in the ways in which tools are written.

An async call goes from one ``await`` to the next in one step. Between two awaits no other call of its loop
comes in; a call on a thread does.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
import trio
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import fuzzharness as fh
from fuzzharness.finding import Change

Tool = Callable[..., Any]


def batch_of(tools: Sequence[Tool]) -> tuple[fh.Batch, fh.Toolbox]:
    """One call of each of ``tools``; equal tools are one tool, called as often."""
    names = {tool: f"{tool.__name__}_{n}" for n, tool in enumerate(dict.fromkeys(tools), 1)}
    calls = tuple(fh.Call(names[tool]) for tool in tools)
    return fh.Batch(calls), fh.Toolbox({name: tool for tool, name in names.items()})


def exhausted(tools: Sequence[Tool], world: fh.World | None = None, **values: Any) -> fh.Report:
    """Explore one call of each of ``tools`` to the end, on a plain value ``ctx`` or the world given."""
    report = fh.explore(*batch_of(tools), world or fh.World(ctx=values))
    assert report.exhausted, (report.reasons, report.escapes)
    return report


def results(outcomes: Iterable[fh.Outcome]) -> set[tuple[Any, ...]]:
    """What the calls came to in each outcome: the values returned, of errors the type."""
    return {
        tuple(r.value if isinstance(r, fh.Returned) else r.type for r in outcome.results.values())
        for outcome in outcomes
    }


def states(outcomes: Iterable[fh.Outcome], key: str) -> list[Any]:
    """What is left under ``key`` in each outcome, in order."""
    return sorted(outcome.state["ctx"][key] for outcome in outcomes)


def kinds(report: fh.Report) -> set[tuple[str, str, int]]:
    """Mode, anomaly and preemptions of each finding."""
    return {(f.mode.value, f.anomaly, f.schedule.preemptions) for f in report.findings}


LOST_UPDATE = {("shared-state", "lost-update", 1)}


def flavours(**tools: Any) -> pytest.MarkDecorator:
    """One test for each way to write the tools, called by how they are run."""
    return pytest.mark.parametrize("tools", tools.values(), ids=tools)


# ---- 1. A lock orders two calls; both orders are reached ------------------------------------------

THREAD_LOCK = threading.Lock()


def announces(ctx: Any) -> None:
    with THREAD_LOCK:
        ctx["ready"] = True


def looks(ctx: Any) -> None:
    with THREAD_LOCK:
        ctx["ok"] = ctx["ready"]


def adds_locked(ctx: Any) -> None:
    with THREAD_LOCK:
        ctx["x"] = ctx["x"] + 1


ASYNCIO_LOCK = asyncio.Lock()
TRIO_LOCK = trio.Lock()


async def announces_asyncio(ctx: Any) -> None:
    async with ASYNCIO_LOCK:
        await asyncio.sleep(0.01)
        ctx["ready"] = True


async def looks_asyncio(ctx: Any) -> None:
    async with ASYNCIO_LOCK:
        ctx["ok"] = ctx["ready"]


async def adds_locked_asyncio(ctx: Any) -> None:
    async with ASYNCIO_LOCK:
        value = ctx["x"]
        await asyncio.sleep(0.01)
        ctx["x"] = value + 1


async def announces_trio(ctx: Any) -> None:
    async with TRIO_LOCK:
        await trio.sleep(0.01)
        ctx["ready"] = True


async def looks_trio(ctx: Any) -> None:
    async with TRIO_LOCK:
        ctx["ok"] = ctx["ready"]


async def adds_locked_trio(ctx: Any) -> None:
    async with TRIO_LOCK:
        value = ctx["x"]
        await trio.sleep(0.01)
        ctx["x"] = value + 1


@flavours(
    threads=[announces, looks],
    asyncio=[announces_asyncio, looks_asyncio],
    trio=[announces_trio, looks_trio],
)
def test_both_orders_of_one_lock_are_reached(tools: list[Tool]) -> None:
    report = exhausted(tools, ready=False, ok=False)
    assert [o.state["ctx"]["ok"] for o in report.outcomes] == [True, False]
    assert kinds(report) == {("timing", "missing-precondition", 0)}


@flavours(
    threads=[looks, announces],
    asyncio=[looks_asyncio, announces_asyncio],
    trio=[looks_trio, announces_trio],
)
def test_both_orders_are_reached_when_the_recorded_one_is_the_other(tools: list[Tool]) -> None:
    report = exhausted(tools, ready=False, ok=False)
    assert [o.state["ctx"]["ok"] for o in report.outcomes] == [False, True]
    assert {f.schedule.preemptions for f in report.findings} == {0}


@flavours(
    threads=adds_locked,
    asyncio=adds_locked_asyncio,
    trio=adds_locked_trio,
)
def test_what_a_lock_protects_is_safe_and_verified(tools: Tool) -> None:
    report = exhausted([tools] * 3, x=0)
    assert (report.verdict, report.verified) == (fh.Verdict.SAFE, True)
    assert states(report.outcomes, "x") == [3]


# ---- 2. Every operation of a container is an access -----------------------------------------------

Does = Callable[[Any], Any]


def on_a_thread(does: Does) -> Tool:
    def tool(ctx: Any) -> Any:
        return does(ctx)

    return tool


def on_asyncio(does: Does) -> Tool:
    async def tool(ctx: Any) -> Any:
        await asyncio.sleep(0.01)
        return does(ctx)

    return tool


def on_trio(does: Does) -> Tool:
    async def tool(ctx: Any) -> Any:
        await trio.sleep(0.01)
        return does(ctx)

    return tool


ways = pytest.mark.parametrize(
    "way",
    [
        on_a_thread,
        on_asyncio,
        on_trio,
    ],
)

Operation = tuple[str, dict[str, Any], Does, Does, Any, Any]
"""Its name, the values it begins with, what writes, what reads, and what is read after and before that."""


def dict_operations() -> list[Operation]:
    start: dict[str, Any] = {"d": {"other": 0}}
    new = {"other": 0, "key": 1}
    reads: dict[str, tuple[Does, Any, Any]] = {
        "in": (lambda ctx: "key" in ctx["d"], True, False),
        "not in": (lambda ctx: "key" not in ctx["d"], False, True),
        "get": (lambda ctx: ctx["d"].get("key"), 1, None),
        "get with a default": (lambda ctx: ctx["d"].get("key", 7), 1, 7),
        "[]": (lambda ctx: ctx["d"]["key"], 1, "KeyError"),
        "list": (lambda ctx: list(ctx["d"]), ["other", "key"], ["other"]),
        "reversed": (lambda ctx: list(reversed(ctx["d"])), ["key", "other"], ["other"]),
        "keys": (lambda ctx: list(ctx["d"].keys()), ["other", "key"], ["other"]),
        "in keys": (lambda ctx: "key" in ctx["d"].keys(), True, False),  # noqa: SIM118  # the view is meant
        "values": (lambda ctx: list(ctx["d"].values()), [0, 1], [0]),
        "items": (lambda ctx: list(ctx["d"].items()), [("other", 0), ("key", 1)], [("other", 0)]),
        "len": (lambda ctx: len(ctx["d"]), 2, 1),
        "sorted": (lambda ctx: sorted(ctx["d"]), ["key", "other"], ["other"]),
        "==": (lambda ctx: ctx["d"] == {"other": 0}, False, True),
        "dict": (lambda ctx: dict(ctx["d"]), new, {"other": 0}),
        "copy": (lambda ctx: dict(ctx["d"].copy()), new, {"other": 0}),
        "**": (lambda ctx: dict(**ctx["d"]), new, {"other": 0}),
        "|": (lambda ctx: dict(ctx["d"] | {}), new, {"other": 0}),
        "repr": (lambda ctx: repr(ctx["d"]), repr(new), repr({"other": 0})),
        "setdefault": (lambda ctx: ctx["d"].setdefault("key", 7), 1, 7),
        "pop": (lambda ctx: ctx["d"].pop("key", None), 1, None),
    }
    writes: dict[str, Does] = {
        "[] =": lambda ctx: ctx["d"].__setitem__("key", 1),
        "update": lambda ctx: ctx["d"].update(key=1),
        "update with pairs": lambda ctx: ctx["d"].update([("key", 1)]),
        "setdefault": lambda ctx: ctx["d"].setdefault("key", 1),
        "|=": lambda ctx: ctx["d"].__ior__({"key": 1}) and None,
    }
    removals: dict[str, Does] = {
        "del": lambda ctx: ctx["d"].__delitem__("other"),
        "pop": lambda ctx: ctx["d"].pop("other"),
        "popitem": lambda ctx: ctx["d"].popitem(),
        "clear": lambda ctx: ctx["d"].clear(),
    }
    return [
        *((f"dict: {name}", start, writes["[] ="], *row) for name, row in reads.items()),
        *((f"dict: {name} beside in", start, write, *reads["in"]) for name, write in writes.items()),
        *(
            (f"dict: {name} beside in", start, remove, lambda ctx: "other" in ctx["d"], False, True)
            for name, remove in removals.items()
        ),
    ]


def set_operations() -> list[Operation]:
    start: dict[str, Any] = {"s": {1}}
    reads: dict[str, tuple[Does, Any, Any]] = {
        "in": (lambda ctx: 2 in ctx["s"], True, False),
        "sorted": (lambda ctx: sorted(ctx["s"]), [1, 2], [1]),
        "list": (lambda ctx: list(ctx["s"]), [1, 2], [1]),
        "len": (lambda ctx: len(ctx["s"]), 2, 1),
        "==": (lambda ctx: ctx["s"] == {1}, False, True),
        "<=": (lambda ctx: ctx["s"] <= {1}, False, True),
        "isdisjoint": (lambda ctx: ctx["s"].isdisjoint({2}), False, True),
        "|": (lambda ctx: set(ctx["s"] | {3}), {1, 2, 3}, {1, 3}),
        "&": (lambda ctx: set(ctx["s"] & {2}), {2}, set()),
        "-": (lambda ctx: set({2} - ctx["s"]), set(), {2}),
        "copy": (lambda ctx: set(ctx["s"].copy()), {1, 2}, {1}),
    }
    writes: dict[str, Does] = {
        "add": lambda ctx: ctx["s"].add(2),
        "update": lambda ctx: ctx["s"].update([2]),
        "|=": lambda ctx: ctx["s"].__ior__({2}) and None,
        "^=": lambda ctx: ctx["s"].__ixor__({2}) and None,
    }
    removals: dict[str, Does] = {
        "remove": lambda ctx: ctx["s"].remove(1),
        "discard": lambda ctx: ctx["s"].discard(1),
        "pop": lambda ctx: ctx["s"].pop(),
        "clear": lambda ctx: ctx["s"].clear(),
        "-=": lambda ctx: ctx["s"].__isub__({1}) and None,
        "&=": lambda ctx: ctx["s"].__iand__({2}) and None,
    }
    return [
        *((f"set: {name}", start, writes["add"], *row) for name, row in reads.items()),
        *((f"set: {name} beside in", start, write, *reads["in"]) for name, write in writes.items()),
        *(
            (f"set: {name} beside in", start, remove, lambda ctx: 1 in ctx["s"], False, True)
            for name, remove in removals.items()
        ),
    ]


def list_operations() -> list[Operation]:
    start: dict[str, Any] = {"l": [5]}
    reads: dict[str, tuple[Does, Any, Any]] = {
        "in": (lambda ctx: 6 in ctx["l"], True, False),
        "[]": (lambda ctx: ctx["l"][1], 6, "IndexError"),
        "[-1]": (lambda ctx: ctx["l"][-1], 6, 5),
        "[:]": (lambda ctx: list(ctx["l"][:]), [5, 6], [5]),
        "list": (lambda ctx: list(ctx["l"]), [5, 6], [5]),
        "reversed": (lambda ctx: list(reversed(ctx["l"])), [6, 5], [5]),
        "len": (lambda ctx: len(ctx["l"]), 2, 1),
        "index": (lambda ctx: ctx["l"].index(6), 1, "ValueError"),
        "count": (lambda ctx: ctx["l"].count(6), 1, 0),
        "sum": (lambda ctx: sum(ctx["l"]), 11, 5),
        "max": (lambda ctx: max(ctx["l"]), 6, 5),
        "sorted": (lambda ctx: sorted(ctx["l"]), [5, 6], [5]),
        "==": (lambda ctx: ctx["l"] == [5], False, True),
        "+": (lambda ctx: list(ctx["l"] + [7]), [5, 6, 7], [5, 7]),
        "copy": (lambda ctx: list(ctx["l"].copy()), [5, 6], [5]),
        "pop": (lambda ctx: ctx["l"].pop(), 6, 5),
    }
    writes: dict[str, Does] = {
        "append": lambda ctx: ctx["l"].append(6),
        "extend": lambda ctx: ctx["l"].extend([6]),
        "insert": lambda ctx: ctx["l"].insert(1, 6),
        "+=": lambda ctx: ctx["l"].__iadd__([6]) and None,
        "[] =": lambda ctx: ctx["l"].__setitem__(0, 6),
        "[:] =": lambda ctx: ctx["l"].__setitem__(slice(None), [5, 6]),
    }
    removals: dict[str, Does] = {
        "remove": lambda ctx: ctx["l"].remove(5),
        "pop": lambda ctx: ctx["l"].pop(),
        "del": lambda ctx: ctx["l"].__delitem__(0),
        "clear": lambda ctx: ctx["l"].clear(),
    }
    orders: dict[str, Does] = {
        "sort": lambda ctx: ctx["l"].sort(),
        "reverse": lambda ctx: ctx["l"].reverse(),
    }
    return [
        *((f"list: {name}", start, writes["append"], *row) for name, row in reads.items()),
        *((f"list: {name} beside in", start, write, *reads["in"]) for name, write in writes.items()),
        *(
            (f"list: {name} beside in", start, remove, lambda ctx: 5 in ctx["l"], False, True)
            for name, remove in removals.items()
        ),
        *(
            (f"list: {name} beside []", {"l": [9, 5]}, order, lambda ctx: ctx["l"][0], 5, 9)
            for name, order in orders.items()
        ),
    ]


class Account:
    """An ordinary object of an application."""

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)


def attribute_operations() -> list[Operation]:
    start: dict[str, Any] = {"o": Account(name="Ada")}
    reads: dict[str, tuple[Does, Any, Any]] = {
        ".": (lambda ctx: ctx["o"].limit, 9, "AttributeError"),
        "getattr": (lambda ctx: getattr(ctx["o"], "limit", None), 9, None),
        "hasattr": (lambda ctx: hasattr(ctx["o"], "limit"), True, False),
    }
    writes: dict[str, Does] = {
        ". =": lambda ctx: ctx["o"].__setattr__("limit", 9),
        "setattr": lambda ctx: setattr(ctx["o"], "limit", 9),
    }
    removals: dict[str, Does] = {
        "del": lambda ctx: ctx["o"].__delattr__("name"),
        "delattr": lambda ctx: delattr(ctx["o"], "name"),
    }
    return [
        *((f"attribute: {name}", start, writes[". ="], *row) for name, row in reads.items()),
        *((f"attribute: {name} beside .", start, write, *reads["."]) for name, write in writes.items()),
        *(
            (
                f"attribute: {name} beside in",
                start,
                remove,
                lambda ctx: hasattr(ctx["o"], "name"),
                False,
                True,
            )
            for name, remove in removals.items()
        ),
    ]


OPERATIONS = [*dict_operations(), *set_operations(), *list_operations(), *attribute_operations()]


@ways
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation[0])
def test_an_operation_that_reads_is_seen_to_meet_one_that_writes(
    operation: Operation, way: Callable[[Does], Tool]
) -> None:
    _, start, writes, reads, after, before = operation
    report = exhausted([way(writes), way(reads)], **start)
    assert report.verdict is fh.Verdict.UNSAFE
    seen = [list(outcome.results.values())[1] for outcome in report.outcomes]
    assert [r.value if isinstance(r, fh.Returned) else r.type for r in seen] == [after, before]


# ---- 3. SQLAlchemy on SQLite with the application's own engine ------------------------------------

ENGINE = sa.create_engine("sqlite://")


class Base(DeclarativeBase):
    pass


class Stock(Base):
    __tablename__ = "stock"

    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]


STOCK = sa.Table("stock", Base.metadata)


def fill(connection: sa.Connection) -> None:
    Base.metadata.create_all(connection)
    connection.execute(sa.insert(STOCK), [{"id": 7, "count": 100}, {"id": 8, "count": 100}])


def count() -> int:
    with ENGINE.connect() as connection:
        return int(connection.execute(sa.select(STOCK.c.count).where(STOCK.c.id == 7)).scalar_one())


def put(value: int) -> None:
    with ENGINE.begin() as connection:
        connection.execute(sa.update(STOCK).where(STOCK.c.id == 7).values(count=value))


def takes_with_core() -> None:
    put(count() - 10)


def takes_with_orm() -> None:
    with Session(ENGINE) as session:
        session.get_one(Stock, 7).count -= 10
        session.commit()


def takes_with_text() -> None:
    with ENGINE.connect() as connection:
        left = connection.execute(sa.text("select count from stock where id = 7")).scalar_one()
    with ENGINE.begin() as connection:
        connection.execute(sa.text("update stock set count = :n where id = 7"), {"n": left - 10})


async def takes_with_core_asyncio() -> None:
    left = count()
    await asyncio.sleep(0.01)
    put(left - 10)


async def takes_with_orm_asyncio() -> None:
    with Session(ENGINE) as session:
        item = session.get_one(Stock, 7)
        await asyncio.sleep(0.01)
        item.count -= 10
        session.commit()


async def takes_with_core_trio() -> None:
    left = count()
    await trio.sleep(0.01)
    put(left - 10)


async def takes_with_orm_trio() -> None:
    with Session(ENGINE) as session:
        item = session.get_one(Stock, 7)
        await trio.sleep(0.01)
        item.count -= 10
        session.commit()


async def takes_with_core_on_workers() -> None:
    left = await asyncio.to_thread(count)
    await asyncio.to_thread(put, left - 10)


async def takes_with_core_on_workers_of_trio() -> None:
    left = await trio.to_thread.run_sync(count)
    await trio.to_thread.run_sync(put, left - 10)


@flavours(
    core=takes_with_core,
    orm=takes_with_orm,
    text=takes_with_text,
    core_asyncio=takes_with_core_asyncio,
    orm_asyncio=takes_with_orm_asyncio,
    core_trio=takes_with_core_trio,
    orm_trio=takes_with_orm_trio,
    core_on_workers=takes_with_core_on_workers,
    core_on_workers_of_trio=takes_with_core_on_workers_of_trio,
)
def test_a_module_global_engine_is_watched_and_the_explanation_names_table_and_row(tools: Tool) -> None:
    report = exhausted([tools, tools], fh.World(db=fh.Database(ENGINE, setup=fill)))
    assert [o.state["db"]["stock"][7]["count"] for o in report.outcomes] == [80, 90]
    assert kinds(report) == LOST_UPDATE
    (finding,) = report.findings
    assert "db['stock'][7]" in finding.explanation
    assert finding.diff == (Change(("db", "stock", 7, "count"), 80, 90),)


# ---- 4. Files read and written whole --------------------------------------------------------------


def appends_with_path(files: Path) -> None:
    file = files / "log.txt"
    text = file.read_text()
    file.write_text(text + "x")


def appends_with_bytes(files: Path) -> None:
    file = files / "log.txt"
    data = file.read_bytes()
    file.write_bytes(data + b"x")


def appends_with_open(files: Path) -> None:
    with open(files / "log.txt") as file:
        text = file.read()
    with open(files / "log.txt", "w") as file:
        file.write(text + "x")


async def appends_asyncio(files: Path) -> None:
    file = files / "log.txt"
    text = file.read_text()
    await asyncio.sleep(0.01)
    file.write_text(text + "x")


async def appends_trio(files: Path) -> None:
    file = files / "log.txt"
    text = file.read_text()
    await trio.sleep(0.01)
    file.write_text(text + "x")


async def appends_with_anyio_path(files: Path) -> None:
    file = anyio.Path(files) / "log.txt"
    text = await file.read_text()
    await file.write_text(text + "x")


async def appends_with_anyio_path_on_trio(files: Path) -> None:
    file = anyio.Path(files) / "log.txt"
    text = await file.read_text()
    await trio.sleep(0.01)
    await file.write_text(text + "x")


async def appends_with_anyio_open_file(files: Path) -> None:
    async with await anyio.open_file(files / "log.txt") as file:
        text = await file.read()
    async with await anyio.open_file(files / "log.txt", "w") as file:
        await file.write(text + "x")


async def appends_with_trio_path(files: Path) -> None:
    file = trio.Path(files) / "log.txt"
    text = await file.read_text()
    await file.write_text(text + "x")


async def appends_on_workers(files: Path) -> None:
    file = files / "log.txt"
    text = await asyncio.to_thread(file.read_text)
    await asyncio.to_thread(file.write_text, text + "x")


async def appends_on_workers_by_the_class(files: Path) -> None:
    file = files / "log.txt"
    text = await asyncio.to_thread(Path.read_text, file)
    await asyncio.to_thread(Path.write_text, file, text + "x")


@flavours(
    path=appends_with_path,
    bytes=appends_with_bytes,
    open=appends_with_open,
    asyncio=appends_asyncio,
    trio=appends_trio,
    anyio_path=appends_with_anyio_path,
    anyio_path_on_trio=appends_with_anyio_path_on_trio,
    anyio_open_file=appends_with_anyio_open_file,
    trio_path=appends_with_trio_path,
    to_thread=appends_on_workers,
    to_thread_by_the_class=appends_on_workers_by_the_class,
)
def test_a_file_read_and_written_back_loses_an_update(tools: Tool) -> None:
    report = exhausted([tools, tools], fh.World(files=fh.Directory({"log.txt": ""})))
    texts = {o.state["files"]["log.txt"] for o in report.outcomes}
    assert report.baseline.state["files"] == {"log.txt": "xx"}
    assert {"x", "xx"} <= texts
    assert ("shared-state", "lost-update", 1) in kinds(report)
    assert report.escapes == ()


# ---- 5. A bug of depth three replays ten times of ten ---------------------------------------------


def first(ctx: Any) -> None:
    ctx["a"] = 1
    ctx["a"] = 0


def second(ctx: Any) -> None:
    if ctx["a"]:
        ctx["b"] = 1
        ctx["b"] = 0


def third(ctx: Any) -> str:
    return "bad" if ctx["b"] else "fine"


async def first_asyncio(ctx: Any) -> None:
    ctx["a"] = 1
    await asyncio.sleep(0.01)
    ctx["a"] = 0


async def second_asyncio(ctx: Any) -> None:
    if ctx["a"]:
        ctx["b"] = 1
        await asyncio.sleep(0.01)
        ctx["b"] = 0


async def third_asyncio(ctx: Any) -> str:
    return "bad" if ctx["b"] else "fine"


async def first_trio(ctx: Any) -> None:
    ctx["a"] = 1
    await trio.sleep(0.01)
    ctx["a"] = 0


async def second_trio(ctx: Any) -> None:
    if ctx["a"]:
        ctx["b"] = 1
        await trio.sleep(0.01)
        ctx["b"] = 0


async def third_trio(ctx: Any) -> str:
    await trio.lowlevel.checkpoint()
    return "bad" if ctx["b"] else "fine"


@flavours(
    threads=[third, second, first],
    asyncio=[third_asyncio, second_asyncio, first_asyncio],
    trio=[third_trio, second_trio, first_trio],
)
def test_a_bug_of_depth_three_replays_ten_times_of_ten(tools: list[Tool]) -> None:
    report = exhausted(tools, a=0, b=0)
    (bad,) = (f for f in report.findings if ("bad", None, None) in results([f.outcome]))
    assert (len(bad.calls), bad.schedule.preemptions, bad.certificate.proven) == (3, 2, True)
    for _ in range(10):
        again = fh.replay(bad.schedule.token, *batch_of(tools), fh.World(ctx={"a": 0, "b": 0}))
        assert (again.outcome, again.schedule) == (bad.outcome, bad.schedule)


# ---- 6. A tool that raises in some interleavings only ---------------------------------------------


def pops(ctx: Any) -> str | None:
    if len(ctx["queue"]):
        return str(ctx["queue"].pop())
    return None


def drops_file(files: Path) -> bool:
    file = files / "draft.txt"
    if file.exists():
        file.unlink()
        return True
    return False


def inserts_row() -> bool:
    with ENGINE.connect() as connection:
        there = connection.execute(sa.select(STOCK.c.id).where(STOCK.c.id == 9)).first()
    if there is None:
        with ENGINE.begin() as connection:
            connection.execute(sa.insert(STOCK).values(id=9, count=0))
    return there is None


async def pops_asyncio(ctx: Any) -> str | None:
    if len(ctx["queue"]):
        await asyncio.sleep(0.01)
        return str(ctx["queue"].pop())
    return None


async def pops_trio(ctx: Any) -> str | None:
    if len(ctx["queue"]):
        await trio.sleep(0.01)
        return str(ctx["queue"].pop())
    return None


async def drops_file_on_workers(files: Path) -> bool:
    file = anyio.Path(files) / "draft.txt"
    if await file.exists():
        await file.unlink()
        return True
    return False


async def drops_file_on_workers_of_trio(files: Path) -> bool:
    file = trio.Path(files) / "draft.txt"
    if await file.exists():
        await file.unlink()
        return True
    return False


def a_queue() -> fh.World:
    return fh.World(ctx={"queue": ["only"]})


def a_file() -> fh.World:
    return fh.World(files=fh.Directory({"draft.txt": ""}))


def a_table() -> fh.World:
    return fh.World(db=fh.Database(ENGINE, setup=fill))


@pytest.mark.parametrize(
    ("tool", "world", "first", "second", "error"),
    [
        (pops, a_queue, "only", None, "IndexError"),
        (drops_file, a_file, True, False, "FileNotFoundError"),
        (inserts_row, a_table, True, False, "IntegrityError"),
        (pops_asyncio, a_queue, "only", None, "IndexError"),
        (pops_trio, a_queue, "only", None, "IndexError"),
        (drops_file_on_workers, a_file, True, False, "FileNotFoundError"),
        (drops_file_on_workers_of_trio, a_file, True, False, "FileNotFoundError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_error_in_some_interleavings_is_an_outcome_with_a_schedule(
    tool: Tool, world: Callable[[], fh.World], first: Any, second: Any, error: str
) -> None:
    one = world()
    report = exhausted([tool, tool], one)
    assert report.verdict is fh.Verdict.UNSAFE
    assert results([report.baseline]) == {(first, second)}
    assert results(report.outcomes) == {(first, second), (second, first), (first, error), (error, first)}
    raised = next(f for f in report.findings if error in next(iter(results([f.outcome]))))
    assert (raised.mode, raised.schedule.preemptions) == (fh.Mode.SHARED_STATE, 1)
    again = fh.replay(raised.schedule.token, *batch_of([tool, tool]), one)
    assert again.outcome == raised.outcome


# ---- 7. An ending of another serial order is not accepted -----------------------------------------


def sets_name(ctx: Any) -> None:
    ctx["name"] = "Ada"


def greets(ctx: Any) -> str:
    return f"Dear {ctx['name']}"


def opens(ctx: Any) -> None:
    ctx["sessions"]["s-1"] = "open"


def needs_open(ctx: Any) -> str:
    if "s-1" not in ctx["sessions"]:
        raise LookupError("no session")
    return "read"


def sets_price(ctx: Any) -> None:
    ctx["price"] = 10


def sets_other_price(ctx: Any) -> None:
    ctx["price"] = 20


def awaited_on_asyncio(tool: Tool) -> Tool:
    async def awaited(ctx: Any) -> Any:
        await asyncio.sleep(0.01)
        return tool(ctx)

    return awaited


def awaited_on_trio(tool: Tool) -> Tool:
    async def awaited(ctx: Any) -> Any:
        await trio.sleep(0.01)
        return tool(ctx)

    return awaited


def on_a_worker(tool: Tool) -> Tool:
    async def awaited(ctx: Any) -> Any:
        return await asyncio.to_thread(tool, ctx)

    return awaited


def as_it_is(tool: Tool) -> Tool:
    return tool


@pytest.mark.parametrize(
    "how",
    [
        as_it_is,
        awaited_on_asyncio,
        awaited_on_trio,
        on_a_worker,
    ],
)
@pytest.mark.parametrize(
    ("tools", "kind"),
    [
        ([sets_name, greets], ("context", "stale-read", 0)),
        ([greets, sets_name], ("context", "future-read", 0)),
        ([opens, needs_open], ("timing", "missing-precondition", 0)),
        ([needs_open, opens], ("timing", "premature-effect", 0)),
        ([sets_price, sets_other_price], ("shared-state", "last-writer-wins", 0)),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_call_that_must_come_after_its_sibling_is_found(
    tools: list[Tool], kind: tuple[str, str, int], how: Callable[[Tool], Tool]
) -> None:
    report = exhausted([how(tool) for tool in tools], name="nobody", sessions={}, price=0)
    assert report.verdict is fh.Verdict.UNSAFE
    assert len(report.outcomes) == 2
    assert kinds(report) == {kind}


# ---- 8. Worker threads; sync and async tools in one batch; nothing skipped ------------------------


def adds(ctx: Any) -> None:
    ctx["x"] = ctx["x"] + 1


async def adds_on_a_worker(ctx: Any) -> None:
    await asyncio.to_thread(adds, ctx)


async def adds_in_the_executor_of_the_loop(ctx: Any) -> None:
    await asyncio.get_running_loop().run_in_executor(None, adds, ctx)


async def adds_in_an_executor_of_its_own(ctx: Any) -> None:
    with ThreadPoolExecutor(1) as executor:
        await asyncio.get_running_loop().run_in_executor(executor, adds, ctx)


async def adds_on_a_worker_of_trio(ctx: Any) -> None:
    await trio.to_thread.run_sync(adds, ctx)


async def adds_on_a_worker_of_anyio(ctx: Any) -> None:
    await anyio.to_thread.run_sync(adds, ctx)


async def adds_on_a_worker_of_anyio_on_trio(ctx: Any) -> None:
    await trio.lowlevel.checkpoint()
    await anyio.to_thread.run_sync(adds, ctx)


def adds_on_a_thread(ctx: Any) -> None:
    thread = threading.Thread(target=adds, args=(ctx,))
    thread.start()
    thread.join()


def adds_by_submit(ctx: Any) -> None:
    with ThreadPoolExecutor(1) as executor:
        executor.submit(adds, ctx).result()


def adds_by_map(ctx: Any) -> None:
    with ThreadPoolExecutor(1) as executor:
        list(executor.map(adds, [ctx]))


@flavours(
    asyncio_to_thread=adds_on_a_worker,
    run_in_executor=adds_in_the_executor_of_the_loop,
    own_executor=adds_in_an_executor_of_its_own,
    trio_to_thread=adds_on_a_worker_of_trio,
    anyio_to_thread=adds_on_a_worker_of_anyio,
    anyio_to_thread_on_trio=adds_on_a_worker_of_anyio_on_trio,
    thread=adds_on_a_thread,
    submit=adds_by_submit,
    map=adds_by_map,
)
def test_what_a_worker_thread_does_is_not_one_step(tools: Tool) -> None:
    report = exhausted([tools, tools], x=0)
    assert states(report.outcomes, "x") == [1, 2]
    assert report.baseline.state["ctx"]["x"] == 2
    assert kinds(report) == LOST_UPDATE
    assert report.escapes == ()


async def adds_across_asyncio(ctx: Any) -> None:
    value = ctx["x"]
    await asyncio.sleep(0.01)
    ctx["x"] = value + 1


async def adds_across_trio(ctx: Any) -> None:
    value = ctx["x"]
    await trio.sleep(0.01)
    ctx["x"] = value + 1


async def adds_between_asyncio(ctx: Any) -> None:
    await asyncio.sleep(0.01)
    ctx["x"] = ctx["x"] + 1
    await asyncio.sleep(0.01)


async def adds_between_trio(ctx: Any) -> None:
    await trio.sleep(0.01)
    ctx["x"] = ctx["x"] + 1
    await trio.sleep(0.01)


@flavours(
    asyncio=[adds_across_asyncio] * 2,
    trio=[adds_across_trio] * 2,
    asyncio_then_sync=[adds_across_asyncio, adds],
    sync_then_asyncio=[adds, adds_across_asyncio],
    trio_then_sync=[adds_across_trio, adds],
    sync_then_trio=[adds, adds_across_trio],
    asyncio_then_worker=[adds_across_asyncio, adds_on_a_worker],
    trio_then_worker=[adds_across_trio, adds_on_a_worker_of_trio],
)
def test_an_await_between_read_and_write_loses_an_update(tools: list[Tool]) -> None:
    report = exhausted(tools, x=0)
    assert states(report.outcomes, "x") == [1, 2]
    assert kinds(report) == LOST_UPDATE


@flavours(asyncio=adds_between_asyncio, trio=adds_between_trio)
def test_between_two_awaits_no_other_call_of_the_loop_comes_in(tools: Tool) -> None:
    report = exhausted([tools] * 3, x=0)
    assert (report.verdict, report.verified) == (fh.Verdict.SAFE, True)
    assert states(report.outcomes, "x") == [3]


@flavours(
    asyncio_then_sync=[adds_between_asyncio, adds],
    sync_then_asyncio=[adds, adds_between_asyncio],
    trio_then_sync=[adds_between_trio, adds],
    sync_then_trio=[adds, adds_between_trio],
    asyncio_then_worker=[adds_between_asyncio, adds_on_a_worker],
    trio_then_worker=[adds_between_trio, adds_on_a_worker_of_trio],
)
def test_between_two_awaits_a_call_on_a_thread_does_come_in(tools: list[Tool]) -> None:
    report = exhausted(tools, x=0)
    assert states(report.outcomes, "x") == [1, 2]
    assert kinds(report) == LOST_UPDATE


SUITE = """
import ASYNC

import fuzzharness as fh

KIND add_credit(account, amount, accounts):
    balance = accounts[account]
    PAUSE
    accounts[account] = balance + amount

def batch(*accounts):
    return fh.Batch(tuple(fh.Call("add_credit", {"account": a, "amount": 10}) for a in accounts))

TOOLS = fh.Toolbox({"add_credit": add_credit})

def test_that_races(fuzz):
    fuzz(batch("7", "7"), TOOLS, fh.World(accounts={"7": 100, "8": 100}))

def test_that_does_not(fuzz):
    fuzz(batch("7", "8"), TOOLS, fh.World(accounts={"7": 100, "8": 100}))
"""


def suite(loop: str, kind: str, pause: str) -> str:
    return SUITE.replace("ASYNC", loop).replace("KIND", kind).replace("PAUSE", pause)


@pytest.mark.parametrize("options", [["-p", "no:xdist"], ["-n", "2"]], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    "text",
    [
        suite("threading", "def", "pass"),
        suite("asyncio", "async def", "await asyncio.sleep(0.01)"),
        suite("trio", "async def", "await trio.sleep(0.01)"),
    ],
    ids=[
        "threads",
        "asyncio",
        "trio",
    ],
)
def test_a_suite_runs_and_fails_where_it_should(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, text: str, options: list[str]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each plugin costs every process time
    pytester.makepyfile(text)
    plugins = ["-p", "fuzzharness"] + (["-p", "xdist"] if "-n" in options else [])
    result = pytester.runpytest_subprocess(*plugins, *options)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*accounts.7*120*110*", "pytest '*::test_that_races' --fuzz-replay fz1.*"])
