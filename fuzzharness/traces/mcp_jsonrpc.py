"""MCP: a log of JSON-RPC messages between a client and a server, bare or each in a wrapper.

Decides what is a batch where no message of a model is recorded: the ``tools/call`` requests that
were in flight together. Other requests do not count. Which time a wrapper gives is that of the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces import provider
from fuzzharness.traces.digests import Digests
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.times import moment
from fuzzharness.traces.turn import WHOLE

name = "mcp-jsonrpc"

_WRAPPERS = ("message", "payload", "data")
_TIMES = ("timestamp", "time", "ts")

Id = str | int


@dataclass(frozen=True, slots=True)
class _Sent:
    """A call was sent, as a request with ``id``."""

    id: Id
    call: Call
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class _Answered:
    """The request ``id`` was answered, or given up."""

    id: Id
    result: Any
    error: bool
    at: datetime | None
    direction: str | None = None

    def ends(self, sent: _Sent | None) -> bool:
        """Whether this answers ``sent``: requests of the other side have ids of their own."""
        return sent is not None and (self.direction is None or self.direction != sent.direction)


class _Began:
    """A client began a session: what was in flight before is lost."""


Entry = _Sent | _Answered | _Began


def fit(record: Node) -> Fit:
    """Certain by ``jsonrpc``, in the record or in what it wraps."""
    found = [record, *(message for wrapper in _WRAPPERS for message in _each(record.get(wrapper)))]
    own = any(isinstance(message.get("jsonrpc").value, str) for message in found)
    return Fit.CERTAIN if own else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of a recording; see :class:`fuzzharness.traces.reader.Reader`."""

    asked = Digests()

    def entries(record: Node) -> list[Entry]:
        direction = record.peek("direction")
        way = direction if isinstance(direction, str) else None
        found = list(_messages(record))
        for message, _ in found:
            _check_asked(message, asked)
        return [entry for message, at in found for entry in _entries(message, at, way)]

    found = (entry for several in leniency.each(entries, records) for entry in several)
    return _joined(found)


def _messages(record: Node) -> Iterator[tuple[Node, datetime | None]]:
    """The messages of ``record``, which may be an array of them, with the time of the record."""
    wrapped = [record.get(key) for key in (() if record.has("jsonrpc") else _WRAPPERS)]
    inner = next((node for node in wrapped if isinstance(provider.decoded(node).value, (dict, list))), record)
    times = [moment(record.get(key), "the time of the message") for key in _TIMES if record.has(key)]
    at = next((time for time in times if time is not None), None)
    for message in _each(inner):
        yield message.object("a JSON-RPC message, an object"), at


def _each(node: Node) -> list[Node]:
    found = provider.decoded(node)
    return found.items() if isinstance(found.value, list) else [found]


def _entries(message: Node, at: datetime | None, way: str | None) -> Iterator[Entry]:
    method, id = message.peek("method"), message.get("id")
    if method == "initialize":
        yield _Began()
    elif method == "tools/call" and not id.absent:
        yield _Sent(_id(id), _call(message.get("params"), _id(id), at), way)
    elif method == "notifications/cancelled":
        yield _Answered(_id(message.get("params").get("requestId")), "cancelled", True, at)
    elif (method is MISSING or method is None) and not id.absent:
        yield _answer(message, _id(id), at, way)


def _check_asked(message: Node, asked: Digests) -> None:
    """Raise :class:`TraceError` where ``message`` answers a request that neither side has made before it."""
    id, method = message.get("id"), message.get("method")
    if not isinstance(id.value, (str, int)):
        return
    if not method.absent:
        asked.add(hash(id.value))
    elif hash(id.value) not in asked:
        raise id.refuse("the id of a request that stands before its response", WHOLE)


def _id(node: Node) -> Id:
    if isinstance(node.value, bool) or not isinstance(node.value, (str, int)) or node.value == "":
        raise node.refuse("the id of a request, a number or a string that is not empty")
    return node.value


def _call(params: Node, id: Id, at: datetime | None) -> Call:
    tool = params.object("the parameters of the call, an object").get("name").name("the name of the tool")
    recorded = params.get("arguments")
    args, invalid = provider.given(Node({}, recorded.place) if recorded.absent else recorded)
    return Call(tool, args, id, started_at=at, invalid_args=invalid)


def _answer(message: Node, id: Id, at: datetime | None, way: str | None) -> _Answered:
    error, result = message.get("error"), message.get("result")
    if not error.absent:
        text = error.get("message").value
        return _Answered(id, text if isinstance(text, str) else error.value, True, at, way)
    content = provider.payload(result.peek("content"))
    value = result.peek("structuredContent") if content in (None, []) else content
    return _Answered(id, None if value is MISSING else value, provider.failed(result), at, way)


def _joined(entries: Iterable[Entry]) -> Iterator[Batch]:
    """The batches of ``entries``, each as soon as none of its calls is in flight any more."""
    flight: list[_Sent | _Answered] = []
    waiting: dict[Id, _Sent] = {}
    for entry in entries:
        if isinstance(entry, _Began) or (isinstance(entry, _Sent) and entry.id in waiting):
            yield from _parted(flight)
            flight, waiting = [], {}
        if isinstance(entry, _Sent):
            flight.append(entry)
            waiting[entry.id] = entry
        elif isinstance(entry, _Answered) and entry.ends(waiting.get(entry.id)):
            flight.append(entry)
            del waiting[entry.id]
            if not waiting:
                yield from _parted(flight)
                flight = []
    yield from _parted(flight)


def _parted(flight: list[_Sent | _Answered]) -> Iterator[Batch]:
    """The batches of what was in flight together; a call without an answer ends with the next one."""
    answers = {entry.id: entry for entry in flight if isinstance(entry, _Answered)}
    calls: list[Call] = []
    waiting: set[Id] = set()
    for entry in flight:
        if isinstance(entry, _Sent):
            calls.append(_settled(entry.call, answers.get(entry.id)))
            waiting.add(entry.id)
        else:
            waiting = {id for id in waiting if id != entry.id and id in answers}
            if not waiting:
                yield Batch(tuple(calls))
                calls = []
    if calls:
        yield Batch(tuple(calls))


def _settled(call: Call, answer: _Answered | None) -> Call:
    if answer is None:
        return call
    return replace(call, result=answer.result, error=answer.error, ended_at=answer.at)
