"""Events: what spans of the GenAI conventions up to 1.36 tell in events instead of attributes.

Decides which events ask for calls, repeat them, or bring results: ``gen_ai.choice``,
``gen_ai.assistant.message``, ``gen_ai.tool.message``. Where they stand in a list of JSON in the
attribute ``events`` (pydantic-ai), they are read from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fuzzharness.traces import arguments, provider
from fuzzharness.traces.history import Histories
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.otlp import Traced, events
from fuzzharness.traces.span import Message, Part, Span, Told

_CHOICE, _ASSISTANT, _TOOL = "gen_ai.choice", "gen_ai.assistant.message", "gen_ai.tool.message"
_LISTS = ("events", "all_messages_events")


def parts(span: Span, traced: Traced, leniency: Leniency, histories: Histories) -> Iterator[Part]:
    """What the events of the span of a model, or around one, tell. Raises :class:`TraceError`."""
    told = list(_told(traced))
    known = histories.items(span, "events", [(name, event.value) for name, event in told if name != _CHOICE])
    for index, (name, event) in enumerate(told):
        known -= name != _CHOICE
        if name != _CHOICE and known >= 0:
            continue
        message = _message(event)
        if name in (_CHOICE, _ASSISTANT):
            calls = provider.calls(message, leniency)
            yield Message(span, calls, index, history=name != _CHOICE)
        if name in (_CHOICE, _TOOL):
            brought = event.get("tool.result") if name == _CHOICE else message
            yield from (Told(span, answer) for answer in provider.answers(brought))


def given(traced: Traced) -> arguments.Arguments | None:
    """The arguments that the events of an ``execute_tool`` span tell, or None."""
    found = [event.get("content") for name, event in _told(traced) if name == _TOOL]
    return provider.given(found[0]) if found and not found[0].absent else None


def result(traced: Traced) -> Any:
    """The result that the events of an ``execute_tool`` span tell, or None."""
    found = [event.get("message") for name, event in _told(traced) if name == _CHOICE]
    return provider.payload(provider.decoded(found[0]).value) if found else None


def _told(traced: Traced) -> Iterator[tuple[str, Node]]:
    """The events by name, each an object of plain values."""
    for event in events(traced.node):
        if event.name in (_CHOICE, _ASSISTANT, _TOOL):
            attributes = event.attributes
            values = {name: attributes.get(name).value for name in attributes.found}
            yield event.name, attributes.place.holding(values)
    for name in (name for name in _LISTS if name in traced.attributes.found):
        listed = provider.decoded(traced.attributes.get(name))
        for item in listed.items() if isinstance(listed.value, list) else ():
            said = item.peek("event.name")
            if isinstance(said, str):
                yield said, item


def _message(event: Node) -> Node:
    """The message of an event: in it, in its content as JSON, or the event itself."""
    inner = provider.decoded(event.get("message"))
    if isinstance(inner.value, (dict, list)):
        return inner
    content = provider.decoded(event.get("content"))
    calls = provider.decoded(event.get("tool_calls"))
    if isinstance(calls.value, list):
        return calls
    if isinstance(event.get("id").value, str):
        return event.holding({"role": "tool", **event.value})
    return content if isinstance(content.value, list) else event
