"""OpenAI Responses: ``function_call`` items and their ``function_call_output``, in flat lists of items.

Decides where a batch ends: with the response, where responses are kept whole, bare or beside their
requests, else at the first output or the next word of the user. Passes over tools that the provider
ran. The format has no error flag and no times, so no call here is an error and none has times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments
from fuzzharness.traces.content import block_type, only, payload
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.turn import Answer, Turn, join, turn

name = "openai-responses"

_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_GIVEN = ("system", "developer", "user")
_ROLES = (*_GIVEN, "assistant")
_TEXT = ("input_text", "output_text")
_PARTS = (*_TEXT, "refusal", "input_image", "input_file", "input_audio")


def fit(record: Node) -> Fit:
    """Certain by an item or a content part that only this format has, possible for text alone."""
    lists = _lists(record)
    if not lists:
        return _fit_item(record)
    fits = [_fit_item(item) for items in lists for item in items]
    if Fit.CERTAIN in fits or _is_response(record.value) or _is_response(record.peek("response")):
        return Fit.CERTAIN
    return Fit.NO if Fit.NO in fits else Fit.POSSIBLE


def _fit_item(item: Node) -> Fit:
    kind, content = block_type(item), item.get("content")
    if kind in (*_CALLS, *_OUTPUTS):
        return Fit.NO if item.get("call_id").absent else Fit.CERTAIN
    if kind == "reasoning":
        return Fit.NO if item.get("summary").absent else Fit.CERTAIN
    if kind not in (None, "message") or item.get("role").value not in _ROLES:
        return Fit.NO
    if isinstance(content.value, list) and content.value and only(content, _PARTS):
        return Fit.CERTAIN
    return Fit.POSSIBLE if isinstance(content.value, str) else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one conversation; see :class:`fuzzharness.traces.reader.Reader`."""
    return join(_entries(records, leniency), leniency)


def _entries(records: Iterable[Node], leniency: Leniency) -> Iterator[Turn | Answer]:
    run: list[Node] = []
    for items, whole in chain.from_iterable(leniency.each(_unfolded, records)):
        if whole:
            yield _turn(run, leniency)
            run = []
        for item in leniency.each(_checked, items):
            kind = item.value.get("type")
            if kind in _CALLS:
                run.append(item)
            elif kind in _OUTPUTS or item.value.get("role") in _GIVEN:
                yield _turn(run, leniency)
                run = []
                yield from leniency.each(_answer, [item] if kind in _OUTPUTS else [])
        if whole:
            yield _turn(run, leniency)
            run = []
    yield _turn(run, leniency)


def _unfolded(record: Node) -> list[tuple[list[Node], bool]]:
    """The items of ``record`` or that it is, and whether they are a list of their own."""
    lists = _lists(record.object("an item of a response, an object"))
    return [(items, True) for items in lists] or [([record], False)]


def _lists(record: Node) -> list[list[Node]]:
    """What a request gave and what came back, as far as ``record`` has them; nothing for an item."""
    request = next((r for r in (record, record.get("request")) if _is_request(r.value)), None)
    response = next((r for r in (record, record.get("response")) if _is_response(r.value)), None)
    given = [request.get("input").items()] if request else []
    return given + ([response.get("output").items()] if response else [])


def _is_response(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("object") == "response"
        and isinstance(value.get("output"), list)
    )


def _is_request(value: Any) -> bool:
    listed = isinstance(value, dict) and isinstance(value.get("input"), list)
    return listed and isinstance(value.get("model"), str) and value.get("type") is None


def _checked(item: Node) -> Node:
    if item.object("an item of a response, an object").value.get("type") is None:
        item.get("role").one_of(_ROLES, "the type of an item, or the role of a message")
    else:
        item.name_at("type", "the type of an item")
    return item


def _turn(run: list[Node], leniency: Leniency) -> Turn:
    return turn(_call, run, leniency, id="call_id")


def _call(item: Node) -> Call:
    id = item.name_at("call_id", "the id of the call")
    tool = item.name_at("name", "the name of the tool")
    if item.value.get("type") == "custom_tool_call":
        return Call(tool, None, id, invalid_args=item.get("input").text("the input of the call, a string"))
    args, invalid = arguments.at(item, "arguments")
    return Call(tool, args, id, invalid_args=invalid)


def _answer(item: Node) -> Answer:
    id = item.name_at("call_id", "the id of the call that was answered")
    return Answer(id, payload(item.get("output"), _TEXT), at=item, key="call_id")
