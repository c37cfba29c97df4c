"""What LangGraph's ToolNode runs at once is recorded as it ran, and its replay gives the same results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

import fuzzharness as fh

CALLS = [
    {"name": name, "args": {"account": "7", "amount": amount}, "id": f"call_{amount}"}
    for name, amount in (("add_credit", 10), ("add_credit", 20), ("withdraw", 500))
]
BATCH = [fh.Call(call["name"], call["args"], call["id"]) for call in CALLS]
ACCOUNTS: dict[str, int] = {}


@pytest.fixture(autouse=True)
def begins_with_a_hundred() -> None:
    ACCOUNTS["7"] = 100


def add_credit(account: str, amount: int) -> str:
    """Add to an account."""
    ACCOUNTS[account] += amount
    return f"added {amount}"


def withdraw(account: str, amount: int) -> str:
    """Take from an account."""
    if ACCOUNTS[account] < amount:
        raise ValueError(f"account {account} does not have {amount}")
    ACCOUNTS[account] -= amount
    return f"took {amount}"


async def add_credit_in_a_task(account: str, amount: int) -> str:
    """Add to an account."""
    await asyncio.sleep(0)
    return add_credit(account, amount)


async def withdraw_in_a_task(account: str, amount: int) -> str:
    """Take from an account."""
    await asyncio.sleep(0)
    return withdraw(account, amount)


THREADS = {"add_credit": add_credit, "withdraw": withdraw}
TASKS = {"add_credit": add_credit_in_a_task, "withdraw": withdraw_in_a_task}


def graph_of(tools: dict[str, Callable[..., Any]]) -> Any:
    node = ToolNode([structured(name, tool) for name, tool in tools.items()], handle_tool_errors=True)
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node)
    graph.add_edge(START, "tools")
    return graph.compile()


def structured(name: str, tool: Callable[..., Any]) -> StructuredTool:
    kind = "coroutine" if asyncio.iscoroutinefunction(tool) else "func"
    return StructuredTool.from_function(**{kind: tool}, name=name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tools", "verdict"),
    [(THREADS, fh.Verdict.UNSAFE), (TASKS, fh.Verdict.SAFE)],
    ids=["threads, between which an addition is lost", "tasks"],
)
def test_a_batch_of_a_tool_node_is_recorded_and_replayed(
    tools: dict[str, Callable[..., Any]], verdict: fh.Verdict, tmp_path: Path
) -> None:
    turn = {"messages": [AIMessage(content="", tool_calls=CALLS)]}
    with fh.record(tmp_path / "session.jsonl") as recording:
        graph = graph_of(recording.tools(tools))
        with recording.batch(BATCH):
            state = asyncio.run(graph.ainvoke(turn)) if tools is TASKS else graph.invoke(turn)
    assert [m.status for m in state["messages"][1:]] == ["success", "success", "error"]

    (batch,) = fh.load_trace(tmp_path / "session.jsonl").batches
    assert [(call.tool, call.id, call.error) for call in batch.calls] == [
        ("add_credit", "call_10", False),
        ("add_credit", "call_20", False),
        ("withdraw", "call_500", True),
    ]
    assert [call.result for call in batch.calls[:2]] == ["added 10", "added 20"]

    ACCOUNTS["7"] = 100
    world = fh.World(accounts=fh.InPlace(ACCOUNTS))
    report = fh.explore(batch, fh.Toolbox(tools), world)
    assert (report.verdict, report.fidelity.rate) == (verdict, 1.0)
