"""Claude Code sessions: whatever stands between the lines of a message, its calls are one batch.

Sessions of thousands of lines are made from a seed, so that their batches are known by construction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fuzzharness import Batch, Call, Trace
from fuzzharness.traces import load_trace, read_batches

Load = Callable[..., Trace]
Refusal = Callable[..., str]

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOISE = [
    {"type": "queue-operation", "operation": "enqueue", "content": "next"},
    {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
    {"type": "summary", "summary": "The shop", "leafUuid": "l"},
    {"type": "progress", "data": {"type": "hook_progress"}, "uuid": "p"},
    {"type": "user", "message": {"role": "user", "content": "go on"}, "isCompactSummary": True, "uuid": "c"},
]


@dataclass
class Session:
    """Lines as they are written, and the batches that they say, by message in order of the first call."""

    random: Random
    lines: list[dict[str, Any]] = field(default_factory=list)
    batches: dict[str, dict[str, Call]] = field(default_factory=dict)
    active: list[Iterator[None]] = field(default_factory=list)
    agents: int = 0

    def run(self, turns: int) -> None:
        """The agent and its sub-agents write by turns, until all are done."""
        self.active.append(Agent(self).work(turns))
        while self.active:
            agent = self.random.choice(self.active)
            if next(agent, self) is self:
                self.active.remove(agent)
            if self.random.random() < 0.05:
                self.write(self.random.choice(NOISE), {})

    def write(self, line: dict[str, Any], context: dict[str, Any]) -> datetime:
        now = START + timedelta(milliseconds=len(self.lines))
        self.lines.append({"sessionId": "s-1", **context, **line, "timestamp": now.isoformat()})
        return now

    def expected(self) -> list[tuple[Call, ...]]:
        return [tuple(calls.values()) for calls in self.batches.values()]

    def text(self) -> str:
        return "".join(json.dumps(line) + "\n" for line in self.lines)


class Agent:
    """Who writes: the agent itself, a sub-agent with an id, or one known by its chain of parents alone."""

    def __init__(self, session: Session, named: bool | None = None) -> None:
        session.agents += 1
        self.session, self.random, self.name = session, session.random, f"{session.agents:08x}"
        self.context: dict[str, Any] = {"isSidechain": named is not None}
        if named:
            self.context["agentId"] = self.name
        self.last: str | None = None
        self.lines = 0
        self.done = False

    def work(self, turns: int) -> Iterator[None]:
        for number in range(turns):
            yield from self.turn(f"msg_{self.name}_{number}")
        self.says(f"msg_{self.name}_end", {"type": "text", "text": "Done."})
        self.done = True

    def turn(self, message: str) -> Iterator[None]:
        if self.random.random() < 0.5:
            self.says(message, {"type": "text", "text": "Working on it."})
            yield
        waiting: list[tuple[str, Agent | None]] = []
        for number in range(self.random.choice([1, 1, 2, 3, 5])):
            waiting.append(self.call(message, f"toolu_{self.name}_{message[-3:]}_{number}"))
            yield
            while waiting and self.random.random() < 0.4:
                self.answer_one(message, waiting)
                yield
        while waiting:
            self.answer_one(message, waiting)
            yield

    def call(self, message: str, id: str) -> tuple[str, Agent | None]:
        below = None
        if not self.context["isSidechain"] and self.random.random() < 0.15:
            below = Agent(self.session, named=self.random.random() < 0.5)
            self.session.active.append(below.work(self.random.randint(1, 6)))
        tool, args = ("Task", {"prompt": id}) if below else ("Bash", {"command": f"ls {id}"})
        started = self.says(message, {"type": "tool_use", "id": id, "name": tool, "input": args})
        self.session.batches.setdefault(message, {})[id] = Call(tool, args, id, started_at=started)
        return id, below

    def answer_one(self, message: str, waiting: list[tuple[str, Agent | None]]) -> None:
        id, below = self.random.choice(waiting)
        if below is not None and not below.done:
            return
        waiting.remove((id, below))
        result, error = f"result of {id}", self.random.random() < 0.1
        block = {"type": "tool_result", "tool_use_id": id, "content": result, "is_error": error}
        ended = self.write("user", {"role": "user", "content": [block]})
        calls = self.session.batches[message]
        calls[id] = Call(calls[id].tool, calls[id].args, id, result, error, calls[id].started_at, ended)

    def says(self, message: str, block: dict[str, Any]) -> datetime:
        return self.write("assistant", {"id": message, "role": "assistant", "content": [block]})

    def write(self, type: str, message: dict[str, Any]) -> datetime:
        self.lines += 1
        uuid = f"{self.name}-{self.lines}"
        line = {"type": type, "uuid": uuid, "parentUuid": self.last, "message": message}
        self.last = uuid
        return self.session.write(line, self.context)


def made(seed: int, turns: int = 400) -> Session:
    session = Session(Random(seed))
    session.run(turns)
    return session


def calls(batches: Any) -> list[tuple[Call, ...]]:
    return [batch.calls for batch in batches]


@pytest.mark.parametrize("seed", range(5))
def test_batches_of_a_long_session_with_sub_agents_are_exactly_those_written(seed: int, load: Load) -> None:
    session = made(seed)
    trace = load(session.text())
    assert len(session.lines) > 2000
    assert any(len(batch.calls) > 1 for batch in trace.batches)
    assert (trace.format, calls(trace.batches)) == ("claude-code", session.expected())


def test_resumed_session_begins_with_a_copy_that_is_read_once(load: Load) -> None:
    session = made(7, 40)
    copies = [line | {"sessionId": "s-2", "uuid": f"copy of {n}"} for n, line in enumerate(session.lines)]
    session.lines += copies
    assert calls(load(session.text()).batches) == session.expected()


def test_session_in_two_files_is_read_once(tmp_path: Path) -> None:
    session = made(8, 40)
    (tmp_path / "a.jsonl").write_text(session.text(), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(session.text(), encoding="utf-8")
    assert calls(load_trace(tmp_path).batches) == session.expected()


def test_batch_leaves_before_the_session_is_read(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_text(made(9, 40).text() + "broken\n", encoding="utf-8")
    first = next(read_batches(path))
    assert isinstance(first, Batch)


def use(id: str, message: str = "msg_1", **more: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": id, "name": "add", "input": {"v": 1}} | more
    content = {"id": message, "role": "assistant", "content": [block]}
    return {"type": "assistant", "sessionId": "s", "uuid": f"u-{id}-{message}", "message": content}


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def labels(trace: Trace) -> list[tuple[str, ...]]:
    return [batch.labels for batch in trace.batches]


def test_one_file_may_hold_sessions_of_several_ids(load: Load) -> None:
    other = {"sessionId": "t"}
    trace = load(lines(use("a"), use("x", "msg_9") | other, use("b"), use("y", "msg_9") | other))
    assert labels(trace) == [("a", "b"), ("x", "y")]


def test_call_of_a_sub_agent_that_only_a_progress_line_relays_is_read(load: Load) -> None:
    relayed = {"type": "progress", "uuid": "p", "sessionId": "s", "data": {"agentId": "x"}}
    relayed["data"]["message"] = use("b", "msg_2")
    assert labels(load(lines(use("a"), relayed, use("c")))) == [("a", "c"), ("b",)]


def test_streamed_output_of_the_command_line_is_read(load: Load) -> None:
    start = {"type": "system", "subtype": "init", "session_id": "s", "uuid": "u"}
    line = use("a") | {"session_id": "s", "parent_tool_use_id": None}
    assert labels(load(lines(start, line))) == [("a",)]


def test_second_call_of_an_id_in_a_message_is_refused(refusal: Refusal) -> None:
    assert "not 'a' twice" in refusal(lines(use("a"), use("a", input={"v": 2})))


def test_malformed_line_is_refused_by_line_and_path(refusal: Refusal, load: Load) -> None:
    content = lines(use("a"), {"type": "user", "uuid": "u", "message": 5}, use("b"))
    assert "line 2, $.message: found the number 5" in refusal(content)
    assert load(content, lenient=True).skipped == 1
    assert "line 2, $.timestamp" in refusal(lines(use("a"), use("b") | {"timestamp": "soon"}))
