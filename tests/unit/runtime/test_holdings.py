"""What libraries' objects hold for the application: no access is seen there, so a change is told."""

import array
import configparser
import io
import itertools
import random
import threading
from collections import ChainMap, UserDict, UserList
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fuzzharness as fh

HELD: Any = None

KINDS: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "namespace": (lambda: SimpleNamespace(total=100), lambda s: setattr(s, "total", s.total + 1)),
    "namespace in a list": (lambda: [SimpleNamespace(n=1)], lambda s: setattr(s[0], "n", s[0].n + 1)),
    "container in a namespace": (lambda: SimpleNamespace(rows=[]), lambda s: s.rows.append(1)),
    "bytearray": (lambda: bytearray(2), lambda s: s.append(1)),
    "array": (lambda: array.array("i", [100]), lambda s: s.append(1)),
    "numpy array": (lambda: np.array([100]), lambda s: s.__setitem__(0, s[0] + 1)),
    "view of a buffer": (lambda: memoryview(bytearray(2)), lambda s: s.__setitem__(0, s[0] + 1)),
    "text in memory": (io.StringIO, lambda s: s.write("x")),
    "bytes in memory": (lambda: io.BytesIO(b"ab"), lambda s: s.read(1)),
    "UserDict": (lambda: UserDict(total=100), lambda s: s.__setitem__("total", s["total"] + 1)),
    "UserList": (lambda: UserList([1]), lambda s: s.append(2)),
    "ChainMap": (lambda: ChainMap({"total": 100}), lambda s: s.__setitem__("total", s["total"] + 1)),
    "configuration": (configparser.ConfigParser, lambda s: s.__setitem__(f"s{len(s)}", {})),
    "counter": (lambda: itertools.count(1), next),
    "seeded generator": (lambda: random.Random(3), lambda s: s.random()),
}


@pytest.fixture(params=KINDS)
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], object]:
    make, change = KINDS[request.param]
    monkeypatch.setitem(globals(), "HELD", make())
    return change


def explored(tool: Callable[..., object]) -> fh.Report:
    """Two calls of ``tool`` that share something beside, so that the batch is not empty of accesses."""
    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    return fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(ctx={"seen": 1}))


def test_what_a_call_changes_there_rules_out_verified(held: Callable[[Any], object]) -> None:
    def tool(ctx: dict[str, int]) -> None:
        _ = ctx["seen"]
        held(HELD)

    report = explored(tool)
    assert not report.exhausted
    assert report.verdict is not fh.Verdict.SAFE
    assert any("HELD was changed by a run" in escape.what for escape in report.escapes)


def test_what_is_only_there_is_no_obstacle(held: Callable[[Any], object]) -> None:  # noqa: ARG001  # puts it there
    def tool(ctx: dict[str, int]) -> str:
        return f"{ctx['seen']} {HELD is None}"

    report = explored(tool)
    assert report.exhausted
    assert report.escapes == ()


@pytest.mark.parametrize(
    "value",
    [threading.local(), io.StringIO, b"ab", "ab", memoryview(b"ab")],
    ids=["thread-local", "class", "bytes", "text", "read-only view"],
)
def test_what_cannot_hold_anything_new_is_not_looked_at(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "HELD", value)

    def tool(ctx: dict[str, int]) -> str:
        return f"{ctx['seen']} {HELD is None}"

    assert explored(tool).escapes == ()


def test_a_closed_text_tells_nothing_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO("x")
    text.close()
    monkeypatch.setitem(globals(), "HELD", text)

    def tool(ctx: dict[str, int]) -> str:
        return f"{ctx['seen']} {HELD.closed}"

    assert explored(tool).exhausted
