"""Arguments: what a call was recorded with, as an object or as text.

Decides when recorded arguments are usable: only a JSON object is. Never refuses a recording.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fuzzharness.traces.document import parse_object
from fuzzharness.traces.node import MISSING, Node


class Arguments(NamedTuple):
    """``args`` where the recording has a JSON object, else ``invalid`` with the recorded text."""

    args: dict[str, Any] | None
    invalid: str | None = None


def from_text(text: str) -> Arguments:
    """The arguments that ``text`` holds as JSON."""
    args = parse_object(text)
    return Arguments(None, text) if args is None else Arguments(args)


def from_value(value: Any) -> Arguments:
    """The arguments ``value``, JSON already read."""
    if isinstance(value, dict):
        return Arguments(value)
    return Arguments(None, value if isinstance(value, str) else json.dumps(value))


def at(node: Node, member: str) -> Arguments:
    """As :func:`from_node` of the ``member`` of the object at ``node``."""
    value = node.value.get(member)
    return from_text(value) if isinstance(value, str) else from_node(node.get(member))


def from_node(node: Node) -> Arguments:
    """The arguments at ``node``, JSON in a string or already read. Raises :class:`TraceError` if missing."""
    if node.value is MISSING:
        raise node.refuse("the arguments of the call, an object or JSON in a string")
    return from_text(node.value) if isinstance(node.value, str) else from_value(node.value)
