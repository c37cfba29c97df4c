"""What tests of the runtime share: calls run one after another, under control."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.finding import Escape
from fuzzharness.model import Result
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.search.serial import in_order


@pytest.fixture
def run() -> Callable[..., Ran]:
    """Run each tool as one call: ``run(tool, tool, order=(1, 0), x=0)``; the keywords are ``ctx``."""

    def run(*tools: Callable[..., Any], order: Sequence[int] = (), detailed: bool = False, **ctx: Any) -> Ran:
        named = {f"t{n}": tool for n, tool in enumerate(tools)}
        batch = fh.Batch(tuple(fh.Call(name) for name in named))
        with Stage(batch, fh.Toolbox(named), fh.World(ctx=ctx), fh.Settings()) as stage:
            positions = range(len(tools))
            return stage.run(positions, in_order(order or positions), detailed)

    return run


@pytest.fixture
def escapes() -> Callable[..., tuple[Escape, ...]]:
    """What one call of ``tool``, run ``again`` times, touched outside the world."""

    def escapes(
        tool: Callable[..., Any], again: int = 1, ignore: Sequence[str] = (), **world: Any
    ) -> tuple[Escape, ...]:
        batch, settings = fh.Batch((fh.Call("tool"),)), fh.Settings(ignore=tuple(ignore))
        with Stage(batch, fh.Toolbox({"tool": tool}), fh.World(**world), settings) as stage:
            for _ in range(again):
                stage.run((0,), in_order((0,)))
            return stage.escapes

    return escapes


@pytest.fixture
def runs() -> Callable[..., list[list[Result]]]:
    """Run ``tools`` in order, ``times`` times on one stage: the results of every run.

    Afterwards its ``escapes`` are what they touched outside the world.
    """

    def runs(*tools: Callable[..., Any], times: int = 2) -> list[list[Result]]:
        named = {f"t{n}": tool for n, tool in enumerate(tools)}
        batch = fh.Batch(tuple(fh.Call(name) for name in named))
        with Stage(batch, fh.Toolbox(named), fh.World(ctx={}), fh.Settings()) as stage:
            positions = range(len(tools))
            ran = [stage.run(positions, in_order(positions)) for _ in range(times)]
            runs.escapes = [str(escape) for escape in stage.escapes]  # type: ignore[attr-defined]  # for tests to see
        return [list(one.outcome.results.values()) for one in ran]

    return runs
