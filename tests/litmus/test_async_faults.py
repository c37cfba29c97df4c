"""What went wrong with async calls once, each as small as it could be made."""

import gc
import threading
from collections.abc import Callable
from typing import Any

import fuzzharness as fh

Tool = Callable[..., Any]


def explored(*tools: Tool, strategy: str = "auto", **settings: Any) -> fh.Report:
    """One call of each tool on the plain value ``ctx``."""
    names = [f"t{n}" for n, _ in enumerate(tools)]
    batch = fh.Batch(tuple(fh.Call(name) for name in names))
    toolbox = fh.Toolbox(dict(zip(names, tools, strict=True)))
    world = fh.World(ctx={"x": 0, "y": 0})
    settings = {"call_timeout": 2, **settings}
    return fh.explore(batch, toolbox, world, fh.Settings(strategy=strategy, **settings))


class Told:
    """Garbage that passes a gate when it is collected."""

    def __init__(self, event: threading.Event) -> None:
        self.itself, self.event = self, event

    def __del__(self) -> None:
        self.event.set()


def test_garbage_is_not_collected_in_the_midst_of_a_run() -> None:
    event = threading.Event()

    def litters(ctx: Any) -> None:
        for _ in range(2):
            Told(event)
            ctx["x"] += 1

    before = gc.get_threshold()
    gc.set_threshold(100)
    try:
        report = explored(litters, litters)
    finally:
        gc.set_threshold(*before)
    assert gc.isenabled()
    assert report.exhausted
    assert {outcome.state["ctx"]["x"] for outcome in report.outcomes} == {2, 3, 4}
