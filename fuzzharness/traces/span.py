"""Span: what a traced operation tells of tool calls.

Decides the nouns that every format of spans is read into; tuples, since a recording has millions.
Knows no format and joins nothing: :mod:`fuzzharness.traces.assembly` does.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from fuzzharness.model import Call
from fuzzharness.traces.turn import Answer, Turn


class Span(NamedTuple):
    """Where an operation stands: its trace, its parent within it, and when it was.

    ``agent`` says that it is an agent at work: what its models ask for runs below it. ``step`` is the
    step of a graph that it belongs to, where the recording counts them.
    """

    trace: str
    id: str
    parent: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    agent: bool = False
    step: str | None = None


class Chat(NamedTuple):
    """``span`` asked a model, whatever the model answered."""

    span: Span


class Message(NamedTuple):
    """The calls of one assistant message, which ``span`` put out, the ``index``-th there.

    history: ``span`` was given the message; the span that put it out may stand elsewhere.
    """

    span: Span
    calls: Turn
    index: int = 0  # type: ignore[assignment]  # hides a method of tuples that nobody calls
    history: bool = False


class Execution(NamedTuple):
    """``span`` ran ``call``; the call has the id None where the span does not tell it."""

    span: Span
    call: Call


class Told(NamedTuple):
    """``span`` was given ``answer``, a result of a call that stands elsewhere."""

    span: Span
    answer: Answer


Part = Span | Chat | Message | Execution | Told
