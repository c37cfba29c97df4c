"""A project that uses the plugin: a shop with a race, and scenario files for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

SHOP = """
import fuzzharness as fh

def add_credit(account, amount, accounts):
    balance = accounts[account]
    accounts[account] = balance + amount
    return "credited"

def get_balance(account, accounts):
    return accounts[account]

TOOLS = fh.Toolbox({"add_credit": add_credit, "get_balance": get_balance})

def world():
    return fh.World(accounts={"7": 100, "8": 100})

def credits(*accounts, id="turn-1"):
    calls = [fh.Call("add_credit", {"account": a, "amount": 10 * n}) for n, a in enumerate(accounts, 1)]
    return fh.Batch(tuple(calls), id)

RACE, SAFE, LARGE = credits("7", "7"), credits("7", "8", id="turn-2"), credits(*"777777", id="turn-3")
"""

TOOLS = """
def add_credit(account, amount, accounts):
    balance = accounts[account]
    accounts[account] = balance + amount
    return "credited"
"""

WORLD = """
import fuzzharness as fh

def world():
    return fh.World(accounts={"7": 100, "8": 100})
"""

SCENARIO = """
title = "Two credits"
recording = "recording.json"
tools = "tools.py"
world = "world.py:world"
"""


def _message(*calls: tuple[str, dict[str, object]], turn: int = 1) -> dict[str, object]:
    """An assistant message of OpenAI's chat format with these tool calls."""
    functions = [{"name": name, "arguments": json.dumps(args)} for name, args in calls]
    tool_calls = [
        {"id": f"call_{turn}{letter}", "type": "function", "function": function}
        for letter, function in zip("ABCDEF", functions, strict=False)
    ]
    return {"role": "assistant", "content": None, "tool_calls": tool_calls}


def _credits(*accounts: str, turn: int = 1) -> dict[str, object]:
    """A message that credits 10 to the first of ``accounts``, 20 to the second, and so on."""
    calls = [("add_credit", {"account": a, "amount": 10 * n}) for n, a in enumerate(accounts, 1)]
    return _message(*calls, turn=turn)


@pytest.fixture(autouse=True)
def only_our_plugins(pytester: pytest.Pytester) -> Iterator[None]:
    """Load this plugin and xdist by their entry points, and no other: each costs every process time."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        environment.setenv("PYTEST_ADDOPTS", "-p fuzzharness -p xdist")
        assert pytester.path.is_dir(), "pytester empties PYTEST_ADDOPTS, so it has to come first"
        yield


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with the module ``shop`` on its path."""
    pytester.makepyfile(shop=SHOP)
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


@pytest.fixture
def credits() -> Callable[..., dict[str, object]]:
    """Make the message of a recording: ``credits("7", "8", turn=2)``."""
    return _credits


@pytest.fixture
def scenario(pytester: pytest.Pytester) -> Callable[..., pytest.Pytester]:
    """Write ``NAME/NAME.scenario.toml`` with its recording, tools and world."""

    def write(
        *messages: dict[str, object], name: str = "credits", more: str = "", tools: str = TOOLS
    ) -> pytest.Pytester:
        folder = pytester.mkdir(name)
        (folder / "recording.json").write_text(json.dumps(messages or [_credits("7", "7")]))
        (folder / "tools.py").write_text(tools)
        (folder / "world.py").write_text(WORLD)
        (folder / f"{name}.scenario.toml").write_text(SCENARIO + more)
        return pytester

    return write
