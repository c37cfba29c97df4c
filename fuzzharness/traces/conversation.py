"""Conversation: which records of a recording belong together.

Decides how documents unfold into records (messages, for most formats). Never looks into a record,
so it knows no recording format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node

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
            yield run
            continue
        for parts in leniency.each(_parts, run):
            if parts and all(_is_whole(part) for part in parts):
                yield from _conversations(parts, leniency)
            else:
                yield parts


def _is_whole(document: Node) -> bool:
    value = document.value
    if isinstance(value, dict):
        return "messages" in value and _wraps(document)
    return isinstance(value, list)


def _wraps(document: Node) -> bool:
    """Whether an object is no message of its own, but holds some."""
    return document.peek("messages") not in (None, MISSING) and document.peek("role") in (None, MISSING)


def _parts(document: Node) -> list[Node]:
    if _wraps(document):
        return document.get("messages").items("the list of messages")
    return document.items()
