"""What these tests share: what calls see when they run one after another, run after run."""

from collections.abc import Callable
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.model import Result
from fuzzharness.runtime.stage import Stage

Runs = Callable[..., list[list[Result]]]


@pytest.fixture
def runs() -> Runs:
    """Run ``tools`` in order, ``times`` times on one stage: the results of every run."""

    def run(*tools: Callable[..., Any], times: int = 2) -> list[list[Result]]:
        names = [f"tool_{place}" for place, _ in enumerate(tools)]
        batch = fh.Batch(tuple(fh.Call(name) for name in names))
        world = fh.World(ctx={})
        with Stage(batch, fh.Toolbox(dict(zip(names, tools, strict=True))), world, fh.Settings()) as stage:
            every = range(len(tools))
            ran = [stage.run(every, lambda ready, *_: ready[0]) for _ in range(times)]
            run.escapes = [str(escape) for escape in stage.escapes]  # type: ignore[attr-defined]  # for tests to see
        return [list(one.outcome.results.values()) for one in ran]

    return run
