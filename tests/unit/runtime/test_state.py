"""What an exploration leaves as it was, and what it never touches."""

import contextvars
import enum
import logging
import re
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh
from fuzzharness.events import BaselineReached

COUNT = 0
BOOK: dict[str, Any] = {"n": 0, "inner": {"list": [1]}}
LOCK, RLOCK = threading.Lock(), threading.RLock()
LOGGER = logging.getLogger("a_shop")
PATTERN = re.compile("a+")
ENGINE = sa.create_engine("sqlite://", poolclass=sa.NullPool)
VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("VARIABLE", default=0)
LOCAL = threading.local()
PATH = Path("a") / "b"
FROZEN = frozenset({1, 2})


class Color(enum.Enum):
    RED = 1


@dataclass
class Held:
    lock: Any
    logger: logging.Logger
    engine: sa.Engine
    color: Color
    count: int = 0


HELD = Held(threading.Lock(), LOGGER, ENGINE, Color.RED)
LIBRARIES = {"engine": ENGINE, "logger": LOGGER, "lock": threading.Lock(), "color": Color.RED}


def uses_all() -> Any:
    global COUNT
    with LOCK, RLOCK, HELD.lock, LIBRARIES["lock"]:
        COUNT += 1
        HELD.count += 1
        BOOK["n"] += 1
        BOOK["new"] = {"list": []}
        BOOK["inner"]["list"].append(2)
    LOGGER.debug("counted")
    HELD.logger.debug("counted")
    VARIABLE.set(COUNT)
    LOCAL.n = COUNT
    with HELD.engine.connect() as connection, LIBRARIES["engine"].connect():
        one = connection.execute(sa.text("SELECT 1")).scalar()
    return one, bool(PATTERN.match("a")), str(PATH), 1 in FROZEN, HELD.color is Color.RED


def picture() -> dict[str, Any]:
    """Every global by identity, and the content of those that change."""
    return {
        "names": {name: id(value) for name, value in globals().items() if not name.startswith("@")},
        "types": {name: type(value) for name, value in globals().items()},
        "book": (dict(BOOK), id(BOOK["inner"]), id(BOOK["inner"]["list"]), list(BOOK["inner"]["list"])),
        "held": dict(vars(HELD)),
        "libraries": dict(LIBRARIES),
        "code": [f.__code__ for f in (uses_all, fails)],
        "logger": dict(vars(LOGGER)),
    }


def fails() -> None:
    uses_all()
    raise ValueError("no")


def explore(*tools: Callable[[], Any]) -> fh.Report:
    named = {f"t{n}": tool for n, tool in enumerate(tools)}
    return fh.explore(fh.Batch(tuple(fh.Call(name) for name in named)), fh.Toolbox(named), fh.World())


def test_what_belongs_to_libraries_works_and_is_as_before() -> None:
    LOGGER.isEnabledFor(logging.DEBUG)  # which it remembers
    before = picture()
    report = explore(uses_all, uses_all)
    assert report.verdict is fh.Verdict.SAFE, report.reasons
    [result, _] = report.baseline.results.values()
    assert result == fh.Returned((1, True, "a/b", True, True))
    assert picture() == before


def test_everything_is_as_before_after_an_error_of_a_tool() -> None:
    before = picture()
    explore(fails, uses_all)
    assert picture() == before


def test_everything_is_as_before_after_ctrl_c() -> None:
    before = picture()

    def listen(event: Any) -> None:
        if isinstance(event, BaselineReached):
            raise KeyboardInterrupt

    tools = fh.Toolbox({"t": uses_all})
    with pytest.raises(KeyboardInterrupt):
        fh.explore(fh.Batch((fh.Call("t"),) * 2), tools, fh.World(), on_event=listen)
    assert picture() == before


def test_a_name_of_the_world_is_not_taken_by_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    space = types.ModuleType("ctx")
    space.__file__ = __file__
    monkeypatch.setitem(sys.modules, "ctx", space)
    text = "ITEMS = []\ndef tool(ctx):\n    ITEMS.append(1)\n    ctx['n'] = 1\n"
    exec(compile(text, __file__, "exec"), vars(space))
    batch, tools = fh.Batch((fh.Call("tool"),)), fh.Toolbox({"tool": space.tool})
    report = fh.explore(batch, tools, fh.World(ctx={"n": 0}))
    assert report.baseline.state == {"ctx": {"n": 1}, "module ctx": {"ITEMS": [1]}}


def test_values_that_runs_leave_inside_do_not_outlive_the_exploration() -> None:
    kept = types.SimpleNamespace()

    def tool() -> None:
        kept.book = BOOK

    explore(tool, tool)
    assert kept.book is BOOK
