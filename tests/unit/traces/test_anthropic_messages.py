"""Anthropic Messages recordings: what is a call, what is a result, what is refused and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]

TEXT = {"type": "text", "text": "Working on it."}


def use(id: Any = "toolu_A", name: Any = "add", **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": {"v": 1}} | more


def result(id: Any = "toolu_A", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": "1"} | more


def asks(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def without(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if k != key}


def only_call(trace: Trace) -> Call:
    ((call,),) = (batch.calls for batch in trace.batches)
    return call


def test_calls_of_one_message_are_one_batch_in_order_of_the_message(load: Load) -> None:
    trace = load([asks(TEXT, use("b"), TEXT, use("a")), user(result("a"), TEXT, result("b", content="2"))])
    assert [batch.calls for batch in trace.batches] == [
        (Call("add", {"v": 1}, "b", "2"), Call("add", {"v": 1}, "a", "1"))
    ]


def test_single_call_is_a_batch_of_one(load: Load) -> None:
    assert only_call(load([asks(use())])) == Call("add", {"v": 1}, "toolu_A")


def test_turns_without_calls_are_not_counted(load: Load) -> None:
    trace = load([asks(TEXT), asks(use("a")), {"role": "assistant", "content": "hm"}, asks(use("b"))])
    assert [(batch.id, batch.labels) for batch in trace.batches] == [("turn-1", ("a",)), ("turn-2", ("b",))]


@pytest.mark.parametrize(("flag", "error"), [(True, True), (False, False), (None, False)])
def test_error_flag_is_read(flag: Any, error: bool, load: Load) -> None:
    assert only_call(load([asks(use()), user(result(is_error=flag))])).error is error


def test_text_blocks_of_a_result_are_joined(load: Load) -> None:
    blocks = [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]
    assert only_call(load([asks(use()), user(result(content=blocks))])).result == "42"


def test_result_with_other_blocks_is_kept_as_recorded(load: Load) -> None:
    blocks = [{"type": "image", "source": {}}]
    assert only_call(load([asks(use()), user(result(content=blocks))])).result == blocks


def test_result_without_content_is_none(load: Load) -> None:
    assert only_call(load([asks(use()), user(without("content", result(is_error=True)))])) == Call(
        "add", {"v": 1}, "toolu_A", None, True
    )


@pytest.mark.parametrize(
    ("recorded", "text"), [('{"v": ', '{"v": '), ("", ""), ([1], "[1]"), (None, "null"), (7, "7")]
)
def test_input_that_is_no_object_is_kept_as_text(recorded: Any, text: str, load: Load) -> None:
    read = only_call(load([asks(use(input=recorded))]))
    assert (read.args, read.invalid_args) == (None, text)


def test_calls_that_the_provider_ran_are_passed_over(load: Load) -> None:
    hosted = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
    answer = {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []}
    assert load([asks(hosted, answer, TEXT)]).batches == ()
    assert only_call(load([asks(hosted, answer, use())])).id == "toolu_A"


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([asks(use()), []], "$[1]: found an empty list. Expected a message"),
        ([asks(use()), {"role": "tool", "content": ""}], "$[1].role: found the text 'tool'"),
        ([asks(use()), {"role": "user"}], "$[1].content: found nothing. Expected text, or a list"),
        ([asks(use()), {"role": "user", "content": 1}], "$[1].content: found the number 1"),
        ([asks(use(), "text")], "$[0].content[1]: found the text 'text'. Expected a content block"),
        ([asks(use(), {"type": 1})], "$[0].content[1].type: found the number 1"),
        ([asks(use(id=None))], "$[0].content[0].id: found null. Expected the id of the call"),
        ([asks(without("name", use()))], "$[0].content[0].name: found nothing"),
        ([asks(use(name=["add"]))], "$[0].content[0].name: found a list of 1. Expected the name of the tool"),
        ([asks(without("input", use()))], "$[0].content[0].input: found nothing"),
        ([asks(TEXT, use(), use())], "$[0].content[2].id: found the text 'toolu_A'. Expected an id that no"),
        ([asks(use()), user(result(id=1))], "$[1].content[0].tool_use_id: found the number 1"),
        ([asks(use()), user(result(is_error="no"))], "$[1].content[0].is_error: found the text 'no'"),
        ([asks(use()), user(result(content={"v": 1}))], "$[1].content[0].content: found an object with 'v'"),
        ([asks(use()), user(result(content=["1"]))], "$[1].content[0].content[0]: found the text '1'"),
    ],
)
def test_malformed_message_is_refused_by_its_path(
    messages: list[Any], complaint: str, refusal: Refusal, load: Load
) -> None:
    assert f"recording.json, {complaint}" in refusal({"messages": messages}).replace("$.messages", "$")
    assert load({"messages": messages}, format="anthropic-messages", lenient=True).skipped == 1
