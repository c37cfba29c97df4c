"""LangSmith runs: what a model asked for, what tools gave back, what belongs together without both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Call, Trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def run(id: str, second: int, kind: str, **more: Any) -> dict[str, Any]:
    at = f"2026-11-22T12:00:{second:02}"
    found = {"id": id, "trace_id": "t", "parent_run_id": "root", "run_type": kind, "name": "add"}
    return found | {"start_time": f"{at}.000000Z", "end_time": f"{at}.500000Z"} | more


def asks(second: int, *calls: Any) -> dict[str, Any]:
    message = {
        "lc": 1,
        "type": "constructor",
        "kwargs": {"type": "ai", "content": "", "tool_calls": list(calls)},
    }
    return run(f"m{second}", second, "llm", outputs={"generations": [[{"text": "", "message": message}]]})


def call(id: str | None = "a", **args: Any) -> dict[str, Any]:
    return {"name": "add", "args": args, "id": id, "type": "tool_call"}


def ran(id: str, second: int, call: str | None = None, **more: Any) -> dict[str, Any]:
    extra = {"tool_call_id": call} if call else {}
    return run(id, second, "tool", extra=extra | more.pop("extra", {}), **{"inputs": {}} | more)


def only_call(trace: Trace) -> Call:
    ((call,),) = (batch.calls for batch in trace.batches)
    return call


def test_result_is_the_content_of_the_message_that_a_tool_gave_back(load: Load) -> None:
    output = {"output": {"content": "1", "type": "tool", "tool_call_id": "a", "status": "error"}}
    read = only_call(load([asks(0, call(v=1)), ran("r", 1, outputs=output)]))
    assert (read.result, read.error, read.args) == ("1", True, {"v": 1})


def test_result_that_is_no_message_is_read_as_it_is(load: Load) -> None:
    trace = load([asks(0, call()), ran("r", 1, "a", outputs={"output": {"v": 2}})])
    assert only_call(trace).result == {"v": 2}


def test_failed_run_has_its_error_as_result(load: Load) -> None:
    trace = load([asks(0, call()), ran("r", 1, "a", outputs={}, error="ValueError('no')Traceback")])
    assert (only_call(trace).result, only_call(trace).error) == ("ValueError('no')Traceback", True)


def test_messages_of_providers_are_read_too(load: Load) -> None:
    function = {"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"v": 1}'}}
    choices = [{"message": {"role": "assistant", "tool_calls": [function]}}]
    assert only_call(load([run("m", 0, "llm", outputs={"choices": choices})])).args == {"v": 1}
    block = {"type": "tool_use", "id": "a", "name": "add", "input": {"v": 1}}
    assert only_call(load([run("m", 0, "llm", outputs={"content": [block]})])).args == {"v": 1}


def test_calls_with_invalid_arguments_are_kept(load: Load) -> None:
    message = asks(0, call())
    broken = {"name": "add", "args": '{"v": ', "id": "b", "error": None, "type": "invalid_tool_call"}
    message["outputs"]["generations"][0][0]["message"]["kwargs"]["invalid_tool_calls"] = [broken]
    calls = load([message]).batches[0].calls
    assert [(c.id, c.args, c.invalid_args) for c in calls] == [("a", {}, None), ("b", None, '{"v": ')]


def test_runs_of_one_step_are_a_batch_where_no_model_was_recorded(load: Load) -> None:
    def at(step: int, parent: str) -> dict[str, Any]:
        return {"extra": {"metadata": {"langgraph_step": step}}, "parent_run_id": parent}

    runs = [ran("r1", 1, **at(2, "p1")), ran("r2", 3, **at(2, "p2")), ran("r3", 5, **at(4, "p3"))]
    assert [len(batch.calls) for batch in load(runs).batches] == [2, 1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": 5}, "$[0].id: found the number 5. Expected the id of the run"),
        ({"run_type": None}, "$[0].run_type: found null. Expected the type of the run"),
        ({"start_time": "soon"}, "$[0].start_time: found the text 'soon'"),
        ({"name": ""}, "$[0].name: found the text ''. Expected the name of the tool"),
        ({"error": 5}, "$[0].error: found the number 5"),
    ],
)
def test_malformed_run_is_refused_by_its_path(
    change: Any, complaint: str, refusal: Refusal, load: Load
) -> None:
    content = [ran("r", 1, "a") | change]
    assert complaint in refusal(content, format="langsmith-runs")
    assert load(content, format="langsmith-runs", lenient=True).skipped == 1
