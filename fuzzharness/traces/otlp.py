"""OTLP: spans of OpenTelemetry in OTLP/JSON, as the file exporter of the collector writes them.

Decides how an export unfolds into spans and how its typed values become plain ones: 64-bit integers
are texts, ids are hex. Read by hand, since protobuf's own JSON reader takes the hex for base64. Knows
no attribute by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.span import Span
from fuzzharness.traces.times import nanoseconds_at

ERROR = 2
"""The code of the status of a span that failed."""


class Attributes(NamedTuple):
    """The attributes of a span or event, ``owner``, by name, decoded as they are asked for."""

    owner: Node
    found: dict[str, Any]

    @property
    def place(self) -> Node:
        """The list of the attributes."""
        return self.owner.get("attributes")

    def value(self, name: str) -> Any:
        """The value of the attribute ``name``; :data:`MISSING` where there is none.

        Raises :class:`TraceError` where it is no value of OTLP.
        """
        wrapped = self.found.get(name, MISSING)
        if isinstance(wrapped, dict) and len(wrapped) == 1 and "stringValue" in wrapped:
            return wrapped["stringValue"]
        return MISSING if wrapped is MISSING else plain(Node(wrapped, self.place, name))

    def get(self, name: str) -> Node:
        """The value of the attribute ``name``, as :meth:`value`, with its place."""
        return Node(self.value(name), self.place, name)

    def first(self, *names: str) -> Any:
        """The value of the first of these attributes that there is."""
        return self.value(self.has(*names))

    def has(self, *names: str) -> str:
        """Which of these attributes there is, the first where there is none."""
        for name in names:
            if name in self.found:
                return name
        return names[0]

    def text(self, name: str) -> str | None:
        """The attribute ``name`` where it is a text that is not empty."""
        value = self.value(name)
        return value if isinstance(value, str) and value else None


class Traced(NamedTuple):
    """One span of an export: where it stands in the file, and its attributes."""

    node: Node
    attributes: Attributes

    def span(self, agent: bool = False) -> Span:
        """Its place among the others. Raises :class:`TraceError` where ids or times are missing."""
        node = self.node
        parent = node.peek("parentSpanId")
        return Span(
            node.name_at("traceId", "the id of the trace"),
            node.name_at("spanId", "the id of the span"),
            parent if isinstance(parent, str) and parent else None,
            nanoseconds_at(node, "startTimeUnixNano", "the start of the span"),
            nanoseconds_at(node, "endTimeUnixNano", "the end of the span"),
            agent,
        )

    @property
    def failed(self) -> bool:
        """Whether its status is an error."""
        status = self.node.peek("status")
        return isinstance(status, dict) and status.get("code") in (ERROR, "STATUS_CODE_ERROR")

    @property
    def complaint(self) -> str | None:
        """What its status, or else its exception, says went wrong."""
        said = self.node.get("status").get("message").value
        told = [event.attributes.text("exception.message") for event in events(self.node)]
        return next((text for text in (said, *told) if isinstance(text, str) and text), None)


class Event(NamedTuple):
    """One event of a span."""

    name: str
    attributes: Attributes


def is_export(record: Node) -> bool:
    """Whether ``record`` looks like one export of spans."""
    return isinstance(record.get("resourceSpans").value, list)


def names(record: Node) -> Iterator[str]:
    """The names of all attributes and events in ``record``; what is malformed has none."""
    for node in _raw(record):
        for key in ("attributes", "events"):
            for part in _items(node.get(key)):
                name = part.get("key" if key == "attributes" else "name").value
                if isinstance(name, str):
                    yield name


def spans(records: Iterable[Node], leniency: Leniency) -> Iterator[Node]:
    """The spans in ``records``, one export each. Raises :class:`TraceError` where a list is none."""
    for export in leniency.each(_spans, records):
        yield from export


def _spans(record: Node) -> list[Node]:
    return list(_in_export(record))


def _in_export(record: Node) -> Iterator[Node]:
    for resource in record.get("resourceSpans").items("the list of resourceSpans"):
        scopes = resource.object("the spans of a resource, an object").get("scopeSpans")
        if scopes.absent:
            scopes = resource.get("instrumentationLibrarySpans")
        for scope in [] if scopes.absent else scopes.items("the list of scopeSpans"):
            found = scope.object("the spans of a scope, an object").get("spans")
            yield from [] if found.absent else found.items("the list of spans")


def traced(node: Node) -> Traced:
    """The span at ``node`` with its attributes. Raises :class:`TraceError`."""
    return Traced(node.object("a span, an object"), attributes(node))


def attributes(node: Node) -> Attributes:
    """The attributes of the span or event at ``node``. Raises :class:`TraceError`."""
    given = node.value.get("attributes")
    if given is None:
        return Attributes(node, {})
    if not isinstance(given, list):
        raise node.get("attributes").refuse("the list of attributes")
    try:
        found = {pair["key"]: pair.get("value") for pair in given}
        "".join(found)  # which only texts can be
    except (TypeError, KeyError, AttributeError):
        what = "attributes, each an object with a key, a text, and a value"
        raise node.get("attributes").refuse(what) from None
    return Attributes(node, found)


def events(node: Node, names: Collection[str] = ()) -> list[Event]:
    """The events of the span at ``node``, of these ``names`` or else all. Raises :class:`TraceError`."""
    listed = node.get("events")
    if listed.absent:
        return []
    if not isinstance(listed.value, list):
        raise listed.refuse("the list of events")
    found = []
    for n, event in enumerate(listed.value):
        name = event.get("name") if isinstance(event, dict) else None
        if not isinstance(name, str):
            Node(event, listed, n).object("an event, an object").get("name").text("the name of the event")
        elif not names or name in names:
            found.append(Event(name, attributes(Node(event, listed, n))))
    return found


def plain(node: Node) -> Any:
    """The value that an OTLP value stands for; None for an empty one. Raises :class:`TraceError`."""
    value = node.value
    if value is None or value == {}:
        return None
    if not isinstance(value, dict) or len(value) != 1:
        raise node.refuse("a value of OTLP, an object with stringValue or another kind")
    (kind,) = value
    if kind in _PLAIN:
        return value[kind]
    read = _KINDS.get(kind)
    if read is None:
        raise node.refuse(f"a value of OTLP, one of {', '.join(_KINDS)}")
    return read(node.get(kind))


def _whole(node: Node) -> int:
    try:
        if isinstance(node.value, (str, int)) and not isinstance(node.value, bool):
            return int(node.value)
    except ValueError:
        pass
    raise node.refuse("a whole number, or its digits")


def _as_is(node: Node) -> Any:
    return node.value


def _list(node: Node) -> list[Any]:
    values = node.get("values")
    return [] if values.absent else [plain(value) for value in values.items("the values of a list")]


def _mapping(node: Node) -> dict[str, Any]:
    values = node.get("values")
    pairs = [] if values.absent else values.items("the pairs of a mapping")
    return {pair.get("key").text("the key of a pair"): plain(pair.get("value")) for pair in pairs}


_PLAIN = {"stringValue", "boolValue", "doubleValue", "bytesValue"}
_KINDS = {
    "stringValue": _as_is,
    "boolValue": _as_is,
    "intValue": _whole,
    "doubleValue": _as_is,
    "bytesValue": _as_is,
    "arrayValue": _list,
    "kvlistValue": _mapping,
}


def _raw(record: Node) -> Iterator[Node]:
    for resource in _items(record.get("resourceSpans")):
        for place in ("scopeSpans", "instrumentationLibrarySpans"):
            for scope in _items(resource.get(place)):
                yield from _items(scope.get("spans"))


def _items(node: Node) -> list[Node]:
    return node.items() if isinstance(node.value, list) else []
