"""Conversation: which records of a recording belong together.

Decides how documents unfold into records (messages, for most formats): lists, histories, requests with
their responses. Never looks into a record, so it knows no recording format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node

_ALTERNATIVES = ("choices", "candidates")
_AUTHORED = ("role", "parts")
_NOT_READ = "Log the whole response as the API returns it, or export the session as a list of messages."


class Conversation(NamedTuple):
    """A conversation by its number; ``whole`` where it is one JSON list of messages."""

    number: int
    whole: bool


Record = tuple[Conversation, Node]
"""A conversation, and a record of it."""


def records(documents: Iterable[Node], leniency: Leniency) -> Iterator[Record]:
    """The records of all conversations, in order.

    An object with ``messages`` (or ``contents``), in itself or in its ``request``, is a conversation; where
    the ``response`` stands beside them it is the last record. A list is one, unless all its items are lists
    or such objects: then each of them is. Documents that are neither are the records of one. Raises
    :class:`TraceError` where ``messages`` is no list or ``response`` is one; lenient reading leaves that
    conversation out.
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
        for parts, response in leniency.each(_parts, run):
            if parts and not response and all(_is_whole(part) for part in parts):
                yield from _conversations(parts, leniency)
            else:
                yield all(map(_is_authored, parts)), parts + response


def _is_whole(document: Node) -> bool:
    value = document.value
    if isinstance(value, dict):
        held = "messages" in value or "request" in value or "contents" in value
        return held and _history(document) is not None
    return isinstance(value, list) and not _is_array(value)


def _is_array(items: list[Any]) -> bool:
    """Whether ``items`` are an array of JSON-RPC messages, which stand among others in a log."""
    return bool(items) and all(isinstance(item, dict) and "jsonrpc" in item for item in items)


def _is_authored(part: Node) -> bool:
    return any(part.peek(member) is not MISSING for member in _AUTHORED)


def _records(document: Node) -> list[Node]:
    return document.items() if isinstance(document.value, list) else [document]


def _history(document: Node) -> Node | None:
    """The messages that an object holds, if it is no message of its own."""
    if document.has("role"):
        return None
    request = document.get("request")
    for asked in (document, request, request.get("body")):
        if asked.has("messages"):
            return asked.get("messages")
        if isinstance(asked.peek("contents"), list):
            return asked.get("contents")
    return None


def _parts(document: Node) -> tuple[list[Node], list[Node]]:
    """The messages of ``document``, and the response that it holds beside them, if any."""
    history = _history(document)
    if history is None:
        return document.items(), []
    return history.items("the list of messages"), _response(document)


def _response(document: Node) -> list[Node]:
    """What came back, of which the format knows what it is; a text, an error and the like hold no call."""
    if _is_open(document):
        return [document]
    response = document.get("response")
    if isinstance(response.value, list) and response.value:
        raise response.refuse("a response, an object", _NOT_READ)
    answers = (response, response.get("body"))
    return next(([answer] for answer in answers if _is_open(answer) or _is_message(answer)), [])


def _is_open(node: Node) -> bool:
    """Whether ``node`` holds alternatives of one message."""
    return any(isinstance(node.peek(member), list) for member in _ALTERNATIVES)


def _is_message(node: Node) -> bool:
    return node.has("role") or (node.has("type") and node.has("content"))
