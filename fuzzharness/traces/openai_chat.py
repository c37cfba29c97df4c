"""OpenAI Chat Completions: ``tool_calls`` of an assistant message, one ``tool`` message a result.

Decides what in such a recording is a call and what a result; a response of the API, bare or as its batches
write it, is the message of one choice. Choices are alternatives: the first that has calls is read, the others
are left out. The format has no error flag and no times, so no call here is an error and none has times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments
from fuzzharness.traces.content import block, blocks, only, payload_at
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.turn import Answer, Turn, join, turn

name = "openai-chat"

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_BLOCKS = ("text", "refusal", "image_url", "input_audio", "file")


def fit(record: Node) -> Fit:
    """Certain by ``tool_calls`` or ``tool_call_id``, possible for messages of text alone."""
    response = _response(record)
    if response is None:
        return _fit_message(record)
    fits = [_fit_message(choice.get("message")) for choice in response.get("choices").items()]
    return max(fits, key=list(Fit).index, default=Fit.NO)


def _fit_message(record: Node) -> Fit:
    role = record.get("role").value
    if role == "assistant" and record.get("tool_calls").value is not MISSING:
        return Fit.CERTAIN
    if role == "tool":
        return Fit.NO if record.get("tool_call_id").value is MISSING else Fit.CERTAIN
    plain = role in _ROLES and only(record.get("content"), _BLOCKS)
    return Fit.POSSIBLE if plain else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one conversation; see :class:`fuzzharness.traces.reader.Reader`."""

    def entry(record: Node) -> Turn | Answer:
        return _entry(record, leniency)

    return join(leniency.each(entry, _messages(records)), leniency)


def _messages(records: Iterable[Node]) -> Iterator[Node]:
    for record in records:
        response = None if record.peek("role") is not MISSING else _response(record)
        if response is None:
            yield record
        else:
            yield from _chosen([choice.get("message") for choice in response.get("choices").items()])


def _chosen(messages: list[Node]) -> list[Node]:
    """Of ``messages`` that are alternatives the first that has calls; all where none has any."""
    return next(([message] for message in messages if _asks(message)), messages)


def _asks(message: Node) -> bool:
    return message.has("function_call") or message.peek("tool_calls") not in (None, [], MISSING)


def _response(record: Node) -> Node | None:
    """The response of the API that ``record`` is or holds, if it does."""
    for found in (record, record.get("response"), record.get("response").get("body")):
        if isinstance(found.peek("choices"), list):
            return found
    return None


def _entry(record: Node, leniency: Leniency) -> Turn | Answer:
    message = record.value
    role = message.get("role") if isinstance(message, dict) else None
    if role not in _ROLES:
        record.object("a message, an object").get("role").one_of(_ROLES, "the role of a message")
    if role == "tool":
        id = record.name_at("tool_call_id", "the id of the call that was answered")
        return Answer(id, payload_at(record, "content"), False, None, record, "tool_call_id")
    if not isinstance(message.get("content"), str):
        for node in blocks(record.get("content")):
            block(node)
    return _turn(record, leniency) if role == "assistant" else ()


def _turn(record: Node, leniency: Leniency) -> Turn:
    message = record.value
    if message.get("function_call") is not None:
        raise record.get("function_call").refuse("tool_calls, as the format has had since late 2023")
    if message.get("tool_calls") is None:
        return ()
    return turn(_call, record.get("tool_calls").items("a list of tool calls"), leniency)


def _call(node: Node) -> Call:
    id = node.object("a tool call, an object").name_at("id", "the id of the call")
    if node.value.get("type") == "custom":
        custom = node.get("custom").object("the custom call, an object")
        text = custom.get("input").text("the input of the call, a string")
        return Call(custom.get("name").name("the name of the tool"), None, id, invalid_args=text)
    function = node.get("function").object("the function call, an object with name and arguments")
    args, invalid = arguments.at(function, "arguments")
    return Call(function.name_at("name", "the name of the tool"), args, id, invalid_args=invalid)
