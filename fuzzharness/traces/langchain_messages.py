"""LangChain messages: ``tool_calls`` of an AI message, one tool message a result.

Decides what is a message in what ``messages_to_dict``, ``dumpd`` and ``model_dump`` write. Calls
whose arguments were not JSON stand in a list of their own (``invalid_tool_calls``); they come last
here, since their place among the others is lost. The format has no times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments
from fuzzharness.traces.content import payload_at
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.turn import Answer, Turn, join, turn

name = "langchain-messages"

_KINDS = {
    "human": "HumanMessage",
    "ai": "AIMessage",
    "tool": "ToolMessage",
    "system": "SystemMessage",
    "function": "FunctionMessage",
    "chat": "ChatMessage",
    "developer": "DeveloperMessage",
    "remove": "RemoveMessage",
}
_CLASSES = {f"{name}{chunk}": kind for kind, name in _KINDS.items() for chunk in ("", "Chunk")}


def fit(record: Node) -> Fit:
    """Certain by one of the three ways in which the library writes a message."""
    kind, body = _message(record)
    return Fit.CERTAIN if kind is not None and body.get("content").value is not MISSING else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one conversation; see :class:`fuzzharness.traces.reader.Reader`."""

    def entry(record: Node) -> Turn | Answer:
        return _entry(record, leniency)

    return join(leniency.each(entry, records), leniency)


def _entry(record: Node, leniency: Leniency) -> Turn | Answer:
    kind, body = _message(record.object("a message, an object"))
    if kind is None:
        raise record.refuse("a message as messages_to_dict or dumpd write it")
    body.object("the fields of a message, an object")
    if kind == "tool":
        return _answer(body)
    return _turn(body, leniency) if kind == "ai" else ()


def _message(record: Node) -> tuple[str | None, Node]:
    """The kind of a message, None where it is none, and where its fields are."""
    kind = record.get("type").value
    if kind == "constructor" and not record.get("lc").absent:
        path = record.get("id").value
        last = path[-1] if isinstance(path, list) and path else None
        return (_CLASSES.get(last) if isinstance(last, str) else None), record.get("kwargs")
    if not isinstance(kind, str) or record.get("role").value is not MISSING:
        return None, record
    body = record if record.get("data").absent else record.get("data")
    return (kind if kind in _KINDS else _CLASSES.get(kind)), body


def _turn(body: Node, leniency: Leniency) -> Turn:
    listed = [body.get(member) for member in ("tool_calls", "invalid_tool_calls")]
    calls = [call for calls in listed if not calls.absent for call in calls.items("a list of tool calls")]
    return turn(_call, calls, leniency)


def _call(node: Node) -> Call:
    id = node.object("a tool call, an object").get("id")
    args, invalid = arguments.from_node(node.get("args"))
    tool = node.get("name").name("the name of the tool")
    return Call(tool, args, None if id.absent else id.name("the id of the call"), invalid_args=invalid)


def _answer(body: Node) -> Answer:
    id = body.name_at("tool_call_id", "the id of the call that was answered")
    status = body.get("status")
    error = not status.absent and status.one_of(("success", "error"), "the status of a result") == "error"
    return Answer(id, payload_at(body, "content"), error, at=body, key="tool_call_id")
