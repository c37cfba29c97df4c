"""OpenAI Responses recordings: where a batch ends, what is a result, what is refused and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]

USER = {"role": "user", "content": "hello"}
TEXT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hm"}]}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}


def asks(id: Any = "a", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": id, "name": "add", "arguments": '{"v": 1}'} | more


def says(id: Any = "a", output: Any = "1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": id, "output": output}


def response(*items: Any) -> dict[str, Any]:
    return {"object": "response", "id": "resp_1", "output": list(items)}


def labels(trace: Trace) -> list[tuple[str, ...]]:
    return [batch.labels for batch in trace.batches]


def test_run_of_calls_up_to_the_first_output_is_a_batch(load: Load) -> None:
    trace = load([USER, REASONING, asks("a"), TEXT, asks("b"), says("b", "2"), says("a"), asks("c")])
    assert [batch.calls for batch in trace.batches] == [
        (Call("add", {"v": 1}, "a", "1"), Call("add", {"v": 1}, "b", "2")),
        (Call("add", {"v": 1}, "c"),),
    ]


def test_word_of_the_user_ends_a_batch(load: Load) -> None:
    assert labels(load([asks("a"), USER, asks("b")])) == [("a",), ("b",)]


def test_end_of_a_response_ends_a_batch(load: Load) -> None:
    assert labels(load([response(asks("a"), asks("b")), response(asks("c"))])) == [("a", "b"), ("c",)]


@pytest.mark.parametrize("more", [{"type": "response.completed"}, {"request": {}}])
def test_responses_may_stand_in_events_and_logs(more: Any, load: Load) -> None:
    assert labels(load([more | {"response": response(asks("a"), asks("b"))}])) == [("a", "b")]


def test_requests_hold_what_responses_lack(load: Load) -> None:
    request = {"model": "m", "input": [USER, asks("a"), says("a")]}
    trace = load([response(asks("a")), request])
    assert (labels(trace), trace.batches[0].calls[0].result) == ([("a",)], "1")


def test_text_parts_of_an_output_are_joined(load: Load) -> None:
    parts = [{"type": "input_text", "text": "4"}, {"type": "input_text", "text": "2"}]
    assert load([asks(), says(output=parts)]).batches[0].calls[0].result == "42"


def test_input_of_a_custom_tool_is_text(load: Load) -> None:
    custom = {"type": "custom_tool_call", "call_id": "a", "name": "shell", "input": "ls"}
    answer = {"type": "custom_tool_call_output", "call_id": "a", "output": "x"}
    assert load([custom, answer]).batches[0].calls == (Call("shell", None, "a", "x", invalid_args="ls"),)


def test_tools_that_the_provider_ran_are_passed_over(load: Load) -> None:
    hosted = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert labels(load([hosted, asks("a")])) == [("a",)]


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([asks(), 5], "$[1]: found the number 5. Expected an item"),
        ([asks(), {}], "$[1].role: found nothing. Expected the type of an item"),
        ([asks(), {"type": 5}], "$[1].type: found the number 5"),
        ([asks("b"), asks(5)], "$[1].call_id: found the number 5. Expected the id of the call"),
        ([asks(name=None)], "$[0].name: found null. Expected the name of the tool"),
        ([asks("a"), asks("a")], "$[1].call_id: found the text 'a'. Expected an id that no other"),
        ([asks(), says(output=5)], "$[1].output: found the number 5"),
    ],
)
def test_malformed_item_is_refused_by_its_path(
    items: list[Any], complaint: str, refusal: Refusal, load: Load
) -> None:
    assert complaint in refusal(items)
    assert load(items, format="openai-responses", lenient=True).skipped == 1


def test_malformed_item_of_a_response_is_refused_by_its_path(refusal: Refusal) -> None:
    content = json.dumps(USER) + "\n" + json.dumps(response(asks(), asks(5)))
    assert "line 2, $.output[1].call_id" in refusal(content)
