"""Exchanges: logs of requests with their responses, each line a conversation that repeats the ones before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]
Wrap = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def openai(*names: str) -> dict[str, Any]:
    function = {"name": "add", "arguments": '{"v": 1}'}
    calls = [{"id": name, "type": "function", "function": function} for name in names]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def anthropic(*names: str) -> dict[str, Any]:
    uses = [{"type": "tool_use", "id": name, "name": "add", "input": {"v": 1}} for name in names]
    return {"type": "message", "role": "assistant", "content": uses}


def gemini(*names: str) -> dict[str, Any]:
    return {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {"v": 1}}} for _ in names]}


def openai_told(*names: str) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": name, "content": f"of {name}"} for name in names]


def anthropic_told(*names: str) -> list[dict[str, Any]]:
    results = [{"type": "tool_result", "tool_use_id": name, "content": f"of {name}"} for name in names]
    return [{"role": "user", "content": results}]


def gemini_told(*names: str) -> list[dict[str, Any]]:
    results = [{"functionResponse": {"name": "add", "response": {"output": f"of {n}"}}} for n in names]
    return [{"role": "user", "parts": results}]


def openai_back(message: dict[str, Any]) -> dict[str, Any]:
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}


def gemini_back(content: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [{"content": content}], "usageMetadata": {}}


HELLO = {"role": "user", "content": "x"}
SAID = {"role": "user", "parts": [{"text": "x"}]}
FORMATS: dict[str, Any] = {
    "openai-chat": ("messages", HELLO, openai, openai_told, openai_back),
    "anthropic-messages": ("messages", HELLO, anthropic, anthropic_told, lambda message: message),
    "gemini": ("contents", SAID, gemini, gemini_told, gemini_back),
}
WRAPS: dict[str, Wrap] = {
    "request and response": lambda asked, back: {"id": 1, "request": asked, "response": back},
    "response beside": lambda asked, back: asked | {"response": back},
    "bodies": lambda asked, back: {
        "request": {"method": "POST", "body": asked},
        "response": {"status_code": 200, "body": back},
    },
}
RESULTS = [("of a", "of b"), ("of c",), (None, None)]


def session(format: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Three requests, each with the history so far, and what came back for them."""
    member, hello, asks, told, back = FORMATS[format]
    first, second, third = asks("a", "b"), asks("c"), asks("d", "e")
    history = [hello, first, *told("a", "b"), second, *told("c"), third]
    ends = [n for n, item in enumerate(history) if item in (first, second, third)]
    return [({"model": "m", member: history[:end]}, back(history[end])) for end in ends]


def results(trace: Trace) -> list[tuple[Any, ...]]:
    return [tuple(call.result for call in batch.calls) for batch in trace.batches]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=list(WRAPS))
def test_results_of_a_response_are_those_that_the_next_request_brings(
    format: str, wrap: Wrap, load: Load
) -> None:
    trace = load(lines(*(wrap(*exchange) for exchange in session(format))))
    assert (trace.format, results(trace)) == (format, RESULTS)


@pytest.mark.parametrize("format", FORMATS)
def test_one_exchange_alone_is_a_recording(format: str, load: Load) -> None:
    asked, back = session(format)[0]
    trace = load({"request": asked, "response": back})
    assert (trace.format, results(trace)) == (format, [(None, None)])


@pytest.mark.parametrize("format", ["openai-chat", "gemini"])
def test_what_came_back_may_stand_beside_what_was_asked(format: str, load: Load) -> None:
    trace = load(lines(*(asked | back for asked, back in session(format))))
    assert (trace.format, results(trace)) == (format, RESULTS)


@pytest.mark.parametrize("format", FORMATS)
def test_exchanges_may_stand_in_one_list(format: str, load: Load) -> None:
    assert results(load([WRAPS["request and response"](*both) for both in session(format)])) == RESULTS


def test_a_request_without_messages_back_has_those_it_repeats(load: Load) -> None:
    asked = session("openai-chat")[1][0]
    for back in (None, "over quota", {"error": {"code": 429}}, {"body": {"error": {}}}):
        assert results(load({"request": asked, "response": back})) == [("of a", "of b")]


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=list(WRAPS))
def test_of_several_choices_the_first_that_has_calls_is_read(wrap: Wrap, load: Load) -> None:
    text = {"role": "assistant", "content": "hm"}
    choices = [{"index": n, "message": m} for n, m in enumerate([text, openai("a", "b"), openai("c", "d")])]
    for log in ({"choices": choices}, wrap({"messages": [HELLO]}, {"choices": choices})):
        assert [batch.labels for batch in load(log).batches] == [("a", "b")]


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=list(WRAPS))
def test_of_several_candidates_the_first_that_has_calls_is_read(wrap: Wrap, load: Load) -> None:
    said = {"role": "model", "parts": [{"text": "hm"}]}
    candidates = [{"content": content} for content in (said, gemini("a", "b"), gemini("c"))]
    for log in ({"candidates": candidates}, wrap({"contents": [SAID]}, {"candidates": candidates})):
        assert [len(batch.calls) for batch in load(log).batches] == [2]


def test_responses_of_gemini_are_read_without_their_requests(load: Load) -> None:
    back = gemini_back(gemini("a", "b"))
    for log in ({"response": back}, {"key": "r-1", "response": {"body": back}}):
        assert (load(log).format, results(load(log))) == ("gemini", [(None, None)])


@pytest.mark.parametrize("keep", [True, False], ids=["history repeated", "history kept by the provider"])
@pytest.mark.parametrize("beside", [True, False], ids=["response beside", "request and response"])
def test_requests_of_the_responses_api_bring_results(keep: bool, beside: bool, load: Load) -> None:
    asked = [{"type": "function_call", "call_id": n, "name": "add", "arguments": "{}"} for n in ("k1", "k2")]
    told = [{"type": "function_call_output", "call_id": n, "output": f"of {n}"} for n in ("k1", "k2")]
    last = [{"type": "function_call", "call_id": "k3", "name": "add", "arguments": "{}"}]
    inputs = [[HELLO], [HELLO, *(asked if keep else []), *told]]
    log = []
    for given, output in zip(inputs, (asked, last), strict=True):
        request, response = {"model": "m", "input": given}, {"object": "response", "output": output}
        log.append(request | {"response": response} if beside else {"request": request, "response": response})
    trace = load(lines(*log))
    assert (trace.format, results(trace)) == ("openai-responses", [("of k1", "of k2"), (None,)])


def test_a_response_is_refused_where_it_stands(refusal: Refusal, load: Load) -> None:
    broken = openai_back(openai("a")) | {"choices": [{"text": "hm"}]}
    log = {"request": {"messages": [HELLO, openai("b")]}, "response": broken}
    assert "$.response.choices[0].message: found nothing. Expected a message" in refusal(log)
    assert load(log, lenient=True).skipped == 1


def test_pieces_of_a_streamed_response_are_refused(refusal: Refusal, load: Load) -> None:
    log = {"messages": [HELLO], "response": [{"type": "message_start"}, {"type": "content_block_start"}]}
    assert "$.response: found a list of 2. Expected a response, an object" in refusal(log)
    whole = {"messages": [HELLO, openai("a")]}
    trace = load(lines(whole, log), lenient=True)
    assert ([batch.labels for batch in trace.batches], trace.skipped) == ([("a",)], 1)
