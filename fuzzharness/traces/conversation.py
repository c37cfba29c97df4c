"""Conversation: which records of a recording belong together.

Decides how documents unfold into records (messages, for most formats). Never looks into a record,
so it knows no recording format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node

Record = tuple[int, Node]
"""The number of a conversation, and a record of it."""


def records(documents: Iterable[Node], leniency: Leniency) -> Iterator[Record]:
    """The records of all conversations, in order.

    An object with ``messages`` is a conversation. A list is one, unless all its items are lists or
    such objects: then each of them is. Documents that are neither are the records of one. Raises
    :class:`TraceError` where ``messages`` is no list; lenient reading leaves that conversation out.
    """
    for number, conversation in enumerate(_conversations(documents, leniency)):
        for node in conversation:
            yield number, node


def _conversations(documents: Iterable[Node], leniency: Leniency) -> Iterator[Iterable[Node]]:
    for whole, run in groupby(documents, key=_is_whole):
        if not whole:
            yield (record for document in run for record in _records(document))
            continue
        for parts in leniency.each(_parts, run):
            if parts and all(_is_whole(part) for part in parts):
                yield from _conversations(parts, leniency)
            else:
                yield parts


def _is_whole(document: Node) -> bool:
    return _wraps(document) or (isinstance(document.value, list) and not _is_array(document))


def _is_array(document: Node) -> bool:
    """Whether ``document`` is an array of JSON-RPC messages, which stand among others in a log."""
    items = document.value if isinstance(document.value, list) else []
    return bool(items) and all(isinstance(item, dict) and "jsonrpc" in item for item in items)


def _records(document: Node) -> list[Node]:
    return document.items() if isinstance(document.value, list) else [document]


def _wraps(document: Node) -> bool:
    value = document.value
    if not isinstance(value, dict) or "messages" not in value:
        return False
    return value["messages"] is not None and value.get("role") is None


def _parts(document: Node) -> list[Node]:
    if _wraps(document):
        return document.get("messages").items("the list of messages")
    return document.items()
