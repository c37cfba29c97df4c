"""Content: a message's or a result's text, plain or in typed blocks.

Decides what may stand under ``content`` in formats that type their blocks. Knows no single format.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fuzzharness.errors import TraceError
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node

_CONTENT = "text, or a list of content blocks"


def blocks(content: Node) -> list[Node]:
    """The blocks of ``content``; none where it is text, null or missing.

    Raises :class:`TraceError` where it is anything else.
    """
    if content.absent or isinstance(content.value, str):
        return []
    return content.items(_CONTENT)


def block(node: Node) -> Node:
    """``node``, made sure to be an object with a ``type``. Raises :class:`TraceError`."""
    if not block_type(node):
        node.object("a content block, an object with a type").get("type").name("the type of the block")
    return node


def of_type(kind: str, content: Node, leniency: Leniency) -> list[Node]:
    """The blocks of ``content`` with that ``type``, all being made sure to be blocks."""
    if not isinstance(content.value, list):
        return blocks(content)
    found = []
    for n, item in enumerate(content.value):
        stated = item.get("type") if isinstance(item, dict) else None
        if not stated or not isinstance(stated, str):
            try:
                block(Node(item, content, n))
            except TraceError:
                leniency.leave_out()
        elif stated == kind:
            found.append(Node(item, content, n))
    return found


def block_type(node: Node) -> str | None:
    """The ``type`` of a block, or None where there is none that is a string."""
    value = node.peek("type")
    return value if isinstance(value, str) else None


def only(content: Node, types: Collection[str]) -> bool:
    """Whether ``content`` is text, null, missing, or blocks of these ``types`` alone."""
    if not isinstance(content.value, list):
        return content.absent or isinstance(content.value, str)
    return all(block_type(node) in types for node in content.items())


def payload_at(node: Node, member: str) -> Any:
    """As :func:`payload` of the ``member`` of the object at ``node``."""
    value = node.value.get(member)
    return value if isinstance(value, str) else payload(node.get(member))


def payload(content: Node, text: Collection[str] = ("text",)) -> Any:
    """What a result holds: its text, its text blocks joined, or else its blocks as recorded.

    ``text`` are the types of the blocks that hold text. None where there is no content. Raises
    :class:`TraceError` where it is of another type.
    """
    if content.absent or isinstance(content.value, str):
        return None if content.absent else content.value
    parts = [block(node) for node in content.items(_CONTENT)]
    if any(block_type(part) not in text for part in parts):
        return content.value
    return "".join(part.get("text").text("the text of the block") for part in parts)
