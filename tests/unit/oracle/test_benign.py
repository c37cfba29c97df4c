"""Which endings differ from the baseline in nothing that counts."""

from typing import Any

import pytest
from sqlalchemy import text

import fuzzharness as fh
from fuzzharness.oracle.benign import Likeness, told
from fuzzharness.oracle.tokens import bare
from fuzzharness.world.layout import Layout, Table


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


U1, U2 = "0b1e8c3e-7a54-4c7e-9d1b-3f0f5a6b7c8d", "9c2f7d10-5e63-4b8f-8a2c-1d4e6f7a8b9c"
BY_CONTENT = ("6fa459ea-ee8a-3ca4-894e-db77e160355e", "886313e1-3b8a-5372-9b90-0c9aee199e5d")
SOON, LATER = "2024-01-01T00:00:01", "2024-01-01T00:00:02"


def world(value: Any, **results: Any) -> dict[str, Any]:
    return {"context": value, "results": results}


def row(number: int, **fields: Any) -> dict[str, Any]:
    return ending({number: fields})


@pytest.mark.parametrize(
    ("here", "there", "mapping"),
    [
        (world({"token": U1}, a=U1), world({"token": U2}, a=U2), [f"uuid: {bare(U2)} is {bare(U1)} here"]),
        (world({"token": U1}, a=U1, b=U2), world({"token": U2}, a=U1, b=U2), None),
        (world({"token": U1}, a=U1[:8]), world({"token": U2}, a=U1[:8]), None),
        (world({"token": BY_CONTENT[0]}), world({"token": BY_CONTENT[1]}), None),
        (world({"etag": bare(U1)}), world({"etag": bare(U2)}), None),
        (
            world({"files": {f"{U1}.txt": "a"}}, a=f"saved {U1}.txt"),
            world({"files": {f"{U2}.txt": "a"}}, a=f"saved {U2}.txt"),
            [f"uuid: {bare(U2)} is {bare(U1)} here"],
        ),
        (
            row(1, created_at=SOON, updated_at=SOON),
            row(1, created_at=LATER, updated_at=LATER),
            [f"time: {LATER} is {SOON} here"],
        ),
        (row(1, created_at=SOON, updated_at=LATER), row(1, created_at=LATER, updated_at=LATER), None),
        (row(1, expires_at=SOON), row(1, expires_at=LATER), None),
        (row(1, position=1), row(2, position=2), None),
        (row(1, version=1), row(2, version=1), ["db.orders: 2 is 1 here"]),
        (
            world({"tickets": {"ORD-1": TEA, "ORD-2": MILK}}, a="ORD-1", b="placed ORD-2"),
            world({"tickets": {"ORD-1": MILK, "ORD-2": TEA}}, a="ORD-2", b="placed ORD-1"),
            ["key: ORD-1 ↔ ORD-2"],
        ),
        (
            world({"address": {"line_1": TEA, "line_2": MILK}}),
            world({"address": {"line_1": MILK, "line_2": TEA}}),
            None,
        ),
        (
            world({"orders": [{"id": 1, **MILK}, {"id": 2, **TEA}]}, a={"id": 2}, b={"order": 1}),
            world({"orders": [{"id": 1, **TEA}, {"id": 2, **MILK}]}, a={"id": 1}, b={"order": 2}),
            ["context.orders: entries 1 and 2 in the other order", "context.orders: 1 ↔ 2"],
        ),
        (
            world({"orders": [{"id": 1, **MILK}, {"id": 1, **TEA}]}),
            world({"orders": [{"id": 1, **TEA}, {"id": 2, **MILK}]}),
            None,
        ),
        (
            ending({1: MILK, 2: TEA}, a='{"id": 2, "count": 1}'),
            ending({1: TEA, 2: MILK}, a='{"count": 1, "id": 1}'),
            ["db.orders: 1 ↔ 2"],
        ),
        (
            ending({1: MILK, 2: TEA}, a="1 and #2"),
            ending({1: TEA, 2: MILK}, a="1 and #1"),
            ["db.orders: 1 ↔ 2"],
        ),
        (ending({1: MILK, 2: TEA}, a="order 2.5"), ending({1: TEA, 2: MILK}, a="order 1.5"), None),
    ],
)
def test_only_what_the_world_made_and_nobody_else_knows_is_a_name(
    here: Any, there: Any, mapping: list[str] | None
) -> None:
    assert alike(here, there, {}) == mapping


SWAPPED = ending({1: MILK, 2: TEA}), ending({1: TEA, 2: MILK})


@pytest.mark.parametrize(
    ("args", "same"),
    [
        ({}, True),
        ({"order_id": 1}, False),
        ({"order": "2"}, False),
        ({"ids": [4, 2]}, False),
        ({"number": 2}, False),
        ({"what": 2}, True),
        ({"order_id": 3}, True),
    ],
)
def test_an_id_that_a_call_may_have_been_given_names_nothing_else(args: dict[str, Any], same: bool) -> None:
    assert (alike(*SWAPPED, {}, fh.Call("cancel", args)) is not None) is same


def test_a_uuid_that_a_call_was_given_or_that_was_there_names_nothing_else() -> None:
    here, there = world({"token": U1}), world({"token": U2})
    assert alike(here, there, {}) is not None
    assert alike(here, there, {}, fh.Call("use", {"note": f"take {U1}"})) is None
    assert alike({**here, "old": U2}, {**there, "old": U2}, {"old": U2}) is None


def test_an_id_that_the_start_refers_to_is_none_of_a_new_row() -> None:
    start = {"db": {"notes": {9: {"order_id": 2}}}}
    here, there = ({**e, "db": {**e["db"], **start["db"]}} for e in SWAPPED)
    assert alike(here, there, start) is None


def test_where_a_database_says_what_refers_to_what_names_do_not_count() -> None:
    refers = {1: {"id": 1, "bought": 2}}, {1: {"id": 1, "bought": 1}}
    here, there = (
        {"db": {**e["db"], "lines": lines}, "results": {}} for e, lines in zip(SWAPPED, refers, strict=True)
    )
    made = Table(("id",), generated=True)
    known = Layout({("db", "orders"): made, ("db", "lines"): Table(("id",), True, {"bought": "orders"})})
    assert alike(here, there, {}) is None
    assert alike(here, there, {}, layout=known) == ["db.orders: 1 ↔ 2"]


def test_a_key_that_a_database_does_not_make_is_no_name() -> None:
    assert alike(*SWAPPED, {}, layout=Layout({("db", "orders"): Table(("id",))})) is None


def test_an_id_in_a_result_is_one_of_the_table_that_the_tool_names() -> None:
    def both(orders: dict[int, Any], **results: Any) -> dict[str, Any]:
        return {
            "db": {"orders": orders, "bills": {1: {"for": "tea"}, 2: {"for": "milk"}}},
            "results": results,
        }

    here, there = both({1: MILK, 2: TEA}, **{"call-1": 2}), both({1: TEA, 2: MILK}, **{"call-1": 1})
    assert alike(here, there, {}, fh.Call("make_order")) == ["db.orders: 1 ↔ 2"]
    assert alike(here, there, {}, fh.Call("make")) is None


@pytest.mark.parametrize(
    ("name", "start", "added", "given", "same"),
    [
        ("app.log", "", ["b\n", "a\n"], "", True),
        ("app.log", "", ["b\n", "a"], "", False),
        ("notes.txt", "old\n", ["b\n", "a\n"], "", True),
        ("notes.txt", "old", ["b\n", "a\n"], "", False),
        ("notes.txt", "", ["b\n", "a\n"], "", False),
        ("run.sh", "set -e\n", ["b\n", "a\n"], "", False),
        ("app.log", "", ["b\n", "a\n"], "b\na\n", False),
    ],
)
def test_lines_behind_a_log_may_stand_in_another_order(
    name: str, start: str, added: list[str], given: str, same: bool
) -> None:
    here, there = (
        {"files": {name: start + "".join(lines)}, "results": {}} for lines in (added, list(reversed(added)))
    )
    layout = Layout(files=frozenset({"files"}))
    found = alike(here, there, {"files": {name: start}}, fh.Call("write", {"text": given}), layout=layout)
    assert (found is not None) is same


def test_a_list_that_a_caller_gave_is_a_value() -> None:
    calls = [fh.Call("put", {"tags": ["a", "b"]}), fh.Call("put", {"tags": ["b", "a"]})]
    assert alike(log("b", "a"), log("a", "b"), {"context": {"log": []}}) is not None
    assert alike(log("b", "a"), log("a", "b"), {"context": {"log": []}}, *calls) is None


@pytest.mark.parametrize(
    ("here", "there", "start"),
    [
        (log("b", "a", "c"), log("a", "b", "c"), {"context": {"log": ["a", "b"]}}),
        (ending({}), ending({1: TEA}), {"db": {"orders": {1: TEA}}}),
        (ending({1: {"paid": True}}), ending({1: {"paid": 1}}), {"db": {"orders": {1: {"paid": 1}}}}),
        (world({"at": []}), world({"at": {}}), {"context": {"at": None}}),
        (world({"at": None}), world({}), {}),
    ],
    ids=["another beginning", "a row that is gone", "another type", "another container", "nothing"],
)
def test_what_is_not_as_at_the_start_is_a_difference(here: Any, there: Any, start: Any) -> None:
    assert alike(here, there, start) is None
    assert alike(there, here, start) is None


def test_rows_without_a_key_have_no_order() -> None:
    layout = Layout({("db", "links"): Table(())})
    here, there = ({"db": {"links": rows}, "results": {}} for rows in ({1: MILK, 2: TEA}, {1: TEA, 2: MILK}))
    assert alike(here, there, {}, layout=layout) == ["db.links: rows 1 and 2 in the other order"]
    assert alike(here, there, {"db": {"links": {1: TEA}}}, layout=layout) == [
        "db.links: row 2 stands here as 1"
    ]
    assert alike(here, {"db": {"links": {1: TEA}}, "results": {}}, {}, layout=layout) is None


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
