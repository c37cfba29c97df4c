"""What a tool puts in the place of functions of the process is named, and is gone in the next run."""

import builtins
import datetime
import io
import os
import random
import sys
import tempfile
import threading
import time
import types
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.model import Returned
from fuzzharness.world.references import Replaced, displaced


class FakeDate(datetime.date):
    """As tests make them."""


def fake(*_args: Any) -> Any:
    return 0.0


TARGETS: dict[str, tuple[Any, str, Any]] = {
    "time.time": (time, "time", fake),
    "time.sleep": (time, "sleep", fake),
    "time.monotonic": (time, "monotonic", fake),
    "datetime.date": (datetime, "date", FakeDate),
    "random.random": (random, "random", fake),
    "Random.seed": (random.Random, "seed", fake),
    "os.urandom": (os, "urandom", fake),
    "os._exit": (os, "_exit", fake),
    "uuid.uuid4": (uuid, "uuid4", fake),
    "tempfile._get_candidate_names": (tempfile, "_get_candidate_names", fake),
    "builtins.open": (builtins, "open", fake),
    "threading.Lock": (threading, "Lock", fake),
    "os.listdir": (os, "listdir", fake),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_function_that_a_tool_replaced_is_put_right_after_each_run(name: str) -> None:
    owner, attribute, new = TARGETS[name]
    original = vars(owner)[attribute]

    def tool(ctx: dict[str, int]) -> bool:
        found = vars(owner)[attribute] is new
        setattr(owner, attribute, new)
        ctx["done"] = 1
        return found

    world = fh.World(ctx={}, files=fh.Directory({"a": "1"}))
    report = fh.explore(fh.Batch((fh.Call("tool", id="a"),)), fh.Toolbox({"tool": tool}), world)

    assert [outcome.results["a"] for outcome in report.outcomes] == [Returned(False)]
    told = [(escape.what, escape.tool) for escape in report.escapes]
    assert told == [(f"{name} was replaced for all calls", "tool")]
    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert vars(owner)[attribute] is original


def test_a_tool_that_puts_back_what_it_replaced_is_not_named() -> None:
    def tool(ctx: dict[str, int]) -> float:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", fake)
            ctx["seen"] = 1
            return time.time()

    report = fh.explore(fh.Batch((fh.Call("tool", id="a"),)), fh.Toolbox({"tool": tool}), fh.World(ctx={}))

    assert report.baseline.results["a"] == Returned(0.0)
    assert report.verdict is fh.Verdict.SAFE


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_every_function_is_put_back_however_it_ends(error: type[BaseException] | None) -> None:
    def tool(ctx: dict[str, int]) -> None:
        ctx["n"] = ctx.get("n", 0) + 1

    def break_off(event: object) -> None:
        if error is not None and type(event).__name__ == "BaselineReached":
            raise error

    modules = [time, os, random, uuid, tempfile, builtins, datetime, threading, io, random.Random]
    before = [dict(vars(module)) for module in modules]
    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    try:
        fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(ctx={}), on_event=break_off)
    except (KeyboardInterrupt, ValueError):
        assert error is not None
    uuid_state = {"_last_timestamp", "_node"}
    for module, found in zip(modules, before, strict=True):
        changed = [k for k, v in vars(module).items() if k not in uuid_state and found.get(k, v) is not v]
        assert not changed


def test_a_module_imported_meanwhile_gets_the_originals_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_meanwhile.py").write_text("from time import sleep\n")
    monkeypatch.syspath_prepend(tmp_path)

    def tool(ctx: dict[str, int]) -> None:
        import imported_meanwhile  # type: ignore[import-not-found]  # written above

        imported_meanwhile.sleep(3_600)
        ctx["n"] = 1

    fh.explore(fh.Batch((fh.Call("tool", id="a"),)), fh.Toolbox({"tool": tool}), fh.World(ctx={}))

    assert sys.modules.pop("imported_meanwhile").sleep is time.sleep


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType("made")
    monkeypatch.setitem(sys.modules, "made", made)
    return made


def test_a_name_that_is_gone_is_put_back(module: Any) -> None:
    original: Callable[[], None] = lambda: None  # noqa: E731  # it has to be hashable, nothing more
    module.name = original
    replaced = Replaced()
    replaced.replace([(original, fake)])
    assert module.name is fake
    assert not displaced()

    del module.name
    assert displaced() == ["made.name"]
    assert module.name is fake
    assert not displaced()

    replaced.restore()
    assert module.name is original
    assert not displaced()
