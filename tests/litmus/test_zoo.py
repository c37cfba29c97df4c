"""The anomaly zoo: interleavings, classes, how many equal a serial order, how many end in a wrong state."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of
from fuzzharness.oracle.judge import Judge
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.bounded import Bounded


def add(ctx: Any, amount: int) -> None:
    ctx["x"] = ctx["x"] + amount


def claim(ctx: Any) -> str:
    if ctx["owner"] is None:
        ctx["owner"] = "taken"
        return "yours"
    return "taken"


def withdraw(ctx: Any) -> bool:
    if ctx["x"] >= 60:
        ctx["x"] = 40
        return True
    return False


def zero(ctx: Any, mine: str) -> None:
    if ctx["x"] + ctx["y"] >= 2:
        ctx[mine] = 0


def transfer(ctx: Any, amount: int) -> tuple[int, int]:
    a = ctx["x"]
    ctx["x"] = a - amount
    b = ctx["y"]
    ctx["y"] = b + amount
    return a, b


def audit(ctx: Any) -> int:
    return int(ctx["x"] + ctx["y"])


def read_twice(ctx: Any) -> list[int]:
    return [ctx["x"], ctx["x"]]


def put(ctx: Any, value: int) -> None:
    ctx["x"] = value


def configure(ctx: Any, value: int) -> None:
    ctx["x"] = value
    ctx["y"] = value


def read_both(ctx: Any) -> list[int]:
    return [ctx["x"], ctx["y"]]


def create(ctx: Any) -> None:
    ctx["made"] = 1


def use(ctx: Any) -> str:
    ctx["made"]
    return "used"


@dataclass(frozen=True)
class Animal:
    name: str
    calls: tuple[tuple[Any, dict[str, Any]], ...]
    start: dict[str, Any]
    interleavings: int
    classes: int
    serial: int
    wrong_state: int
    kinds: frozenset[tuple[str, str]]


def animal(
    name: str, calls: Any, start: Any, counts: tuple[int, int, int, int], *kinds: tuple[str, str]
) -> Animal:
    return Animal(name, tuple(calls), start, *counts, frozenset(kinds))


SHARED = "shared-state"
ZOO = [
    animal(
        "lost update x2",
        [(add, {"amount": 1}), (add, {"amount": 2})],
        {"x": 0},
        (6, 4, 2, 4),
        (SHARED, "lost-update"),
    ),
    animal(
        "lost update x3",
        [(add, {"amount": 1}), (add, {"amount": 2}), (add, {"amount": 4})],
        {"x": 0},
        (90, 36, 6, 84),
        (SHARED, "lost-update"),
    ),
    animal(
        "double claim",
        [(claim, {}), (claim, {})],
        {"owner": None},
        (6, 4, 2, 0),
        (SHARED, "lost-update"),
    ),
    animal("overdraw", [(withdraw, {}), (withdraw, {})], {"x": 100}, (6, 4, 2, 0), (SHARED, "lost-update")),
    animal(
        "write skew",
        [(zero, {"mine": "x"}), (zero, {"mine": "y"})],
        {"x": 1, "y": 1},
        (20, 3, 5, 15),
        (SHARED, "write-skew"),
    ),
    animal(
        "read skew",
        [(transfer, {"amount": 5}), (audit, {})],
        {"x": 10, "y": 0},
        (15, 4, 10, 0),
        (SHARED, "read-skew"),
    ),
    animal(
        "two transfers",
        [(transfer, {"amount": 1}), (transfer, {"amount": 2})],
        {"x": 10, "y": 0},
        (70, 16, 12, 56),
        (SHARED, "lost-update"),
    ),
    animal(
        "non-repeatable read",
        [(read_twice, {}), (put, {"value": 1})],
        {"x": 0},
        (3, 3, 2, 0),
        (SHARED, "non-repeatable-read"),
    ),
    animal(
        "torn config",
        [(configure, {"value": 1}), (configure, {"value": 2})],
        {"x": 0, "y": 0},
        (6, 4, 4, 2),
        (SHARED, "dirty-write"),
    ),
    animal(
        "torn config read",
        [(configure, {"value": 1}), (read_both, {})],
        {"x": 0, "y": 0},
        (6, 4, 4, 0),
        (SHARED, "read-skew"),
    ),
    animal(
        "create then use", [(create, {}), (use, {})], {}, (2, 2, 2, 0), ("timing", "missing-precondition")
    ),
]


def explored(beast: Animal, strategy: str = "bounded") -> fh.Report:
    tools = fh.Toolbox({tool.__name__: tool for tool, _ in beast.calls})
    batch = fh.Batch(tuple(fh.Call(tool.__name__, args) for tool, args in beast.calls))
    return fh.explore(batch, tools, fh.World(ctx=beast.start), fh.Settings(strategy=strategy))


@pytest.mark.parametrize("beast", ZOO, ids=lambda beast: beast.name)
def test_the_numbers_of_an_anomaly(beast: Animal) -> None:
    tools = fh.Toolbox({tool.__name__: tool for tool, _ in beast.calls})
    batch = fh.Batch(tuple(fh.Call(tool.__name__, args) for tool, args in beast.calls))
    positions = tuple(range(len(beast.calls)))
    seen: Counter[str] = Counter()
    with Stage(batch, tools, fh.World(ctx=beast.start), fh.Settings()) as stage:
        judge = Judge(stage, positions)
        states = [key_of(fh.Outcome(r.outcome.state, {})) for r in judge.serial.endings.values()]
        scheduler, last = Bounded(len(positions)), None
        while scheduler.begin(last):
            ran = stage.run(positions, scheduler.choose)
            last = ran.trail
            seen["runs"] += 1
            seen["serial"] += judge.key(ran) in judge.serial.endings
            seen["wrong"] += key_of(fh.Outcome(ran.outcome.state, {})) not in states
    assert (seen["runs"], seen["serial"], seen["wrong"]) == (
        beast.interleavings,
        beast.serial,
        beast.wrong_state,
    )


@pytest.mark.parametrize("beast", ZOO, ids=lambda beast: beast.name)
def test_the_name_of_an_anomaly(beast: Animal) -> None:
    report = explored(beast)
    assert report.verdict is fh.Verdict.UNSAFE
    assert report.executions == beast.interleavings
    assert beast.kinds <= {(f.mode.value, f.anomaly) for f in report.findings}


@pytest.mark.parametrize("strategy", ["auto", "dpor"])
@pytest.mark.parametrize("beast", ZOO, ids=lambda beast: beast.name)
def test_one_run_of_each_class_reaches_exactly_the_endings_of_all_interleavings(
    beast: Animal, strategy: str
) -> None:
    every, classes = explored(beast), explored(beast, strategy)
    assert (classes.executions, classes.blocked, classes.exhausted) == (beast.classes, 0, True)
    assert set(map(key_of, classes.outcomes)) == set(map(key_of, every.outcomes))
    assert {kind(f) for f in classes.findings} == {kind(f) for f in every.findings}


def kind(finding: fh.Finding) -> tuple[str, str, str]:
    return finding.mode.value, finding.anomaly, finding.schedule.digits


@pytest.mark.parametrize(
    "beast", [b for b in ZOO if b.name != "create then use"], ids=lambda beast: beast.name
)
def test_one_preemption_reaches_every_anomaly_that_needs_one(beast: Animal) -> None:
    found = [f for f in explored(beast).findings if (f.mode.value, f.anomaly) in beast.kinds]
    assert {f.certificate.preemptions for f in found} == {1}
    assert all(f.certificate.proven for f in found)


def fill(connection: Any) -> None:
    connection.execute(text("create table account (id integer primary key, x integer)"))
    connection.execute(text("insert into account values (1, 100), (2, 0)"))


def _get(db: Any, row: int) -> int:
    with db.connect() as connection:
        return int(connection.execute(text("select x from account where id = :i"), {"i": row}).scalar_one())


def _set(db: Any, row: int, x: int) -> None:
    with db.begin() as connection:
        connection.execute(text("update account set x = :x where id = :i"), {"x": x, "i": row})


def add_row(db: Any) -> None:
    _set(db, 1, _get(db, 1) + 10)


def withdraw_row(db: Any) -> bool:
    if _get(db, 1) >= 60:
        _set(db, 1, 40)
        return True
    return False


def transfer_rows(db: Any) -> None:
    _set(db, 1, _get(db, 1) - 5)
    _set(db, 2, _get(db, 2) + 5)


def audit_rows(db: Any) -> int:
    return _get(db, 1) + _get(db, 2)


@pytest.mark.parametrize(
    ("tools", "interleavings", "classes", "anomaly"),
    [
        ([add_row, add_row], 6, 4, "lost-update"),
        ([withdraw_row, withdraw_row], 6, 4, "lost-update"),
        ([transfer_rows, audit_rows], 15, 4, "read-skew"),
    ],
)
@pytest.mark.parametrize("strategy", ["bounded", "auto"])
def test_rows_have_the_numbers_that_plain_values_have(
    tools: Any, interleavings: int, classes: int, anomaly: str, strategy: str
) -> None:
    report = fh.explore(
        fh.Batch(tuple(fh.Call(tool.__name__) for tool in tools)),
        fh.Toolbox({tool.__name__: tool for tool in tools}),
        fh.World(db=fh.Database("sqlite://", setup=fill)),
        fh.Settings(strategy=strategy),
    )
    assert (report.executions, report.blocked) == (interleavings if strategy == "bounded" else classes, 0)
    assert report.exhausted
    assert (fh.Mode.SHARED_STATE, anomaly) in {(f.mode, f.anomaly) for f in report.findings}
