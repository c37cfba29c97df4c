"""What litmus tests share: one way to explore a batch to its end."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import fuzzharness as fh

Explore = Callable[..., fh.Report]


@pytest.fixture
def exhaust() -> Explore:
    """Explore calls to ``tools`` until nothing is left: ``exhaust([f, (g, {"a": 1})], x=0)``."""

    def run(
        calls: Sequence[Any], strategy: str = "bounded", world: fh.World | None = None, **values: Any
    ) -> fh.Report:
        pairs = [call if isinstance(call, tuple) else (call, {}) for call in calls]
        tools = fh.Toolbox({tool.__name__: tool for tool, _ in pairs})
        batch = fh.Batch(tuple(fh.Call(tool.__name__, args) for tool, args in pairs))
        report = fh.explore(
            batch,
            tools,
            world or fh.World(ctx=values),
            fh.Settings(strategy=strategy, max_executions=200_000),
        )
        assert report.exhausted, report.reasons
        return report

    return run
