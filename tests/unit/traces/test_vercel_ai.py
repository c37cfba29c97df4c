"""Vercel AI recordings: model messages of versions 4 to 6, and the steps of UI messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def call(id: Any = "a", **more: Any) -> dict[str, Any]:
    return {"type": "tool-call", "toolCallId": id, "toolName": "add", "input": {"v": 1}} | more


def back(output: Any, id: Any = "a") -> dict[str, Any]:
    return {"type": "tool-result", "toolCallId": id, "toolName": "add", "output": output}


def asks(*parts: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(parts)}


def tells(*parts: Any) -> dict[str, Any]:
    return {"role": "tool", "content": list(parts)}


def shown(*parts: Any) -> dict[str, Any]:
    return {"id": "m1", "role": "assistant", "parts": list(parts)}


def part(id: str = "a", state: str = "output-available", **more: Any) -> dict[str, Any]:
    return {"type": "tool-add", "toolCallId": id, "state": state, "input": {"v": 1}} | more


STEP = {"type": "step-start"}
TEXT = {"type": "text", "text": "hm"}


def test_calls_of_one_message_are_one_batch(load: Load) -> None:
    trace = load([asks(TEXT, call("a"), call("b")), tells(back({"type": "text", "value": "2"}, "b"))])
    assert [batch.calls for batch in trace.batches] == [
        (Call("add", {"v": 1}, "a"), Call("add", {"v": 1}, "b", "2"))
    ]


@pytest.mark.parametrize(
    ("output", "result", "error"),
    [
        ({"type": "text", "value": "1"}, "1", False),
        ({"type": "json", "value": {"v": 1}}, {"v": 1}, False),
        ({"type": "error-text", "value": "no"}, "no", True),
        ({"type": "error-json", "value": {"code": 4}}, {"code": 4}, True),
        ({"type": "execution-denied", "reason": "not now"}, "not now", True),
        ({"type": "content", "value": [{"type": "text", "text": "1"}]}, "1", False),
        ("as it is", "as it is", False),
    ],
)
def test_output_is_read_by_its_type(output: Any, result: Any, error: bool, load: Load) -> None:
    read = load([asks(call()), tells(back(output))]).batches[0].calls[0]
    assert (read.result, read.error) == (result, error)


def test_version_4_has_args_and_result(load: Load) -> None:
    old = {"type": "tool-call", "toolCallId": "a", "toolName": "add", "args": {"v": 1}}
    answer = {"type": "tool-result", "toolCallId": "a", "toolName": "add", "result": 1, "isError": True}
    assert load([asks(old), tells(answer)]).batches[0].calls == (Call("add", {"v": 1}, "a", 1, True),)


def test_step_of_a_ui_message_is_a_batch(load: Load) -> None:
    trace = load([shown(STEP, part("a", output=1), part("b", output=2), STEP, TEXT, part("c", output=3))])
    assert [batch.labels for batch in trace.batches] == [("a", "b"), ("c",)]
    assert [call.result for batch in trace.batches for call in batch.calls] == [1, 2, 3]


def test_states_of_ui_parts_say_what_came_back(load: Load) -> None:
    failed = part("b", "output-error", errorText="no", input=None, rawInput='{"v": ')
    cut = {"type": "tool-add", "toolCallId": "c", "state": "input-streaming"}
    calls = load([shown(part("a", "input-available"), failed, cut)]).batches[0].calls
    assert calls[0] == Call("add", {"v": 1}, "a")
    assert calls[1] == Call("add", None, "b", "no", True, invalid_args='{"v": ')


def test_dynamic_tools_and_those_of_version_4_are_ui_parts_too(load: Load) -> None:
    dynamic = part(type="dynamic-tool", toolName="add", output=1)
    old = {"toolCallId": "b", "toolName": "add", "args": {"v": 1}, "state": "result", "result": 1}
    trace = load([shown(dynamic, {"type": "tool-invocation", "toolInvocation": old})])
    assert trace.batches[0].calls == (Call("add", {"v": 1}, "a", 1), Call("add", {"v": 1}, "b", 1))


def test_calls_that_the_provider_ran_are_passed_over(load: Load) -> None:
    hosted = call("x", providerExecuted=True)
    assert load([asks(hosted, call("a"))]).batches[0].labels == ("a",)


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([asks(call()), 5], "$[1]: found the number 5"),
        ([asks(call()), {"role": "robot"}], "$[1].role: found the text 'robot'"),
        ([asks(call()), {"role": "user"}], "$[1].content: found nothing"),
        ([asks(call(), 5)], "$[0].content[1]: found the number 5"),
        ([asks(call("b"), call(5))], "$[0].content[1].toolCallId: found the number 5"),
        ([asks(call(toolName=""))], "$[0].content[0].toolName: found the text ''"),
        ([asks(call(), call())], "$[0].content[1].toolCallId: found the text 'a'"),
        ([asks(call()), tells(back({}, 5))], "$[1].content[0].toolCallId: found the number 5"),
    ],
)
def test_malformed_part_is_refused_by_its_path(
    messages: list[Any], complaint: str, refusal: Refusal, load: Load
) -> None:
    assert complaint in refusal(messages)
    assert load(messages, format="vercel-ai", lenient=True).skipped == 1
