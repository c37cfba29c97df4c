"""Hypothesis strategies: batches of calls that fit a toolbox, and open schedules of a batch.

Decides what is drawn and what it shrinks to; the interleavings of a drawn batch are the business of
:func:`fuzzharness.explore`. Never runs a tool and never touches a world: everything is drawn before
anything runs. Only this package imports Hypothesis::

    import fuzzharness as fh
    from fuzzharness import strategies
    from hypothesis import given, settings
    from hypothesis import strategies as st

    accounts = {"account": st.sampled_from([6, 7])}

    @settings(deadline=None)
    @given(batch=strategies.batches(TOOLS, world(), arguments=accounts))
    def test_no_batch_has_a_race(batch):
        report = fh.explore(batch, TOOLS, world(), fh.Settings(max_executions=300))
        assert report.verdict is not fh.Verdict.UNSAFE, report.findings[0].explanation

``world`` is a function that returns a World, so that each example has one of its own. The fixture
``fuzz`` may be used as well; it keeps nothing from one example to the next, but lives as long as the
test, so Hypothesis wants ``suppress_health_check=[HealthCheck.function_scoped_fixture]``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fuzzharness.errors import SettingsError
from fuzzharness.model import Batch, Call
from fuzzharness.schedule import Schedule, Switch
from fuzzharness.strategies.definitions import Schemas, schemas_of
from fuzzharness.strategies.parameters import Arguments, Parameter, parameters
from fuzzharness.strategies.pool import recorded as recorded
from fuzzharness.strategies.schema import from_schema as from_schema
from fuzzharness.tools.toolbox import Toolbox
from fuzzharness.world import World

_NEAR = 3
"""Half of the switches come this early in a call: most calls take few steps."""


def batches(
    toolbox: Toolbox,
    world: World | Callable[[], World] | None = None,
    *,
    tools: Iterable[str] | None = None,
    min_calls: int = 2,
    max_calls: int = 3,
    arguments: Arguments | None = None,
    schemas: Schemas | None = None,
) -> SearchStrategy[Batch]:
    """Batches of ``min_calls`` to ``max_calls`` calls; they shrink to few calls with simple arguments.

    world: the World the batches are for, or a function that returns one. Parameters that bear the name
        of one of its resources are left out, since the world gives them. Without it, parameters that
        are not annotated, or are annotated as Any, are taken for resources.
    tools: the names of the tools to call; by default all of the toolbox.
    arguments: strategies for parameters, where those drawn from the annotations will not do:
        ``{"account": strategy}`` for the parameter of that name of every tool,
        ``{"add_credit": {"account": strategy}}`` for that of one tool, which goes first;
        :func:`recorded` gives them for the values of a recording.
    schemas: JSON schemas by tool, or a list of definitions as OpenAI, Anthropic or MCP have them. What a
        schema says of a parameter goes before its annotation, as :func:`from_schema` draws it.

    Everything else is drawn as annotated: Any as a JSON value, whole numbers within 2**53, no nan or
    infinity, few items. A later call often has the value an earlier one had for the same parameter, so
    that calls meet. A parameter with a default is given or left out; one with a strategy in
    ``arguments`` is always given. Calls bear no ids: their labels are call-1, call-2, …

    Raises :class:`ToolError` for a tool that is not there, cannot be called, or has a parameter that
    cannot be drawn, and :class:`SettingsError` for numbers or ``arguments`` that make no sense.
    """
    if not 1 <= min_calls <= max_calls:
        raise SettingsError(
            f"batches were asked for with min_calls={min_calls} and max_calls={max_calls}. Expected at "
            "least one call, and no more at least than at most. Give two calls or more to have a race."
        )
    names = tuple(toolbox if tools is None else tools)
    resources = None if world is None else (world() if callable(world) else world).names
    return _batch(
        parameters(toolbox, names, resources, arguments or {}, schemas_of(schemas or {})),
        min_calls,
        max_calls,
    )


def schedules(batch: Batch, *, max_switches: int = 6, max_steps: int = 20) -> SearchStrategy[Schedule]:
    """Open schedules of ``batch``; they shrink to few switches, early ones, and none at all.

    Each has up to ``max_switches`` points, at different steps: a call is about to take its own step, at
    most number ``max_steps`` counted from 0, and another goes on instead. Whether the call ever comes
    there is not known before it is run: :func:`fuzzharness.replay` takes the points that come up and
    passes over the others. The schedule of the Execution it returns is the exact one, with a token::

        @settings(deadline=None)
        @given(schedule=strategies.schedules(BATCH))
        def test_no_credit_is_lost(schedule):
            execution = fh.replay(schedule, BATCH, TOOLS, world())
            assert execution.outcome.state["accounts"][7] == 130, execution.schedule.token

    For a batch that is drawn itself: ``data.draw(strategies.schedules(batch))`` before the replay.

    Raises :class:`BatchError` for a batch that cannot be run and :class:`SettingsError` for negative
    numbers.
    """
    batch.check()
    if max_switches < 0 or max_steps < 0:
        raise SettingsError(
            f"schedules were asked for with max_switches={max_switches} and max_steps={max_steps}. Expected "
            "numbers from 0 on. Leave them out for those that suit most batches."
        )
    return _schedule(batch.fingerprint, len(batch.calls), max_switches, max_steps)


@st.composite
def _batch(draw: st.DrawFn, tools: dict[str, tuple[Parameter, ...]], least: int, most: int) -> Batch:
    earlier: dict[Hashable, list[Any]] = {}
    return draw(st.builds(Batch, calls=st.lists(_call(tools, earlier), min_size=least, max_size=most)))


@st.composite
def _call(
    draw: st.DrawFn, tools: dict[str, tuple[Parameter, ...]], earlier: dict[Hashable, list[Any]]
) -> Call:
    tool = draw(st.sampled_from(list(tools)))
    args = {}
    for parameter in tools[tool]:
        if parameter.always or draw(st.booleans()):
            args[parameter.name] = _argument(draw, parameter, earlier.setdefault(parameter.kin, []))
    return draw(st.builds(Call, tool=st.just(tool), args=st.just(args)))


def _argument(draw: st.DrawFn, parameter: Parameter, earlier: list[Any]) -> Any:
    """A value of its own or an earlier call's, drawn so that the former is always the simpler one."""
    value = draw(parameter.values)
    if draw(st.booleans()) and earlier:
        value = draw(st.sampled_from(earlier))
    earlier.append(value)
    return value


@st.composite
def _schedule(draw: st.DrawFn, batch: str, calls: int, most: int, steps: int) -> Schedule:
    size = most if calls > 1 else 0
    points = draw(st.lists(_switch(calls, steps), max_size=size, unique_by=_place))
    ordered = tuple(sorted(points, key=_place))
    every = tuple(range(calls))
    return draw(st.builds(Schedule, batch=st.just(batch), calls=st.just(every), points=st.just(ordered)))


@st.composite
def _switch(draw: st.DrawFn, calls: int, steps: int) -> Switch:
    call = draw(st.integers(0, calls - 1))
    first = min(steps, int(call > 0))  # only call 0 stands at its step 0 before anybody ran
    step = draw(st.integers(first, min(steps, _NEAR)) | st.integers(first, steps))
    other = draw(st.integers(0, calls - 2))
    to = other + (other >= call)
    return draw(st.builds(Switch, call=st.just(call), step=st.just(step), to=st.just(to)))


def _place(point: Switch) -> tuple[int, int]:
    return point.call, point.step
