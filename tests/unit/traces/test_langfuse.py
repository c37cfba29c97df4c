"""Langfuse observations: generations ask in the shape of their provider, tools do not name the id."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]

ARGS = {"v": 1}
TEXT = json.dumps(ARGS)
LANGCHAIN = {"tool_calls": [{"name": "add", "args": ARGS, "id": "a", "type": "tool_call"}]}
RESPONSES = {"type": "function_call", "call_id": "a", "id": "fc", "name": "add", "arguments": TEXT}
VERCEL = {"type": "tool-call", "toolCallId": "a", "toolName": "add", "input": ARGS}
OPENAI = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": TEXT}}]}
MESSAGES = {
    "OpenAI Chat": OPENAI,
    "OpenAI Responses": {"output": [RESPONSES]},
    "Anthropic": {"content": [{"type": "tool_use", "id": "a", "name": "add", "input": ARGS}]},
    "Bedrock": {"content": [{"toolUse": {"toolUseId": "a", "name": "add", "input": ARGS}}]},
    "Gemini": {"parts": [{"functionCall": {"id": "a", "name": "add", "args": ARGS}}]},
    "LangChain": {"type": "ai", "data": {"content": ""} | LANGCHAIN},
    "Vercel AI": {"content": [VERCEL]},
}
WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "bare": lambda message: message,
    "list": lambda message: [message],
    "text": json.dumps,
    "choices": lambda message: {"choices": [{"message": message}]},
}


def observation(id: str, second: int, type: str, **more: Any) -> dict[str, Any]:
    at = f"2026-11-22T12:00:{second:02}"
    found = {
        "id": id,
        "traceId": "t",
        "type": type,
        "name": "add",
        "startTime": f"{at}.0Z",
        "endTime": f"{at}.5Z",
    }
    return found | more


def only_call(trace: Trace) -> Call:
    ((call,),) = (batch.calls for batch in trace.batches)
    return call


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_message_of_any_provider_is_read(message: Any, wrap: Any, load: Load) -> None:
    asked = observation("m", 0, "GENERATION", output=wrap(message))
    done = observation("r", 1, "TOOL", input={"v": 1}, output={"v": 2})
    read = only_call(load([asked, done]))
    assert (read.tool, read.args, read.id, read.result) == ("add", {"v": 1}, "a", {"v": 2})


def test_failed_tool_has_its_status_message_as_result(load: Load) -> None:
    done = observation("r", 1, "TOOL", level="ERROR", statusMessage="no", input={"v": 1}, output=None)
    read = only_call(load([done]))
    assert (read.result, read.error, read.args, read.id) == ("no", True, {"v": 1}, None)


def test_observations_may_stand_in_their_trace(load: Load) -> None:
    inside = [observation("m", 0, "GENERATION", output=OPENAI), observation("r", 1, "TOOL", input='{"v": 1}')]
    trace = load({"id": "t", "name": "session", "observations": inside})
    assert (trace.format, trace.batches[0].labels) == ("langfuse", ("a",))


def test_tools_without_a_message_are_grouped_by_the_generation_before_them(load: Load) -> None:
    kinds = ["GENERATION", "TOOL", "TOOL", "GENERATION", "TOOL"]
    found = [observation(str(n), n, kind) for n, kind in enumerate(kinds)]
    assert [len(batch.calls) for batch in load(found[::-1]).batches] == [2, 1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": None}, "$[0].id: found null. Expected the id of the observation"),
        ({"type": "SONG"}, "$[0].type: found the text 'SONG'. Expected the type of the observation"),
        ({"startTime": "soon"}, "$[0].startTime: found the text 'soon'"),
        ({"name": None}, "$[0].name: found null. Expected the name of the tool"),
    ],
)
def test_malformed_observation_is_refused_by_its_path(
    change: Any, complaint: str, refusal: Refusal, load: Load
) -> None:
    content = [observation("r", 1, "TOOL") | change]
    assert complaint in refusal(content, format="langfuse")
    assert load(content, format="langfuse", lenient=True).skipped == 1
