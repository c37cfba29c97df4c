"""OpenTelemetry GenAI: spans that bear ``gen_ai.…`` attributes, in OTLP/JSON.

Decides what a span tells of calls: ``gen_ai.output.messages`` of a model's span asks for them,
``execute_tool`` spans run them, ``gen_ai.input.messages`` repeats both. Reads the events of the
conventions up to 1.36 too (:mod:`fuzzharness.traces.otel_events`), pydantic-ai's history, and the
``ai.toolCall`` spans of the Vercel AI SDK.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fuzzharness.model import Batch, Call
from fuzzharness.traces import otel_events, otlp, provider
from fuzzharness.traces.assembly import assemble
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.otlp import Traced
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.span import Chat, Execution, Message, Part, Span, Told

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

    def read(node: Node) -> Iterator[Part]:
        return parts(otlp.traced(node), leniency)

    return assemble(otlp.spans(records, leniency), read, leniency)


def parts(traced: Traced, leniency: Leniency) -> Iterator[Part]:
    """What one span tells. Raises :class:`TraceError`."""
    span = traced.span(_operation(traced) in _AGENTS)
    if _runs(traced):
        yield Execution(span, _ran(traced, span))
        return
    yield span
    if _operation(traced) in _MODELS:
        yield Chat(span)
    for index, message in enumerate(_messages(traced, _PUT_OUT)):
        yield Message(span, provider.calls(message, leniency), index)
    for index, message in enumerate(_messages(traced, _GIVEN)):
        yield from _repeated(span, index, message, leniency)
    yield from otel_events.parts(span, traced, leniency)


def _operation(traced: Traced) -> str | None:
    operation = traced.attributes.text("gen_ai.operation.name")
    vercel = traced.attributes.text("ai.operationId") or ""
    return "chat" if operation is None and vercel.endswith((".doGenerate", ".doStream")) else operation


def _runs(traced: Traced) -> bool:
    if _operation(traced) == "execute_tool" or traced.attributes.text("ai.toolCall.name"):
        return True
    named = traced.node.get("name").value
    return isinstance(named, str) and named.startswith("running tool: ")


def _messages(traced: Traced, names: tuple[str, ...]) -> list[Node]:
    values = [traced.attributes.get(found) for found in names if found in traced.attributes.found]
    return [message for value in values if not value.absent for message in provider.messages(value)]


def _repeated(span: Span, index: int, message: Node, leniency: Leniency) -> Iterator[Part]:
    yield Message(span, provider.calls(message, leniency), index, history=True)
    for answer in provider.answers(message):
        yield Told(span, answer)


def _ran(traced: Traced, span: Span) -> Call:
    """The call that an ``execute_tool`` span ran; arguments and result are recorded on request only."""
    attributes = traced.attributes
    args, invalid = otel_events.given(traced) or provider.given(attributes.first(*_ARGUMENTS))
    result = attributes.first(*_RESULT)
    value = otel_events.result(traced) if result.absent else provider.payload(result.value)
    if value is None and traced.failed:
        value = traced.complaint
    failed = traced.failed or attributes.text("error.type") is not None
    id = attributes.text(attributes.has(*_ID))
    return Call(_tool(traced), args, id, value, failed, span.started_at, span.ended_at, invalid)


def _tool(traced: Traced) -> str:
    named = traced.node.get("name").value
    found = traced.attributes.first(*_TOOL)
    for prefix in ("execute_tool ", "running tool: ") if found.absent and isinstance(named, str) else ():
        if named.startswith(prefix) and len(named) > len(prefix):
            return str(named).removeprefix(prefix)
    return found.name("the name of the tool")
