"""MCP: a log of JSON-RPC messages between a client and a server, bare or each in a wrapper.

Decides what is a batch where no message of a model is recorded: the ``tools/call`` requests that
were in flight together. Other requests do not count. Which time a wrapper gives is that of the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from fuzzharness.model import Batch, Call
from fuzzharness.traces import provider
from fuzzharness.traces.digests import Digests
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.times import moment_at
from fuzzharness.traces.turn import WHOLE

name = "mcp-jsonrpc"

_WRAPPERS = ("message", "payload", "data")
_TIMES = ("timestamp", "time", "ts")
_TIMED = frozenset(_TIMES)

Id = str | int


class _Sent(NamedTuple):
    """A call was sent, as a request with ``id``."""

    id: Id
    call: Call
    direction: str | None = None


class _Answered(NamedTuple):
    """The request ``id`` was answered, or given up."""

    id: Id
    result: Any
    error: bool
    at: datetime | None
    direction: str | None = None

    def ends(self, sent: _Sent) -> bool:
        """Whether this answers ``sent``: requests of the other side have ids of their own."""
        return self.direction is None or self.direction != sent.direction


class _Ended(NamedTuple):
    """The call at ``place`` of those in flight has its answer."""

    place: int
    answer: _Answered


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

    def entry(told: _Told) -> Entry | None:
        _check_asked(told.message, asked)
        return _entry(*told)

    messages = (told for several in leniency.each(_told, records) for told in several)
    return _joined(found for found in leniency.each(entry, messages) if found)


class _Told(NamedTuple):
    """A message of a log, when it was sent and which way, as far as its wrapper says so."""

    message: Node
    at: datetime | None
    way: str | None


def _told(record: Node) -> list[_Told]:
    direction = record.peek("direction")
    way, at = direction if isinstance(direction, str) else None, _time(record)
    return [_Told(message, at, way) for message in _messages(record)]


def _messages(record: Node) -> list[Node]:
    """The messages of ``record``, which may be an array of them."""
    if isinstance(record.value, dict) and isinstance(record.value.get("jsonrpc"), str):
        return [record]
    inner = record
    for key in () if record.has("jsonrpc") else _WRAPPERS:
        if isinstance(provider.unpacked(record.peek(key)), (dict, list)):
            inner = record.get(key)
            break
    return [message.object("a JSON-RPC message, an object") for message in _each(inner)]


def _time(record: Node) -> datetime | None:
    if not isinstance(record.value, dict) or _TIMED.isdisjoint(record.value):
        return None
    times = [moment_at(record, key, "the time of the message") for key in _TIMES if record.has(key)]
    return times[0] if times else None


def _each(node: Node) -> list[Node]:
    found = provider.decoded(node)
    return found.items() if isinstance(found.value, list) else [found]


def _entry(message: Node, at: datetime | None, way: str | None) -> Entry | None:
    method, known = message.value.get("method"), message.value.get("id") is not None
    if method == "initialize":
        return _Began()
    if method == "tools/call" and known:
        id = _id(message, "id")
        return _Sent(id, _call(message.get("params"), id, at), way)
    if method == "notifications/cancelled":
        return _Answered(_id(message.get("params"), "requestId"), "cancelled", True, at)
    if method is None and known:
        return _answer(message, _id(message, "id"), at, way)
    return None


def _check_asked(message: Node, asked: Digests) -> None:
    """Raise :class:`TraceError` where ``message`` answers a request that neither side has made before it."""
    id = message.value.get("id")
    if not isinstance(id, (str, int)):
        return
    if message.value.get("method") is not None:
        asked.add(hash(str(id)))
    elif hash(str(id)) not in asked:
        raise message.get("id").refuse("the id of a request that stands before its response", WHOLE)


def _id(node: Node, key: str) -> Id:
    value = node.peek(key)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise node.get(key).refuse("the id of a request, a number or a string that is not empty")
    return value


def _call(params: Node, id: Id, at: datetime | None) -> Call:
    tool = params.object("the parameters of the call, an object").name_at("name", "the name of the tool")
    args, invalid = provider.given(params.peek("arguments") if params.has("arguments") else {})
    return Call(tool, args, id, started_at=at, invalid_args=invalid)


def _answer(message: Node, id: Id, at: datetime | None, way: str | None) -> _Answered:
    if message.value.get("error") is not None:
        error = message.get("error")
        text = error.peek("message")
        return _Answered(id, text if isinstance(text, str) else error.value, True, at, way)
    result = message.value.get("result")
    if not isinstance(result, dict):
        return _Answered(id, None, False, at, way)
    content = provider.payload(result.get("content"))
    value = result.get("structuredContent") if content in (None, []) else content
    return _Answered(id, value, provider.failed(result), at, way)


def _joined(entries: Iterable[Entry]) -> Iterator[Batch]:
    """The batches of ``entries``, each as soon as none of its calls is in flight any more."""
    flight: list[_Sent | _Ended] = []
    waiting: dict[Id, tuple[int, _Sent]] = {}
    for entry in entries:
        if isinstance(entry, _Began) or (isinstance(entry, _Sent) and entry.id in waiting):
            yield from _parted(flight)
            flight, waiting = [], {}
        if isinstance(entry, _Sent):
            waiting[entry.id] = len(flight), entry
            flight.append(entry)
        elif isinstance(entry, _Answered) and entry.id in waiting and entry.ends(waiting[entry.id][1]):
            flight.append(_Ended(waiting.pop(entry.id)[0], entry))
            if not waiting:
                yield from _parted(flight)
                flight = []
    yield from _parted(flight)


def _parted(flight: list[_Sent | _Ended]) -> Iterator[Batch]:
    """The batches of what was in flight together; a call without an answer ends with the next one."""
    answers = {entry.place: entry.answer for entry in flight if isinstance(entry, _Ended)}
    calls: list[Call] = []
    waiting: set[int] = set()
    for place, entry in enumerate(flight):
        if isinstance(entry, _Sent):
            calls.append(_settled(entry.call, answers.get(place)))
            if place in answers:
                waiting.add(place)
        else:
            waiting.discard(entry.place)
            if not waiting:
                yield Batch(_told_apart(calls))
                calls = []
    if calls:
        yield Batch(_told_apart(calls))


def _told_apart(calls: list[Call]) -> tuple[Call, ...]:
    """``calls``, of which one whose id was free again while others were in flight has none."""
    taken: set[Id | None] = set()
    for call in calls:
        if call.id in taken:
            object.__setattr__(call, "id", None)  # nobody has it yet
        taken.add(call.id)
    return tuple(calls)


def _settled(call: Call, answer: _Answered | None) -> Call:
    """``call``, which is nobody's yet, with what came back."""
    if answer:
        object.__setattr__(call, "result", answer.result)
        object.__setattr__(call, "error", answer.error)
        object.__setattr__(call, "ended_at", answer.at)
    return call
