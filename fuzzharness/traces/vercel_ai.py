"""Vercel AI SDK: ``tool-call`` and ``tool-result`` parts of model messages, tool parts of UI messages.

Decides what in the messages of versions 4 to 6 is a call and what a result: a step of a UI message
is a message of the model. Passes over calls that the provider ran itself. The format has no times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments
from fuzzharness.traces.content import block, block_type, blocks, only, payload
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.turn import Answer, Turn, join, turn

name = "vercel-ai"

_ROLES = ("system", "user", "assistant", "tool", "data")
_UNWRITTEN = ("input-streaming", "partial-call")  # the model was cut off within the call
_SOURCES = ("source", "source-url", "source-document")
_TOLD = {"parts", "toolInvocations"}
_TEXT = ("text", "image", "file", "reasoning", "redacted-reasoning", *_SOURCES)


def fit(record: Node) -> Fit:
    """Certain by a part that only this format has, possible for messages of text alone."""
    if record.get("role").value not in _ROLES:
        return Fit.NO
    for member in ("content", "parts"):
        found = record.get(member)
        if isinstance(found.value, list) and any(map(_is_own, found.items())):
            return Fit.CERTAIN
    parts = record.get("parts")
    plain = record.get("content") if parts.absent else parts
    return Fit.POSSIBLE if not plain.absent and only(plain, _TEXT) else Fit.NO


def _is_own(part: Node) -> bool:
    kind = block_type(part)
    named = not part.get("toolCallId").absent or not part.get("toolInvocation").absent
    return kind == "step-start" or (named and kind is not None)


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one conversation; see :class:`fuzzharness.traces.reader.Reader`."""

    def entries(record: Node) -> list[Turn | Answer]:
        return list(_entries(record, leniency))

    return join((entry for found in leniency.each(entries, records) for entry in found), leniency)


def _entries(record: Node, leniency: Leniency) -> Iterator[Turn | Answer]:
    role = record.object("a message, an object").get("role").one_of(_ROLES, "the role of a message")
    message = record.value
    if isinstance(message.get("content"), str) and not _TOLD & message.keys():
        return
    if isinstance(message.get("parts"), list):
        for step in _steps(record.get("parts"), leniency) if role == "assistant" else ():
            yield from _of_step(step, leniency)
        return
    if message.get("toolInvocations") is not None:
        yield from _of_step(record.get("toolInvocations").items("a list of tool invocations"), leniency)
        return
    if "content" not in message:
        raise record.get("content").refuse("text, or a list of content parts")
    parts = [part for part in leniency.each(block, blocks(record.get("content"))) if not _is_hosted(part)]
    if role == "assistant":
        yield turn(_call, _of_type("tool-call", parts), leniency, id="toolCallId")
    yield from leniency.each(_answer, _of_type("tool-result", parts))


def _of_type(kind: str, parts: list[Node]) -> list[Node]:
    return [part for part in parts if part.value["type"] == kind]


def _is_hosted(part: Node) -> bool:
    return part.peek("providerExecuted") is True


def _steps(parts: Node, leniency: Leniency) -> Iterator[list[Node]]:
    step: list[Node] = []
    for part in leniency.each(block, parts.items()):
        if block_type(part) == "step-start":
            yield step
            step = []
        invocation = part.get("toolInvocation")
        called = part if invocation.absent else invocation
        written = called.peek("state") not in _UNWRITTEN
        if written and not called.get("toolCallId").absent and not _is_hosted(part):
            step.append(called)
    yield step


def _of_step(invocations: list[Node], leniency: Leniency) -> Iterator[Turn | Answer]:
    yield turn(_call, invocations, leniency, id="toolCallId")
    yield from leniency.each(_outcome, [node for node in invocations if _is_over(node)])


def _call(node: Node) -> Call:
    id = node.object("a tool call, an object").name_at("toolCallId", "the id of the call")
    args, invalid = arguments.from_node(node.either("input", "args", "rawInput"))
    return Call(_tool(node), args, id, invalid_args=invalid)


def _tool(node: Node) -> str:
    kind = block_type(node) or ""
    if not node.has("toolName") and kind.startswith("tool-") and len(kind) > len("tool-"):
        return kind.removeprefix("tool-")
    return node.name_at("toolName", "the name of the tool")


def _answer(part: Node) -> Answer:
    id = part.name_at("toolCallId", "the id of the call that was answered")
    if "output" not in part.value:
        error = part.get("isError").flag("whether the call failed")
        return Answer(id, _value(part.get("result")), error, at=part, key="toolCallId")
    return Answer(id, *_output(part.get("output")), at=part, key="toolCallId")


def _output(output: Node) -> tuple[Any, bool]:
    kind, value = block_type(output), output.peek("value")
    if kind == "execution-denied":
        return _value(output.get("reason")), True
    if kind is None or value is MISSING:
        return output.value, False
    found = payload(output.get("value")) if kind == "content" else value
    return found, kind in ("error-text", "error-json")


def _is_over(node: Node) -> bool:
    return node.peek("state") in ("output-available", "output-error", "output-denied", "result")


def _outcome(node: Node) -> Answer:
    id = node.name_at("toolCallId", "the id of the call that was answered")
    error = node.peek("state") in ("output-error", "output-denied")
    found = node.get("errorText") if error else node.either("output", "result")
    return Answer(id, _value(found), error)


def _value(node: Node) -> Any:
    return None if node.value is MISSING else node.value
