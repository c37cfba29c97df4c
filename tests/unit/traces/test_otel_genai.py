"""OpenTelemetry GenAI: attributes, the events of older conventions, Vercel's spans; OTLP's values."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fuzzharness import Call, Trace
from tests.unit.traces.spans import attributes, chat, export, ran, span

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def only_call(trace: Trace) -> Call:
    ((call,),) = (batch.calls for batch in trace.batches)
    return call


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def event(name: str, **given: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes(given)}


@pytest.mark.parametrize("given", [{"v": 1, "w": [True, {"x": "y"}]}, '{"v": 1, "w": [true, {"x": "y"}]}'])
def test_arguments_and_result_on_request_are_objects_or_json(given: Any, load: Load) -> None:
    done = ran("r", 20, "a", given={"gen_ai.tool.call.arguments": given, "gen_ai.tool.call.result": "1"})
    args = {"v": 1, "w": [True, {"x": "y"}]}
    assert only_call(load(export(done))) == Call("add", args, "a", "1", False, at(20), at(30))


def test_arguments_that_were_not_recorded_are_flagged(load: Load) -> None:
    call = only_call(load(export(ran("r", 20, "a"))))
    assert (call.args, call.invalid_args) == (None, "")


def test_arguments_that_are_not_json_are_kept_from_the_message(load: Load) -> None:
    asked = chat("m", 0, ("a", "add", '{"v": '))
    done = ran("r", 20, "a", given={"gen_ai.tool.call.arguments": '{"INVALID_JSON": "{\\"v\\": "}'})
    call = only_call(load(export(asked, done)))
    assert (call.args, call.invalid_args) == (None, '{"v": ')


@pytest.mark.parametrize(
    "failure",
    [
        {"status": {"code": 2}},
        {"status": {"code": "STATUS_CODE_ERROR"}},
        {"given": {"error.type": "ValueError"}},
    ],
)
def test_errors_are_told_by_status_or_type(failure: Any, load: Load) -> None:
    assert only_call(load(export(ran("r", 20, "a", **failure)))).error is True


def test_error_without_a_result_is_the_message_of_the_status_or_the_exception(load: Load) -> None:
    status = ran("r", 20, "a", status={"code": 2, "message": "no such row"})
    raised = ran(
        "r", 20, "a", status={"code": 2}, events=[event("exception", **{"exception.message": "no row"})]
    )
    assert only_call(load(export(status))).result == "no such row"
    assert only_call(load(export(raised))).result == "no row"


@pytest.mark.parametrize("key", ["response", "result"])
def test_responses_in_history_are_results(key: str, load: Load) -> None:
    told = [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "a", key: "1"}]}]
    later = chat("n", 50, given={"gen_ai.input.messages": json.dumps(told)})
    assert only_call(load(export(chat("m", 0, ("a", "add", {})), later))).result == "1"


def test_history_of_a_whole_run_is_no_second_batch(load: Load) -> None:
    parts = [{"type": "tool_call", "id": "a", "name": "add", "arguments": {}}]
    whole = span("root", 0, None, attributes={"pydantic_ai.all_messages": json.dumps([{"parts": parts}])})
    assert only_call(load(export(whole, chat("m", 5, ("a", "add", {}))))).id == "a"


def test_choice_events_ask_for_calls_and_tool_events_bring_results(load: Load) -> None:
    calls = [
        {"id": i, "type": "function", "function": {"name": "add", "arguments": '{"v": 1}'}} for i in "ab"
    ]
    message = {"role": "assistant", "tool_calls": calls}
    asked = chat("m", 0, events=[event("gen_ai.choice", index=0, message=message)])
    history = [
        event("gen_ai.assistant.message", tool_calls=calls),
        event("gen_ai.tool.message", id="a", content="1"),
        event("gen_ai.tool.message", id="b", content="2"),
    ]
    trace = load(export(chat("n", 50, traceId="t2", events=history), asked))
    assert [[(c.id, c.args, c.result) for c in b.calls] for b in trace.batches] == [
        [("a", {"v": 1}, "1"), ("b", {"v": 1}, "2")]
    ]


def test_events_in_a_list_of_json_are_read_too(load: Load) -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "add", "arguments": {"v": 1}}}]
    told = [
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "tool_calls": calls}}
    ]
    assert only_call(load(export(chat("m", 0, given={"events": json.dumps(told)})))).args == {"v": 1}


def test_events_that_tell_nothing_of_calls_are_passed_over_whatever_their_attributes_are(load: Load) -> None:
    strange = {"name": "gen_ai.user.message", "attributes": 5}
    assert only_call(load(export(chat("m", 0, ("a", "add", {}), events=[strange])))).id == "a"


def test_events_of_calls_without_attributes_in_order_are_refused(refusal: Refusal) -> None:
    strange = {"name": "gen_ai.choice", "attributes": 5}
    content = export(chat("m", 0, ("a", "add", {}), events=[strange]))
    assert "events[0].attributes: found the number 5. Expected the list" in refusal(content)


def test_malformed_call_is_refused_in_a_message_that_repeats_one_heard_before(refusal: Refusal) -> None:
    sound, broken = ({"type": "tool_call", "id": id, "name": name} for id, name in (("a", "add"), ("b", 5)))
    repeated = [{"role": "assistant", "parts": [sound, broken]}]
    asked = chat("m", 0, ("a", "add", {}))
    content = export(asked, chat("n", 50, given={"gen_ai.input.messages": json.dumps(repeated)}))
    assert "gen_ai.input.messages[0].parts[1].name: found the number 5" in refusal(content)


def test_spans_of_vercel_ai_are_read(load: Load) -> None:
    calls = [
        {"toolCallType": "function", "toolCallId": id, "toolName": "add", "args": '{"v": 1}'} for id in "ab"
    ]
    given = {"ai.operationId": "ai.generateText.doGenerate", "ai.response.toolCalls": json.dumps(calls)}
    done = {"ai.toolCall.name": "add", "ai.toolCall.id": "b", "ai.toolCall.args": '{"v": 1}'}
    spans = [
        span("m", 0, attributes=given),
        span("r", 20, attributes=done | {"ai.toolCall.result": "2"}, name="ai.toolCall"),
    ]
    trace = load(export(*spans))
    assert (trace.format, trace.batches[0].labels) == ("otel-genai", ("a", "b"))
    assert trace.batches[0].calls[1] == Call("add", {"v": 1}, "b", "2", False, at(20), at(30))


def test_export_without_models_or_tools_has_no_batches(load: Load) -> None:
    assert load(export(span("x", 0, attributes={"http.method": "GET"}))).batches == ()


def test_two_choices_of_one_model_are_two_batches(load: Load) -> None:
    def message(id: str) -> dict[str, Any]:
        return {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": id, "name": "add", "arguments": {}}],
        }

    both = json.dumps([message("a"), message("b")])
    trace = load(export(chat("m", 0, given={"gen_ai.output.messages": both})))
    assert [batch.labels for batch in trace.batches] == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"spanId": None}, "spans[0].spanId: found null. Expected the id of the span"),
        ({"startTimeUnixNano": "soon"}, "spans[0].startTimeUnixNano: found the text 'soon'"),
        ({"attributes": {}}, "spans[0].attributes: found an empty object. Expected the list of attributes"),
        ({"attributes": [5]}, "spans[0].attributes: found a list of 1. Expected attributes, each an object"),
        (
            {"attributes": [{"key": "gen_ai.operation.name", "value": {"colour": 1}}]},
            "spans[0].attributes.gen_ai.operation.name: found an object with 'colour'",
        ),
        ({"events": 5}, "spans[0].events: found the number 5. Expected the list of events"),
    ],
)
def test_malformed_span_is_refused_by_its_path(
    change: Any, complaint: str, refusal: Refusal, load: Load
) -> None:
    content = export({**chat("m", 0), **change})
    assert complaint in refusal(content, format="otel-genai")
    assert load(content, format="otel-genai", lenient=True).skipped == 1


def test_call_with_the_id_of_one_before_it_is_refused(refusal: Refusal, load: Load) -> None:
    content = export(chat("m", 0, ("a", "add", {}), ("a", "add", {})))
    assert "Expected a call with an id that no other call of the message has" in refusal(content)
    assert load(content, lenient=True).batches[0].labels == ("a",)
