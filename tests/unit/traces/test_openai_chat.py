"""OpenAI Chat recordings: what is a call, what is a result, what is refused and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def call(id: Any = "call_A", name: Any = "add", arguments: Any = '{"v": 1}') -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def asks(*calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def answer(id: Any = "call_A", content: Any = "1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def without(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if k != key}


def test_calls_of_one_message_are_one_batch_in_order_of_the_message(load: Load) -> None:
    trace = load([asks(call("b"), call("a")), answer("a", "late"), answer("b", "early")])
    assert [batch.calls for batch in trace.batches] == [
        (Call("add", {"v": 1}, "b", "early"), Call("add", {"v": 1}, "a", "late"))
    ]


def test_single_call_is_a_batch_of_one(load: Load) -> None:
    assert [len(batch.calls) for batch in load([asks(call())]).batches] == [1]


def test_turns_without_calls_are_not_counted(load: Load) -> None:
    talk = {"role": "assistant", "content": "hm", "tool_calls": None}
    trace = load([talk, asks(), asks(call("a")), talk, asks(call("b"))])
    assert [(batch.id, batch.labels) for batch in trace.batches] == [("turn-1", ("a",)), ("turn-2", ("b",))]


def completion(*messages: dict[str, Any]) -> dict[str, Any]:
    choices = [{"index": n, "message": message} for n, message in enumerate(messages)]
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": choices}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda response: response,
        lambda response: {"request": {"model": "m"}, "response": response},
        lambda response: {
            "custom_id": "r-1",
            "response": {"status_code": 200, "body": response},
            "error": None,
        },
    ],
    ids=["bare", "in a log", "in a batch of the API"],
)
def test_message_of_a_response_is_read(wrap: Any, load: Load) -> None:
    text = {"role": "assistant", "content": "hello"}
    responses = [completion(text), completion(asks(call("a"), call("b"))), completion(asks(call("c")), text)]
    trace = load("".join(json.dumps(wrap(response)) + "\n" for response in responses))
    assert (trace.format, [b.labels for b in trace.batches]) == ("openai-chat", [("a", "b"), ("c",)])


def test_a_choice_whose_list_of_calls_is_empty_has_none(load: Load) -> None:
    silent = {"role": "assistant", "content": "hm", "tool_calls": []}
    assert [b.labels for b in load(completion(silent, asks(call("a")))).batches] == [("a",)]


def test_responses_and_results_may_stand_in_one_log(load: Load) -> None:
    trace = load([completion(asks(call("a"))), answer("a", "1")])
    assert [batch.calls[0].result for batch in trace.batches] == ["1"]


def test_a_choice_without_a_message_is_refused_where_it_stands(refusal: Refusal) -> None:
    broken = completion(asks(call("a"))) | {"choices": [{"text": "hm"}]}
    assert "$[1].choices[0].message: found nothing. Expected a message" in refusal([asks(call("b")), broken])


def test_call_without_a_result_has_none(load: Load) -> None:
    assert load([asks(call())]).batches[0].calls[0].result is None


def test_second_result_of_a_call_is_passed_over(load: Load) -> None:
    assert load([asks(call()), answer(content="1"), answer(content="2")]).batches[0].calls[0].result == "1"


def test_result_goes_to_the_latest_call_with_its_id(load: Load) -> None:
    trace = load([asks(call()), answer(content="1"), asks(call()), answer(content="2")])
    assert [batch.calls[0].result for batch in trace.batches] == ["1", "2"]


def test_error_is_only_text_in_this_format(load: Load) -> None:
    read = load([asks(call()), answer(content="Error: no such account")]).batches[0].calls[0]
    assert (read.result, read.error) == ("Error: no such account", False)


def test_text_parts_of_a_result_are_joined(load: Load) -> None:
    parts = [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]
    assert load([asks(call()), answer(content=parts)]).batches[0].calls[0].result == "42"


def test_result_with_other_parts_is_kept_as_recorded(load: Load) -> None:
    parts = [{"type": "text", "text": "4"}, {"type": "file", "file": {}}]
    assert load([asks(call()), answer(content=parts)]).batches[0].calls[0].result == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"v": 1',
        "[1]",
        "1",
        "null",
        '"text"',
        '{"v": NaN}',
        '{"v": ' + "9" * 5000 + "}",
        "[" * 100_000,
    ],
)
def test_arguments_that_are_no_json_object_are_kept_as_text(text: str, load: Load) -> None:
    read = load([asks(call(arguments=text))]).batches[0].calls[0]
    assert (read.args, read.invalid_args) == (None, text)


def test_arguments_recorded_as_an_object_are_taken_as_they_are(load: Load) -> None:
    read = load([asks(call(arguments={"v": 1}))]).batches[0].calls[0]
    assert (read.args, read.invalid_args) == ({"v": 1}, None)


def test_arguments_recorded_as_another_value_are_kept_as_its_text(load: Load) -> None:
    read = load([asks(call(arguments=[1, None]))]).batches[0].calls[0]
    assert (read.args, read.invalid_args) == (None, "[1, null]")


def test_input_of_a_custom_tool_is_text(load: Load) -> None:
    custom = {"id": "call_A", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    assert load([asks(custom)]).batches[0].calls == (Call("shell", None, "call_A", invalid_args="ls"),)


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([asks(call()), 5], "$[1]: found the number 5. Expected a message"),
        ([asks(call()), {"content": "?"}], "$[1].role: found nothing. Expected the role"),
        ([asks(call()), {"role": "model"}], "$[1].role: found the text 'model'"),
        ([asks(call()), {"role": ["user"]}], "$[1].role: found a list of 1"),
        (
            [{"role": "assistant", "tool_calls": {}}],
            "$[0].tool_calls: found an empty object. Expected a list",
        ),
        ([{"role": "assistant", "tool_calls": "x"}], "$[0].tool_calls: found the text 'x'"),
        ([asks(None)], "$[0].tool_calls[0]: found null. Expected a tool call"),
        ([asks(without("id", call()))], "$[0].tool_calls[0].id: found nothing"),
        (
            [asks(call(id=7))],
            "$[0].tool_calls[0].id: found the number 7. Expected the id of the call, a string",
        ),
        ([asks(call(id=""))], "$[0].tool_calls[0].id: found the text ''"),
        ([asks(without("function", call()))], "$[0].tool_calls[0].function: found nothing"),
        (
            [asks(call(name=None))],
            "$[0].tool_calls[0].function.name: found null. Expected the name of the tool",
        ),
        (
            [asks({**call(), "function": {"name": "f"}})],
            "$[0].tool_calls[0].function.arguments: found nothing",
        ),
        (
            [asks(call("b"), call("b"))],
            "$[0].tool_calls[1].id: found the text 'b'. Expected an id that no other",
        ),
        ([asks({**call(), "type": "custom"})], "$[0].tool_calls[0].custom: found nothing"),
        ([asks(call()), answer(id=True)], "$[1].tool_call_id: found true"),
        ([asks(call()), without("tool_call_id", answer())], "$[1].tool_call_id: found nothing"),
        ([asks(call()), answer(content=3.5)], "$[1].content: found the number 3.5. Expected text, or a list"),
        (
            [asks(call()), answer(content=[1])],
            "$[1].content[0]: found the number 1. Expected a content block",
        ),
        ([asks(call()), answer(content=[{"type": "text"}])], "$[1].content[0].text: found nothing"),
        ([asks(call()), {"role": "user", "content": {}}], "$[1].content: found an empty object"),
        ([asks(call()), {"role": "user", "content": [{}]}], "$[1].content[0].type: found nothing"),
        (
            [asks(call()), {"role": "assistant", "function_call": {"name": "f", "arguments": ""}}],
            "$[1].function_call: found an object with 'name', 'arguments'. Expected tool_calls",
        ),
    ],
)
def test_malformed_message_is_refused_by_its_path(
    messages: list[Any], complaint: str, refusal: Refusal, load: Load
) -> None:
    assert f"recording.json, {complaint}" in refusal(messages)
    assert f"$.messages{complaint[1:]}" in refusal({"messages": messages})
    assert load(messages, format="openai-chat", lenient=True).skipped == 1


def test_malformed_message_of_json_lines_is_refused_by_line_and_path(refusal: Refusal) -> None:
    content = '{"role": "user"}\n\n{"role": "assistant", "tool_calls": [{}]}\n'
    assert "recording.json, line 3, $.tool_calls[0].id: found nothing" in refusal(content)
