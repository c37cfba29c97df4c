"""OpenInference: spans of Arize Phoenix and its instrumentations, in OTLP/JSON.

Decides what a span tells of calls. Messages stand in attributes whose names count them out
(``llm.output_messages.0.message.tool_calls.1.tool_call.id``); a ``TOOL`` span mostly lacks the id of
its call, which a result that is a message names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments, history, otlp, provider
from fuzzharness.traces.assembly import assemble
from fuzzharness.traces.history import Histories, Unread
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.otlp import Attributes, Traced
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.span import Chat, Execution, Message, Part, Span

name = "openinference"

_KIND = "openinference.span.kind"
_PUT_OUT, _GIVEN = "llm.output_messages", "llm.input_messages"


def fit(record: Node) -> Fit:
    """Certain by the kind that each of its spans bears, possible for other spans."""
    if not otlp.is_export(record):
        return Fit.NO
    return Fit.CERTAIN if _KIND in otlp.names(record) else Fit.POSSIBLE


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of a recording; see :class:`fuzzharness.traces.reader.Reader`."""

    def read(node: Node, histories: Histories) -> list[Part]:
        return _parts(otlp.traced(node), leniency, histories)

    return assemble(otlp.spans(records, leniency), read, leniency)


def execution(traced: Traced) -> Execution | None:
    """The run of a call that the span is, or None. Raises :class:`TraceError`."""
    if traced.attributes.text(_KIND) != "TOOL":
        return None
    span = traced.span()
    return Execution(span, _ran(traced, span))


def _parts(traced: Traced, leniency: Leniency, histories: Histories) -> list[Part]:
    """What one span tells. Raises :class:`TraceError`."""
    kind = traced.attributes.text(_KIND)
    span = traced.span(kind == "AGENT")
    if kind == "TOOL":
        return [Execution(span, _ran(traced, span))]
    if kind != "LLM":
        return [span]
    found: list[Part] = [span, Chat(span)]
    for index, message in _unfolded(traced.attributes, _PUT_OUT, _below(traced, _PUT_OUT)):
        found.append(Message(span, provider.calls(message, leniency), index))
    histories.begin()
    for index, message in _given(traced, span, histories):
        found += history.parts(span, Unread(index, [message]), histories, leniency)
    histories.keep()
    return found


def _given(traced: Traced, span: Span, histories: Histories) -> list[tuple[int, Node]]:
    """What is new of what the span was given: the attributes from the first that was not read before."""
    attributes, names = traced.attributes, _below(traced, _GIVEN)
    known = histories.items(span, _GIVEN, [(name, attributes.found[name]) for name in names])
    read, new = ({name.split(".", 3)[2] for name in part} for part in (names[:known], names[known:]))
    return list(_unfolded(attributes, _GIVEN, names[known:] if read.isdisjoint(new) else names))


def _below(traced: Traced, prefix: str) -> list[str]:
    start = f"{prefix}."
    return [name for name in traced.attributes.found if name.startswith(start)]


def _unfolded(attributes: Attributes, prefix: str, names: list[str]) -> Iterator[tuple[int, Node]]:
    """The messages that the attributes ``names``, all below ``prefix``, count out, with their numbers."""
    tree: dict[str, Any] = {}
    for name in names:
        _put(tree, name[len(prefix) + 1 :].split("."), attributes.value(name))
    for number, message in _counted(tree):
        yield number, Node(_message(message.get("message")), attributes.place, f"{prefix}.{number}")


def _put(tree: dict[str, Any], way: list[str], value: Any) -> None:
    for step in way[:-1]:
        inner = tree.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[way[-1]] = value


def _counted(tree: Any) -> list[tuple[int, dict[str, Any]]]:
    """The items that ``tree`` numbers from 0, those that are objects."""
    items = tree.items() if isinstance(tree, dict) else ()
    numbered = [(int(key), item) for key, item in items if key.isdecimal() and key.isascii()]
    return sorted((pair for pair in numbered if isinstance(pair[1], dict)), key=lambda pair: pair[0])


def _message(found: Any) -> dict[str, Any]:
    """A message with its calls in a list, and its contents where these are the calls or the results."""
    message: dict[str, Any] = dict(found) if isinstance(found, dict) else {}
    calls = [item.get("tool_call") for _, item in _counted(message.pop("tool_calls", None))]
    blocks = [item.get("message_content") for _, item in _counted(message.pop("contents", None))]
    if calls:
        message["tool_calls"] = calls
    if blocks:
        message["content"] = [_block(block) for block in blocks if isinstance(block, dict)]
    return message


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """A block of an ordered message, whose call stands in a member of its own."""
    call = block.get("tool_call")
    if block.get("type") != "tool_use" or not isinstance(call, dict):
        return block
    return {**call, "type": "tool_use"}


def _ran(traced: Traced, span: Span) -> Call:
    attributes = traced.attributes
    args, invalid = _arguments(attributes.first("input.value", "tool.parameters"))
    value, told, failed = provider.result_of(attributes.value("output.value"))
    id = attributes.text("tool.id") or attributes.text("tool_call.id") or told
    if value is None and traced.failed:
        value = traced.complaint
    tool = attributes.get(attributes.has("tool.name", "tool_call.function.name"))
    name = (traced.node.get("name") if tool.absent else tool).name("the name of the tool")
    return Call(name, args, id, value, failed or traced.failed, span.started_at, span.ended_at, invalid)


def _arguments(value: Any) -> arguments.Arguments:
    """The arguments, which may stand in an object with ``kwargs`` or be one bare string."""
    args, invalid = provider.given(value)
    inner = (args or {}).get("kwargs")
    if isinstance(inner, dict) and args is not None and set(args) <= {"args", "kwargs"}:
        return arguments.Arguments(inner)
    return arguments.Arguments(args, invalid)
