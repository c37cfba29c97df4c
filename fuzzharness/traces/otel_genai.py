"""OpenTelemetry GenAI: spans that bear ``gen_ai.…`` attributes, in OTLP/JSON.

Decides what a span tells of calls: ``gen_ai.output.messages`` of a model's span asks for them,
``execute_tool`` spans run them, ``gen_ai.input.messages`` repeats both. Reads the events of the
conventions up to 1.36 too (:mod:`fuzzharness.traces.otel_events`), pydantic-ai's history, and the
``ai.toolCall`` spans of the Vercel AI SDK.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fuzzharness.model import Batch, Call
from fuzzharness.traces import history, otel_events, otlp, provider
from fuzzharness.traces.assembly import assemble
from fuzzharness.traces.history import Histories, Unread
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.otlp import Traced
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.span import Chat, Execution, Message, Part, Span

name = "otel-genai"

_MODELS = ("chat", "text_completion", "generate_content")
_AGENTS = ("invoke_agent", "create_agent")
_PUT_OUT = ("gen_ai.output.messages", "ai.response.toolCalls")
_GIVEN = ("gen_ai.input.messages", "pydantic_ai.all_messages")
_TOOL = ("gen_ai.tool.name", "ai.toolCall.name")
_ID = ("gen_ai.tool.call.id", "ai.toolCall.id")
_ARGUMENTS = ("gen_ai.tool.call.arguments", "tool_arguments", "ai.toolCall.args", "ai.toolCall.input")
_RESULT = ("gen_ai.tool.call.result", "tool_response", "ai.toolCall.result", "ai.toolCall.output")


def fit(record: Node) -> Fit:
    """Certain by a ``gen_ai.…`` or ``ai.toolCall…`` attribute or event, possible for other spans."""
    if not otlp.is_export(record):
        return Fit.NO
    own = any(found.startswith(("gen_ai.", "ai.toolCall.")) for found in otlp.names(record))
    return Fit.CERTAIN if own else Fit.POSSIBLE


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of a recording; see :class:`fuzzharness.traces.reader.Reader`."""

    def read(node: Node, histories: Histories) -> list[Part]:
        return _parts(otlp.traced(node), leniency, histories)

    return assemble(otlp.spans(records, leniency), read, leniency)


def execution(traced: Traced) -> Execution | None:
    """The run of a call that the span is, or None. Raises :class:`TraceError`."""
    operation = _operation(traced)
    if not _runs(traced, operation):
        return None
    span = traced.span(operation in _AGENTS)
    return Execution(span, _ran(traced, span))


def _parts(traced: Traced, leniency: Leniency, histories: Histories) -> list[Part]:
    """What one span tells. Raises :class:`TraceError`."""
    operation = _operation(traced)
    span = traced.span(operation in _AGENTS)
    if _runs(traced, operation):
        return [Execution(span, _ran(traced, span))]
    found: list[Part] = [span, Chat(span)] if operation in _MODELS else [span]
    for index, message in enumerate(_put_out(traced)):
        found.append(Message(span, provider.calls(message, leniency), index))
    histories.begin()
    for unread in _given(traced, span, histories):
        found += history.parts(span, unread, histories, leniency)
    found += otel_events.parts(span, traced, leniency, histories)
    histories.keep()
    return found


def _operation(traced: Traced) -> str | None:
    operation = traced.attributes.text("gen_ai.operation.name")
    if operation is None:
        vercel = traced.attributes.text("ai.operationId") or ""
        return "chat" if vercel.endswith((".doGenerate", ".doStream")) else None
    return operation


def _runs(traced: Traced, operation: str | None) -> bool:
    if operation == "execute_tool" or traced.attributes.text("ai.toolCall.name"):
        return True
    named = traced.node.peek("name")
    return isinstance(named, str) and named.startswith("running tool: ")


def _put_out(traced: Traced) -> list[Node]:
    values = [traced.attributes.get(name) for name in _PUT_OUT if name in traced.attributes.found]
    return [message for value in values if not value.absent for message in provider.messages(value)]


def _given(traced: Traced, span: Span, histories: Histories) -> Iterator[Unread]:
    """What is new of what the span was given; the attributes are counted through."""
    before = 0
    for name in _GIVEN:
        value = traced.attributes.get(name) if name in traced.attributes.found else None
        if value and not value.absent:
            start, messages = histories.messages(span, name, value)
            yield Unread(before + start, messages)
            before += start + len(messages)


def _ran(traced: Traced, span: Span) -> Call:
    """The call that an ``execute_tool`` span ran; arguments and result are recorded on request only."""
    attributes, told = traced.attributes, otel_events.told_by(traced)
    args, invalid = otel_events.given(told) or provider.given(attributes.first(*_ARGUMENTS))
    result = attributes.get(attributes.has(*_RESULT))
    value = otel_events.result(told) if result.absent else provider.payload(result.value)
    if value is None and traced.failed:
        value = traced.complaint
    failed = traced.failed or attributes.text("error.type") is not None
    id = attributes.text(attributes.has(*_ID))
    return Call(_tool(traced), args, id, value, failed, span.started_at, span.ended_at, invalid)


def _tool(traced: Traced) -> str:
    named = traced.node.peek("name")
    found = traced.attributes.get(traced.attributes.has(*_TOOL))
    for prefix in ("execute_tool ", "running tool: ") if found.absent and isinstance(named, str) else ():
        if named.startswith(prefix) and len(named) > len(prefix):
            return str(named).removeprefix(prefix)
    return found.name("the name of the tool")
