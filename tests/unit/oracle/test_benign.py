"""Which endings differ from the baseline in nothing that counts."""

from typing import Any

import pytest
from sqlalchemy import text

import fuzzharness as fh
from fuzzharness.oracle.benign import Likeness, told
from fuzzharness.world.layout import Layout


def alike(
    here: Any, there: Any, start: Any, *calls: fh.Call, layout: Layout | None = None
) -> list[str] | None:
    """What is named otherwise; None where the endings differ in more."""
    labels = fh.Batch(calls).labels
    likeness = Likeness(start, layout or Layout(), dict(zip(labels, calls, strict=True)))
    names = likeness.between(likeness.structure(here), likeness.structure(there))
    return None if names is None else [str(renamed) for renamed in told(names)]


def ending(rows: dict[int, Any], **results: Any) -> dict[str, Any]:
    return {"db": {"orders": rows}, "results": results}


TEA, MILK = {"what": "tea"}, {"what": "milk"}


@pytest.mark.parametrize(
    ("here", "there", "start", "same"),
    [
        (ending({1: MILK, 2: TEA}), ending({1: TEA, 2: MILK}), {}, True),
        (ending({1: MILK, 2: TEA}), ending({1: TEA, 2: MILK}), {"db": {"orders": {1: TEA, 2: TEA}}}, False),
        (ending({1: MILK, 2: TEA}, a=2, b=1), ending({1: TEA, 2: MILK}, a=1, b=2), {}, True),
        (ending({1: MILK, 2: TEA}, a={"id": 2}), ending({1: TEA, 2: MILK}, a={"id": 1}), {}, True),
        (ending({1: MILK, 2: TEA}, a={"left": 2}), ending({1: TEA, 2: MILK}, a={"left": 1}), {}, False),
        (
            ending({1: MILK, 2: TEA}, a={"order_id": 2}),
            ending({1: TEA, 2: MILK}, a={"order_id": 1}),
            {},
            True,
        ),
        (ending({1: MILK, 2: TEA}, a={"paid": 2}), ending({1: TEA, 2: MILK}, a={"paid": 1}), {}, False),
        (ending({1: MILK, 2: TEA}, a="order 2"), ending({1: TEA, 2: MILK}, a="order 1"), {}, True),
        (ending({1: MILK, 2: TEA}, a="order 1"), ending({1: TEA, 2: MILK}, a="order 1"), {}, False),
        (ending({1: MILK, 2: TEA}, a="2 orders"), ending({1: TEA, 2: MILK}, a="1 orders"), {}, False),
        (ending({1: TEA, 2: TEA}, a=2, b=1), ending({1: TEA, 2: TEA}, a=1, b=2), {}, True),
        (ending({1: TEA, 2: TEA}, a=2, b=2), ending({1: TEA, 2: TEA}, a=1, b=2), {}, False),
        (
            {"db": {"orders": {1: MILK, 2: TEA}, "best": {9: {"bid": 1}}}, "results": {}},
            {"db": {"orders": {1: TEA, 2: MILK}, "best": {9: {"bid": 2}}}, "results": {}},
            {"db": {"best": {9: {"bid": 0}}}},
            False,
        ),
        (ending({1: MILK, 2: TEA}, a=1, b=2), ending({1: TEA, 2: MILK}, a=1, b=2), {}, False),
        (ending({1: TEA}), ending({1: TEA, 2: MILK}), {}, False),
        (ending({1: TEA, 2: TEA}), ending({1: TEA, 2: MILK}), {}, False),
    ],
)
def test_new_rows_may_bear_other_ids_if_all_else_follows(
    here: Any, there: Any, start: Any, same: bool
) -> None:
    assert (alike(here, there, start) is not None) is same


def log(*entries: Any, **results: Any) -> dict[str, Any]:
    return {"context": {"log": list(entries)}, "results": results}


@pytest.mark.parametrize(
    ("here", "there", "start", "same"),
    [
        (log("b", "a"), log("a", "b"), {}, True),
        (log("0", "b", "a"), log("0", "a", "b"), {"context": {"log": ["0"]}}, True),
        (log("b", "a"), log("a", "b"), {"context": {"log": ["a", "b"]}}, False),
        (log("b", "b"), log("a", "b"), {}, False),
        (log(a=[2, 1]), log(a=[1, 2]), {}, False),
        ({"context": {"at": [2, 1]}, "results": {}}, {"context": {"at": [1, 2]}, "results": {}}, {}, False),
        ({"context": {"at": (2, 1)}, "results": {}}, {"context": {"at": (1, 2)}, "results": {}}, {}, False),
    ],
    ids=["added", "added behind", "rearranged", "others", "returned", "a new list", "a tuple"],
)
def test_only_what_was_added_to_a_list_may_stand_in_another_order(
    here: Any, there: Any, start: Any, same: bool
) -> None:
    assert (alike(here, there, start) is not None) is same


def swap(context: dict[str, list[int]]) -> None:
    first, second = context["pair"]
    context["pair"][:] = [second, first]


def test_an_ending_that_no_serial_order_reaches_is_never_benign() -> None:
    world = fh.World(context={"pair": [1, 2]})
    report = fh.explore(fh.Batch((fh.Call("swap"), fh.Call("swap"))), fh.Toolbox({"swap": swap}), world)

    assert report.verdict is fh.Verdict.UNSAFE
    assert not any(finding.benign for finding in report.findings)


def fill(connection: Any) -> None:
    connection.execute(text("create table orders (id integer primary key, customer_id integer, what text)"))
    connection.execute(text("insert into orders values (1, 1, 'coffee')"))


def order(db: Any, what: str, customer: int) -> dict[str, Any]:
    with db.begin() as connection:
        statement = text("insert into orders (what, customer_id) values (:what, :customer)")
        made = connection.execute(statement, {"what": what, "customer": customer})
    return {"id": made.lastrowid, "text": what}


def test_two_inserts_are_benign() -> None:
    calls = (
        fh.Call("order", {"what": "tea", "customer": 2}),
        fh.Call("order", {"what": "milk", "customer": 3}),
    )
    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    report = fh.explore(fh.Batch(calls), fh.Toolbox({"order": order}), world)
    assert report.verdict is fh.Verdict.SAFE
    assert [f.benign for f in report.findings] == [True]
    strict = fh.Settings(strict_order=True)
    assert (
        fh.explore(fh.Batch(calls), fh.Toolbox({"order": order}), world, strict).verdict is fh.Verdict.UNSAFE
    )
