"""Contents: a mapping that shares with the start what did not change, and is compared by what did."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from fuzzharness.access import MISSING
from fuzzharness.oracle.compare import frozen, without
from fuzzharness.world.contents import Contents, Start

ROWS = {7: {"id": 7, "balance": 100}, 8: {"id": 8, "balance": 50}}


def at_start(**changes: Any) -> Contents:
    return Contents(Start(ROWS), {int(name[1:]): value for name, value in changes.items()})


def test_whoever_reads_it_sees_a_plain_mapping() -> None:
    seen = at_start(_7={"id": 7, "balance": 1}, _8=MISSING, _9={"id": 9, "balance": 2}, _10=MISSING)

    assert seen == {7: {"id": 7, "balance": 1}, 9: {"id": 9, "balance": 2}} == dict(seen)
    assert (list(seen), len(seen), 8 in seen, seen[7]["balance"]) == ([7, 9], 2, False, 1)
    assert repr(seen) == repr(dict(seen))
    with pytest.raises(KeyError):
        seen[8]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda seen: pickle.loads(pickle.dumps(seen))])
def test_a_copy_is_a_dict(copied: Any) -> None:
    assert type(copied(at_start(_8=MISSING))) is dict


SAME = [
    ({}, {7: {"id": 7, "balance": 100}}),
    ({8: MISSING}, {8: MISSING, 9: MISSING}),
    ({9: {"id": 9}}, {9: {"id": 9}, 8: {"balance": 50, "id": 8}}),
]
OTHER = [
    ({}, {7: {"id": 7, "balance": 100.0}}),
    ({}, {8: MISSING}),
    ({7: {"id": 7, "balance": True}}, {7: {"id": 7, "balance": 1}}),
    ({9: {"id": 9}}, {10: {"id": 9}}),
]


@pytest.mark.parametrize("one_start", [True, False])
@pytest.mark.parametrize(("left", "right", "same"), [(*s, True) for s in SAME] + [(*o, False) for o in OTHER])
def test_two_count_as_the_same_as_their_items_do(
    one_start: bool, left: dict[int, Any], right: dict[int, Any], same: bool
) -> None:
    start = Start(ROWS)
    a, b = Contents(start, left), Contents(start if one_start else Start(ROWS), right)

    assert (frozen(dict(a)) == frozen(dict(b))) is same
    assert (frozen(a) == frozen(b)) is same
    assert len({frozen(a), frozen(b)}) == 1 + (not same)


def test_starts_that_differ_may_come_to_the_same() -> None:
    less, more = Start({7: ROWS[7]}), Start(ROWS)

    assert frozen(Contents(less, {})) == frozen(Contents(more, {8: MISSING})) != frozen(Contents(more, {}))


def test_what_is_ignored_is_left_out_of_start_and_changes() -> None:
    start = Start(ROWS)
    seen = Contents(start, {7: {"id": 7, "balance": 1}})

    assert without({"db": {"t": seen}}, ["db.t.*.balance"]) == {"db": {"t": {7: {"id": 7}, 8: {"id": 8}}}}
    assert without({"db": {"t": seen}}, ["db.t.7"]) == {"db": {"t": {8: ROWS[8]}}}
    one, other = ({"t": Contents(start, {7: {"id": 7, "balance": n}})} for n in (1, 2))
    assert frozen(without(one, ["*.balance"])) == frozen(without(other, ["*.balance"]))
    assert frozen(without(one, ["*.id"])) != frozen(without(other, ["*.id"]))
