"""Strategies: what is drawn for a toolbox and for a batch, what it shrinks to, and how it is run."""

from __future__ import annotations

import copy
import functools
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import fuzzharness as fh
from fuzzharness import strategies
from fuzzharness.exploration import judge_replay
from fuzzharness.runtime.stage import Stage
from fuzzharness.runtime.trail import Trail
from fuzzharness.schedule import Schedule, Switch
from fuzzharness.search.wishes import Wishes

if TYPE_CHECKING:
    from sqlalchemy import Engine

phases = [Phase.generate, Phase.shrink]  # explaining tries larger values last, which find then returns
calm = settings(deadline=None, derandomize=True, database=None, phases=phases)
LOCK = threading.Lock()


def add(account: str, amount: int, ctx: Any) -> None:
    balance = ctx[account]
    ctx[account] = balance + amount


def total(ctx: Any, *, since: int = 0, limit: int | None = None) -> list[int]:
    return [ctx["a"], since, limit or 0]


TOOLS = fh.Toolbox({"add": add, "total": total})
WORLD = fh.World(ctx={"a": 100, "b": 0})


def shrunk(drawn: st.SearchStrategy[Any], holds: Callable[[Any], bool] = lambda _: True) -> Any:
    """The simplest value that is drawn of which ``holds`` is true."""
    return find(drawn, holds, settings=settings(calm, max_examples=2_000))


def never(drawn: st.SearchStrategy[Any], holds: Callable[[Any], bool]) -> None:
    """Fail with the simplest value that is drawn of which ``holds`` is true."""
    with pytest.raises(NoSuchExample):
        pytest.fail(str(find(drawn, holds, settings=settings(calm, max_examples=200))))


def each(drawn: st.SearchStrategy[Any], look: Callable[[Any], object], examples: int = 100) -> None:
    """Let ``look`` see values that are drawn."""

    @settings(calm, max_examples=examples)
    @given(drawn)
    def show(value: Any) -> None:
        look(value)

    show()


def calls(batch: fh.Batch) -> list[str]:
    return [str(call) for call in batch.calls]


# -- batches -------------------------------------------------------------------------------------------


@calm
@given(strategies.batches(TOOLS, WORLD))
def test_a_batch_fits_its_toolbox_and_names_each_call(batch: fh.Batch) -> None:
    batch.check()
    assert batch.labels in (("call-1", "call-2"), ("call-1", "call-2", "call-3"))
    for call in batch.calls:
        assert TOOLS.bind(call, WORLD.names).resources == ("ctx",)


@pytest.mark.parametrize("world", [WORLD, lambda: WORLD, None], ids=["world", "function", "none"])
def test_resources_are_left_out(world: Any) -> None:
    never(strategies.batches(TOOLS, world), lambda batch: any("ctx" in call.args for call in batch.calls))


def test_it_shrinks_to_the_fewest_calls_of_the_first_tool_with_the_simplest_arguments() -> None:
    assert calls(shrunk(strategies.batches(TOOLS, WORLD))) == ["add(account='', amount=0)"] * 2
    one = strategies.batches(TOOLS, WORLD, tools=["total"], min_calls=1, max_calls=1)
    assert calls(shrunk(one)) == ["total()"]


def test_parameters_with_a_default_are_given_or_left_out() -> None:
    drawn = strategies.batches(TOOLS, WORLD, tools=["total"], min_calls=1)
    for names in ([], ["since"], ["limit"], ["since", "limit"]):
        shrunk(drawn, lambda batch, names=names: list(batch.calls[0].args) == names)


def test_calls_meet_although_their_values_are_many() -> None:
    """A key that is drawn twice by chance is next to impossible for long texts."""

    def meet(batch: fh.Batch) -> bool:
        keys = [call.args["account"] for call in batch.calls]
        return len(keys) > len(set(keys)) and all(len(key) > 9 for key in keys)

    drawn = strategies.batches(TOOLS, WORLD, tools=["add"])
    assert calls(shrunk(drawn, meet)) == ["add(account='0000000000', amount=0)"] * 2


def test_calls_that_differ_are_put_in_order_when_they_shrink() -> None:
    drawn = strategies.batches(TOOLS, WORLD, tools=["add"], arguments={"account": st.just("a")})
    batch = shrunk(drawn, lambda batch: len({call.args["amount"] for call in batch.calls}) == 2)
    assert calls(batch) == ["add(account='a', amount=0)", "add(account='a', amount=1)"]


def test_arguments_go_by_parameter_and_before_that_by_tool() -> None:
    tools = fh.Toolbox({"one": lambda x, y=0: (x, y), "two": lambda x: x, "rest": lambda **more: more})
    given = {"x": st.just(1), "two": {"x": st.just(2)}, "rest": {"z": st.just(3)}}
    drawn = strategies.batches(tools, fh.World(ctx=0), arguments=given)
    seen: set[str] = set()
    each(drawn, lambda batch: seen.update(calls(batch)))
    assert seen == {"one(x=1)", "two(x=2)", "rest(z=3)"}


def test_a_strategy_for_a_resource_or_a_default_is_heeded() -> None:
    drawn = strategies.batches(
        TOOLS, WORLD, tools=["total"], arguments={"ctx": st.just({"a": 1}), "since": st.just(5)}
    )
    assert calls(shrunk(drawn)) == ["total(ctx={'a': 1}, since=5)"] * 2


# -- values --------------------------------------------------------------------------------------------


class Color(Enum):
    RED = "red"


class Row(TypedDict):
    id: int
    weight: float


def plain(value: object) -> bool:
    """Whether ``value`` is what JSON can hold."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or isinstance(value, bool | int | str) or math.isfinite(value)


HINTS: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "int": (int, lambda v: type(v) is int and abs(v) < 2**53),
    "float": (float, lambda v: type(v) is float and math.isfinite(v)),
    "bool": (bool, lambda v: type(v) is bool),
    "str": (str, lambda v: type(v) is str and bool(v.encode() or True)),
    "nothing": (None, lambda v: v is None),
    "any": (Any, plain),
    "object": (object, plain),
    "optional": (int | None, lambda v: v is None or type(v) is int),
    "list": (list[float], lambda v: type(v) is list and all(map(math.isfinite, v)) and len(v) < 4),
    "any list": (list, lambda v: type(v) is list and plain(v)),
    "sequence": (Sequence[str], lambda v: type(v) is list and all(type(i) is str for i in v)),
    "dict": (dict[str, list[int]], lambda v: type(v) is dict and plain(v)),
    "any mapping": (Mapping[str, Any], lambda v: type(v) is dict and plain(v)),
    "any dict": (dict, lambda v: type(v) is dict and plain(v)),
    "tuple": (tuple[float, int], lambda v: type(v) is tuple and math.isfinite(v[0])),
    "literal": (Literal["a", "b"], lambda v: v in ("a", "b")),
    "enum": (Color, lambda v: v is Color.RED),
    "typed dict": (Row, lambda v: set(v) == {"id", "weight"} and plain(v)),
    "described": (Annotated[list[float], "what it weighs"], lambda v: all(map(math.isfinite, v))),
    "annotated": (Annotated[int, st.just(3)], lambda v: v == 3),
}


@pytest.mark.parametrize(("hint", "fits"), HINTS.values(), ids=HINTS)
def test_arguments_are_as_annotated_and_plain_where_that_is_open(hint: Any, fits: Any) -> None:
    def tool(value: Any) -> None: ...

    tool.__annotations__["value"] = hint
    drawn = strategies.batches(fh.Toolbox({"tool": tool}), fh.World(ctx=0))
    seen: list[Any] = []
    each(drawn, lambda batch: seen.extend(call.args["value"] for call in batch.calls), 40)
    assert [value for value in seen if not fits(value)] == []


class Tool:
    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, step: int) -> int:
        return self.step + step

    def method(self, step: int) -> int:
        return self.step + step


@functools.lru_cache
def cached(step: int) -> int:
    return step


KINDS = [Tool, Tool(1), Tool(1).method, functools.partial(Tool.method, Tool(1)), cached]


@pytest.mark.parametrize("tool", KINDS, ids=["class", "instance", "method", "partial", "cached"])
def test_annotations_that_are_text_are_read_where_the_tool_was_written(tool: Any) -> None:
    drawn = strategies.batches(fh.Toolbox({"tool": tool}), fh.World(ctx=0))
    assert calls(shrunk(drawn)) == ["tool(step=0)"] * 2


def test_the_annotation_of_a_resource_is_not_read() -> None:
    def tool(n: int, db: Engine) -> None: ...

    drawn = strategies.batches(fh.Toolbox({"tool": tool}), fh.World(db=0))
    assert calls(shrunk(drawn)) == ["tool(n=0)"] * 2


# -- refused -------------------------------------------------------------------------------------------


class Opaque:
    def __init__(self, secret) -> None: ...  # type: ignore[no-untyped-def]  # what this is about


def bare(amount): ...  # type: ignore[no-untyped-def]  # what this is about


def unread(db: Engine) -> None: ...


def opaque(box: Opaque) -> None: ...


def opaque_by_default(box: Opaque | None = None, bare=1) -> None: ...  # type: ignore[no-untyped-def]  # as above


def by_position(x: int, /) -> None: ...


async def later() -> Any:
    yield 1


REFUSED = {
    "no annotation": (bare, {}, fh.ToolError, "'amount' of the tool 'tool' .* it has no annotation"),
    "a name unknown": (unread, {}, fh.ToolError, "'db' of .* 'Engine' cannot be read"),
    "no values": (opaque, {}, fh.ToolError, "'box' of .* no values for Opaque.* arguments={'tool': {'box'"),
    "by position": (by_position, {}, fh.ToolError, "takes 'x' by position only"),
    "async": (later, {}, fh.ToolError, "is an async generator function"),
    "another tool": (bare, {"tools": ["tol"]}, fh.ToolError, "calls of the tool 'tol'.*: tool"),
    "no tool": (bare, {"tools": []}, fh.ToolError, "calls of no tool at all"),
    "no calls": (opaque_by_default, {"min_calls": 0}, fh.SettingsError, "min_calls=0 and max_calls=3"),
    "too few": (opaque_by_default, {"max_calls": 1}, fh.SettingsError, "min_calls=2 and max_calls=1"),
    "a plain value": (bare, {"arguments": {"amount": 7}}, fh.SettingsError, "has 7 under 'amount'.*st.just"),
    "within": (bare, {"arguments": {"tool": {"amount": 7}}}, fh.SettingsError, "under 'tool'"),
    "nowhere": (bare, {"arguments": {"amont": st.just(7)}}, fh.SettingsError, "under 'amont'"),
    "no such tool": (bare, {"arguments": {"tol": {}}}, fh.SettingsError, "under 'tol'.* the tools are tool"),
    "surplus": (
        opaque_by_default,
        {"arguments": {"tool": {"x": st.just(7)}}},
        fh.ToolError,
        "with 'x', which it does not take",
    ),
}


@pytest.mark.parametrize(("tool", "options", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_refused_at_once(tool: Any, options: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        strategies.batches(fh.Toolbox({"tool": tool}), fh.World(ctx=0), **options)
    assert "Expected" in str(caught.value)


def test_what_cannot_be_drawn_but_has_a_default_is_left_out() -> None:
    drawn = strategies.batches(fh.Toolbox({"tool": opaque_by_default}), fh.World(ctx=0))
    never(drawn, lambda batch: any(call.args for call in batch.calls))


def test_without_a_world_the_refusal_asks_for_it() -> None:
    with pytest.raises(fh.ToolError, match="if it is a resource, give the World too"):
        strategies.batches(fh.Toolbox({"tool": unread}))


# -- schedules -----------------------------------------------------------------------------------------


def steps(ctx: Any, n: int) -> None:
    for _ in range(n):
        ctx["a"] = 1


def locked(ctx: Any) -> None:
    with LOCK:
        ctx["a"] = ctx["a"] + 1


RUNS = fh.Toolbox({"add": add, "steps": steps, "locked": locked})
THREE = fh.Batch(tuple(fh.Call("steps", {"n": n}) for n in (2, 1, 3)))
LOCKED = fh.Batch((fh.Call("locked"), fh.Call("steps", {"n": 1}), fh.Call("locked")))
CREDITS = fh.Batch(tuple(fh.Call("add", {"account": "a", "amount": n}) for n in (10, 20)))


def replay(schedule: Schedule | str, batch: fh.Batch = THREE) -> fh.Execution:
    return fh.replay(schedule, batch, RUNS, WORLD)


@calm
@given(strategies.schedules(THREE, max_switches=4, max_steps=5))
def test_a_schedule_is_open_and_has_few_points_one_a_step(schedule: Schedule) -> None:
    assert schedule.open
    assert (schedule.batch, schedule.calls) == (THREE.fingerprint, (0, 1, 2))
    assert len({(p.call, p.step) for p in schedule.points}) == len(schedule.points) <= 4
    assert all(p.step <= 5 and p.call != p.to and {p.call, p.to} <= {0, 1, 2} for p in schedule.points)
    assert schedule == eval(repr(schedule))  # what a failing test shows can be pasted


def test_a_schedule_shrinks_to_few_and_early_switches() -> None:
    drawn = strategies.schedules(THREE)
    assert shrunk(drawn).points == ()
    assert shrunk(drawn, lambda s: bool(s.points)).points == (Switch(0, 0, 1),)
    late = shrunk(drawn, lambda s: any(p.step == 20 and p.call == 2 for p in s.points))
    assert late.points == (Switch(2, 20, 0),)


def test_a_batch_of_one_call_has_one_schedule() -> None:
    never(strategies.schedules(THREE.take((0,))), lambda schedule: schedule.points != ())


def test_schedules_are_refused_for_what_cannot_be_run() -> None:
    with pytest.raises(fh.BatchError, match="has no calls"):
        strategies.schedules(fh.Batch(()))
    for options in ({"max_switches": -1}, {"max_steps": -1}):
        with pytest.raises(fh.SettingsError, match="Expected numbers from 0 on"):
            strategies.schedules(THREE, **options)


@pytest.mark.parametrize("asked", ["order", "notation", "digits", "token", "preemptions", "switches"])
def test_an_open_schedule_does_not_know_its_steps(asked: str) -> None:
    with pytest.raises(fh.TokenError, match=r"is open: .* Give it to fuzzharness\.replay"):
        getattr(Schedule(THREE.fingerprint, (0, 1, 2)), asked)


def granted(schedule: Schedule, taken: Schedule) -> list[Switch]:
    """The points of ``schedule`` that a run with the steps of ``taken`` has to take."""
    lengths, order = taken.lengths, taken.order
    done, current, found = [0] * len(lengths), 0, []
    for chosen in order:
        able = [call for call, length in enumerate(lengths) if done[call] < length]
        default = current if current in able else able[0]
        point = next((p for p in schedule.points if (p.call, p.step) == (current, done[current])), None)
        if point is not None and point.to in able and point.to != default:
            found.append(point)
        done[chosen] += 1
        current = chosen
    return found


@contextmanager
def staged(batch: fh.Batch) -> Iterator[Callable[[Schedule], Schedule]]:
    """The schedule taken by a run of an open one, without opening the world anew each time."""
    with Stage(batch, RUNS, WORLD, fh.Settings()) as stage:
        yield lambda schedule: stage.run(schedule.calls, Wishes(schedule).choose).schedule


def test_a_run_takes_the_points_that_come_up_and_passes_over_the_others() -> None:
    def look(schedule: Schedule) -> None:
        taken = run(schedule)
        assert (taken.open, taken.lengths) == (False, (2, 1, 3))
        assert list(taken.points) == granted(schedule, taken)

    with staged(THREE) as run:
        each(strategies.schedules(THREE, max_steps=4), look)


def test_every_interleaving_can_be_drawn() -> None:
    seen: set[str] = set()
    with staged(CREDITS) as run:
        each(strategies.schedules(CREDITS), lambda schedule: seen.add(run(schedule).digits), 200)
    assert seen == {"0011", "0101", "0110", "1001", "1010", "1100"}


@pytest.mark.parametrize("batch", [THREE, LOCKED, CREDITS], ids=["free", "locked", "credits"])
def test_the_points_that_were_taken_lead_to_the_same_run(batch: fh.Batch) -> None:
    def look(schedule: Schedule) -> None:
        taken = run(schedule)
        assert run(Schedule(taken.batch, taken.calls, points=taken.points)) == taken

    with staged(batch) as run:
        each(strategies.schedules(batch, max_steps=4), look)


@pytest.mark.parametrize("batch", [THREE, LOCKED, CREDITS], ids=["free", "locked", "credits"])
def test_the_schedule_that_was_taken_replays_exactly(batch: fh.Batch) -> None:
    def look(schedule: Schedule) -> None:
        execution = replay(schedule, batch)
        assert replay(execution.schedule.token, batch) == replay(execution.schedule, batch) == execution

    each(strategies.schedules(batch, max_steps=4), look, 10)


def test_an_open_schedule_is_judged_by_the_run_it_leads_to() -> None:
    schedule = Schedule(CREDITS.fingerprint, (0, 1), points=(Switch(0, 1, 1), Switch(1, 9, 0)))
    finding = judge_replay(schedule, CREDITS, RUNS, WORLD)
    assert finding is not None
    assert (finding.anomaly, finding.schedule.notation) == ("lost-update", "AB-A")
    assert (finding.certificate.preemptions, finding.certificate.switches) == (1, 2)


def test_some_of_the_calls_may_be_run() -> None:
    execution = replay(Schedule(THREE.fingerprint, (2, 0), points=(Switch(0, 1, 1),)))
    assert (execution.schedule.calls, execution.schedule.digits) == ((2, 0), "01100")


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        (Schedule("00000000", (0, 1)), "the open schedule was made for the batch 00000000, this batch is"),
        (Schedule(THREE.fingerprint, (0, 3)), "has the calls .0, 3.. Expected positions of the batch's 3"),
        (Schedule(THREE.fingerprint, (0, 0)), "has the calls .0, 0.. Expected positions of .* each once"),
    ],
)
def test_an_open_schedule_of_another_batch_is_refused(schedule: Schedule, says: str) -> None:
    with pytest.raises(fh.TokenError, match=says):
        replay(schedule)


def test_a_wish_for_a_call_that_waits_is_passed_over_and_nobody_is_preempted() -> None:
    wishes = Wishes(Schedule("", (0, 1, 2), points=(Switch(1, 1, 2), Switch(1, 1, 0))))
    trail = Trail(order=[0, 0, 1])
    assert wishes.choose([0, 1, 2], 1, trail) == 2
    assert wishes.choose([0, 1], 2, trail) == 1, "2 began in vain: 1 goes on"
    assert wishes.choose([0], 1, trail) == 0


def test_what_is_drawn_is_not_changed_by_a_run() -> None:
    def fill(ctx: Any, items: list[int]) -> None:
        ctx["a"] = 1
        items.append(1)

    tools = fh.Toolbox({"fill": fill})
    drawn = shrunk(strategies.batches(tools, WORLD))
    before = copy.deepcopy(drawn)
    assert fh.explore(drawn, tools, WORLD).executions
    assert drawn == before
