"""Conversation: which records of a recording belong together.

Decides how documents unfold into records (messages, for most formats). Never looks into a record,
so it knows no recording format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node


def conversations(documents: Iterable[Node], leniency: Leniency) -> Iterator[list[Node]]:
    """The records of each conversation, in order.

    An object with ``messages`` is a conversation. A list is one, unless all its items are lists or
    such objects: then each of them is. Documents that are neither are the records of one. Raises
    :class:`TraceError` where ``messages`` is no list; lenient reading leaves that conversation out.
    """
    for whole, run in groupby(documents, key=_is_whole):
        if not whole:
            yield [record for document in run for record in _records(document)]
            continue
        for parts in leniency.each(_parts, run):
            if parts and all(_is_whole(part) for part in parts):
                yield from conversations(parts, leniency)
            else:
                yield parts


def _is_whole(document: Node) -> bool:
    return (isinstance(document.value, list) and not _is_array(document)) or _wraps(document)


def _is_array(document: Node) -> bool:
    """Whether ``document`` is an array of JSON-RPC messages, which stand among others in a log."""
    items = document.value if isinstance(document.value, list) else []
    return bool(items) and all(isinstance(item, dict) and "jsonrpc" in item for item in items)


def _records(document: Node) -> list[Node]:
    return document.items() if isinstance(document.value, list) else [document]


def _wraps(document: Node) -> bool:
    return document.get("role").absent and not document.get("messages").absent


def _parts(document: Node) -> list[Node]:
    if _wraps(document):
        return document.get("messages").items("the list of messages")
    return document.items()
