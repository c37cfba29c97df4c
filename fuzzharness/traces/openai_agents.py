"""OpenAI Agents SDK: spans as its trace exporter writes them, one a line or in a list.

Decides what a span tells of calls. ``function`` spans run them without naming the id, so that the
calls of a batch are those after one answer of the model; the ``generation`` spans of Chat
Completions keep the message, which then tells ids and order, the ``response`` spans keep nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from fuzzharness.model import Batch, Call
from fuzzharness.traces import history, provider
from fuzzharness.traces.assembly import assemble
from fuzzharness.traces.history import Histories, Unread
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.span import Chat, Execution, Part, Span
from fuzzharness.traces.times import moment_at

name = "openai-agents-trace"

_MODELS = ("generation", "response")


def fit(record: Node) -> Fit:
    """Certain by the kind of object that only this exporter writes."""
    return Fit.CERTAIN if record.get("object").value in ("trace", "trace.span") else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of a recording; see :class:`fuzzharness.traces.reader.Reader`."""

    def parts(record: Node, histories: Histories) -> list[Part]:
        return _parts(record.object("a trace or a span, an object"), leniency, histories)

    return assemble(records, parts, leniency)


def _parts(record: Node, leniency: Leniency, histories: Histories) -> list[Part]:
    if record.peek("object") != "trace.span":
        record.get("object").one_of(("trace", "trace.span"), "the kind of the object")
        return []
    data = record.get("span_data").object("the data of the span, an object")
    kind = data.name_at("type", "the type of the span")
    span = _span(record, kind == "agent")
    if kind == "function":
        return [Execution(span, _ran(record, data, span))]
    if kind not in _MODELS:
        return [span]
    if kind != "generation":
        return [span, Chat(span)]
    put_out, given = _messages(data.get("output")), partial(_given, data, span, histories)
    return [span, Chat(span), *history.chat(span, put_out, given, histories, leniency)]


def _messages(node: Node) -> list[Node]:
    return [] if node.absent else provider.messages(node)


def _given(data: Node, span: Span, histories: Histories) -> Unread:
    """What is new in the input, if there is one."""
    return histories.messages(span, "input", data.get("input")) if data.has("input") else Unread(0, [])


def _span(record: Node, agent: bool) -> Span:
    return Span(
        record.name_at("trace_id", "the id of the trace"),
        record.name_at("id", "the id of the span"),
        record.name_at("parent_id", "the id of the parent span") if record.has("parent_id") else None,
        moment_at(record, "started_at", "the start of the span"),
        moment_at(record, "ended_at", "the end of the span"),
        agent,
    )


def _ran(record: Node, data: Node, span: Span) -> Call:
    tool = data.name_at("name", "the name of the tool")
    args, invalid = provider.given(data.peek("input"))
    failed, value = record.has("error"), data.value.get("output")
    if failed and value is None:
        message = record.get("error").peek("message")
        value = None if message is MISSING else message
    return Call(tool, args, None, value, failed, span.started_at, span.ended_at, invalid)
