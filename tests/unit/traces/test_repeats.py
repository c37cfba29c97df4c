"""Repeats: histories, doubled exports and copies, in which each batch is read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fuzzharness import Trace
from fuzzharness.traces.repeats import HELD

Load = Callable[..., Trace]


def asks(*ids: str, v: int = 1) -> dict[str, Any]:
    function = {"name": "add", "arguments": json.dumps({"v": v})}
    return {"role": "assistant", "tool_calls": [{"id": id, "function": function} for id in ids]}


def says(id: str, content: str = "1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def results(trace: Trace) -> list[list[Any]]:
    return [[call.result for call in batch.calls] for batch in trace.batches]


def labels(trace: Trace) -> list[tuple[str, ...]]:
    return [batch.labels for batch in trace.batches]


TALK = [asks("a", "b"), says("a"), says("b"), asks("c"), says("c"), asks("d")]


def test_requests_that_each_hold_the_whole_history_are_read_as_one_session(load: Load) -> None:
    requests = [{"messages": TALK[:n]} for n in range(1, len(TALK) + 1)]
    trace = load(lines(*requests))
    assert (labels(trace), results(trace)) == ([("a", "b"), ("c",), ("d",)], [["1", "1"], ["1"], [None]])


def leading(trace: Trace) -> list[list[str]]:
    """For each batch the first call of it, and of those that its session has before it."""
    firsts = [batch.labels[0] for batch in trace.batches]
    return [[first, *(batch.labels[0] for batch in trace.leading_to(n))] for n, first in enumerate(firsts)]


def test_what_a_request_adds_goes_on_from_the_history_that_it_repeats(load: Load) -> None:
    other = [asks("x"), says("x"), asks("y")]
    requests = [TALK[:1], other[:1], TALK[:4], other, TALK]
    trace = load(lines(*({"messages": messages} for messages in requests)))
    assert leading(trace) == [["a"], ["x"], ["c", "a"], ["y", "x"], ["d", "a", "c"]]


def test_sessions_that_begin_alike_share_the_beginning_and_no_more(load: Load) -> None:
    begin = [asks("a"), says("a")]
    sessions = [[*begin, asks("b"), says("b")], [*begin, asks("c"), says("c"), asks("d")]]
    assert leading(load(lines(*({"messages": s} for s in sessions)))) == [
        ["a"],
        ["b", "a"],
        ["c", "a"],
        ["d", "a", "c"],
    ]


def test_requests_and_responses_on_lines_of_their_own_are_read_once(load: Load) -> None:
    hello = {"role": "user", "content": "hello"}
    response = {"choices": [{"index": 0, "message": asks("a", "b")}]}
    said = [hello, asks("a", "b"), says("a"), says("b")]
    later = {"choices": [{"index": 0, "message": asks("c")}]}
    trace = load(lines({"messages": [hello]}, response, {"messages": said}, later))
    assert results(trace) == [["1", "1"], [None]]
    assert leading(trace) == [["a"], ["c", "a"]]


def test_a_history_tells_what_its_batches_go_on_from_wherever_their_responses_stood(load: Load) -> None:
    def respond(*ids: str) -> dict[str, Any]:
        return {"choices": [{"index": 0, "message": asks(*ids)}]}

    one, other = [asks("a"), says("a"), asks("b"), says("b")], [asks("x"), says("x"), asks("y"), says("y")]
    apart = [{"messages": one[:2]}, {"messages": other[:2]}, respond("b"), respond("y")]
    trace = load(lines(*apart, {"messages": one}, {"messages": other}))
    assert leading(trace) == [["a"], ["x"], ["b", "a"], ["y", "x"]]
    trace = load(lines(respond("a"), respond("x"), {"messages": one}, {"messages": other}))
    assert leading(trace) == [["a"], ["x"], ["b", "a"], ["y", "x"]]


def test_responses_whose_ids_are_counted_are_read_once_too(load: Load) -> None:
    def respond(id: str) -> dict[str, Any]:
        return {"choices": [{"index": 0, "message": asks(id)}]}

    said = [asks("call_1"), says("call_1"), asks("call_2"), says("call_2", "2")]
    trace = load(
        lines(
            {"messages": []}, respond("call_1"), {"messages": said[:2]}, respond("call_2"), {"messages": said}
        )
    )
    assert results(trace) == [["1"], ["2"]]


def test_lines_of_messages_are_one_session(load: Load) -> None:
    assert leading(load(lines(*TALK))) == [["a"], ["c", "a"], ["d", "a", "c"]]


def test_newest_request_may_come_first(load: Load) -> None:
    requests = [{"messages": TALK[:n]} for n in range(len(TALK), 0, -1)]
    assert results(load(lines(*requests))) == [["1", "1"], ["1"], [None]]


def test_export_that_holds_everything_twice_is_read_once(load: Load) -> None:
    assert labels(load(lines(*TALK, *TALK))) == [("a", "b"), ("c",), ("d",)]
    assert labels(load([TALK, TALK])) == [("a", "b"), ("c",), ("d",)]


def test_ids_that_a_provider_uses_again_do_not_make_a_repeat(load: Load) -> None:
    ask, other, say = asks("call_0"), asks("call_0", v=2), says("call_0")
    assert results(load([ask, say, other, say, ask, says("call_0", "3")])) == [["1"], ["1"], ["3"]]


def test_ids_that_are_counted_do_not_make_a_repeat_in_lines_of_messages(load: Load) -> None:
    ask, say = asks("call_0", "call_1"), [says("call_0"), says("call_1")]
    assert results(load(lines(ask, *say, ask, *say))) == [["1", "1"], ["1", "1"]]
    requests = [{"messages": [ask]}, {"messages": [ask, *say, ask]}]
    assert results(load(lines(*requests))) == [["1", "1"], [None, None]]


def test_calls_without_ids_are_repeats_where_all_before_them_are(load: Load) -> None:
    ask = {"role": "model", "parts": [{"functionCall": {"name": "status", "args": {}}}]}
    response = {"name": "status", "response": {"output": "busy"}}
    say = {"role": "user", "parts": [{"functionResponse": response}]}
    assert results(load([ask, say, ask, say])) == [["busy"], ["busy"]]
    assert results(load([[ask, say], [ask, say, ask, say], [ask, say, ask]])) == [["busy"], ["busy"]]


def test_batches_keep_their_order_while_one_waits_for_its_results(load: Load) -> None:
    trace = load([[asks("a")], [asks("b"), says("b")], [asks("a"), says("a")]])
    assert (labels(trace), results(trace)) == ([("a",), ("b",)], [["1"], ["1"]])


def test_batch_whose_results_never_come_leaves_after_a_while(load: Load) -> None:
    others = [[asks(f"c{n}"), says(f"c{n}")] for n in range(HELD + 10)]
    trace = load([[asks("a")], *others])
    assert len(trace.batches) == HELD + 11
    assert labels(trace)[0] == ("a",)


def test_one_list_of_messages_is_no_repeat_of_itself(load: Load) -> None:
    again = [asks("a"), says("a"), asks("a"), says("a")]
    assert labels(load(again)) == [("a",), ("a",)]
    assert labels(load({"messages": again})) == [("a",), ("a",)]
    assert labels(load([again[:2], again, again])) == [("a",), ("a",)]
