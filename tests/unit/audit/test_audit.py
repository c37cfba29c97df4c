"""What a recording alone lets one suspect, and what it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fuzzharness import Batch, Call, Trace
from fuzzharness.audit import Suspicion, audit
from fuzzharness.traces import load_trace
from fuzzharness.traces.statements import Statement, run_of, statements

SAMPLES = Path(__file__).parents[1] / "traces" / "samples"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def call(tool: str, result: Any = None, error: bool = False, **args: Any) -> Call:
    return Call(tool, args, result=result, error=error)


def during(call: Call, start: int, end: int) -> Call:
    """``call`` between two times in milliseconds."""
    at = [NOON + timedelta(milliseconds=moment) for moment in (start, end)]
    return Call(call.tool, call.args, call.id, call.result, call.error, *at)


def suspected(*batches: list[Call]) -> tuple[Suspicion, ...]:
    return audit(Trace(tuple(Batch(tuple(calls), f"turn-{n}") for n, calls in enumerate(batches, 1))))


def texts(*batches: list[Call]) -> list[str]:
    return [piece.text for suspicion in suspected(*batches) for piece in suspicion.evidence]


@pytest.mark.parametrize(
    "sample", [path.name for path in sorted(SAMPLES.glob("*.json*")) if path.name != "expected.json"]
)
def test_two_credits_on_one_account_are_suspected_first(sample: str) -> None:
    first, second, *_ = audit(load_trace(SAMPLES / sample))
    assert first.pair.batch.id == "turn-1"
    assert tools(first) == ["add_credit", "add_credit"]
    assert (first.mode, "account=7" in first.evidence[0].text) == ("shared-state", True)
    assert tools(second) == ["get_customer_id", "get_recent_orders"]
    assert second.mode == "context"
    assert "customer_id=''" in second.evidence[0].text


def tools(suspicion: Suspicion) -> list[str]:
    """The tools of the pair, by the names they have in every sample."""
    return [call.tool.removeprefix("mcp__shop__") for call in suspicion.pair.calls]


def test_reads_are_not_suspected_on_different_keys_nor_on_one() -> None:
    assert suspected([call("get_balance", account=7), call("get_balance", account=8)]) == ()
    assert suspected([call("get_balance", account=7), call("get_balance", account=7)]) == ()


def test_writes_on_different_keys_are_not_suspected() -> None:
    assert suspected([call("add_credit", account=7), call("add_credit", account=8)]) == ()


def test_a_number_that_is_no_key_is_not_shared() -> None:
    assert suspected([call("add_credit", amount=7), call("add_credit", amount=7)]) == ()


def test_two_tools_on_one_value_weigh_less_than_one_tool_twice() -> None:
    mail = "ada@example.com"
    pairs = [call("get_user", email=mail), call("send_receipt", to=mail), call("send_receipt", to=mail)]
    assert [suspicion.weight for suspicion in suspected(pairs)] == [4, 2, 2]


def test_overlap_adds_to_other_evidence_and_is_none_alone() -> None:
    reads = [during(call("get_balance", account=n), 0, 10) for n in (7, 8)]
    assert suspected(reads) == ()
    writes = [during(call("add_credit", account=7), *times) for times in ((0, 10), (4, 20), (30, 40))]
    found = suspected(writes)
    assert [suspicion.weight for suspicion in found] == [5, 4, 4]
    assert found[0].evidence[1].text == "they overlapped for 6.0 ms, by the recorded times"


def test_overlap_hints_at_what_the_other_evidence_does() -> None:
    created = during(call("create_order", result='{"id": "O-17"}', item="lamp"), 0, 10)
    (found,) = suspected([created, during(call("ship_order", order_id="O-17"), 5, 20)])
    assert {evidence.mode for evidence in found.evidence} == {"context"}


def test_argument_that_only_a_siblings_result_told_is_suspected_as_context() -> None:
    created = call("create_order", result='{"id": "O-17"}', item="lamp")
    (found,) = suspected([created, call("ship_order", order="O-17")])
    assert found.mode == "context"
    assert found.evidence[0].text == (
        "ship_order has order='O-17', which no earlier call but create_order told"
    )


def test_argument_that_was_known_before_is_not_suspected() -> None:
    shipped = call("ship_order", order="O-17")
    created = call("create_order", result={"id": "O-17"}, item="lamp")
    assert suspected([call("list_orders", result=["O-17"])], [created, shipped]) == ()
    echoed = call("touch_order", result={"id": "O-17"}, ref="O-17")
    assert not any("no earlier call" in text for text in texts([echoed, shipped]))


@pytest.mark.parametrize("empty", ["", None, "<customer_id>", "{{customer.id}}", "TBD", []])
def test_empty_argument_that_a_sibling_would_fill_is_suspected(empty: Any) -> None:
    source = call("get_customer_id", result="C-1", email="a@example.com")
    late = call("get_recent_orders", customer_id=empty, error=True)
    assert [s.mode for s in suspected([source, late])] == ["context"]
    assert [s.mode for s in suspected([late, source])] == ["context"]


def test_empty_argument_that_no_sibling_would_fill_is_not_suspected() -> None:
    assert suspected([call("get_weather", result="rain"), call("get_orders", note="")]) == ()
    failed = call("get_customer_id", result="no such customer", error=True)
    assert suspected([failed, call("get_recent_orders", customer_id="")]) == ()


def test_tools_that_always_come_in_one_order_are_suspected_in_one_batch() -> None:
    turns = [[call("open_session")], [call("run_query")]] * 2
    (found,) = suspected(*turns, [call("open_session"), call("run_query")])
    assert (found.mode, found.pair.batch.id) == ("timing", "turn-5")
    assert found.evidence[0].text == ("in other turns run_query came 2 times, each time after open_session")


@pytest.mark.parametrize(
    "turns",
    [
        ["open_session", "run_query"],
        ["open_session", "run_query", "run_query", "open_session"],
        ["open_session", "run_query", "run_query", "open_session", "run_query"],
    ],
)
def test_order_that_is_seen_once_or_not_kept_is_no_evidence(turns: list[str]) -> None:
    alone = [[call(tool)] for tool in turns]
    assert suspected(*alone, [call("open_session"), call("run_query")]) == ()


def with_statements(one: str, other: str) -> tuple[Suspicion, ...]:
    calls = (during(call("get_a"), 0, 10), during(call("get_b"), 20, 30))
    made = {run_of(c): (Statement(text, "postgresql"),) for c, text in zip(calls, (one, other), strict=True)}
    return audit(Trace((Batch(calls, "turn-1"),)), made)


def test_statements_on_one_row_outweigh_all_else() -> None:
    read, write = "SELECT * FROM accounts WHERE id = 7", "UPDATE accounts SET balance = 1 WHERE id = 7"
    (found,) = with_statements(read, write)
    assert (found.mode, found.weight) == ("shared-state", 6)
    assert found.evidence[0].text == f"both reach accounts where id = 7: {read!r} and {write!r}"


def test_statements_whose_rows_are_not_told_are_suspected_by_table() -> None:
    (found,) = with_statements("SELECT 1 FROM a WHERE id = $1", "DELETE FROM a WHERE id = $1")
    assert found.weight == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT * FROM a WHERE id = 7", "SELECT * FROM a WHERE id = 7"),
        ("UPDATE a SET v = 1 WHERE id = 7", "UPDATE a SET v = 1 WHERE id = 8"),
        ("UPDATE a SET v = 1 WHERE id = 7", "UPDATE b SET v = 1 WHERE id = 7"),
        ("INSERT INTO a (id) VALUES (1)", "INSERT INTO a (id) VALUES (2)"),
        ("no SQL at all (", "UPDATE a SET v = 1"),
    ],
)
def test_statements_that_share_nothing_or_only_read_or_add_are_not_suspected(one: str, other: str) -> None:
    assert with_statements(one, other) == ()


def test_audit_is_the_same_each_time() -> None:
    trace = load_trace(SAMPLES / "otel-genai.jsonl")
    assert audit(trace) == audit(trace)
    assert statements([str(SAMPLES / "openai-chat.json")], load_trace(SAMPLES / "openai-chat.json")) == {}


def test_what_another_session_told_is_not_known() -> None:
    told = call("create_order", result='{"id": "O-17"}', item="lamp")
    pair = [call("create_order", result='{"id": "O-17"}', item="lamp"), call("ship_order", order_id="O-17")]
    trace = Trace((Batch((told,), "turn-1"), Batch(tuple(pair), "turn-2", behind=0)))
    assert [found.mode for found in audit(trace)] == ["context"]
    assert audit(Trace((Batch((told,), "turn-1"), Batch(tuple(pair), "turn-2")))) == ()
