"""Turn: the calls of one assistant message, and the answers that come for them later.

Decides how calls and results are joined: by call id, within one conversation. Knows no recording
format.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from fuzzharness.errors import TraceError
from fuzzharness.model import Batch, Call
from fuzzharness.traces.digests import Digests
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node

LOOKBACK: Final = 1000


_BEFORE: Final = "the id of a call that stands before its result"
WHOLE: Final = (
    "Give the recording from where the conversation begins, or load it with lenient=True to leave such "
    "results out and count them."
)


class Answer(NamedTuple):
    """What came back for the call ``id``, and when; ``at`` is the object whose ``key`` has the id."""

    id: str | int
    result: Any
    error: bool = False
    ended_at: datetime | None = None
    at: Node | None = None
    key: str = ""


Turn = tuple[Call, ...]


def turn(read: Callable[[Node], Call], nodes: Iterable[Node], leniency: Leniency, *, id: str = "id") -> Turn:
    """The calls that ``read`` finds in ``nodes``, the places of the calls of one message.

    Raises :class:`TraceError` where ``read`` does, and where a call has the id of one before it,
    which stands in the member ``id``; lenient reading leaves such a call out.
    """
    calls: dict[object, Call] = {}
    for node in nodes:
        try:
            call = read(node)
            key = object() if call.id is None else call.id
            if key in calls:
                raise node.get(id).refuse("an id that no other call of the message has")
        except TraceError:
            leniency.leave_out()
        else:
            calls[key] = call
    return tuple(calls.values())


def join(entries: Iterable[Turn | Answer], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one conversation, one for each turn that has calls; see :class:`Turns`."""
    turns = Turns()
    for entry in entries:
        if entry:
            try:
                turns.take(entry)
            except TraceError:
                leniency.leave_out()
            yield from turns.ready()
    yield from turns.rest()


@dataclass(slots=True, eq=False)
class Open:
    """A turn that waits: for answers to its calls, and for further calls as long as it is open."""

    calls: list[Call] = field(default_factory=list)
    missing: int = 1


class Turns:
    """The turns of one conversation that wait for answers, in their order.

    An answer goes to the latest call before it that has its id. Recordings repeat themselves: a second
    one for a call is passed over. A turn leaves as a batch without id when all its answers have come, or
    when ``LOOKBACK`` later ones wait behind it.
    """

    def __init__(self) -> None:
        self._line: deque[Open] = deque()
        self._calls: dict[str | int, tuple[Open, int]] = {}
        self._over = Digests()

    def take(self, entry: Turn | Answer) -> None:
        """A whole turn, or an answer. Raises :class:`TraceError`."""
        if isinstance(entry, Answer):
            self.answer(entry)
        else:
            self.close(self.open(entry))

    def open(self, calls: Turn = ()) -> Open:
        """A turn with ``calls``, to which others may be added until it is closed."""
        turn = Open()
        self._line.append(turn)
        self.add(turn, calls)
        return turn

    def add(self, turn: Open, calls: Turn) -> None:
        """Add ``calls`` to an open turn."""
        for call in calls:
            if call.id is not None:
                if call.id in self._calls:
                    self._calls[call.id][0].missing -= 1
                self._calls[call.id] = turn, len(turn.calls)
                turn.missing += 1
            turn.calls.append(call)

    def close(self, turn: Open) -> None:
        """Nothing is added to ``turn`` any more."""
        turn.missing -= 1

    def answer(self, answer: Answer) -> None:
        """Give ``answer`` to the call that waits for it. Raises :class:`TraceError` where none ever did."""
        found = self._calls.pop(answer.id, None)
        if found is not None:
            turn, position = found
            _give(turn.calls[position], answer)
            turn.missing -= 1
            self._over.add(hash(answer.id))
        elif answer.at is not None and hash(answer.id) not in self._over:
            raise answer.at.get(answer.key).refuse(_BEFORE, WHOLE)

    def ready(self, limit: int = LOOKBACK) -> Iterable[Batch]:
        """The turns at the head that need not wait any more."""
        line = self._line
        return self._leaving(limit) if line and (not line[0].missing or len(line) > limit) else ()

    def rest(self) -> Iterable[Batch]:
        """All turns that still wait, when nothing more follows."""
        return self._leaving(0)

    def _leaving(self, limit: int) -> Iterator[Batch]:
        while self._line and (not self._line[0].missing or len(self._line) > limit):
            turn = self._line.popleft()
            for call in turn.calls if turn.missing else ():
                if call.id is not None and self._calls.get(call.id, (None,))[0] is turn:
                    del self._calls[call.id]
                    self._over.add(hash(call.id))
            if turn.calls:
                yield Batch(tuple(turn.calls))


def _give(call: Call, answer: Answer) -> None:
    """Set what came back. ``call`` is nobody's yet, and to make another one takes ten times as long."""
    object.__setattr__(call, "result", answer.result)
    if answer.error:
        object.__setattr__(call, "error", True)
    if answer.ended_at is not None:
        object.__setattr__(call, "ended_at", answer.ended_at)
