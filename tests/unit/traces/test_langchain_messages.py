"""LangChain messages: the three ways they are written, calls that were not JSON, status of results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]

CLASSES = {"ai": "AIMessage", "tool": "ToolMessage", "human": "HumanMessage"}


def as_dict(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "data": fields}


def as_dump(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    path = ["langchain", "schema", "messages", CLASSES[kind]]
    return {"lc": 1, "type": "constructor", "id": path, "kwargs": fields}


def as_model(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind} | fields


def asks(*calls: Any, invalid: Any = ()) -> dict[str, Any]:
    return {"content": "", "tool_calls": list(calls), "invalid_tool_calls": list(invalid)}


def call(id: Any = "a", **more: Any) -> dict[str, Any]:
    return {"name": "add", "args": {"v": 1}, "id": id, "type": "tool_call"} | more


def says(id: Any = "a", **more: Any) -> dict[str, Any]:
    return {"content": "1", "tool_call_id": id, "status": "success"} | more


@pytest.mark.parametrize("write", [as_dict, as_dump, as_model])
def test_calls_of_one_message_are_one_batch_however_it_is_written(write: Any, load: Load) -> None:
    talk = [write("human", {"content": "hello"}), write("ai", asks(call("b"), call("a")))]
    trace = load([*talk, write("tool", says("a", status="error")), write("tool", says("b"))])
    assert trace.format == "langchain-messages"
    assert [batch.calls for batch in trace.batches] == [
        (Call("add", {"v": 1}, "b", "1"), Call("add", {"v": 1}, "a", "1", True))
    ]


def test_call_whose_arguments_were_no_json_is_kept_with_its_text(load: Load) -> None:
    invalid = {"name": "add", "args": '{"v": ', "id": "b", "error": "no JSON", "type": "invalid_tool_call"}
    trace = load([as_dict("ai", asks(call("a"), invalid=[invalid]))])
    assert trace.batches[0].calls[1] == Call("add", None, "b", invalid_args='{"v": ')


def test_call_without_an_id_has_none(load: Load) -> None:
    assert load([as_dict("ai", asks(call(None)))]).batches[0].calls == (Call("add", {"v": 1}),)


def test_chunk_of_a_stream_that_was_put_together_is_a_message(load: Load) -> None:
    assert len(load([{"type": "AIMessageChunk", "data": asks(call())}]).batches) == 1


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([as_dict("ai", asks()), 5], "$[1]: found the number 5"),
        ([as_dict("ai", asks()), {"type": "robot"}], "$[1]: found an object with 'type'. Expected a message"),
        ([as_dict("ai", {"content": "", "tool_calls": 5})], "$[0].data.tool_calls: found the number 5"),
        ([as_dict("ai", asks(call(5)))], "$[0].data.tool_calls[0].id: found the number 5"),
        ([as_dict("ai", asks(call(name="")))], "$[0].data.tool_calls[0].name: found the text ''"),
        ([as_dict("ai", asks(call(), call()))], "$[0].data.tool_calls[1].id: found the text 'a'"),
        ([as_dict("ai", asks()), as_dict("tool", says(None))], "$[1].data.tool_call_id: found null"),
        ([as_dict("ai", asks()), as_dict("tool", says(status="?"))], "$[1].data.status: found the text '?'"),
    ],
)
def test_malformed_message_is_refused_by_its_path(
    messages: list[Any], complaint: str, refusal: Refusal, load: Load
) -> None:
    assert complaint in refusal(messages)
    assert load(messages, format="langchain-messages", lenient=True).skipped == 1
