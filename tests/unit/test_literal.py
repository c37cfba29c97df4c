"""Values as text that no hash and no address changes."""

import pytest

from fuzzharness.literal import literal


class Addressed:
    """Its repr has an address."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b", "a", "c"}, "{'a', 'b', 'c'}"),
        (frozenset({"b", "a"}), "frozenset({'a', 'b'})"),
        ([{"k": {"b", "a"}}, ({"d", "c"},)], "[{'k': {'a', 'b'}}, ({'c', 'd'},)]"),
        ({"z": 1, "a": 2}, "{'z': 1, 'a': 2}"),
        (set(), "set()"),
        ({}, "{}"),
        ((1,), "(1,)"),
        ("a {set} of text", "'a {set} of text'"),
        ([1, "two", None], "[1, 'two', None]"),
    ],
)
def test_sets_are_in_order_and_all_else_is_as_repr_has_it(value: object, text: str) -> None:
    assert literal(value) == text


def test_addresses_are_left_out() -> None:
    assert literal([Addressed()]).endswith(".Addressed object>]")
    assert literal({"a": {Addressed()}}).endswith(".Addressed object>}}")


def test_what_holds_itself_is_shown_as_repr_does() -> None:
    value: list[object] = [{}]
    value.append(value)
    assert literal(value).endswith("[...]" + "]" * 41)
