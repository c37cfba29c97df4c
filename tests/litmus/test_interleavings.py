"""How many interleavings there are, by number of preemptions, and which endings they reach."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.bounded import Bounded


def rmw(ctx: Any) -> None:
    value = ctx["x"]
    ctx["x"] = value + 1


def writes(ctx: Any, k: int) -> None:
    for _ in range(k):
        ctx["x"] = 1


def rows(connection: Any) -> None:
    connection.execute(text("create table account (id integer primary key, x integer)"))
    connection.execute(text("insert into account values (1, 0)"))


def rmw_row(db: Any) -> None:
    with db.connect() as connection:
        value = connection.execute(text("select x from account where id = 1")).scalar_one()
    with db.begin() as connection:
        connection.execute(text("update account set x = :x where id = 1"), {"x": value + 1})


def runs(
    tool: Any, args: dict[str, Any], n: int, world: fh.World, bound: int | None = None
) -> list[tuple[int, Any]]:
    """(preemptions, final x) of every interleaving of ``n`` calls."""
    batch = fh.Batch(tuple(fh.Call("t", args) for _ in range(n)))
    scheduler, last, found, orders = Bounded(n, bound), None, [], set()
    with Stage(batch, fh.Toolbox({"t": tool}), world, fh.Settings()) as stage:
        while scheduler.begin(last):
            ran = stage.run(range(n), scheduler.choose)
            last = ran.trail
            assert ran.schedule.preemptions == scheduler.level
            assert ran.schedule.order == tuple(last.order)
            orders.add(ran.schedule.order)
            state = ran.outcome.state
            found.append(
                (scheduler.level, state["ctx"]["x"] if "ctx" in state else state["db"]["account"][1]["x"])
            )
    assert len(orders) == len(found), "an interleaving was run twice"
    return found


@pytest.mark.parametrize(
    ("n", "k", "by_preemptions"),
    [
        (2, 2, [2, 2, 2]),
        (2, 3, [2, 4, 8, 4, 2]),
        (3, 2, [6, 18, 36, 30]),
    ],
)
def test_every_interleaving_is_run_once_by_rising_preemptions(
    n: int, k: int, by_preemptions: list[int]
) -> None:
    levels = [level for level, _ in runs(writes, {"k": k}, n, fh.World(ctx={"x": 0}))]
    assert levels == sorted(levels)
    assert list(Counter(levels).values()) == by_preemptions


def test_the_first_levels_of_four_calls_of_two_steps() -> None:
    levels = Counter(level for level, _ in runs(writes, {"k": 2}, 4, fh.World(ctx={"x": 0}), bound=2))
    assert levels == {0: 24, 1: 144, 2: 504}


@pytest.mark.parametrize(
    ("n", "by_value"),
    [(2, {1: 4, 2: 2}), (3, {1: 48, 2: 36, 3: 6}), (4, {1: 1152, 2: 1056, 3: 288, 4: 24})],
)
def test_endings_of_n_read_modify_write_calls(n: int, by_value: dict[int, int]) -> None:
    assert Counter(value for _, value in runs(rmw, {}, n, fh.World(ctx={"x": 0}))) == by_value


@pytest.mark.parametrize(("n", "by_value"), [(2, {1: 4, 2: 2}), (3, {1: 48, 2: 36, 3: 6})])
def test_endings_of_n_read_modify_write_calls_on_a_row(n: int, by_value: dict[int, int]) -> None:
    world = fh.World(db=fh.Database("sqlite://", setup=rows))
    assert Counter(value for _, value in runs(rmw_row, {}, n, world)) == by_value


@pytest.mark.parametrize(("strategy", "runs"), [("auto", 36), ("dpor", 36), ("bounded", 90)])
def test_explore_counts_each_run_and_each_ending(exhaust: Any, strategy: str, runs: int) -> None:
    report = exhaust([rmw] * 3, strategy=strategy, x=0)
    assert (report.executions, report.blocked) == (runs, 0)
    assert {o.state["ctx"]["x"] for o in report.outcomes} == {1, 2, 3}
    assert report.baseline.state["ctx"]["x"] == 3


@pytest.mark.parametrize("bound", [0, 1, 2])
def test_a_bound_leaves_out_exactly_what_has_more_preemptions(bound: int) -> None:
    report = fh.explore(
        fh.Batch((fh.Call("rmw"), fh.Call("rmw"), fh.Call("rmw"))),
        fh.Toolbox({"rmw": rmw}),
        fh.World(ctx={"x": 0}),
        fh.Settings(preemptions=bound),
    )
    assert report.executions == sum([6, 18, 36][: bound + 1])
    assert not report.exhausted
    assert "preemptions were not asked for" in report.reasons[0]
