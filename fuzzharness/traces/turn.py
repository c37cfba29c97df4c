"""Turn: the calls of one assistant message, and the answers that come for them later.

Decides how calls and results are joined: by call id, within one conversation. Knows no recording
format.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from fuzzharness.model import Batch, Call
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node

LOOKBACK: Final = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the recording says came back for the call ``id``, and when."""

    id: str
    result: Any
    error: bool = False
    ended_at: datetime | None = None


Turn = tuple[Call, ...]


def turn(read: Callable[[Node], Call], nodes: Iterable[Node], leniency: Leniency) -> Turn:
    """The calls that ``read`` finds in ``nodes``, the places of the calls of one message.

    Raises :class:`TraceError` where ``read`` does, and where a node's ``id`` is that of a call
    before it; lenient reading leaves such a call out.
    """
    taken: set[str] = set()

    def read_new(node: Node) -> Call:
        call = read(node)
        if call.id in taken:
            raise node.get("id").refuse("an id that no other call of the message has")
        if call.id is not None:
            taken.add(call.id)
        return call

    return tuple(leniency.each(read_new, nodes))


def join(entries: Iterable[Turn | Answer]) -> Iterator[Batch]:
    """The batches of one conversation, one for each turn that has calls, without ids.

    An answer goes to the latest call before it that has its id. Recordings are often cut or
    repeat themselves: an answer without a call, or a second one for a call, is passed over. A batch
    leaves when all its answers have come, or when ``LOOKBACK`` later turns wait behind it.
    """
    line: deque[_Waiting] = deque()
    calls: dict[str, tuple[_Waiting, int]] = {}
    for entry in entries:
        if isinstance(entry, Answer):
            _settle(calls, entry)
        elif entry:
            line.append(_Waiting(list(entry)))
            _expect(calls, line[-1])
        while line and (not line[0].missing or len(line) > LOOKBACK):
            yield _left(line.popleft(), calls)
    for waiting in line:
        yield Batch(tuple(waiting.calls))


@dataclass(slots=True, eq=False)
class _Waiting:
    calls: list[Call]
    missing: int = 0


def _expect(calls: dict[str, tuple[_Waiting, int]], waiting: _Waiting) -> None:
    for position, call in enumerate(waiting.calls):
        if call.id is None:
            continue
        if call.id in calls:
            calls[call.id][0].missing -= 1
        calls[call.id] = waiting, position
        waiting.missing += 1


def _settle(calls: dict[str, tuple[_Waiting, int]], answer: Answer) -> None:
    found = calls.pop(answer.id, None)
    if found is not None:
        waiting, position = found
        given = {"result": answer.result, "error": answer.error, "ended_at": answer.ended_at}
        waiting.calls[position] = replace(waiting.calls[position], **given)
        waiting.missing -= 1


def _left(waiting: _Waiting, calls: dict[str, tuple[_Waiting, int]]) -> Batch:
    for call in waiting.calls if waiting.missing else ():
        if call.id is not None and calls.get(call.id, (None,))[0] is waiting:
            del calls[call.id]
    return Batch(tuple(waiting.calls))
