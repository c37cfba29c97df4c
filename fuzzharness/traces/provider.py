"""Provider: a message in the shape of whichever provider's library it came from.

Decides where such a message keeps its calls and its results. Traces carry the messages of OpenAI
(Chat, Responses), Anthropic, Bedrock, Gemini, LangChain, Vercel AI and the OpenTelemetry
conventions side by side, so nothing here asks whose it is. Refuses only what is a call in one of
these shapes and lacks a name, or bears the id of a call before it.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from fuzzharness.errors import TraceError
from fuzzharness.model import Call
from fuzzharness.traces import arguments
from fuzzharness.traces.document import parse_text
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.turn import Answer, Turn

_ENVELOPES = ("kwargs", "data", "message", "update")
_LISTS = ("tool_calls", "content", "parts", "output")
_BRINGING = ("content", "parts")
_WRAPPED = frozenset(("function", "toolUse", "functionCall", "function_call"))
_CALLS = {"tool_call", "tool_use", "function_call", "tool-call", "function", "invalid_tool_call"}
_BROKEN = "invalid_tool_calls"
_BROUGHT = frozenset(("toolResult", "functionResponse", "function_response"))
_RESULTS = {"tool_call_response", "tool_result", "function_call_output", "tool-result"}
_BLOCKS, _WRAPPERS = _CALLS | _RESULTS, _WRAPPED | _BROUGHT
_IDS = ("call_id", "tool_call_id", "tool_use_id", "toolCallId", "toolUseId", "id")
_ENVELOPED = frozenset(_ENVELOPES)
_DEPTH = 4
_TOOL = "the name of the tool"


def decoded(node: Node) -> Node:
    """``node``, or the list or object that its text holds as JSON."""
    value = unpacked(node.value)
    return node if value is node.value else node.holding(value)


def unpacked(value: Any) -> Any:
    """``value``, or the list or object that it holds as JSON where it is a text."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return parse_text(value)
    except TraceError:
        return value


def given(value: Any) -> arguments.Arguments:
    """The arguments in ``value``, an object or a text of JSON; unrecorded is the empty text."""
    if value is MISSING:
        return arguments.Arguments(None, "")
    return arguments.from_text(value) if isinstance(value, str) else arguments.from_value(value)


def messages(node: Node) -> list[Node]:
    """The messages at ``node``, one or a list of them, as JSON or as text that holds JSON."""
    found = decoded(node)
    if not isinstance(found.value, list):
        return [found]
    return [found] if is_message(found.value) else found.items()


def is_message(items: list[Any]) -> bool:
    """Whether ``items`` are the blocks of one message, and no messages."""
    return bool(_own(items, _BLOCKS, _WRAPPERS))


def calls(message: Node, leniency: Leniency, heard: AbstractSet[int] = frozenset()) -> Turn:
    """The calls that ``message`` asks for, in its order; none where one is ``heard``, by the hash of its id.

    Raises :class:`TraceError` at a call without a name or with the id of one before it; lenient
    reading leaves such a call out.
    """
    found = _called(message, _DEPTH)
    if not found or (heard and _are_heard(found, heard)):
        return ()
    taken: set[str | int | None] = set()

    def read_new(node: Node) -> Call:
        call = _call(node)
        if call.id in taken:
            raise node.refuse("a call with an id that no other call of the message has")
        taken.add(call.id)
        taken.discard(None)
        return call

    return tuple(leniency.each(read_new, found))


def answers(message: Any) -> list[Answer]:
    """The results of calls that the value ``message`` brings back."""
    return _answers(message, _DEPTH)


def _called(message: Node, depth: int) -> list[Node]:
    """The calls of the first place that has any: libraries repeat them in blocks of the content."""
    value = message.value
    if not isinstance(value, dict):
        return [Node(item, message, n) for n, item in _own(value, _CALLS, _WRAPPED)]
    broken = _called_at(message, _BROKEN) if value.get(_BROKEN) else []
    for place in _LISTS:
        if value.get(place):
            found = _called_at(message, place)
            if found:
                return found + broken
    for place in _inside(value) if depth else ():
        found = _called(message.get(place), depth - 1)
        if found:
            return found + broken
    return broken


def _called_at(message: Node, place: str) -> list[Node]:
    """The calls in the list, or in its JSON, that the member ``place`` holds."""
    own = _own(message.value[place], _CALLS, _WRAPPED)
    if not own:
        return []
    above = message.get(place)
    return [Node(item, above, n) for n, item in own]


def _inside(value: dict[str, Any]) -> list[str]:
    """The envelopes of a message that hold something."""
    if _ENVELOPED.isdisjoint(value):
        return []
    return [place for place in _ENVELOPES if isinstance(value.get(place), dict)]


def _own(value: Any, kinds: AbstractSet[str], wrappers: AbstractSet[str]) -> list[tuple[int, dict[str, Any]]]:
    """The items of a list, or of its JSON, that are of one of ``kinds`` or in one of ``wrappers``."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        value = unpacked(value)
    found = []
    for n, item in enumerate(value) if isinstance(value, list) else ():
        if isinstance(item, dict):
            kind = item.get("toolCallType", item.get("type"))
            if (isinstance(kind, str) and kind in kinds) or (
                not wrappers.isdisjoint(item) and _wrapper(item, wrappers)
            ):
                found.append((n, item))
    return found


def _wrapper(item: dict[str, Any], wrappers: AbstractSet[str]) -> str | None:
    """The first of the members ``wrappers`` that holds what ``item`` is about."""
    for name in item:
        if name in wrappers and isinstance(item[name], dict):
            return name
    return None


def _are_heard(found: list[Node], heard: AbstractSet[int]) -> bool:
    """Whether one of the calls is known, and nothing is wrong with any, so that they need not be read."""
    ids = set[str | None]()
    for node in found:
        wrapper = _wrapper(node.value, _WRAPPED)
        value = node.value if wrapper is None else node.value[wrapper]
        tool = value.get("name", value.get("toolName"))
        if not isinstance(tool, str) or not tool:
            return False
        ids.add(_id(node.value) or _id(value))
    return len(ids) == len(found) and not heard.isdisjoint(map(hash, ids))


def _call(node: Node) -> Call:
    wrapper = _wrapper(node.value, _WRAPPED)
    value = node.value if wrapper is None else node.value[wrapper]
    tool = value.get("name", value.get("toolName"))
    if not isinstance(tool, str) or not tool:
        inner = node if wrapper is None else node.get(wrapper)
        tool = inner.name_at("toolName" if "name" not in value and "toolName" in value else "name", _TOOL)
    args, invalid = given(value.get("arguments", value.get("args", value.get("input", MISSING))))
    return Call(tool, args, _id(node.value) or _id(value), invalid_args=invalid)


def _id(value: dict[str, Any]) -> str | None:
    for name in _IDS:
        if name in value:
            id = value[name]
            return id if isinstance(id, str) and id else None
    return None


def _answers(value: Any, depth: int) -> list[Answer]:
    if not isinstance(value, dict):
        return _brought([item for _, item in _own(value, _RESULTS, _BROUGHT)])
    places = [value[place] for place in _BRINGING if value.get(place)]
    brought = [item for place in places for _, item in _own(place, _RESULTS, _BROUGHT)]
    if brought:
        return _brought(brought)
    own = _brought([value]) if value.get("role") == "tool" or value.get("tool_call_id") else []
    for place in _inside(value) if depth else ():
        own += _answers(value[place], depth - 1)
    return own


def _brought(items: list[dict[str, Any]]) -> list[Answer]:
    """The results that name their calls."""
    found = []
    for item in items:
        wrapper = _wrapper(item, _BROUGHT)
        value = item if wrapper is None else item[wrapper]
        id = _id(value)
        if id is not None:
            found.append(Answer(id, payload(_result(value)), failed(value)))
    return found


def _result(value: dict[str, Any]) -> Any:
    for name in ("response", "result", "output", "content"):
        if name in value:
            return value[name]
    return MISSING


def failed(value: dict[str, Any]) -> bool:
    """Whether the result ``value`` says that it is an error."""
    return value.get("status") == "error" or value.get("is_error") is True or value.get("isError") is True


def payload(value: Any) -> Any:
    """A result without its envelope: the text of blocks of text, the value of one block of JSON.

    A message that stands for the result gives its content; what was never recorded is None.
    """
    if value is MISSING:
        return None
    return _blocks(value) if isinstance(value, list) and value else value


def _blocks(blocks: list[Any]) -> Any:
    try:
        return "".join([block["text"] for block in blocks])
    except (KeyError, TypeError):
        sole = blocks[0] if len(blocks) == 1 else None
        return sole["json"] if isinstance(sole, dict) and "json" in sole else blocks


def result_of(value: Any) -> tuple[Any, str | None, bool]:
    """What a run gave back: the payload of ``value``, the id of its call and whether it failed.

    A tool may give back a message (LangChain's ToolMessage, serialised either way), whose content is
    the payload and which names its call.
    """
    found = unpacked(value)
    for envelope in ("output", "kwargs", "data") if isinstance(found, dict) else ():
        if isinstance(found.get(envelope), dict):
            found = found[envelope]
    if isinstance(found, dict) and isinstance(found.get("tool_call_id"), str):
        return payload(found.get("content", MISSING)), _id(found), failed(found)
    return payload(value), None, False
