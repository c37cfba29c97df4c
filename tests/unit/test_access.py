"""Accesses: which keys can name the same thing, and when swapping two accesses could matter."""

from itertools import product

import pytest

from fuzzharness.access import ANY, MISSING, Access, Key, Kind, Place, conflict, location, overlap

READ, CHECK, WRITE, LOCK = Kind.READ, Kind.CHECK, Kind.WRITE, Kind.LOCK


@pytest.mark.parametrize(
    ("a", "b", "meet"),
    [
        (("x",), ("x",), True),
        (("x",), ("y",), False),
        (("account", 7), ("account", ANY), True),
        (("account", 7), ("orders", ANY), False),
        ((ANY, ANY), ("account", 7), True),
        ((ANY, 7), ("account", ANY), True),
        (("account", ANY), ("account", ANY), True),
        (("account",), ("account", 7), False),
        ((), (), True),
        ((), ("x",), False),
        (("7",), (7,), False),
        ((("a", 1),), (("a", 1),), True),
    ],
    ids=[
        "the same key",
        "two keys",
        "a row and its table",
        "a row and another table",
        "a row and all tables",
        "each all of one place",
        "a table and itself",
        "a key and what it holds",
        "the resource itself",
        "the resource and a key in it",
        "a number and its text",
        "a key that is a tuple",
    ],
)
def test_keys_overlap_if_they_can_name_the_same_thing(a: Key, b: Key, meet: bool) -> None:
    assert (overlap(a, b), overlap(b, a)) == (meet, meet)


LOOKING = {READ, CHECK, Kind.PASS}
ALIKE = {(kind, kind) for kind in (Kind.SNAPSHOT, Kind.PUBLISH)}
CONFLICTING = set(product(Kind, Kind)) - set(product(LOOKING, LOOKING)) - ALIKE


@pytest.mark.parametrize(
    ("first", "second"), list(product(Kind, Kind)), ids=lambda kind: kind.value if kind else None
)
def test_accesses_to_one_key_conflict_unless_both_only_look(first: Kind, second: Kind) -> None:
    here, there = Access("ctx", ("x",), first), Access("ctx", ("x",), second)
    assert conflict(here, there) is ((first, second) in CONFLICTING)


@pytest.mark.parametrize(
    "other", [Access("db", ("x",), WRITE), Access("ctx", ("y",), WRITE)], ids=["resource", "key"]
)
def test_writes_elsewhere_do_not_conflict(other: Access) -> None:
    assert not conflict(Access("ctx", ("x",), WRITE), other)


@pytest.mark.parametrize(
    ("resource", "key", "written"),
    [
        ("context", ("balance",), "context['balance']"),
        ("db", ("account", 7), "db['account'][7]"),
        ("db", ("account", ANY), "db['account'][*]"),
        ("shop.LIMIT", (), "shop.LIMIT"),
    ],
    ids=["value", "row", "table", "whole"],
)
def test_a_place_is_written_as_python_would_index_it(resource: str, key: Key, written: str) -> None:
    assert location(resource, key) == written
    assert str(Access(resource, key, CHECK)) == f"check {written}"


def test_a_line_of_a_tool_is_written_as_editors_read_it() -> None:
    assert str(Place("shop.py", 7, "add")) == "shop.py:7"


def test_a_missing_value_is_shown_as_nothing() -> None:
    assert repr(MISSING) == "(nothing)"
