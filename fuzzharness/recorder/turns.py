"""Turns: which batch a call of a live tool belongs to, and when a batch is over.

Decides that from what the runner says, or else from the calls that are in flight together; never from
times. Writes the lines that say so to a journal. Runs no tool.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from secrets import token_hex
from threading import Lock
from typing import Final

from fuzzharness.errors import FuzzWarning, RecordingError
from fuzzharness.model import Call
from fuzzharness.recorder.journal import Journal
from fuzzharness.traces import native_lines


@dataclass(slots=True, eq=False)
class Turn:
    """A batch that is being recorded. ``said``: by the runner, else inferred."""

    id: str
    said: bool
    calls: list[Call] = field(default_factory=list)
    waiting: list[Call] = field(default_factory=list)
    running: int = 0
    written: bool = False
    left: bool = False

    def take(self, tool: str, args: object) -> Call | None:
        """The call of the message that is now made: the first alike, or the only one of that tool."""
        same = [call for call in self.waiting if call.tool == tool]
        alike = [call for call in same if call.args == args]
        found = alike[0] if alike else same[0] if len(same) == 1 else None
        if found is not None:
            self.waiting.remove(found)
        return found


@dataclass(frozen=True, slots=True)
class Here:
    """Where the code that runs now stands: in a turn, or within a call (``turn`` is None then)."""

    turns: Turns
    turn: Turn | None
    outer: Here | None


_here: Final[ContextVar[Here | None]] = ContextVar("fuzzharness_recorder", default=None)


class Turns:
    """The batches of one recording. All methods may be called from any thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = Lock()
        self._count = 0
        self._calls = count(1)
        self._session = token_hex(4)
        self._said: list[Turn] = []
        self._inferred: Turn | None = None

    def enter(self, turn: Turn | None) -> Here:
        """What to set as :data:`here` for code that runs in ``turn``, or within a call."""
        return Here(self, turn, _here.get())

    @property
    def nested(self) -> bool:
        """Whether the code that runs now is a call of this recording, which the model did not ask for."""
        here = self._find()
        return here is not None and here.turn is None

    def open(self, calls: Iterable[Call]) -> Turn:
        """A batch that the runner says begins, with the ``calls`` of its message as far as it says them."""
        with self._lock:
            turn = self._new(said=True)
            for call in calls:
                turn.calls.append(call if call.id else replace(call, id=self._id()))
            turn.waiting = list(turn.calls)
            if turn.calls:
                self._write_open(turn)
            self._said.append(turn)
            return turn

    def leave(self, turn: Turn) -> None:
        """The runner says that ``turn`` is over; it is once its last call is."""
        with self._lock:
            turn.left = True
            self._said.remove(turn)
            self._close_if_over(turn)

    def begin(self, asked: Call, at: datetime) -> tuple[Turn, str | int]:
        """A call is about to be made: its turn, and its id there. Raises :class:`RecordingError`."""
        self._journal.check()
        with self._lock:
            turn = self._turn()
            known = turn.take(asked.tool, asked.args)
            if known is not None:
                id = known.id or ""
                self._journal.write(native_lines.started(turn.id, id, at))
            else:
                self._write_open(turn)
                id = self._id()
                call = replace(asked, id=id, started_at=at)
                self._journal.write(native_lines.called(turn.id, call))
                turn.calls.append(call)
            turn.running += 1
        if known is not None and None not in (known.args, asked.args) and known.args != asked.args:
            warnings.warn(_unlike(known, asked), stacklevel=4)
        return turn, id

    def end(self, turn: Turn, ending: Call) -> None:
        """The call is over, as ``ending`` says. Raises :class:`RecordingError`."""
        with self._lock:
            turn.running -= 1
            try:
                self._journal.write(native_lines.ended(turn.id, ending))
            finally:
                self._close_if_over(turn)

    def _turn(self) -> Turn:
        here = self._find()
        if here is not None and here.turn is not None and not here.turn.left:
            return here.turn
        if here is None and len(self._said) == 1:
            return self._said[0]  # a thread of a pool, which knows no context
        if self._inferred is None:
            self._inferred = self._new(said=False)
        return self._inferred

    def _find(self) -> Here | None:
        here = _here.get()
        while here is not None and here.turns is not self:
            here = here.outer
        return here

    def _id(self) -> str:
        """An id that no call has in any recording: two calls that are alike in all else are two."""
        return f"call_{self._session}_{next(self._calls)}"

    def _new(self, *, said: bool) -> Turn:
        self._count += 1
        return Turn(f"turn-{self._count}", said)

    def _write_open(self, turn: Turn) -> None:
        if not turn.written:
            self._journal.write(native_lines.opened(turn.id, turn.calls, inferred=not turn.said))
            turn.written = True

    def _close_if_over(self, turn: Turn) -> None:
        if turn.running or not (turn.left or turn is self._inferred):
            return
        if turn is self._inferred:
            self._inferred = None
        if turn.written:
            with suppress(RecordingError):  # a batch that nothing more is said of is over too
                self._journal.write(native_lines.closed(turn.id))


def _unlike(declared: Call, made: Call) -> FuzzWarning:
    return FuzzWarning(
        f"the batch says {declared}, and {made} is called. The call is recorded as the batch says, with the "
        "result of the one that is made. Give recording.batch the arguments that the tools receive, or make "
        "that call in a batch of its own"
    )


class Within:
    """``with Within(here):`` sets where the code in the block stands."""

    def __init__(self, here: Here) -> None:
        self._here = here

    def __enter__(self) -> None:
        self._token = _here.set(self._here)

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):  # a coroutine that is thrown away ends in the context of whoever does so
            _here.reset(self._token)
