"""Traces of the OpenAI Agents SDK: functions after one answer of the model are a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace
from tests.unit.traces.spans import lines

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def span(id: str, second: int, type: str, parent: str | None = "turn", **data: Any) -> dict[str, Any]:
    at = f"2026-11-22T12:00:{second:02}"
    place = {"object": "trace.span", "id": id, "trace_id": "t", "parent_id": parent, "error": None}
    return place | {"started_at": f"{at}.0", "ended_at": f"{at}.5", "span_data": {"type": type, **data}}


def function(id: str, second: int, **more: Any) -> dict[str, Any]:
    parent = more.pop("parent", "turn")
    data = {"name": "add", "input": '{"v": 1}', "output": "1"} | more
    return span(id, second, "function", parent, **data)


def only_call(trace: Trace) -> Call:
    ((call,),) = (batch.calls for batch in trace.batches)
    return call


def test_functions_between_two_answers_are_a_batch(load: Load) -> None:
    spans = [span("m1", 0, "response"), function("f1", 1), function("f2", 3), span("m2", 5, "response")]
    trace = load(lines([{"object": "trace", "id": "t"}, function("f3", 6), *spans]))
    assert [len(batch.calls) for batch in trace.batches] == [2, 1]
    assert trace.batches[0].labels == ("call-1", "call-2")


def test_generation_tells_ids_and_order(load: Load) -> None:
    calls = [
        {"id": id, "type": "function", "function": {"name": "add", "arguments": f'{{"v": {n}}}'}}
        for n, id in enumerate("ab")
    ]
    message = {"role": "assistant", "tool_calls": calls}
    spans = [
        span("m", 0, "generation", output=[message]),
        function("f1", 1, input='{"v": 1}', output="b's"),
        function("f2", 2, input='{"v": 0}', output="a's"),
    ]
    (batch,) = load(lines(spans)).batches
    assert [(call.id, call.result) for call in batch.calls] == [("a", "a's"), ("b", "b's")]


def test_agents_below_a_function_have_batches_of_their_own(load: Load) -> None:
    spans = [
        span("m1", 0, "response"),
        function("f1", 1),
        function("f2", 6),
        span("inner", 2, "agent", "f1", name="Clerk"),
        span("m2", 3, "response", "inner"),
        function("f3", 4, parent="inner", name="fetch"),
    ]
    batches = load(lines(spans)).batches
    assert [[call.tool for call in batch.calls] for batch in batches] == [["add", "add"], ["fetch"]]


def test_error_is_flagged_and_its_message_the_result_where_there_is_no_output(load: Load) -> None:
    failed = function("f", 1, output=None) | {"error": {"message": "no", "data": {}}}
    assert (only_call(load(lines([failed]))).result, only_call(load(lines([failed]))).error) == ("no", True)


def test_input_that_is_not_json_is_kept(load: Load) -> None:
    read = only_call(load(lines([function("f", 1, input='{"v": ')])))
    assert (read.args, read.invalid_args) == (None, '{"v": ')


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": None}, "$[0].id: found null. Expected the id of the span"),
        ({"span_data": None}, "$[0].span_data: found null. Expected the data of the span"),
        ({"object": "song"}, "$[0].object: found the text 'song'"),
        ({"ended_at": 5}, "$[0].ended_at: found the number 5"),
    ],
)
def test_malformed_span_is_refused_by_its_path(
    change: Any, complaint: str, refusal: Refusal, load: Load
) -> None:
    content = [function("f", 1) | change]
    assert complaint in refusal(content, format="openai-agents-trace")
    assert load(content, format="openai-agents-trace", lenient=True).skipped == 1
