"""Events: what spans of the GenAI conventions up to 1.36 tell in events instead of attributes.

Decides which events ask for calls, repeat them, or bring results: ``gen_ai.choice``,
``gen_ai.assistant.message``, ``gen_ai.tool.message``. Where they stand in a list of JSON in the
attribute ``events`` (pydantic-ai), they are read from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fuzzharness.traces import arguments, provider
from fuzzharness.traces.history import Histories
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.otlp import Traced, events
from fuzzharness.traces.span import Message, Part, Span, Told

_CHOICE, _ASSISTANT, _TOOL = "gen_ai.choice", "gen_ai.assistant.message", "gen_ai.tool.message"
_NAMES = frozenset((_CHOICE, _ASSISTANT, _TOOL))
_LISTS = ("events", "all_messages_events")

ToldEvent = tuple[str, Node]
"""The name of an event, and an object of what it tells."""


def parts(span: Span, traced: Traced, leniency: Leniency, histories: Histories) -> list[Part]:
    """What the events of the span of a model, or around one, tell. Raises :class:`TraceError`."""
    told = told_by(traced)
    found: list[Part] = []
    known = histories.items(span, "events", [(name, event.value) for name, event in told if name != _CHOICE])
    for index, (name, event) in enumerate(told):
        known -= name != _CHOICE
        if name != _CHOICE and known >= 0:
            continue
        message = _message(event)
        if name in (_CHOICE, _ASSISTANT):
            repeated = name == _ASSISTANT
            calls = provider.calls(message, leniency, histories.heard if repeated else frozenset())
            found.append(Message(span, calls, index, history=repeated))
        if name in (_CHOICE, _TOOL):
            brought = event.peek("tool.result") if name == _CHOICE else message.value
            found += [Told(span, answer) for answer in provider.answers(brought)]
    return found


def given(told: Iterable[ToldEvent]) -> arguments.Arguments | None:
    """The arguments that the events of an ``execute_tool`` span tell, or None."""
    found = [event.value.get("content") for name, event in told if name == _TOOL]
    return provider.given(found[0]) if found and found[0] is not None else None


def result(told: Iterable[ToldEvent]) -> Any:
    """The result that the events of an ``execute_tool`` span tell, or None."""
    found = [event.peek("message") for name, event in told if name == _CHOICE]
    return provider.payload(provider.unpacked(found[0])) if found else None


def told_by(traced: Traced) -> list[ToldEvent]:
    """The events by name, each an object of plain values. Raises :class:`TraceError`."""
    found = []
    for name, attributes in events(traced.node, _NAMES):
        values = {name: attributes.value(name) for name in attributes.found}
        found.append((name, Node(values, attributes.owner, "attributes")))
    for place in _LISTS:
        if place in traced.attributes.found:
            listed = provider.decoded(traced.attributes.get(place))
            items = listed.items() if isinstance(listed.value, list) else []
            found += [(item.value["event.name"], item) for item in items if _is_event(item)]
    return found


def _is_event(item: Node) -> bool:
    return isinstance(item.peek("event.name"), str)


def _message(event: Node) -> Node:
    """The message of an event: in it, in its content as JSON, or the event itself."""
    value = event.value
    message = provider.unpacked(value.get("message"))
    if isinstance(message, (dict, list)):
        return Node(message, event, "message")
    calls = provider.unpacked(value.get("tool_calls"))
    if isinstance(calls, list):
        return Node(calls, event, "tool_calls")
    if isinstance(value.get("id"), str):
        return event.holding({"role": "tool", **value})
    content = provider.unpacked(value.get("content"))
    return Node(content, event, "content") if isinstance(content, list) else event
