"""Gemini and ADK recordings: contents, events and sessions, in either spelling, with and without ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def call(name: Any = "add", **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"v": 1}} | more}


def back(response: Any, name: Any = "add", **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response} | more}


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def results(trace: Trace) -> list[list[Any]]:
    return [[call.result for call in batch.calls] for batch in trace.batches]


def test_calls_of_one_content_are_one_batch(load: Load) -> None:
    trace = load([model(call(id="a"), {"text": "hm"}, call(id="b")), user(back({"output": 2}, id="b"))])
    assert [batch.calls for batch in trace.batches] == [
        (Call("add", {"v": 1}, "a"), Call("add", {"v": 1}, "b", 2))
    ]


def test_calls_without_ids_are_answered_by_name_in_their_order(load: Load) -> None:
    asked = model(call("add"), call("get"), call("add"))
    told = user(back({"output": 1}), back({"output": 3}), back({"output": 2}, "get"))
    trace = load([asked, told])
    assert (results(trace), trace.batches[0].labels) == ([[1, 2, 3]], ("call-1", "call-2", "call-3"))


def test_answer_without_id_goes_to_the_latest_turn(load: Load) -> None:
    assert results(load([model(call()), model(call(args={})), user(back({"output": 2}))])) == [[None], [2]]


def test_answer_without_id_finds_a_call_with_one(load: Load) -> None:
    told = user(back({"output": 1}), back({"output": 2}))
    assert results(load([model(call(id="a"), call(id="b")), told])) == [[1, 2]]


@pytest.mark.parametrize(
    ("response", "result", "error"),
    [
        ({"result": 5}, 5, False),
        ({"output": 5}, 5, False),
        ({"error": "no"}, "no", True),
        ({"error": "no", "code": 4}, {"error": "no", "code": 4}, True),
        ({"v": 1, "result": 2}, {"v": 1, "result": 2}, False),
        ({}, {}, False),
    ],
)
def test_response_is_its_only_output_or_all_of_it(
    response: Any, result: Any, error: bool, load: Load
) -> None:
    read = load([model(call(id="a")), user(back(response, id="a"))]).batches[0].calls[0]
    assert (read.result, read.error) == (result, error)


def test_snake_case_events_and_sessions_read_like_contents(load: Load) -> None:
    asked = model({"function_call": {"id": "a", "name": "add", "args": {"v": 1}}})
    told = user({"function_response": {"id": "a", "name": "add", "response": {"output": 1}}})
    event = {"author": "clerk", "invocation_id": "e"}
    events = [event | {"content": content} for content in (asked, told, None)]
    wanted = [(Call("add", {"v": 1}, "a", 1),)]
    for recording in ([asked, told], events, {"id": "s", "events": events}, {"contents": [asked, told]}):
        assert [batch.calls for batch in load(recording).batches] == wanted


def test_partial_event_of_a_stream_is_passed_over(load: Load) -> None:
    event = {"author": "clerk", "invocationId": "e", "content": model(call(id="a"))}
    assert len(load([event | {"partial": True, "content": model(call("ad", id="x"))}, event]).batches) == 1


def test_candidates_of_a_response_are_read(load: Load) -> None:
    assert len(load({"candidates": [{"content": model(call())}]}).batches) == 1


def test_call_without_args_has_none(load: Load) -> None:
    assert load([model({"functionCall": {"name": "now"}})]).batches[0].calls == (Call("now", {}),)


@pytest.mark.parametrize(
    ("contents", "complaint"),
    [
        ([model(call()), 5], "$[1]: found the number 5. Expected a content"),
        ([model(call()), {"role": "robot", "parts": []}], "$[1].role: found the text 'robot'"),
        ([model(call()), {"role": "user", "parts": 5}], "$[1].parts: found the number 5"),
        ([model(call()), user(5)], "$[1].parts[0]: found the number 5"),
        ([model(call(None))], "$[0].parts[0].functionCall.name: found null"),
        ([model(call(id=5))], "$[0].parts[0].functionCall.id: found the number 5"),
        ([model(call(id="a"), call(id="a"))], "$[0].parts[1].functionCall.id: found the text 'a'"),
        ([model(call()), user(back({}, None))], "$[1].parts[0].functionResponse.name: found null"),
    ],
)
def test_malformed_part_is_refused_by_its_path(
    contents: list[Any], complaint: str, refusal: Refusal, load: Load
) -> None:
    assert complaint in refusal(contents)
    assert load(contents, format="gemini", lenient=True).skipped == 1
