"""Conversation: which records of a recording belong together.

Decides how documents unfold into records (messages, for most formats). Never looks into a record,
so it knows no recording format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node


class Conversation(NamedTuple):
    """A conversation by its number; ``whole`` where it is one JSON list of messages."""

    number: int
    whole: bool


Record = tuple[Conversation, Node]
"""A conversation, and a record of it."""


def records(documents: Iterable[Node], leniency: Leniency) -> Iterator[Record]:
    """The records of all conversations, in order.

    An object with ``messages`` is a conversation. A list is one, unless all its items are lists or
    such objects: then each of them is. Documents that are neither are the records of one. Raises
    :class:`TraceError` where ``messages`` is no list; lenient reading leaves that conversation out.
    """
    for number, (whole, nodes) in enumerate(_conversations(documents, leniency)):
        conversation = Conversation(number, whole)
        for node in nodes:
            yield conversation, node


def _conversations(documents: Iterable[Node], leniency: Leniency) -> Iterator[tuple[bool, Iterable[Node]]]:
    for whole, run in groupby(documents, key=_is_whole):
        if not whole:
            yield False, (record for document in run for record in _records(document))
            continue
        for parts in leniency.each(_parts, run):
            if parts and all(_is_whole(part) for part in parts):
                yield from _conversations(parts, leniency)
            else:
                yield all(part.peek("role") is not MISSING for part in parts), parts


def _is_whole(document: Node) -> bool:
    value = document.value
    if isinstance(value, dict):
        return "messages" in value and _wraps(document)
    return isinstance(value, list) and not _is_array(value)


def _is_array(items: list[Any]) -> bool:
    """Whether ``items`` are an array of JSON-RPC messages, which stand among others in a log."""
    return bool(items) and all(isinstance(item, dict) and "jsonrpc" in item for item in items)


def _records(document: Node) -> list[Node]:
    return document.items() if isinstance(document.value, list) else [document]


def _wraps(document: Node) -> bool:
    """Whether an object is no message of its own, but holds some."""
    return document.peek("messages") not in (None, MISSING) and document.peek("role") in (None, MISSING)


def _parts(document: Node) -> list[Node]:
    if _wraps(document):
        return document.get("messages").items("the list of messages")
    return document.items()
