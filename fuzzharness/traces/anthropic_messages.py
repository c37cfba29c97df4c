"""Anthropic Messages: ``tool_use`` blocks of an assistant message, ``tool_result`` blocks of the user.

Decides what in such a recording is a call and what a result. Passes over calls that the provider
ran itself (``server_tool_use``, ``mcp_tool_use``): no tool of ours took part. The format has no
times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments
from fuzzharness.traces.content import block_type, of_type, only, payload_at
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

    return join((entry for found in leniency.each(entries, records) for entry in found), leniency)


def _entries(record: Node, leniency: Leniency) -> Iterator[Turn | Answer]:
    role = record.peek("role")
    if role not in _ROLES:
        record.object("a message, an object").get("role").one_of(_ROLES, "the role of a message")
    if isinstance(record.value.get("content"), str):
        return
    content = record.get("content")
    if content.absent:
        raise content.refuse("text, or a list of content blocks")
    if role == "assistant":
        yield turn(call, of_type("tool_use", content, leniency), leniency)
    elif role == "user":
        yield from leniency.each(answer, of_type("tool_result", content, leniency))
    else:
        of_type("", content, leniency)


def call(node: Node, started: datetime | None = None) -> Call:
    """The call that a ``tool_use`` block asks for. Raises :class:`TraceError`."""
    id = node.name_at("id", "the id of the call")
    given = node.peek("input")
    if given is MISSING:
        raise node.get("input").refuse("the input of the call, an object")
    args, invalid = arguments.from_value(given)
    tool = node.name_at("name", "the name of the tool")
    return Call(tool, args, id, started_at=started, invalid_args=invalid)


def answer(node: Node, ended: datetime | None = None) -> Answer:
    """What a ``tool_result`` block says. Raises :class:`TraceError`."""
    id = node.name_at("tool_use_id", "the id of the call that was answered")
    error = node.value.get("is_error") is not None and node.get("is_error").flag("whether the call failed")
    return Answer(id, payload_at(node, "content"), error, ended, node, "tool_use_id")
