"""Modules that are watched although no tool names them."""

import json
import sys
import types
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.runtime.instrument import instrumented

ITSELF = sys.modules[__name__]


def test_a_module_is_watched_until_it_is_undone() -> None:
    handle = fh.instrument(__name__)
    assert instrumented() == (ITSELF,)
    handle.undo()
    handle.undo()
    assert instrumented() == ()


def test_a_block_ends_it() -> None:
    other = types.ModuleType("another_shop")
    other.__file__ = "another_shop.py"
    with fh.instrument(ITSELF, other) as handle:
        assert handle.modules == instrumented() == (ITSELF, other)
    assert instrumented() == ()


def test_it_ends_when_the_last_who_asked_for_it_is_done() -> None:
    with fh.instrument(__name__):
        with fh.instrument(__name__):
            assert instrumented() == (ITSELF,)
        assert instrumented() == (ITSELF,)
    assert instrumented() == ()


WRONG: dict[str, tuple[tuple[Any, ...], str]] = {
    "nothing": ((), "was given no module.*Expected the name"),
    "not imported": (
        ("a_shop_that_is_not_there",),
        "which is not imported.*Expected a module.*Import it first",
    ),
    "misspelt": (("jsson",), "Did you mean 'json'"),
    "a function": ((instrumented,), "was given a function. Expected the name.*watched without being given"),
    "a library": ((json,), "'json', which is not the application's code. Expected"),
}


@pytest.mark.parametrize(("given", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_instrumented_is_refused_in_words(given: Any, says: str) -> None:
    with pytest.raises(fh.InstrumentError, match=says):
        fh.instrument(*given)
    assert instrumented() == ()
