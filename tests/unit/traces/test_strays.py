"""Strays: results without a call, which every format of messages refuses, or leaves out and counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]
Message = dict[str, Any]


def openai_chat(id: str) -> tuple[Message, Message]:
    function = {"name": "add", "arguments": "{}"}
    asked = {"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": function}]}
    return asked, {"role": "tool", "tool_call_id": id, "content": "1"}


def openai_responses(id: str) -> tuple[Message, Message]:
    asked = {"type": "function_call", "call_id": id, "name": "add", "arguments": "{}"}
    return asked, {"type": "function_call_output", "call_id": id, "output": "1"}


def anthropic(id: str) -> tuple[Message, Message]:
    use = {"type": "tool_use", "id": id, "name": "add", "input": {}}
    result = {"type": "tool_result", "tool_use_id": id, "content": "1"}
    return {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}


def claude_code(id: str) -> tuple[Message, Message]:
    def line(message: Message) -> Message:
        return {"type": message["role"], "uuid": f"{message['role']}-{id}", "message": message}

    asked, answered = map(line, anthropic(id))
    return asked, answered


def gemini(id: str) -> tuple[Message, Message]:
    call = {"functionCall": {"id": id, "name": "add", "args": {}}}
    response = {"functionResponse": {"id": id, "name": "add", "response": {"result": "1"}}}
    return {"role": "model", "parts": [call]}, {"role": "user", "parts": [response]}


def gemini_without_ids(id: str) -> tuple[Message, Message]:
    call = {"functionCall": {"name": f"add_{id}", "args": {}}}
    response = {"functionResponse": {"name": f"add_{id}", "response": {"result": "1"}}}
    return {"role": "model", "parts": [call]}, {"role": "user", "parts": [response]}


def langchain(id: str) -> tuple[Message, Message]:
    asked = {"content": "", "tool_calls": [{"id": id, "name": "add", "args": {}}]}
    return {"type": "ai", "data": asked}, {"type": "tool", "data": {"content": "1", "tool_call_id": id}}


def vercel(id: str) -> tuple[Message, Message]:
    told = {"toolCallId": id, "toolName": "add"}
    call, result = {"type": "tool-call", "input": {}}, {"type": "tool-result"}
    output = {"output": {"type": "text", "value": "1"}}
    return (
        {"role": "assistant", "content": [call | told]},
        {"role": "tool", "content": [result | told | output]},
    )


def mcp(id: str) -> tuple[Message, Message]:
    params = {"name": "add", "arguments": {}}
    asked = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
    return asked, {"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": "1"}]}}


FORMATS = [openai_chat, openai_responses, anthropic, claude_code, gemini, langchain, vercel, mcp]

formats = pytest.mark.parametrize("pair", FORMATS, ids=lambda pair: pair.__name__)
formats_and_more = pytest.mark.parametrize(
    "pair", [*FORMATS, gemini_without_ids], ids=lambda pair: pair.__name__
)


def written(*records: Message) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def results(trace: Trace) -> list[Any]:
    return [call.result for batch in trace.batches for call in batch.calls]


@formats_and_more
def test_result_without_a_call_is_refused_where_it_stands(pair: Any, refusal: Refusal) -> None:
    complaint = refusal(written(*pair("a"), pair("lost")[1]))
    assert "line 3, $" in complaint
    assert "lost" in complaint
    assert "load it with lenient=True to leave such results out and count them" in complaint


@formats_and_more
def test_lenient_reading_leaves_it_out_and_counts_it(pair: Any, load: Load) -> None:
    trace = load(written(pair("lost")[1], *pair("a")), lenient=True)
    assert (results(trace), trace.skipped) == (["1"], 1)


@formats
def test_second_result_of_a_call_is_no_stray(pair: Any, load: Load) -> None:
    asked, answered = pair("a")
    trace = load(written(asked, answered, answered))
    assert (results(trace), trace.skipped) == (["1"], 0)


@formats
def test_recording_of_nothing_else_is_refused(pair: Any, refusal: Refusal) -> None:
    assert "found the text 'lost'. Expected the id of a" in refusal(written(pair("lost")[1]))


def test_response_to_a_request_that_calls_no_tool_is_no_stray(load: Load) -> None:
    listed = {"jsonrpc": "2.0", "id": 0, "method": "tools/list"}
    answered = {"jsonrpc": "2.0", "id": 0, "result": {"tools": []}}
    assert results(load(written(listed, answered, *mcp("a")))) == ["1"]
