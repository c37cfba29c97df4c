"""Lenient reading: malformed parts are left out and counted, the rest is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def call(id: Any, name: Any = "add") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def asks(*calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": list(calls)}


def labels(trace: Trace) -> list[tuple[str, ...]]:
    return [batch.labels for batch in trace.batches]


def test_malformed_call_is_left_out_of_its_batch(load: Load) -> None:
    trace = load([asks(call("a"), call(5), call("c", name=None), call("d"))], lenient=True)
    assert (labels(trace), trace.skipped) == ([("a", "d")], 2)


def test_second_call_of_an_id_is_left_out(load: Load) -> None:
    trace = load([asks(call("a", "first"), call("a", "second"))], lenient=True)
    assert ([c.tool for c in trace.batches[0].calls], trace.skipped) == (["first"], 1)


def test_malformed_message_is_left_out(load: Load) -> None:
    trace = load(
        [asks(call("a")), None, {"role": "assistant", "tool_calls": 5}, asks(call("b"))], lenient=True
    )
    assert (labels(trace), trace.skipped) == ([("a",), ("b",)], 2)


def test_turn_whose_calls_are_all_malformed_is_no_batch(load: Load) -> None:
    trace = load([asks(call(1), call(2)), asks(call("a"))], lenient=True)
    assert ([batch.id for batch in trace.batches], trace.skipped) == (["turn-1"], 2)


def test_malformed_block_is_left_out_of_its_message(load: Load) -> None:
    use = {"type": "tool_use", "id": "toolu_A", "name": "add", "input": {}}
    trace = load([{"role": "assistant", "content": [None, use, {"text": "no type"}]}], lenient=True)
    assert (labels(trace), trace.skipped) == ([("toolu_A",)], 2)


@pytest.mark.parametrize(
    "broken", [b'{"role": "as', b"\xff\xfe", b"\0\0\0", b"[" * 1000, b"NaN", b"INFO done"]
)
@pytest.mark.parametrize("where", [0, 1, 2])
def test_broken_line_is_left_out(broken: bytes, where: int, load: Load) -> None:
    sound = [json.dumps(asks(call(id))).encode() for id in "ab"]
    trace = load(b"\n".join([*sound[:where], broken, *sound[where:]]), lenient=True)
    assert (labels(trace), trace.skipped) == ([("a",), ("b",)], 1)


def test_conversation_whose_messages_are_no_list_is_left_out(load: Load) -> None:
    content = json.dumps({"messages": 5}) + "\n" + json.dumps({"messages": [asks(call("a"))]})
    trace = load(content, lenient=True)
    assert (labels(trace), trace.skipped) == ([("a",)], 1)


def test_file_that_is_one_broken_document_is_refused_all_the_same(refusal: Refusal) -> None:
    text = json.dumps([asks(call("a"))], indent=1)
    assert "the JSON breaks off" in refusal(text[:-20], lenient=True)
    assert "the JSON breaks off" in refusal(json.dumps([asks(call("a"))])[:-2], lenient=True)


def test_recording_of_which_nothing_is_left_is_refused(refusal: Refusal) -> None:
    assert "it holds no messages" in refusal({"messages": 5}, lenient=True)
    assert "not JSON" in refusal("no\njson\n", lenient=True)


def test_recording_of_an_unknown_format_is_refused_all_the_same(refusal: Refusal) -> None:
    assert "one of the formats" in refusal([{"rpc": "2.0"}], lenient=True)
