"""Turn: the calls of one assistant message, and the answers that come for them later.

Decides how calls and results are joined: by call id, within one conversation. Knows no recording
format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node


@dataclass(frozen=True, slots=True)
class Answer:
    """What the recording says came back for the call ``id``."""

    id: str
    result: Any
    error: bool = False


Turn = tuple[Call, ...]


def turn(read: Callable[[Node], Call], nodes: Iterable[Node], leniency: Leniency) -> Turn:
    """The calls that ``read`` finds in ``nodes``, the places of the calls of one message.

    Raises :class:`TraceError` where ``read`` does, and where a node's ``id`` is that of a call
    before it; lenient reading leaves such a call out.
    """
    taken: set[str | int | None] = set()

    def read_new(node: Node) -> Call:
        call = read(node)
        if call.id in taken:
            raise node.get("id").refuse("an id that no other call of the message has")
        taken.add(call.id)
        return call

    return tuple(leniency.each(read_new, nodes))


def join(entries: Iterable[Turn | Answer]) -> tuple[Batch, ...]:
    """The batches of one conversation, one for each turn that has calls, without ids.

    An answer goes to the latest call before it that has its id. Recordings are often cut or
    repeat themselves: an answer without a call, or a second one for a call, is passed over.
    """
    turns: list[list[Call]] = []
    waiting: dict[str | int | None, tuple[int, int]] = {}
    for entry in entries:
        if isinstance(entry, Answer):
            _settle(turns, waiting.pop(entry.id, None), entry)
        elif entry:
            waiting |= {call.id: (len(turns), position) for position, call in enumerate(entry)}
            turns.append(list(entry))
    return tuple(Batch(tuple(calls)) for calls in turns)


def _settle(turns: list[list[Call]], where: tuple[int, int] | None, answer: Answer) -> None:
    if where is not None:
        number, position = where
        call = turns[number][position]
        turns[number][position] = replace(call, result=answer.result, error=answer.error)
