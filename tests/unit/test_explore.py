"""explore and replay: what is refused before anything runs, what is told, what is left behind."""

import _thread
import contextvars
import os
import threading
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness import events

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="fresh")
LOCAL = threading.local()


def bump(ctx: Any) -> None:
    ctx["x"] = ctx["x"] + 1


TOOLS = fh.Toolbox({"bump": bump})


def batch(n: int) -> fh.Batch:
    return fh.Batch(tuple(fh.Call("bump") for _ in range(n)))


def explore(tools: dict[str, Any], ctx: Any = None, **options: Any) -> fh.Report:
    calls = fh.Batch(tuple(fh.Call(name) for name in tools))
    return fh.explore(calls, fh.Toolbox(tools), fh.World(ctx=ctx or {"x": 0}), fh.Settings(**options))


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ((), "has no calls"),
        ((fh.Call("bump", id="a"), fh.Call("bump", id="a")), "more than one call with the id 'a'"),
        ((fh.Call("bmp"),), "Did you mean 'bump'"),
        ((fh.Call("bump", {"y": 1}),), "with 'y', which it does not take"),
        ((fh.Call("bump", None),), "has no arguments"),
        ((fh.Call("bump", None, invalid_args="{oops"),), "arguments that are not a JSON object: '{oops'"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_before_the_world_is_touched(calls: Any, message: str) -> None:
    class Untouched(fh.World):
        def open(self, gate: Any) -> None:  # noqa: ARG002  # of World
            raise AssertionError

    with pytest.raises(fh.FuzzHarnessError, match=message) as caught:
        fh.explore(fh.Batch(calls), TOOLS, Untouched(ctx={"x": 0}))
    assert "\n" not in str(caught.value)
    assert "Expected" in str(caught.value)


def test_the_events_come_in_order() -> None:
    heard: list[events.Event] = []
    report = fh.explore(batch(3), TOOLS, fh.World(ctx={"x": 0}), on_event=heard.append)
    names = [type(event).__name__ for event in heard]
    assert names == ["Started", "BaselineReached", "OutcomeReached", "Found", "OutcomeReached", "Finished"]
    assert heard[-1] == events.Finished(report)


def test_ctrl_c_leaves_nothing_behind_and_tells_what_was_found() -> None:
    heard: list[events.Event] = []
    live = {"x": 0}

    def listen(event: events.Event) -> None:
        heard.append(event)
        if isinstance(event, events.Progressed):
            raise KeyboardInterrupt

    def more() -> None:
        live["x"] = live["x"] + 1

    tools = fh.Toolbox({"bump": more})
    with pytest.raises(KeyboardInterrupt):
        fh.explore(batch(4), tools, fh.World(live=fh.InPlace(live)), on_event=listen)
    finished = heard[-1]
    assert isinstance(finished, events.Finished)
    assert "the search was interrupted" in finished.report.reasons
    assert [f.anomaly for f in finished.report.findings] == ["lost-update"]
    assert (live, type(live)) == ({"x": 0}, dict)


def test_the_serial_orders_of_six_calls_on_one_key_are_told_of_as_they_are_run() -> None:
    heard: list[events.Event] = []
    settings = fh.Settings(strategy="serial", max_executions=1)
    fh.explore(batch(6), TOOLS, fh.World(ctx={"x": 0}), settings, on_event=heard.append)
    names = [type(event).__name__ for event in heard]
    told = [event for event in heard if isinstance(event, events.SerialProgressed)]
    assert told == [events.SerialProgressed(6, orders, 720) for orders in range(10, 721, 10)]
    assert names[1:73] == ["SerialProgressed"] * 72
    assert names[73] == "BaselineReached"


def test_ctrl_c_within_the_serial_orders_gives_only_the_reason_that_is_known() -> None:
    heard: list[events.Event] = []

    def listen(event: events.Event) -> None:
        heard.append(event)
        if isinstance(event, events.SerialProgressed) and event.orders == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fh.explore(batch(6), TOOLS, fh.World(ctx={"x": 0}), on_event=listen)
    finished = heard[-1]
    assert isinstance(finished, events.Finished)
    assert finished.report.verdict is fh.Verdict.INCONCLUSIVE
    assert finished.report.reasons == (
        "the search was interrupted after 30 serial orders, before any interleaving was run",
    )
    assert finished.report.notes == ()


def test_no_thread_and_no_affinity_is_left_behind() -> None:
    before = _thread._count(), os.sched_getaffinity(0), threading.enumerate()
    fh.explore(batch(3), TOOLS, fh.World(ctx={"x": 0}))
    assert (os.sched_getaffinity(0), threading.enumerate()) == before[1:]
    for _ in range(100_000):
        if _thread._count() == before[0]:
            return
        os.sched_yield()
    pytest.fail("a thread is still there")


def test_each_call_has_fresh_thread_locals_and_context_variables() -> None:
    def look(ctx: Any) -> str:
        seen = f"{getattr(LOCAL, 'value', 'fresh')} {VARIABLE.get()}"
        ctx["x"] = 1
        LOCAL.value = "used"
        VARIABLE.set("used")
        threading.current_thread()
        return seen

    tools = fh.Toolbox({"look": look})
    report = fh.explore(fh.Batch((fh.Call("look"),) * 3), tools, fh.World(ctx={"x": 0}))
    assert [set(o.results.values()) for o in report.outcomes] == [{fh.Returned("fresh fresh")}]


def test_atomic_makes_one_step() -> None:
    def atomically(ctx: Any) -> None:
        with fh.atomic():
            ctx["x"] = ctx["x"] + 1

    tools = fh.Toolbox({"bump": atomically})
    report = fh.explore(batch(3), tools, fh.World(ctx={"x": 0}))
    assert (report.executions, report.verdict, report.verified) == (6, fh.Verdict.SAFE, True)


def test_tools_that_share_nothing_are_safe_with_a_note() -> None:
    def mine(ctx: Any) -> None:
        ctx["a"] = 1

    def yours(ctx: Any) -> None:
        ctx["b"] = 1

    report = explore({"mine": mine, "yours": yours})
    assert report.verdict is fh.Verdict.SAFE
    assert any("no two calls touched the same thing" in note for note in report.notes)


def test_tools_that_touch_nothing_are_not_called_safe() -> None:
    report = explore({"one": lambda: 1, "two": lambda: 2})
    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert "no call touched anything of the world" in report.reasons[0]


def test_tools_that_differ_from_themselves_are_not_judged() -> None:
    counter: Iterator[int] = iter(range(1000))

    def count(ctx: Any) -> None:
        ctx["x"] = next(counter)

    report = explore({"count": count})
    assert (report.verdict, report.executions) == (fh.Verdict.INCONCLUSIVE, 0)
    assert "ended differently, at ctx.x" in report.reasons[0]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_executions": 3, "strategy": "bounded"}, "Raise max_executions"),
        ({"budget": 0}, "The budget of 0 seconds was spent"),
        ({"strategy": "random", "max_executions": 5}, "The strategy random never runs all of them"),
        ({"preemptions": 0}, "More than 0 preemptions were not asked for"),
    ],
)
def test_a_search_that_ends_early_is_not_exhausted_and_says_why(options: dict[str, Any], reason: str) -> None:
    def read(ctx: Any) -> int:
        return int(ctx["x"] + ctx["x"])

    report = explore({"read": read, "again": read}, **options)
    assert (report.verdict, report.exhausted) == (fh.Verdict.INCONCLUSIVE, False)
    assert reason in report.reasons[0]


def test_a_limit_that_is_just_enough_is_exhausted() -> None:
    assert fh.explore(batch(2), TOOLS, fh.World(ctx={"x": 0}), fh.Settings(max_executions=6)).exhausted


# ---- against brute force -------------------------------------------------------------------------

Op = tuple[str, str]
programs = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["read", "add", "put", "if"]), st.sampled_from("xyz")),
        min_size=1,
        max_size=3,
    ),
    min_size=2,
    max_size=3,
).filter(lambda program: sum(map(len, program)) <= 7)


def run_program(ops: list[Op], ctx: Any, number: int) -> Iterator[None]:
    """Interpret ``ops``; yields before each access."""
    seen = number + 1
    for op, key in ops:
        yield
        if op in ("read", "add"):
            seen = ctx[key] * 2 + seen
        elif op == "put":
            ctx[key] = seen
        elif ctx[key] % 2:
            yield
            ctx["x"] = seen
    return seen  # type: ignore[return-value]


def brute_force(program: list[list[Op]]) -> tuple[int, set[Any]]:
    """The number of interleavings and the set of endings, by re-running every prefix."""
    endings, count, stack = set(), 0, [()]
    while stack:
        prefix = stack.pop()
        ctx = {"x": 0, "y": 0, "z": 1}
        lines = [run_program(ops, ctx, n) for n, ops in enumerate(program)]
        results: dict[int, Any] = {}
        for line in lines:
            next(line)
        for call in prefix:
            try:
                next(lines[call])
            except StopIteration as stop:
                results[call] = stop.value
        if len(results) == len(lines):
            count += 1
            endings.add((tuple(ctx.values()), tuple(results[n] for n in range(len(lines)))))
        stack += [(*prefix, n) for n in range(len(lines)) if n not in results]
    return count, endings


@pytest.mark.long
@settings(deadline=None, derandomize=True, max_examples=25)
@given(programs)
def test_the_bounded_search_agrees_with_brute_force(program: list[list[Op]]) -> None:
    def run(ctx: Any, number: int) -> Any:
        line = run_program(program[number], ctx, number)
        while True:
            try:
                next(line)
            except StopIteration as stop:
                return stop.value

    report = fh.explore(
        fh.Batch(tuple(fh.Call("run", {"number": n}) for n in range(len(program)))),
        fh.Toolbox({"run": run}),
        fh.World(ctx={"x": 0, "y": 0, "z": 1}),
        fh.Settings(strategy="bounded", max_executions=100_000),
    )
    count, endings = brute_force(program)
    assert report.executions == count
    found = {
        (tuple(o.state["ctx"].values()), tuple(r.value for r in o.results.values())) for o in report.outcomes
    }
    assert found == endings
    assert len({tuple(p) for p in permutations(range(len(program)))}) == report.serial_orders


def test_a_setting_given_as_a_parameter_is_told_where_it_belongs() -> None:
    with pytest.raises(fh.SettingsError, match=r"fh.Settings\(strategy=…\)"):
        fh.explore(batch(2), TOOLS, fh.World(ctx={"x": 0}), strategy="dpor")  # type: ignore[arg-type]  # the mistake
