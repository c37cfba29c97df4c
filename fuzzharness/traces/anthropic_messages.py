"""Anthropic Messages: ``tool_use`` blocks of an assistant message, ``tool_result`` blocks of the user.

Decides what in such a recording is a call and what a result. Passes over calls that the provider
ran itself (``server_tool_use``, ``mcp_tool_use``): no tool of ours took part. The format has no
times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments
from fuzzharness.traces.content import block, block_type, blocks, only, payload
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.turn import Answer, Turn, join, turn

name = "anthropic-messages"

_ROLES = ("user", "assistant", "system")
_OWN = ("tool_use", "tool_result", "server_tool_use", "mcp_tool_use")
_BLOCKS = ("text", "image", "document", "search_result", "thinking", "redacted_thinking", *_OWN)


def fit(record: Node) -> Fit:
    """Certain by a block only this format has, possible for messages of text alone."""
    content = record.get("content")
    if record.get("role").value not in _ROLES or content.absent:
        return Fit.NO
    if isinstance(content.value, list) and any(block_type(node) in _OWN for node in content.items()):
        return Fit.CERTAIN
    return Fit.POSSIBLE if only(content, _BLOCKS) else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one conversation; see :class:`fuzzharness.traces.reader.Reader`."""

    def entries(record: Node) -> list[Turn | Answer]:
        return list(_entries(record, leniency))

    return join(entry for found in leniency.each(entries, records) for entry in found)


def _entries(record: Node, leniency: Leniency) -> Iterator[Turn | Answer]:
    role = record.object("a message, an object").get("role").one_of(_ROLES, "the role of a message")
    content = record.get("content")
    if content.absent:
        raise content.refuse("text, or a list of content blocks")
    found = list(leniency.each(block, blocks(content)))
    if role == "assistant":
        yield turn(call, [node for node in found if block_type(node) == "tool_use"], leniency)
    if role == "user":
        results = [node for node in found if block_type(node) == "tool_result"]
        yield from leniency.each(answer, results)


def call(node: Node) -> Call:
    """The call that a ``tool_use`` block asks for. Raises :class:`TraceError`."""
    id = node.get("id").name("the id of the call")
    given = node.get("input")
    if given.value is MISSING:
        raise given.refuse("the input of the call, an object")
    args, invalid = arguments.from_value(given.value)
    return Call(node.get("name").name("the name of the tool"), args, id, invalid_args=invalid)


def answer(node: Node) -> Answer:
    """What a ``tool_result`` block says. Raises :class:`TraceError`."""
    id = node.get("tool_use_id").name("the id of the call that was answered")
    error = node.get("is_error").flag("whether the call failed")
    return Answer(id, payload(node.get("content")), error)
