"""The rows of a moment: equal by content, whatever they share."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from fuzzharness.access import MISSING
from fuzzharness.finding import Change
from fuzzharness.model import Outcome
from fuzzharness.oracle.compare import differences, key_of
from fuzzharness.world.rows import Rows, Start

TABLE = {n: {"id": n, "x": n * 10} for n in range(5)}
START = Start(TABLE)


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, TABLE),
        ({3: {"id": 3, "x": 30}}, TABLE),
        ({3: MISSING}, {n: row for n, row in TABLE.items() if n != 3}),
        ({9: {"id": 9, "x": 1}, 8: MISSING}, {**TABLE, 9: {"id": 9, "x": 1}}),
        ({0: {"id": 0, "x": None}}, {**TABLE, 0: {"id": 0, "x": None}}),
    ],
)
def test_a_moment_is_a_mapping_like_any_other(changes: Any, rows: Any) -> None:
    moment = Rows(START, changes)
    assert moment == rows
    assert rows == moment
    assert {"db": {"t": moment}} == {"db": {"t": rows}}
    assert dict(moment) == rows
    assert len(moment) == len(rows)
    assert moment.get(3) == rows.get(3)
    assert repr(moment) == repr(dict(moment))
    assert pickle.loads(pickle.dumps(moment)) == rows
    assert json.dumps({"t": moment}, default=dict) == json.dumps({"t": dict(moment)})
    for other in (Rows.of(START, rows), Rows(Start(dict(TABLE)), changes)):
        assert moment == other
        assert hash(moment) == hash(other)


@pytest.mark.parametrize("row", [{"id": 1, "x": 10.0}, {"id": 1, "x": "10"}, {"id": 1, "x": 11}, MISSING])
def test_moments_differ_where_a_row_does(row: Any) -> None:
    assert Rows(START, {1: row}) != Rows(START, {})
    assert Rows(START, {1: row}) != Rows(Start(dict(TABLE)), {})
    assert Rows(START, {1: row}) == Rows(Start(dict(TABLE)), {1: row})


def test_endings_are_compared_by_what_differs_and_what_is_ignored_is_left_out() -> None:
    first = Outcome({"db": {"t": Rows(START, {1: {"id": 1, "x": 11}})}}, {})
    other = Outcome({"db": {"t": Rows(START, {2: {"id": 2, "x": 21}, 9: {"id": 9, "x": 1}})}}, {})
    assert differences(first, other) == (
        Change(("db", "t", 1, "x"), 11, 10),
        Change(("db", "t", 2, "x"), 20, 21),
        Change(("db", "t", 9), MISSING, {"id": 9, "x": 1}),
    )
    assert key_of(first) != key_of(other)
    assert key_of(first, ["db.t.*.x"]) != key_of(other, ["db.t.*.x"])
    assert key_of(first, ["db.t.*.x", "db.t.9"]) == key_of(other, ["db.t.*.x", "db.t.9"])
    assert differences(first, other, ["db.t.*.x"]) == (Change(("db", "t", 9), MISSING, {"id": 9}),)
