"""Provider: a message in the shape of whichever provider's library it came from.

Decides where such a message keeps its calls and its results. Traces carry the messages of OpenAI
(Chat, Responses), Anthropic, Bedrock, Gemini, LangChain, Vercel AI and the OpenTelemetry
conventions side by side, so nothing here asks whose it is. Refuses only what is a call in one of
these shapes and lacks a name, or bears the id of a call before it.
"""

from __future__ import annotations

from collections.abc import Iterator
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
_WRAPPED_IN = ("function", "toolUse", "functionCall", "function_call")
_CALLS = {"tool_call", "tool_use", "function_call", "tool-call", "function", "invalid_tool_call"}
_BROKEN = ("invalid_tool_calls",)
_BROUGHT_IN = ("toolResult", "functionResponse", "function_response")
_RESULTS = {"tool_call_response", "tool_result", "function_call_output", "tool-result"}
_WRAPPED, _BROUGHT = frozenset(_WRAPPED_IN), frozenset(_BROUGHT_IN)
_BLOCKS, _WRAPPERS = _CALLS | _RESULTS, _WRAPPED | _BROUGHT
_IDS = ("call_id", "tool_call_id", "tool_use_id", "toolCallId", "toolUseId", "id")
_ENVELOPED = frozenset(_ENVELOPES)
_DEPTH = 4


def decoded(node: Node) -> Node:
    """``node``, or the list or object that its text holds as JSON."""
    value = _decoded(node.value)
    return node if value is node.value else node.holding(value)


def _decoded(value: Any) -> Any:
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return parse_text(value)
    except TraceError:
        return value


def given(node: Node) -> arguments.Arguments:
    """The arguments at ``node``, as an object or as JSON in a text; unrecorded is the empty text."""
    return _given(node.value)


def _given(value: Any) -> arguments.Arguments:
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


def calls(message: Node, leniency: Leniency) -> Turn:
    """The calls that ``message`` asks for, in its order.

    Raises :class:`TraceError` at a call without a name or with the id of one before it; lenient
    reading leaves such a call out.
    """
    found = _called(message, _DEPTH)
    if not found:
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


def answers(message: Node) -> list[Answer]:
    """The results of calls that ``message`` brings back."""
    return list(_answers(message, _DEPTH))


def _called(message: Node, depth: int) -> list[Node]:
    """The calls of the first place that has any: libraries repeat them in blocks of the content."""
    value = message.value
    if not isinstance(value, dict):
        return _items_of(message, _CALLS, _WRAPPED)
    broken = [call for part in _lists(message, _BROKEN) for call in _items_of(part, _CALLS, _WRAPPED)]
    for part in _lists(message, _LISTS):
        found = _items_of(part, _CALLS, _WRAPPED)
        if found:
            return found + broken
    for inner in _inside(message) if depth else ():
        found = _called(inner, depth - 1)
        if found:
            return found + broken
    return broken


def _inside(message: Node) -> list[Node]:
    """What the envelopes of a message hold."""
    value = message.value
    if _ENVELOPED.isdisjoint(value):
        return []
    return [Node(value[place], message, place) for place in _ENVELOPES if isinstance(value.get(place), dict)]


def _lists(message: Node, places: tuple[str, ...]) -> list[Node]:
    """The members ``places`` that are lists, or texts that may hold one as JSON."""
    value = message.value
    return [Node(value[place], message, place) for place in places if place in value and _opens(value[place])]


def _opens(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip()[:1] == "[")


def _items_of(node: Node, kinds: AbstractSet[str], wrappers: AbstractSet[str]) -> list[Node]:
    """The items of the list at ``node`` that are of one of ``kinds`` or in one of ``wrappers``."""
    return [Node(item, node, n) for n, item in _own(node.value, kinds, wrappers)]


def _own(value: Any, kinds: AbstractSet[str], wrappers: AbstractSet[str]) -> list[tuple[int, Any]]:
    if isinstance(value, str) and _opens(value):
        value = _decoded(value)
    if not isinstance(value, list):
        return []
    return [
        (n, item) for n, item in enumerate(value) if isinstance(item, dict) and _is(item, kinds, wrappers)
    ]


def _is(item: dict[str, Any], kinds: AbstractSet[str], wrappers: AbstractSet[str]) -> bool:
    kind = item.get("toolCallType", item.get("type"))
    if isinstance(kind, str) and kind in kinds:
        return True
    return not wrappers.isdisjoint(item) and any(isinstance(item.get(w), dict) for w in wrappers)


def _wrapped(node: Node, names: tuple[str, ...]) -> Node | None:
    value = node.value
    for name in names:
        if name in value and isinstance(value[name], dict):
            return Node(value[name], node, name)
    return None


def _call(node: Node) -> Call:
    inner = _wrapped(node, _WRAPPED_IN) or node
    name = inner.name_at(_first(inner, ("name", "toolName")), "the name of the tool")
    args, invalid = _given(inner.peek(_first(inner, ("arguments", "args", "input"))))
    return Call(name, args, _id(node) or _id(inner), invalid_args=invalid)


def _id(node: Node) -> str | None:
    for name in _IDS:
        if name in node.value:
            id = node.value[name]
            return id if isinstance(id, str) and id else None
    return None


def _first(node: Node, names: tuple[str, ...]) -> str:
    """Which of the members ``names`` there is, the first where there is none."""
    for name in names:
        if name in node.value:
            return name
    return names[0]


def _answers(message: Node, depth: int) -> Iterator[Answer]:
    value = message.value
    if not isinstance(value, dict):
        brought = _items_of(message, _RESULTS, _BROUGHT)
    else:
        places = _lists(message, _BRINGING)
        brought = [item for place in places for item in _items_of(place, _RESULTS, _BROUGHT)]
    for item in brought:
        yield from _answer(_wrapped(item, _BROUGHT_IN) or item)
    if brought or not isinstance(value, dict):
        return
    if value.get("role") == "tool" or value.get("tool_call_id"):
        yield from _answer(message)
    for inner in _inside(message) if depth else ():
        yield from _answers(inner, depth - 1)


def _answer(node: Node) -> Iterator[Answer]:
    id = _id(node)
    if id is not None:
        result = payload(node.peek(_first(node, ("response", "result", "output", "content"))))
        yield Answer(id, result, failed(node))


def failed(node: Node) -> bool:
    """Whether the result at ``node`` says that it is an error."""
    return node.peek("status") == "error" or node.peek("is_error") is True or node.peek("isError") is True


def payload(value: Any) -> Any:
    """A result without its envelope: the text of blocks of text, the value of one block of JSON.

    A message that stands for the result gives its content; what was never recorded is None.
    """
    if value is MISSING:
        return None
    if isinstance(value, list) and value and all(isinstance(block, dict) for block in value):
        return _blocks(value)
    return value


def _blocks(blocks: list[dict[str, Any]]) -> Any:
    if all(isinstance(block.get("text"), str) for block in blocks):
        return "".join(block["text"] for block in blocks)
    if len(blocks) == 1 and "json" in blocks[0]:
        return blocks[0]["json"]
    return blocks


def result_of(node: Node) -> tuple[Any, str | None, bool]:
    """What a run gave back: the payload at ``node``, the id of its call and whether it failed.

    A tool may give back a message (LangChain's ToolMessage, serialised either way), whose content is
    the payload and which names its call.
    """
    found = decoded(node)
    for envelope in ("output", "kwargs", "data"):
        if isinstance(found.peek(envelope), dict):
            found = found.get(envelope)
    if isinstance(found.peek("tool_call_id"), str):
        return payload(found.peek("content")), _id(found), failed(found)
    return payload(node.value), None, False
