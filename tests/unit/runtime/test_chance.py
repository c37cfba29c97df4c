"""Calls draw the same in every run, each its own."""

import os
import random
import secrets
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from random import choice as imported
from typing import Any

import pytest

from fuzzharness.model import Raised, Returned

MANY = range(10**9)


def temporary_name() -> str:
    with tempfile.NamedTemporaryFile() as file:
        return Path(file.name).name


def temporary_folder() -> str:
    with tempfile.TemporaryDirectory() as folder:
        return Path(folder).name


class Dice(random.Random):
    """A subclass, as libraries have them."""


DRAWS: dict[str, Callable[[], Any]] = {
    "random": lambda: random.random(),
    "randint": lambda: random.randint(0, 10**9),
    "randrange": lambda: random.randrange(10**9),
    "choice, imported": lambda: imported(MANY),
    "sample": lambda: random.sample(MANY, 3),
    "choices": lambda: random.choices(MANY, k=3),
    "uniform": lambda: random.uniform(0, 1),
    "gauss": lambda: random.gauss(0, 1),
    "getrandbits": lambda: random.getrandbits(64),
    "randbytes": lambda: random.randbytes(8).hex(),
    "shuffle": lambda: shuffled(),
    "Random": lambda: random.Random().random(),
    "Random, subclass": lambda: Dice().random(),
    "Random, seeded anew": lambda: reseeded(),
    "SystemRandom": lambda: random.SystemRandom().random(),
    "secrets": lambda: secrets.token_hex(8),
    "secrets.choice": lambda: secrets.choice(MANY),
    "urandom": lambda: os.urandom(40).hex(),
    "getrandom": lambda: os.getrandom(40).hex(),
    "uuid1": lambda: uuid.uuid1(),
    "uuid4": lambda: uuid.uuid4(),
    "a temporary file": temporary_name,
    "a temporary folder": temporary_folder,
}


def shuffled() -> list[int]:
    cards = list(range(52))
    random.shuffle(cards)
    return cards


def reseeded() -> float:
    dice = random.Random(1)
    dice.seed()
    return dice.random()


@pytest.mark.parametrize("name", DRAWS)
def test_what_a_call_draws_is_the_same_in_every_run_and_unlike_its_siblings(runs: Any, name: str) -> None:
    def tool() -> list[Any]:
        return [DRAWS[name](), DRAWS[name]()]

    (first, second), again = runs(tool, tool)

    assert again == [first, second]
    assert len({repr(value) for result in (first, second) for value in result.value}) == 4


def test_it_is_the_same_in_every_exploration(runs: Any) -> None:
    def tool() -> list[Any]:
        return [draw() for draw in DRAWS.values()]

    assert runs(tool) == runs(tool)


def test_a_seed_given_inside_a_call_is_the_calls_own(runs: Any) -> None:
    def seeding() -> float:
        random.seed(7)
        return random.random()

    def drawing() -> float:
        return random.random()

    expected = random.Random(7).random()
    for seeded, drawn in runs(seeding, drawing):
        assert seeded == Returned(expected)
        assert drawn != Returned(expected)


def test_state_taken_inside_a_call_can_be_put_back(runs: Any) -> None:
    def tool() -> bool:
        state = random.getstate()
        first = random.random()
        random.setstate(state)
        return random.random() == first

    assert runs(tool, times=1) == [[Returned(True)]]


def test_outside_of_calls_chance_goes_on_as_if_there_had_been_none(runs: Any) -> None:
    def tool() -> None:
        random.seed(1)
        random.random()

    random.seed(7)
    runs(tool)
    assert random.random() == random.Random(7).random()


def test_what_a_test_has_replaced_is_what_calls_see(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.5)
    monkeypatch.setattr(os, "urandom", lambda size: b"x" * size)

    def tool() -> list[Any]:
        return [random.random(), os.urandom(2)]

    assert runs(tool, times=1) == [[Returned([0.5, b"xx"])]]
    assert random.random() == 0.5


def test_wrong_sizes_are_refused_as_ever(runs: Any) -> None:
    def tool() -> None:
        os.urandom(-1)

    assert runs(tool, times=1) == [[Raised("ValueError", "negative argument not allowed")]]


def test_numpy_draws_the_same_too(runs: Any) -> None:
    numpy = pytest.importorskip("numpy")

    def tool() -> list[float]:
        drawn = [float(numpy.random.rand()), float(numpy.random.default_rng().random())]
        numpy.random.seed(3)
        return [*drawn, float(numpy.random.normal()), float(numpy.random.ranf())]

    numpy.random.seed(5)
    (first, second), again = runs(tool, tool)
    assert again == [first, second]
    assert first.value[:2] != second.value[:2]
    assert first.value[2:] == second.value[2:]
    assert float(numpy.random.rand()) == float(numpy.random.RandomState(5).rand())
