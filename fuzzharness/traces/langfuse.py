"""Langfuse: exported observations, a list of them, one a line, or those of a trace in it.

Decides what an observation tells of calls: the output of a ``GENERATION`` is the message that asks
for them, in the shape of its provider; a ``TOOL`` ran one and does not name its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces import history, provider
from fuzzharness.traces.assembly import assemble
from fuzzharness.traces.history import Histories, Unread
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.span import Chat, Execution, Part, Span
from fuzzharness.traces.times import moment_at

name = "langfuse"

_TYPES = (
    "SPAN",
    "EVENT",
    "GENERATION",
    "AGENT",
    "TOOL",
    "CHAIN",
    "RETRIEVER",
    "EVALUATOR",
    "EMBEDDING",
    "GUARDRAIL",
)
_PLACES = ("messages", "choices")
_IDS = ("tool_call_id", "toolCallId", "call_id")


def fit(record: Node) -> Fit:
    """Certain by the id of a trace beside one of the types of observations, or by a list of such."""
    observations = record.get("observations").value
    if isinstance(observations, list) and not record.get("id").absent:
        return Fit.CERTAIN
    traced = record.has("traceId") or record.has("trace_id")
    return Fit.CERTAIN if traced and record.peek("type") in _TYPES else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of a recording; see :class:`fuzzharness.traces.reader.Reader`."""

    def parts(record: Node, histories: Histories) -> list[Part]:
        return _parts(record.object("an observation, an object"), leniency, histories)

    several = leniency.each(_observations, records)
    return assemble((record for found in several for record in found), parts, leniency)


def _observations(record: Node) -> list[Node]:
    if not record.has("observations"):
        return [record]
    return record.get("observations").items("the list of observations")


def _parts(record: Node, leniency: Leniency, histories: Histories) -> list[Part]:
    kind = record.value.get("type")
    if kind not in _TYPES:
        raise record.get("type").refuse(f"the type of the observation, one of {', '.join(_TYPES)}")
    span = _span(record, kind == "AGENT")
    if kind == "TOOL":
        return [Execution(span, _ran(record, span))]
    if kind != "GENERATION":
        return [span]
    put_out, given = _messages(record.get("output")), partial(_given, record.get("input"), span, histories)
    return [span, Chat(span), *history.chat(span, put_out, given, histories, leniency)]


def _messages(node: Node) -> list[Node]:
    """The messages of an input or output, bare, in a list, or among the parameters of a request."""
    found = provider.decoded(node)
    place = _place(found.value)
    return found.get(place).items() if place else provider.messages(found)


def _given(node: Node, span: Span, histories: Histories) -> Unread:
    """What is new in the input, which has its messages in the same places."""
    found = provider.decoded(node) if _wraps(node) else node
    place = _place(found.value)
    if place:
        return histories.listed(span, place, found.get(place))
    return histories.messages(span, "input", found)


def _place(value: Any) -> str | None:
    """Which member of an input or output is a list of messages."""
    for place in _PLACES if isinstance(value, dict) else ():
        if isinstance(value.get(place), list):
            return place
    return None


def _wraps(node: Node) -> bool:
    """Whether an input may be the parameters of a request, as an object or its JSON."""
    return not isinstance(node.value, str) or node.value.lstrip().startswith("{")


def _span(record: Node, agent: bool) -> Span:
    parent = _either(record, "parentObservationId", "parent_observation_id")
    return Span(
        record.name_at(_either(record, "traceId", "trace_id"), "the id of the trace"),
        record.name_at("id", "the id of the observation"),
        record.name_at(parent, "the id of the parent observation") if record.has(parent) else None,
        moment_at(record, _either(record, "startTime", "start_time"), "the start of the observation"),
        moment_at(record, _either(record, "endTime", "end_time"), "the end of the observation"),
        agent,
    )


def _either(record: Node, name: str, other: str) -> str:
    """Which of the spellings ``name`` and ``other`` the member of an object has."""
    return name if record.value.get(name) is not None else other


def _ran(record: Node, span: Span) -> Call:
    value, told, failed = provider.result_of(record.peek("output"))
    failed = failed or record.peek("level") == "ERROR"
    if value is None and failed:
        message = record.peek(_either(record, "statusMessage", "status_message"))
        value = message if isinstance(message, str) else None
    args, invalid = provider.given(record.peek("input"))
    id = _id(provider.unpacked(record.peek("metadata"))) or told
    tool = record.name_at("name", "the name of the tool")
    return Call(tool, args, id, value, failed, span.started_at, span.ended_at, invalid)


def _id(metadata: Any) -> str | None:
    for key in _IDS if isinstance(metadata, dict) else ():
        if isinstance(metadata.get(key), str) and metadata[key]:
            return str(metadata[key])
    return None
