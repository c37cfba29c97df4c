"""The resource of one's own that the README shows, taken from there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.world.resource import Resource

README = Path(__file__).parents[3] / "README.md"


@pytest.fixture
def example(tmp_path: Path) -> ModuleType:
    """The module that the README's code makes."""
    (code,) = re.findall(r"```python\n((?:(?!```).)*class WatchedStore.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "own_resource.py").write_text(code)
    spec = importlib.util.spec_from_file_location("own_resource", tmp_path / "own_resource.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def add(store: Any, amount: int) -> None:
    store.put("balance", store.get("balance") + amount)


def put(store: Any, key: str) -> None:
    store.put(key, store.get(key))


def test_it_has_the_methods_of_a_resource(example: ModuleType) -> None:
    assert isinstance(example.WatchedStore(example.Store()), Resource)


@pytest.mark.parametrize(("calls", "classes"), [(2, 4), (3, 36)])
def test_its_lost_updates_are_found(example: ModuleType, calls: int, classes: int) -> None:
    batch = fh.Batch(tuple(fh.Call("add", {"amount": 1}) for _ in range(calls)))
    report = fh.explore(batch, fh.Toolbox({"add": add}), example.make_world())
    assert {o.state["store"]["balance"] for o in report.outcomes} == set(range(101, 101 + calls))
    assert (report.executions, report.exhausted) == (classes, True)
    assert "lost-update" in {finding.anomaly for finding in report.findings}


def test_other_keys_do_not_meet(example: ModuleType) -> None:
    batch = fh.Batch(tuple(fh.Call("put", {"key": key}) for key in "ab"))
    report = fh.explore(batch, fh.Toolbox({"put": put}), example.make_world())
    assert (report.verified, report.executions) == (True, 1)


def test_it_is_left_as_it_was_found(example: ModuleType) -> None:
    store = example.Store()
    batch = fh.Batch((fh.Call("add", {"amount": 1}), fh.Call("add", {"amount": 2})))
    fh.explore(batch, fh.Toolbox({"add": add}), fh.World(store=example.WatchedStore(store)))
    assert store.values == {"balance": 100}
