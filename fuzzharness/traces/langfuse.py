"""Langfuse: exported observations, a list of them, one a line, or those of a trace in it.

Decides what an observation tells of calls: the output of a ``GENERATION`` is the message that asks
for them, in the shape of its provider; a ``TOOL`` ran one and does not name its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from fuzzharness.model import Batch, Call
from fuzzharness.traces import history, provider
from fuzzharness.traces.assembly import assemble
from fuzzharness.traces.history import Histories, Unread
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.span import Chat, Execution, Part, Span
from fuzzharness.traces.times import moment

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
    return Fit.CERTAIN if not _trace(record).absent and record.get("type").value in _TYPES else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of a recording; see :class:`fuzzharness.traces.reader.Reader`."""

    def parts(record: Node, histories: Histories) -> Iterator[Part]:
        return _parts(record.object("an observation, an object"), leniency, histories)

    several = leniency.each(_observations, records)
    return assemble((record for found in several for record in found), parts, leniency)


def _observations(record: Node) -> list[Node]:
    inside = record.get("observations")
    return [record] if inside.absent else inside.items("the list of observations")


def _parts(record: Node, leniency: Leniency, histories: Histories) -> Iterator[Part]:
    kind = record.get("type").one_of(_TYPES, "the type of the observation")
    span = _span(record, kind == "AGENT")
    if kind == "TOOL":
        yield Execution(span, _ran(record, span))
        return
    yield span
    if kind == "GENERATION":
        yield Chat(span)
        put_out, given = (
            _messages(record.get("output")),
            partial(_given, record.get("input"), span, histories),
        )
        yield from history.chat(span, put_out, given, histories, leniency)


def _messages(node: Node) -> list[Node]:
    """The messages of an input or output, bare, in a list, or among the parameters of a request."""
    found = provider.decoded(node)
    for place in _PLACES:
        if isinstance(found.peek(place), list):
            return found.get(place).items()
    return provider.messages(found)


def _given(node: Node, span: Span, histories: Histories) -> Unread:
    """What is new in the input, which has its messages in the same places."""
    found = provider.decoded(node) if _wraps(node) else node
    for place in _PLACES:
        if isinstance(found.peek(place), list):
            return histories.listed(span, place, found.get(place))
    return histories.messages(span, "input", node)


def _wraps(node: Node) -> bool:
    """Whether an input may be the parameters of a request, as an object or its JSON."""
    return not isinstance(node.value, str) or node.value.lstrip().startswith("{")


def _trace(record: Node) -> Node:
    return _either(record, "traceId", "trace_id")


def _span(record: Node, agent: bool) -> Span:
    parent = _either(record, "parentObservationId", "parent_observation_id")
    return Span(
        record.name_at("traceId" if record.has("traceId") else "trace_id", "the id of the trace"),
        record.name_at("id", "the id of the observation"),
        None if parent.absent else parent.name("the id of the parent observation"),
        moment(_either(record, "startTime", "start_time"), "the start of the observation"),
        moment(_either(record, "endTime", "end_time"), "the end of the observation"),
        agent,
    )


def _either(record: Node, name: str, other: str) -> Node:
    return record.get(name if record.has(name) else other)


def _ran(record: Node, span: Span) -> Call:
    value, told, failed = provider.result_of(record.get("output"))
    failed = failed or record.peek("level") == "ERROR"
    if value is None and failed:
        message = _either(record, "statusMessage", "status_message").value
        value = message if isinstance(message, str) else None
    args, invalid = provider.given(record.get("input"))
    metadata = provider.decoded(record.get("metadata"))
    ids = [metadata.peek(key) for key in _IDS]
    id = next((found for found in ids if isinstance(found, str) and found), told)
    tool = record.name_at("name", "the name of the tool")
    return Call(tool, args, id, value, failed, span.started_at, span.ended_at, invalid)
