"""A scenario folder, written as a test needs it."""

import json
import textwrap
from itertools import count

import pytest

import fuzzharness as fh
from fuzzharness.scenario import load_scenario

TOOLS = """
def add_credit(account, amount, accounts):
    accounts[account] = accounts[account] + amount

def _private():
    pass
"""
WORLD = """
import fuzzharness as fh
import tools

FIXED = fh.World(accounts={"7": 100})
def world():
    return fh.World(accounts={"7": 100})
def broken():
    return tools.missing
def nothing():
    return None
"""
NEEDED = {"recording": "recording.json", "tools": "tools.py", "world": "world.py:world"}


def message(turn, accounts):
    """The assistant message of a turn that credits each of ``accounts``."""
    args = [json.dumps({"account": account, "amount": 10}) for account in accounts]
    functions = [{"name": "add_credit", "arguments": text} for text in args]
    calls = [{"id": f"c{turn}-{n}", "type": "function", "function": f} for n, f in enumerate(functions)]
    return {"role": "assistant", "content": None, "tool_calls": calls}


@pytest.fixture
def write(tmp_path):
    """Write a scenario folder and return the path of its file.

    ``keys`` replace those needed (None leaves one out), ``more`` is added below them, ``turns`` are
    the accounts that each message of the recording credits, ``files`` Python files by their stem.
    """

    def build(more="", name="shop", turns=("77",), keys=None, **files):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "recording.json").write_text(json.dumps(list(map(message, count(1), turns))))
        for stem, text in {"tools": TOOLS, "world": WORLD, **files}.items():
            (folder / f"{stem}.py").write_text(textwrap.dedent(text))
        file = folder / f"{name}.scenario.toml"
        given = {**NEEDED, **(keys or {})}
        lines = [f'{key} = "{value}"' for key, value in given.items() if value is not None]
        file.write_text("\n".join([*lines, more]))
        return file

    return build


@pytest.fixture
def refusal():
    """The one paragraph with which loading, opening or checking a scenario is refused."""

    def of(file):
        with pytest.raises(fh.FuzzHarnessError) as caught, load_scenario(file).opened() as setup:
            setup.check()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return of
