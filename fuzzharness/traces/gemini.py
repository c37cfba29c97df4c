"""Gemini and ADK: ``functionCall`` parts of a model's content, ``functionResponse`` parts after it.

Decides what in contents, requests, responses, ADK events and ADK sessions is a call and what a
result, in camelCase and snake_case. Candidates are alternatives: the first that has calls is read, the
others are left out. Calls without ids are answered by name, in their order. Events have times, but one for
all their calls: no call here has times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces import arguments
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.turn import Answer, Turn, join, turn

name = "gemini"

_ROLES = ("user", "model", "function", "tool", "system")
_CALL = ("functionCall", "function_call")
_ANSWER = ("functionResponse", "function_response")
_FUNCTIONS = frozenset({*_CALL, *_ANSWER})
_OURS = "\0"  # begins the ids that we give to calls without one, so that answers find them


def fit(record: Node) -> Fit:
    """Certain by a function part, the role ``model`` or an event of ADK, possible for text alone."""
    if _is_event(record) or _listed(record, "events", _is_event):
        return Fit.CERTAIN
    if _listed(record, "contents", _is_content) or _listed(_response(record), "candidates", _holds_content):
        return Fit.CERTAIN
    if not _is_content(record):
        return Fit.NO
    parts = record.get("parts").items()
    called = any(not part.either(*names).absent for part in parts for names in (_CALL, _ANSWER))
    return Fit.CERTAIN if called or record.get("role").value == "model" else Fit.POSSIBLE


def _listed(record: Node, member: str, test: Any) -> bool:
    found = record.get(member)
    return isinstance(found.value, list) and bool(found.value) and all(map(test, found.items()[:10]))


def _is_event(record: Node) -> bool:
    return not record.get("author").absent and not record.either("invocationId", "invocation_id").absent


def _is_content(record: Node) -> bool:
    parts, role = record.get("parts"), record.get("role").value
    if not isinstance(parts.value, list) or role not in (*_ROLES, None, MISSING):
        return False
    return all(isinstance(p, dict) and "type" not in p and "kind" not in p for p in parts.value)


def _holds_content(candidate: Node) -> bool:
    return _is_content(candidate.get("content"))


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one conversation; see :class:`fuzzharness.traces.reader.Reader`."""
    for batch in join(_Unnamed().entries(records, leniency), leniency):
        for call in batch.calls:
            if isinstance(call.id, str) and call.id.startswith(_OURS):
                object.__setattr__(call, "id", None)  # nobody has it yet
        yield batch


def _is_named(node: Node) -> bool:
    return node.value.get("id") not in (None, "")


class _Unnamed:
    """The calls of the latest turn that have no answer yet, by the name of their tool."""

    def __init__(self) -> None:
        self._numbers = count()
        self._open: dict[str, list[str]] = {}

    def entries(self, records: Iterable[Node], leniency: Leniency) -> Iterator[Turn | Answer]:
        for contents in leniency.each(_contents, records):
            for calls, answers in leniency.each(_parts, contents):
                found = turn(self._call, calls, leniency) if calls else ()
                if found:
                    self._expect(found)
                    yield found
                if answers:
                    yield from leniency.each(self._answer, answers)

    def _expect(self, calls: Turn) -> None:
        self._open = {}
        for call in calls:
            self._open.setdefault(call.tool, []).append(str(call.id))

    def _call(self, node: Node) -> Call:
        named = _is_named(node.object("a function call, an object"))
        key = node.name_at("id", "the id of the call") if named else f"{_OURS}{next(self._numbers)}"
        tool, given = node.name_at("name", "the name of the tool"), node.value.get("args")
        args, invalid = arguments.from_value({}) if given is None else arguments.from_node(node.get("args"))
        return Call(tool, args, key, invalid_args=invalid)

    def _answer(self, node: Node) -> Answer:
        tool = node.object("a function response, an object").value.get("name")
        waiting = self._open.get(tool, []) if isinstance(tool, str) else []
        if _is_named(node):
            key, told = node.name_at("id", "the id of the call that was answered"), "id"
            waiting[:] = [other for other in waiting if other != key]
        else:
            node.name_at("name", "the name of the tool that answered")
            key, told = waiting.pop(0) if waiting else _OURS, "name"
        return Answer(key, *_result(node.peek("response")), at=node, key=told)


def _result(response: Any) -> tuple[Any, bool]:
    if response is MISSING or not isinstance(response, dict):
        return (None if response is MISSING else response), False
    error = response.get("error") is not None
    if len(response) == 1 and (error or "result" in response or "output" in response):
        return next(iter(response.values())), error
    return response, error


def _contents(record: Node) -> list[Node]:
    value = record.object("a content with parts, or an event with one; an object").value
    if "parts" in value:
        return [record]
    if isinstance(value.get("events"), list):
        return [found for event in record.get("events").items() for found in _contents(event)]
    response = _response(record)
    if isinstance(response.peek("candidates"), list):
        candidates = response.get("candidates").items()
        return _chosen([found for candidate in candidates for found in _contents(candidate)])
    if isinstance(value.get("contents"), list):
        return record.get("contents").items()
    if value.get("content") is None or value.get("partial") is True:
        return []
    return [record.get("content")]


def _response(record: Node) -> Node:
    """The response of the API that ``record`` holds, or else ``record``, which may be one."""
    response = record.get("response") if record.has("response") else record
    return response.get("body") if response.has("body") else response


def _chosen(contents: list[Node]) -> list[Node]:
    """Of ``contents`` that are alternatives the first that has calls; all where none has any."""
    return next(([content] for content in contents if _asks(content)), contents)


def _asks(content: Node) -> bool:
    parts = content.peek("parts")
    return isinstance(parts, list) and any(
        isinstance(p, dict) and not p.keys().isdisjoint(_CALL) for p in parts
    )


def _parts(content: Node) -> tuple[list[Node], list[Node]]:
    """The calls in ``content``, and the answers. Raises :class:`TraceError`."""
    value = content.object("a content, an object with parts").value
    if value.get("role") not in (None, *_ROLES):
        content.get("role").one_of(_ROLES, "the role of a content")
    calls, answers = list[Node](), list[Node]()
    if value.get("parts") is None:
        return calls, answers
    parts = content.get("parts")
    listed = parts.value if isinstance(parts.value, list) else parts.items("a list of parts")
    for n, part in enumerate(listed):
        if not isinstance(part, dict):
            raise Node(part, parts, n).refuse("a part, an object")
        if not _FUNCTIONS.isdisjoint(part):
            node = Node(part, parts, n)
            calls += _held(node, *_CALL)
            answers += _held(node, *_ANSWER)
    return calls, answers


def _held(part: Node, *names: str) -> list[Node]:
    found = part.either(*names)
    return [] if found.absent else [found]
