"""The OpenAI Agents SDK runs the calls of one message at once, and fuzzharness says what comes of it.

The real Runner is given a model that answers with two calls of a tool that reads a counter, pauses, and
writes the counter plus one. The pause is a barrier for two: it is passed only if the second call was
started before the first one was over.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from agents import (
    Agent,
    FunctionTool,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    ToolExecutionConfig,
    Usage,
    function_tool,
)
from agents.items import ToolCallOutputItem
from agents.tool_context import ToolContext
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import fuzzharness as fh

PATIENCE = 60
"""Seconds after which a barrier is given up: what a runner that takes one call after another would need."""

COUNTER = {"value": 1}
BATCH = fh.Batch(tuple(fh.Call("increment", {"by": 1}, f"call_{n}") for n in (1, 2)))


@pytest.fixture(autouse=True)
def begins_at_one() -> Iterator[None]:
    COUNTER["value"] = 1
    yield
    assert list(COUNTER) == ["value"]


def sync_tool(pause: Callable[[], object]) -> FunctionTool:
    def increment(by: int) -> str:
        """Add to the counter."""
        value = COUNTER["value"]
        pause()
        COUNTER["value"] = value + by
        return f"added {by}"

    return function_tool(increment, failure_error_function=None)


def async_tool(pause: Callable[[], Coroutine[Any, Any, object]]) -> FunctionTool:
    async def increment(by: int) -> str:
        """Add to the counter."""
        value = COUNTER["value"]
        await pause()
        COUNTER["value"] = value + by
        return f"added {by}"

    return function_tool(increment, failure_error_function=None)


class Recorded(Model):
    """A model that answers with both calls of the batch, then with a last word."""

    def __init__(self) -> None:
        calls = [
            ResponseFunctionToolCall(
                type="function_call", call_id=label, name=call.tool, arguments=json.dumps(call.args)
            )
            for label, call in zip(BATCH.labels, BATCH.calls, strict=True)
        ]
        word = ResponseOutputText(type="output_text", text="done", annotations=[])
        last = ResponseOutputMessage(
            id="m", type="message", role="assistant", status="completed", content=[word]
        )
        self._answers = [calls, [last]]

    async def get_response(self, *_args: Any, **_kwargs: Any) -> ModelResponse:
        return ModelResponse(output=self._answers.pop(0), usage=Usage(), response_id=None)

    def stream_response(self, *_args: Any, **_kwargs: Any) -> Any:
        raise NotImplementedError


async def run(tool: FunctionTool, at_once: int | None = None) -> list[tuple[str, str]]:
    """Let the Runner take one turn; returns what each call came to, by its id."""
    config = RunConfig(
        tracing_disabled=True, tool_execution=ToolExecutionConfig(max_function_tool_concurrency=at_once)
    )
    agent = Agent(name="clerk", model=Recorded(), tools=[tool])
    async with asyncio.timeout(PATIENCE):
        result = await Runner.run(agent, "add one, twice", run_config=config)
    assert result.final_output == "done"
    outputs = [item.raw_item for item in result.new_items if isinstance(item, ToolCallOutputItem)]
    return [(output["call_id"], output["output"]) for output in outputs]


BOTH_ADDED = [("call_1", "added 1"), ("call_2", "added 1")]


# ---- what the framework does ----------------------------------------------------------------------


def test_the_runner_starts_sync_tools_at_once_on_threads_and_one_addition_is_lost() -> None:
    both_have_read = threading.Barrier(2, timeout=PATIENCE)
    assert asyncio.run(run(sync_tool(both_have_read.wait))) == BOTH_ADDED
    assert COUNTER["value"] == 2


def test_the_runner_starts_async_tools_at_once_as_tasks_and_one_addition_is_lost() -> None:
    async def main() -> list[tuple[str, str]]:
        return await run(async_tool(asyncio.Barrier(2).wait))

    assert asyncio.run(main()) == BOTH_ADDED
    assert COUNTER["value"] == 2


def test_one_call_after_another_ends_at_three() -> None:
    def the_other_may_go_on() -> Coroutine[Any, Any, None]:
        return asyncio.sleep(0)

    assert asyncio.run(run(async_tool(the_other_may_go_on), at_once=1)) == BOTH_ADDED
    assert COUNTER["value"] == 3


# ---- what fuzzharness says of it ------------------------------------------------------------------


def assert_the_lost_addition_is_found(tool: Callable[..., Any]) -> None:
    tools, world = fh.Toolbox({"increment": tool}), fh.World(counter=fh.InPlace(COUNTER))
    report = fh.explore(BATCH, tools, world)
    assert report.verdict is fh.Verdict.UNSAFE
    assert report.baseline.state["counter"]["value"] == 3
    assert sorted(o.state["counter"]["value"] for o in report.outcomes) == [2, 3]
    (finding,) = report.findings
    assert (finding.mode, finding.anomaly) == (fh.Mode.SHARED_STATE, "lost-update")
    assert finding.outcome.state["counter"]["value"] == 2
    assert {result.value for result in finding.outcome.results.values()} == {"added 1"}
    assert (len(finding.calls), finding.schedule.preemptions) == (2, 1)
    assert fh.replay(finding.schedule.token, BATCH, tools, world).outcome == finding.outcome
    assert COUNTER["value"] == 1


def test_the_function_behind_a_sync_tool_loses_an_addition() -> None:
    assert_the_lost_addition_is_found(sync_tool(lambda: None).__wrapped__)


async def a_moment() -> None:
    await asyncio.sleep(0.01)


def as_the_runner_invokes(tool: FunctionTool) -> Callable[..., Any]:
    """The tool with the SDK's own way to run it: arguments parsed and checked, sync functions on threads."""

    async def increment(**args: Any) -> Any:
        text = json.dumps(args)
        context = ToolContext(None, tool_name=tool.name, tool_call_id="call", tool_arguments=text)
        return await tool.on_invoke_tool(context, text)

    return increment


def test_the_coroutine_behind_an_async_tool_loses_an_addition() -> None:
    assert_the_lost_addition_is_found(async_tool(a_moment).__wrapped__)


def test_an_async_tool_as_the_runner_invokes_it_loses_an_addition() -> None:
    assert_the_lost_addition_is_found(as_the_runner_invokes(async_tool(a_moment)))


def test_a_sync_tool_as_the_runner_invokes_it_on_a_thread_loses_an_addition() -> None:
    assert_the_lost_addition_is_found(as_the_runner_invokes(sync_tool(lambda: None)))
