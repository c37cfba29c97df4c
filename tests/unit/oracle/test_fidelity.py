"""Which replayed results count as the recorded ones, and how the others are told."""

import dataclasses
import datetime
import decimal
import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.access import MISSING
from fuzzharness.finding import Comparison, Deviation, Match
from fuzzharness.model import Raised, Result, Returned
from fuzzharness.oracle.benign import Likeness
from fuzzharness.oracle.fidelity import fidelity
from fuzzharness.runtime.results import returned
from fuzzharness.world.layout import Layout


def compare(
    recorded: list[Any],
    replayed: list[Result],
    state: dict[str, Any] | None = None,
    start: dict[str, Any] | None = None,
    ignore: tuple[str, ...] = (),
) -> fh.Fidelity:
    """The fidelity of a batch of calls to ``create_order``, labelled call-1, call-2 and so on."""
    given = [call if isinstance(call, fh.Call) else fh.Call("create_order", result=call) for call in recorded]
    batch = fh.Batch(tuple(given))
    calls = dict(zip(batch.labels, batch.calls, strict=True))
    ending = fh.Outcome(state or {}, dict(zip(batch.labels, replayed, strict=True)))
    return fidelity(batch, ending, lambda: Likeness(start or {}, Layout(), calls), ignore)


def one(recorded: Any, replayed: Any, **more: Any) -> Comparison:
    """The comparison of one call; ``replayed`` as a tool returns it."""
    result = replayed if isinstance(replayed, Raised | fh.Unfinished) else returned(replayed)
    (comparison,) = compare([recorded], [result], **more).calls
    return comparison


def failed(text: Any) -> fh.Call:
    return fh.Call("create_order", result=text, error=True)


@dataclasses.dataclass
class Order:
    id: int
    what: Any


class Cart:
    def __init__(self, size: int) -> None:
        self.size = size


SEEN = {"items": [1, 2], "total": 2.5, "paid": True, "note": None}


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ("done", "done"),
        (SEEN, SEEN),
        (json.dumps(SEEN), SEEN),
        (json.dumps(SEEN, indent=2, sort_keys=True), SEEN),
        (str(SEEN), SEEN),
        (SEEN, json.dumps(SEEN)),
        (json.dumps(SEEN), json.dumps(SEEN, indent=1)),
        (json.dumps("done"), "done"),
        ("130", 130),
        (130.0, 130),
        ("True", True),
        ("true", True),
        ("None", None),
        ("null", None),
        ("", None),
        ([1, 2], (1, 2)),
        ("(1, 2)", (1, 2)),
        (["b", "a"], {"a", "b"}),
        ("{'b', 'a'}", {"a", "b"}),
        ({"7": "x"}, {7: "x"}),
        ('{"at": "2026-01-02T03:04:05"}', {"at": datetime.datetime(2026, 1, 2, 3, 4, 5)}),
        ('{"at": "2026-01-02 03:04:05"}', {"at": datetime.datetime(2026, 1, 2, 3, 4, 5)}),
        ('{"price": "1.10"}', {"price": decimal.Decimal("1.10")}),
        ('{"price": 1.1}', {"price": decimal.Decimal("1.10")}),
        (str(uuid.UUID(int=7)), uuid.UUID(int=7)),
        ("Order(id=1, what='tea')", Order(1, "tea")),
        ({"id": 1, "what": "tea"}, Order(1, "tea")),
        ([{"type": "text", "text": '{"a": 1}'}], {"a": 1}),
        ([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "onetwo"),
        ("one", [{"type": "text", "text": "one"}]),
        ({"output": {"a": 1}}, {"a": 1}),
        ('{"result": [1]}', [1]),
        ({"body": '{"a":1}'}, {"body": '{"a": 1}'}),
        (float("nan"), float("nan")),
        ("[Order(id=1, what='tea')]", [Order(1, "tea")]),
        (
            "{'order': Order(id=1, what='tea'), 'of': (Decimal('2'),)}",
            {"order": Order(1, "tea"), "of": (decimal.Decimal("2"),)},
        ),
        ("Order(id=1, what=[Order(id=2, what=None)])", Order(1, [Order(2, None)])),
        ("<shop.make.<locals>.Cart object at 0x7f1c2a>", Cart(3)),
        ("{'cart': <shop.Cart object>}", {"cart": Cart(3)}),
    ],
)
def test_a_result_is_the_same_in_any_form_that_runners_give_it(recorded: Any, replayed: Any) -> None:
    assert one(recorded, replayed) == Comparison("call-1", "create_order", Match.SAME)


@pytest.mark.parametrize(
    ("recorded", "replayed", "deviation"),
    [
        ("done", "gone", Deviation((), "done", "gone")),
        ("130", 120, Deviation((), "130", 120)),
        ("1", True, Deviation((), "1", True)),
        (1, True, Deviation((), 1, True)),
        ("007", "7", Deviation((), "007", "7")),
        ("1.0", "1", Deviation((), "1.0", "1")),
        ('{"a": {"b": [1, 2]}}', {"a": {"b": [1, 3]}}, Deviation(("a", "b", 1), 2, 3)),
        ("{'a': 1}", {"a": 2}, Deviation(("a",), 1, 2)),
        ('{"a": "1"}', {"a": 1}, Deviation(("a",), "1", 1)),
        ([1, 2], [1, 2, 3], Deviation((), [1, 2], [1, 2, 3])),
        ("text", {"a": 1}, Deviation((), "text", {"a": 1})),
        (
            "[Order(id=1)]",
            [{"__class__": "Order", "id": 2}],
            Deviation((), "[Order(id=1)]", [{"__class__": "Order", "id": 2}]),
        ),
        ("<shop.Cart object>", {"size": 3}, Deviation((), "<shop.Cart object>", {"size": 3})),
    ],
)
def test_a_result_that_differs_says_where(recorded: Any, replayed: Any, deviation: Deviation) -> None:
    assert one(recorded, replayed) == Comparison("call-1", "create_order", Match.DIFFERS, (deviation,))


def test_a_number_that_python_refuses_to_write_can_be_compared() -> None:
    assert one("7", 10**5000).match is Match.DIFFERS
    assert one(10**5000, 10**5000).match is Match.SAME


def test_what_is_only_on_one_side_is_told_as_missing_on_the_other() -> None:
    found = one({"a": 1, "b": 2}, {"b": 2, "c": 3}).deviations
    assert found == (Deviation(("a",), 1, MISSING), Deviation(("c",), MISSING, 3))


def test_a_call_that_never_came_back_differs() -> None:
    assert one("done", fh.Unfinished("tools.py:9")).match is Match.DIFFERS


def test_a_call_without_a_recorded_result_is_not_compared() -> None:
    found = compare([None, "done"], [Returned("x"), Returned("done")])
    assert [call.match for call in found.calls] == [Match.UNRECORDED, Match.SAME]
    assert (found.compared, found.same, found.rate) == (1, 1, 1.0)


def test_the_rate_is_of_those_that_were_compared() -> None:
    found = compare(["a", "b", None], [Returned("a"), Returned("c"), Returned("d")])
    assert (found.compared, found.same, found.rate) == (2, 1, 0.5)
    assert [call.call for call in found.differing] == ["call-2"]
    assert compare([None], [Returned("a")]).rate is None


# -- errors --------------------------------------------------------------------------------------------

NO_SEAT = Raised("LookupError", "no seat 12A")


@pytest.mark.parametrize(
    ("recorded", "raised"),
    [
        (failed("no seat 12A"), NO_SEAT),
        (failed("Error: no seat 12A"), NO_SEAT),
        (failed("LookupError('no seat 12A')Traceback (most recent call last): ..."), NO_SEAT),
        (failed([{"type": "text", "text": "Error executing tool book: no seat 12A"}]), NO_SEAT),
        (failed({"error": "no seat 12A"}), NO_SEAT),
        (failed(None), NO_SEAT),
        (failed(""), NO_SEAT),
        (failed("KeyError: 'x'"), Raised("KeyError", "'x'")),
        (failed("AssertionError"), Raised("AssertionError", "")),
        (failed(repr(ValueError("a\nb"))), Raised("ValueError", "a\nb")),
        ("no seat 12A", NO_SEAT),
        ("Error: LookupError('no seat 12A')\n Please fix your mistakes.", NO_SEAT),
        ("An error occurred while running the tool. Please try again. Error: no seat 12A", NO_SEAT),
        ({"error": "no seat 12A"}, NO_SEAT),
        ('{"error": "LookupError: no seat 12A"}', NO_SEAT),
        ("LookupError: no seat 12A", NO_SEAT),
        (failed("shop.LookupError: no seat 12A\nTraceback: ..."), NO_SEAT),
        (failed("ToolError: no seat 12A"), NO_SEAT),
    ],
)
def test_an_error_is_the_same_if_its_text_has_the_message(recorded: Any, raised: Raised) -> None:
    assert one(recorded, raised).match is Match.SAME


@pytest.mark.parametrize(
    ("recorded", "replayed", "match"),
    [
        (failed("no seat 12A"), "booked", Match.ERROR_THEN),
        (failed(None), None, Match.ERROR_THEN),
        ("Error: no seat 12A", "booked", Match.ERROR_THEN),
        ({"error": "no seat 12A"}, "booked", Match.ERROR_THEN),
        ("booked", NO_SEAT, Match.ERROR_NOW),
        ("12A booked, no seat 12B", Raised("LookupError", "seat"), Match.ERROR_NOW),
        ("no account 7", Raised("KeyError", "7"), Match.ERROR_NOW),
        (failed("no seat 12A"), Raised("LookupError", "no seat 12B"), Match.DIFFERS),
        (failed("ValueError: no seat 12A"), NO_SEAT, Match.DIFFERS),
        (failed("LookupError: no seat 12A in row 3"), NO_SEAT, Match.DIFFERS),
        (failed("error 47"), Raised("KeyError", "7"), Match.DIFFERS),
        ("Error: no seat 12A", Raised("LookupError", "no seat 12B"), Match.DIFFERS),
        ("Error: no seat 12A", "Error: no seat 12B", Match.DIFFERS),
    ],
)
def test_errors_then_and_now_are_told_apart(recorded: Any, replayed: Any, match: Match) -> None:
    comparison = one(recorded, replayed)
    assert comparison.match is match
    assert len(comparison.deviations) == 1


def test_an_error_that_is_returned_as_its_text_is_the_same_to_a_model() -> None:
    assert one(failed("Error: no seat"), "Error: no seat").match is Match.SAME


# -- what runs generate --------------------------------------------------------------------------------

ROWS = {"orders": {8: {"what": "tea"}, 9: {"what": "milk"}}}
START = {"orders": {7: {"what": "bread"}}}


def renamed(found: fh.Fidelity) -> list[list[str]]:
    assert {call.match for call in found.calls} == {Match.RENAMED}, found
    assert found.rate == 1.0
    return [[str(name) for name in call.mapping] for call in found.calls]


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ([101, 102], [8, 9]),
        (["101", "102"], [8, 9]),
        ([{"order_id": 101}, {"order_id": 102}], [{"order_id": 8}, {"order_id": 9}]),
        (['{"order_id": 101}', '{"order_id": 102}'], [{"order_id": 8}, {"order_id": 9}]),
        (["order 101 is new", "order 102 is new"], ["order 8 is new", "order 9 is new"]),
    ],
)
def test_ids_of_new_rows_may_be_others_than_recorded(recorded: list[Any], replayed: list[Any]) -> None:
    state = {"orders": {**START["orders"], **ROWS["orders"]}}
    found = compare(recorded, [Returned(value) for value in replayed], state, START)
    assert renamed(found) == [["orders: 101 is 8 here"], ["orders: 102 is 9 here"]]


@pytest.mark.parametrize(
    ("recorded", "replayed"),
    [
        ([101, 101], [8, 9]),
        ([101, 102], [8, 8]),
        ([{"order_id": 101, "left": 2}, 102], [{"order_id": 8, "left": 3}, 9]),
        ([{"paid": 101}, 102], [{"paid": 8}, 9]),
        ([7, 102], [8, 9]),
        (["order 101 is gone", 102], ["order 8 is new", 9]),
        ([{"order_id": 101, "more": 1}, 102], [{"order_id": 8}, 9]),
    ],
    ids=["two for one", "one for two", "more differs", "no id", "old row", "other words", "more fields"],
)
def test_a_result_that_differs_in_more_than_names_differs(recorded: list[Any], replayed: list[Any]) -> None:
    state = {"orders": {**START["orders"], **ROWS["orders"]}}
    found = compare(recorded, [Returned(value) for value in replayed], state, START)
    assert found.calls[0].match is Match.DIFFERS
    assert found.calls[0].deviations


def test_one_that_is_as_recorded_holds_the_others_to_its_names() -> None:
    state = {"orders": {**START["orders"], **ROWS["orders"]}}
    found = compare([101, "order 8 is new"], [Returned(8), Returned("order 8 is new")], state, START)
    assert [call.match for call in found.calls] == [Match.DIFFERS, Match.SAME]


def test_random_uuids_and_times_of_making_may_be_others_than_recorded() -> None:
    then, now = str(uuid.uuid4()), str(uuid.uuid4())
    recorded = {"ticket": then, "created_at": "2026-01-02T03:04:05Z"}
    replayed = {"ticket": now, "created_at": "2024-01-01T00:00:00"}
    (call,) = compare([recorded], [Returned(replayed)]).calls
    assert call.match is Match.RENAMED
    assert [name.what for name in call.mapping] == ["time", "uuid"]


def test_a_time_that_is_no_time_of_making_differs() -> None:
    recorded, replayed = {"expires_at": "2026-01-02T03:04:05Z"}, {"expires_at": "2024-01-01T00:00:00"}
    assert one(recorded, replayed).match is Match.DIFFERS


def test_places_to_ignore_are_left_out() -> None:
    assert one({"at": 1, "n": 2}, {"at": 3, "n": 2}, ignore=("results.*.at",)).match is Match.SAME
    assert one({"at": 1, "n": 2}, {"at": 3, "n": 4}, ignore=("results.*.at",)).match is Match.DIFFERS
    assert one("a", "b", ignore=("results.call-1",)).match is Match.SAME


# -- any value -----------------------------------------------------------------------------------------

ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
JSON = st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
calm = settings(deadline=None, derandomize=True, database=None)


@calm
@given(JSON.filter(lambda value: value is not None))
def test_any_value_is_the_same_as_itself_as_json_and_as_str(value: Any) -> None:
    for recorded in (value, json.dumps(value), json.dumps(value, indent=1), str(value)):
        assert one(recorded, value).match is Match.SAME, recorded
    assert one(value, json.dumps(value)).match is Match.SAME


@calm
@given(JSON, JSON)
def test_whatever_was_recorded_and_is_replayed_can_be_compared(recorded: Any, replayed: Any) -> None:
    comparison = one(recorded, replayed)
    assert bool(comparison.deviations) == (comparison.match not in (Match.SAME, Match.UNRECORDED))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{'a':" * 5_000, "(" * 150, '"\\ud800"', "\x00", "[1,", "NaN"]
)
def test_text_that_is_hard_to_parse_is_text(text: str) -> None:
    assert one(text, text).match is Match.SAME
    assert one(text, 1).match is Match.DIFFERS
