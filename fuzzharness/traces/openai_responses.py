"""OpenAI Responses: ``function_call`` items and their ``function_call_output``, in flat lists of items.

Decides where a batch ends: with the response, where responses are kept whole, else at the first
output or the next word of the user. Passes over tools that the provider ran. The format has no
error flag and no times, so no call here is an error and none has times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
_ROLES = ("system", "developer", "user", "assistant")
_TEXT = ("input_text", "output_text")
_PARTS = (*_TEXT, "refusal", "input_image", "input_file", "input_audio")


def fit(record: Node) -> Fit:
    """Certain by an item or a content part that only this format has, possible for text alone."""
    if not (_is_response(record) or _is_request(record) or _is_response(record.get("response"))):
        return _fit_item(record)
    fits = [_fit_item(item) for item in _items(record)]
    if Fit.CERTAIN in fits or not _is_request(record):
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
    for items, whole in leniency.each(_unfolded, records):
        if whole:
            yield _turn(run, leniency)
            run = []
        for item in leniency.each(_checked, items):
            if block_type(item) in _CALLS:
                run.append(item)
            elif _ends_turn(item):
                yield _turn(run, leniency)
                run = []
                yield from leniency.each(_answer, [item] if block_type(item) in _OUTPUTS else [])
        if whole:
            yield _turn(run, leniency)
            run = []
    yield _turn(run, leniency)


def _unfolded(record: Node) -> tuple[list[Node], bool]:
    items = _items(record.object("an item of a response, an object"))
    return items, items != [record]


def _items(record: Node) -> list[Node]:
    if _is_response(record.get("response")):
        record = record.get("response")
    if _is_response(record):
        return record.get("output").items()
    return record.get("input").items() if _is_request(record) else [record]


def _is_response(record: Node) -> bool:
    return record.get("object").value == "response" and isinstance(record.get("output").value, list)


def _is_request(record: Node) -> bool:
    listed = isinstance(record.get("input").value, list) and isinstance(record.get("model").value, str)
    return listed and record.get("type").absent


def _checked(item: Node) -> Node:
    item.object("an item of a response, an object")
    if item.get("type").absent:
        item.get("role").one_of(_ROLES, "the type of an item, or the role of a message")
    else:
        item.get("type").name("the type of an item")
    return item


def _ends_turn(item: Node) -> bool:
    return block_type(item) in _OUTPUTS or item.get("role").value in ("system", "developer", "user")


def _turn(run: list[Node], leniency: Leniency) -> Turn:
    return turn(_call, run, leniency, id="call_id")


def _call(item: Node) -> Call:
    id = item.get("call_id").name("the id of the call")
    tool = item.get("name").name("the name of the tool")
    if block_type(item) == "custom_tool_call":
        return Call(tool, None, id, invalid_args=item.get("input").text("the input of the call, a string"))
    args, invalid = arguments.from_node(item.get("arguments"))
    return Call(tool, args, id, invalid_args=invalid)


def _answer(item: Node) -> Answer:
    id = item.name_at("call_id", "the id of the call that was answered")
    return Answer(id, payload(item.get("output"), _TEXT), at=item, key="call_id")
