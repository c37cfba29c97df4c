"""What the tests of the world share: one call, or a few, run on it under control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.access import ANY
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.serial import in_order


@dataclass(frozen=True)
class Seen:
    """What calls did, one after another: accesses per step, results, final state, escapes."""

    steps: tuple[tuple[tuple[str, str, tuple[Any, ...]], ...], ...]
    results: tuple[Any, ...]
    state: dict[str, Any]
    escapes: tuple[str, ...]

    @property
    def accesses(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Kind and key of every access, in order; ``"*"`` for ANY."""
        return [
            (kind, tuple("*" if part is ANY else part for part in key))
            for step in self.steps
            for _, kind, key in step
        ]

    @property
    def result(self) -> Any:
        """What the only call returned; what it raised is raised as text."""
        return self.results[0]


def run_once(world: fh.World, *tools: Callable[..., Any], again: int = 1) -> Seen:
    """Run each tool as one call, in order; the last of ``again`` runs is what counts."""
    names = [f"tool{i}" for i in range(len(tools))]
    toolbox = fh.Toolbox(dict(zip(names, tools, strict=True)))
    batch = fh.Batch(tuple(fh.Call(name, {}, name) for name in names))
    with Stage(batch, toolbox, world, fh.Settings(call_timeout=5)) as stage:
        for _ in range(again):
            ran = stage.run(range(len(tools)), in_order(range(len(tools))))
        steps = tuple(tuple((a.resource, a.kind.value, a.key) for a in s.accesses) for s in ran.steps)
        results = tuple(getattr(r, "value", r) for r in ran.outcome.results.values())
        return Seen(steps, results, ran.outcome.state, tuple(e.what for e in stage.escapes))


def explore(
    world: fh.World, *tools: Callable[..., Any], calls: Sequence[str] = (), **settings: Any
) -> fh.Report:
    """All interleavings of one call of each tool; no call waits long for anything real."""
    named = {tool.__name__: tool for tool in tools}
    batch = fh.Batch(tuple(fh.Call(n, {}, f"{n}-{i}") for i, n in enumerate(calls or named)))
    return fh.explore(batch, fh.Toolbox(named), world, fh.Settings(call_timeout=2, **settings))


@pytest.fixture(name="run_once")
def _run_once() -> Callable[..., Seen]:
    return run_once


@pytest.fixture(name="explore")
def _explore() -> Callable[..., fh.Report]:
    return explore
