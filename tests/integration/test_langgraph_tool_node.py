"""LangGraph's ToolNode runs the calls of one message at once, and fuzzharness says what comes of it.

The real ToolNode in a real graph is given a message with two calls of a tool that reads a counter,
pauses, and writes the counter plus one. The pause is a barrier for two: it is passed only if the second
call was started before the first one was over.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

import fuzzharness as fh

PATIENCE = 60
"""Seconds after which a barrier is given up: what a runner that takes one call after another would need."""

COUNTER = {"value": 1}
CALLS = [{"name": "increment", "args": {"by": 1}, "id": f"call_{n}"} for n in (1, 2)]
BATCH = fh.Batch(tuple(fh.Call(call["name"], call["args"], call["id"]) for call in CALLS))


@pytest.fixture(autouse=True)
def begins_at_one() -> Iterator[None]:
    COUNTER["value"] = 1
    yield
    assert list(COUNTER) == ["value"]


def sync_tool(pause: Callable[[], object]) -> StructuredTool:
    def increment(by: int) -> str:
        """Add to the counter."""
        value = COUNTER["value"]
        pause()
        COUNTER["value"] = value + by
        return f"added {by}"

    return StructuredTool.from_function(increment)


def async_tool(pause: Callable[[], Coroutine[Any, Any, object]]) -> StructuredTool:
    async def increment(by: int) -> str:
        """Add to the counter."""
        value = COUNTER["value"]
        await pause()
        COUNTER["value"] = value + by
        return f"added {by}"

    return StructuredTool.from_function(coroutine=increment)


def graph_of(tool: StructuredTool) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([tool]))
    graph.add_edge(START, "tools")
    return graph.compile()


def turn() -> dict[str, Any]:
    return {"messages": [AIMessage(content="", tool_calls=CALLS)]}


def answers(state: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(m.tool_call_id, m.status, m.content) for m in state["messages"][1:]]


BOTH_ADDED = [("call_1", "success", "added 1"), ("call_2", "success", "added 1")]


# ---- what the framework does ----------------------------------------------------------------------


def test_tool_node_starts_sync_calls_at_once_and_one_addition_is_lost() -> None:
    both_have_read = threading.Barrier(2, timeout=PATIENCE)
    state = graph_of(sync_tool(both_have_read.wait)).invoke(turn())
    assert answers(state) == BOTH_ADDED
    assert COUNTER["value"] == 2


def test_it_does_so_for_sync_tools_in_an_async_graph() -> None:
    both_have_read = threading.Barrier(2, timeout=PATIENCE)
    state = asyncio.run(graph_of(sync_tool(both_have_read.wait)).ainvoke(turn()))
    assert answers(state) == BOTH_ADDED
    assert COUNTER["value"] == 2


def test_tool_node_starts_async_calls_at_once_and_one_addition_is_lost() -> None:
    async def main() -> Any:
        both_have_read = asyncio.Barrier(2)
        async with asyncio.timeout(PATIENCE):
            return await graph_of(async_tool(both_have_read.wait)).ainvoke(turn())

    assert answers(asyncio.run(main())) == BOTH_ADDED
    assert COUNTER["value"] == 2


def test_one_call_after_another_ends_at_three() -> None:
    state = graph_of(sync_tool(lambda: None)).invoke(turn(), {"max_concurrency": 1})
    assert answers(state) == BOTH_ADDED
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
    function = sync_tool(lambda: None).func
    assert function is not None
    assert_the_lost_addition_is_found(function)


def test_the_sync_tool_itself_loses_an_addition() -> None:
    tool = sync_tool(lambda: None)

    def increment(**args: Any) -> Any:
        return tool.invoke(args)

    assert_the_lost_addition_is_found(increment)


async def a_moment() -> None:
    await asyncio.sleep(0.01)


def test_the_coroutine_behind_an_async_tool_loses_an_addition() -> None:
    coroutine = async_tool(a_moment).coroutine
    assert coroutine is not None
    assert_the_lost_addition_is_found(coroutine)


def test_the_async_tool_itself_which_starts_a_task_for_its_coroutine_loses_an_addition() -> None:
    tool = async_tool(a_moment)

    async def increment(**args: Any) -> Any:
        return await tool.ainvoke(args)

    assert_the_lost_addition_is_found(increment)


def test_a_sync_tool_awaited_runs_in_the_executor_of_the_loop_and_loses_an_addition() -> None:
    tool = sync_tool(lambda: None)

    async def increment(**args: Any) -> Any:
        return await tool.ainvoke(args)

    assert_the_lost_addition_is_found(increment)
