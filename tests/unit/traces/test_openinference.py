"""OpenInference: messages counted out in the names of attributes, runs that mostly lack an id."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace
from tests.unit.traces.spans import export, span

Load = Callable[..., Trace]

CALL = "llm.output_messages.0.message.tool_calls"


def asks(*calls: tuple[str, str, str], at: int = 0) -> dict[str, Any]:
    given = {"openinference.span.kind": "LLM"}
    for n, (id, tool, args) in enumerate(calls):
        given[f"{CALL}.{n}.tool_call.id"] = id
        given[f"{CALL}.{n}.tool_call.function.name"] = tool
        given[f"{CALL}.{n}.tool_call.function.arguments"] = args
    return span(f"m{at}", at, attributes=given)


def runs(id: str, at: int, tool: str = "add", **more: Any) -> dict[str, Any]:
    given = {"openinference.span.kind": "TOOL", "tool.name": tool}
    return span(id, at, attributes=given | more.pop("given", {}), **more)


def only_call(trace: Trace) -> Call:
    ((call,),) = (batch.calls for batch in trace.batches)
    return call


def test_calls_are_ordered_by_their_numbers(load: Load) -> None:
    calls = [(f"c{n}", "add", json.dumps({"v": n})) for n in range(12)]
    trace = load(export(asks(*calls)))
    assert trace.format == "openinference"
    assert trace.batches[0].labels == tuple(f"c{n}" for n in range(12))


def test_run_names_its_call_by_id_or_by_the_message_it_gave_back(load: Load) -> None:
    asked = asks(("a", "add", "{}"), ("b", "add", "{}"))
    message = {"type": "tool", "data": {"content": "2", "tool_call_id": "b", "status": "success"}}
    spans = [
        runs("r1", 20, given={"output.value": json.dumps(message)}),
        runs("r2", 25, given={"tool.id": "a", "output.value": "1"}),
    ]
    (batch,) = load(export(*spans, asked)).batches
    assert [call.result for call in batch.calls] == ["1", "2"]


def test_run_with_a_bare_string_is_that_of_the_call_with_this_argument(load: Load) -> None:
    asked = asks(("a", "find", '{"mail": "x"}'), ("b", "find", '{"mail": "y"}'))
    spans = [
        runs("r1", 20, "find", given={"input.value": "y", "output.value": "2"}),
        runs("r2", 21, "find", given={"input.value": "x"}, status={"code": 2, "message": "no x"}),
    ]
    (batch,) = load(export(asked, *spans)).batches
    assert [(call.result, call.error) for call in batch.calls] == [("no x", True), ("2", False)]
    assert batch.calls[0].args == {"mail": "x"}


def test_message_with_status_error_is_an_error(load: Load) -> None:
    message = {"type": "tool", "data": {"content": "no", "tool_call_id": "a", "status": "error"}}
    trace = load(export(asks(("a", "add", "{}")), runs("r", 20, given={"output.value": json.dumps(message)})))
    assert (only_call(trace).result, only_call(trace).error) == ("no", True)


def test_calls_in_ordered_contents_are_read(load: Load) -> None:
    block = "llm.output_messages.0.message.contents.1.message_content"
    given = {
        "openinference.span.kind": "LLM",
        "llm.output_messages.0.message.contents.0.message_content.type": "text",
        f"{block}.type": "tool_use",
        f"{block}.tool_call.id": "a",
        f"{block}.tool_call.function.name": "add",
        f"{block}.tool_call.function.arguments": '{"v": 1}',
    }
    assert only_call(load(export(span("m", 0, attributes=given)))) == Call("add", {"v": 1}, "a")


def test_results_of_given_messages_are_read(load: Load) -> None:
    given = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.1.message.role": "tool",
        "llm.input_messages.1.message.tool_call_id": "a",
        "llm.input_messages.1.message.content": "1",
    }
    trace = load(export(asks(("a", "add", "{}")), span("n", 50, attributes=given)))
    assert only_call(trace).result == "1"


@pytest.mark.parametrize("text", ['{"v": ', "[1]"])
def test_arguments_that_are_no_object_are_kept(text: str, load: Load) -> None:
    call = only_call(load(export(asks(("a", "add", text)))))
    assert (call.args, call.invalid_args) == (None, text)


def test_runs_without_messages_are_grouped_by_the_model_before_them(load: Load) -> None:
    spans = [asks(at=0), runs("r1", 20), runs("r2", 90), asks(at=150), runs("r3", 170)]
    assert [len(batch.calls) for batch in load(export(*spans)).batches] == [2, 1]
