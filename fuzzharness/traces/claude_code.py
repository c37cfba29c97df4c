"""Claude Code sessions: one line a content block, the blocks of one message under its ``message.id``.

Decides which lines are one message: the tools of a message run while it is still being written, so
results stand between its calls, and the lines of sub-agents between those of their caller. What the
lines of other types say is passed over: the format is internal, and grows. Times are those of the
lines.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Final

from fuzzharness.errors import TraceError
from fuzzharness.model import Batch, Call
from fuzzharness.traces import anthropic_messages
from fuzzharness.traces.content import block_type, of_type
from fuzzharness.traces.digests import Digests
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.times import moment
from fuzzharness.traces.turn import Open, Turns, turn

name = "claude-code"

_ROLES = ("user", "assistant")
_MARKS = ("uuid", "sessionId", "session_id", "leafUuid", "messageId")
_PARENTS: Final = 20_000


def fit(record: Node) -> Fit:
    """Certain by a line with a message and a mark of its own, or of another type in a session."""
    kind, value = block_type(record), record.value
    if kind is None or not kind.islower() or not isinstance(value, dict) or "traceId" in value:
        return Fit.NO
    marked = any(isinstance(value.get(mark), str) for mark in _MARKS)
    if not marked or (kind in _ROLES and not isinstance(value.get("message"), dict)):
        return Fit.NO
    return Fit.CERTAIN if kind in _ROLES or "role" not in value else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one file; see :class:`fuzzharness.traces.reader.Reader`."""
    session = _Session(leniency)
    for _ in leniency.each(session.take, records):
        yield from session.turns.ready()
    yield from session.turns.rest()


@dataclass(slots=True)
class _Message:
    key: str
    turn: Open | None = None


class _Session:
    """The messages of a file that are being written: one for the agent, one for each sub-agent."""

    def __init__(self, leniency: Leniency) -> None:
        self.turns = Turns()
        self._leniency = leniency
        self._messages: dict[Hashable, _Message] = {}
        self._roots: dict[str, str] = {}
        self._seen = Digests()
        self._unmarked = count()

    def take(self, record: Node) -> None:
        """Add what ``record`` says. Raises :class:`TraceError`."""
        kind = record.peek("type")
        if kind not in _ROLES:
            record = _relayed(record)
            kind = record.peek("type")
        if kind not in _ROLES:
            return
        content = record.get("message").object("the message of the line, an object").get("content")
        if kind == "assistant":
            self._say(record, of_type("tool_use", content, self._leniency))
        else:
            self._answer(record, of_type("tool_result", content, self._leniency))

    def _say(self, record: Node, uses: list[Node]) -> None:
        message = self._message(record)
        if not uses:
            return
        started = moment(record.get("timestamp"), "the time of the line")
        calls = turn(partial(anthropic_messages.call, started=started), uses, self._leniency)
        fresh = tuple(call for call in calls if self._is_new(call, message, record))
        if fresh and message.turn is None:
            message.turn = self.turns.open()
        if message.turn is not None:
            self.turns.add(message.turn, fresh)

    def _message(self, record: Node) -> _Message:
        """The message that a line of an assistant belongs to; the one before it in its chain ends there."""
        chain, key = self._chain(record), _key(record) or f"line {next(self._unmarked)}"
        message = self._messages.get(chain)
        if message is None or message.key != key:
            if message is not None and message.turn is not None:
                self.turns.close(message.turn)
            message = self._messages[chain] = _Message(key)
        return message

    def _is_new(self, call: Call, message: _Message, record: Node) -> bool:
        """Whether ``call`` was not read before: a session that is resumed begins with a copy of its lines."""
        mark = hash((message.key, call.id))
        if mark not in self._seen:
            self._seen.add(mark)
            return True
        if message.turn is not None:
            _check_copy(call, message.turn, record)
        return False

    def _chain(self, record: Node) -> Hashable:
        value = record.value
        session = str(value.get("sessionId") or value.get("session_id"))
        agent = value.get("agentId") or value.get("parent_tool_use_id")
        if agent or value.get("isSidechain") is not True:
            return session, str(agent)
        uuid, parent = str(value.get("uuid")), str(value.get("parentUuid"))
        root = self._roots[uuid] = self._roots.get(parent, uuid)
        if len(self._roots) > _PARENTS:
            for known in list(islice(self._roots, _PARENTS // 2)):
                del self._roots[known]
        return session, "sidechain", root

    def _answer(self, record: Node, results: list[Node]) -> None:
        self._chain(record)
        if results:
            ended = moment(record.get("timestamp"), "the time of the line")
            for result in results:
                try:
                    self.turns.answer(anthropic_messages.answer(result, ended))
                except TraceError:
                    self._leniency.leave_out()


def _relayed(record: Node) -> Node:
    """The line of a sub-agent that a line of type ``progress`` holds; any other line itself."""
    record.object("a line of a session, an object").get("type").name("the type of the line")
    data = record.get("data") if block_type(record) == "progress" else record
    inner = data.get("message")
    if data is record or not isinstance(inner.peek("message"), dict):
        return record
    context = {"sessionId": record.peek("sessionId"), "agentId": data.peek("agentId")}
    return Node(context | inner.value, inner)


def _key(record: Node) -> str | None:
    value = record.value
    for mark in (value["message"].get("id"), value.get("requestId"), value.get("uuid")):
        if isinstance(mark, str):
            return mark
    return None


def _check_copy(call: Call, turn: Open, record: Node) -> None:
    held = next((held for held in turn.calls if held.id == call.id), call)
    if (held.tool, held.args, held.invalid_args) != (call.tool, call.args, call.invalid_args):
        raise record.refuse(f"a message whose calls have ids of their own, not {str(call.id)[:40]!r} twice")
