"""A world: its resources are opened, reset and closed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.runtime.gate import ThreadGate


class Recorded:
    """A resource that writes down what is asked of it; ``fails`` names what it cannot do."""

    def __init__(self, log: list[str], fails: str = "") -> None:
        self.log, self.fails = log, fails

    def _do(self, what: str) -> Any:
        self.log.append(f"{what} {self.name}")
        if what == self.fails:
            raise fh.WorldError(f"cannot {what}")

    def open(self, name: str, gate: Any) -> None:
        self.name, self.gate = name, gate
        self._do("open")

    def mark(self) -> None:
        self._do("mark")

    def reset(self) -> Any:
        return self._do("reset")

    def capture(self) -> Any:
        return self._do("capture")

    def perturb(self, key: Any) -> bool:
        return bool(self._do(f"perturb{key}"))

    def close(self) -> None:
        self._do("close")


def test_a_resource_that_cannot_be_opened_closes_those_opened_before() -> None:
    log: list[str] = []
    world = fh.World(a=Recorded(log), b=Recorded(log, "open"), c=Recorded(log))
    with pytest.raises(fh.WorldError, match="cannot open"):
        world.open(ThreadGate())
    assert log == ["open a", "open b", "close b", "close a"]


def test_a_resource_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    log: list[str] = []
    world = fh.World(a=Recorded(log), b=Recorded(log, "close"), c=Recorded(log))
    world.open(ThreadGate())
    with pytest.raises(fh.WorldError, match="cannot close"):
        world.close()
    assert log[3:] == ["close c", "close b", "close a"]
    world.close()


def test_a_value_that_is_no_resource_is_taken_as_a_plain_value(run_once: Callable[..., Any]) -> None:
    assert run_once(fh.World(n=3), lambda n: n + 1).result == 4


def test_a_world_covers_the_files_of_its_directories_only() -> None:
    directory = fh.Directory()
    world = fh.World(d=directory)
    assert world.covers(f"{directory.path}/x")
    assert not world.covers(f"{directory.path}-beside/x")


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"a": 1}, ("a",)),
        ({"a": "x"}, ("a",)),
        ({"a": {"b": 1.5}}, ("a",)),
        ({"a": {"b": [1]}}, ("a", "b", 0)),
        ([b"x"], (0,)),
    ],
)
def test_perturbing_gives_another_value_of_the_same_type(value: Any, key: tuple[Any, ...]) -> None:
    world = fh.World(v=value)
    world.open(ThreadGate())
    world.reset()
    before = world.capture()["v"]
    assert world.perturb("v", key)
    after = world.capture()["v"]
    assert before != after
    world.reset()
    assert world.capture()["v"] == before
    world.close()


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"a": None}, ("a",)),
        ({"a": True}, ("a",)),
        ({"a": 1}, ("b",)),
        ({"a": 1}, ()),
        ({}, ("a", "b")),
        ({1}, (1,)),
    ],
)
def test_what_has_no_other_value_is_not_perturbed(value: Any, key: tuple[Any, ...]) -> None:
    world = fh.World(v=value)
    world.open(ThreadGate())
    world.reset()
    assert not world.perturb("v", key)
    assert not world.perturb("nothing", key)
    world.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fh.World(fh.Directory({})), r"Directory without a name. Expected .* fh.World\(db="),  # type: ignore[arg-type]  # the mistake
        (lambda: fh.Directory("recordings"), "'recordings' as its files. Expected a mapping"),  # type: ignore[arg-type]  # the mistake
        (lambda: fh.Http("http://localhost:1", reset=None, state="/s"), "reset=None. Expected a path"),
        (lambda: fh.Http("http://localhost:1", reset="/r"), "state=None. Expected a path"),
    ],
)
def test_a_mistake_in_a_world_is_told_in_words(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(fh.WorldError, match=words):
        make()
