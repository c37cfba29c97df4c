"""Assembly: the batches that the spans of a recording tell of, in whatever order they stand.

Decides what is one batch: the calls of one assistant message, read once however often it stands in
the recording. Results and times come from the spans that ran the calls, by id, else by tool and
arguments. Runs without any message are batches by the model that was asked before them. Knows no
format. Keeps one call for each call, and of other spans who their parent is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fuzzharness.model import Batch, Call
from fuzzharness.traces.lineage import Lineage
from fuzzharness.traces.span import Chat, Execution, Message, Part, Span, Told
from fuzzharness.traces.turn import Answer

LATE = datetime.max.replace(tzinfo=UTC)

Key = tuple[Any, ...]


def assemble(parts: Iterable[Part]) -> Iterator[Batch]:
    """The batches in ``parts``, without ids: trace by trace, in the order of their messages.

    Reads all parts before the first batch, since a span may come before the one it belongs to.
    """
    found = _Assembly()
    for part in parts:
        found.take(part)
    yield from found.batches()


@dataclass(slots=True)
class _Asked:
    """One message as it is being answered; ``ran`` has the span that ran each call, if any did."""

    span: Span
    index: int
    calls: list[Call]
    ran: list[Span | None] = field(default_factory=list)

    def settle(self, position: int, execution: Execution) -> None:
        """Take what ``execution`` says of a call; of several the outermost, which began first."""
        known = self.ran[position]
        if known is None or order(execution.span) < order(known):
            self.ran[position] = execution.span
            self.calls[position] = _merged(self.calls[position], execution.call)

    @property
    def order(self) -> Key:
        return (*order(self.span), self.index)


class _Assembly:
    """What has been read so far."""

    def __init__(self) -> None:
        self._asked: dict[Key, _Asked] = {}
        self._named: dict[str | int, list[tuple[_Asked, int]]] = {}
        self._history: dict[Key, Message] = {}
        self._waiting: dict[tuple[str, str], Execution] = {}
        self._answers: dict[str | int, dict[str, tuple[Key, Answer]]] = {}
        self._lineage = Lineage()

    def take(self, part: Part) -> None:
        """Take ``part`` in; a part that was there before changes nothing."""
        match part:
            case Span():
                self._lineage.add(part)
            case Chat():
                self._lineage.add_chat(part.span)
            case Message():
                self._hear(part)
            case Execution():
                self._run(part)
            case Told():
                self._be_told(part)

    def batches(self) -> Iterator[Batch]:
        """What was read, joined; to be asked once, after everything was taken."""
        self._keep_history()
        self._join_other_traces()
        self._join_by_arguments()
        self._group_the_rest()
        asked = list(self._asked.values())
        begun: dict[str, Key] = {}
        for message in asked:
            begun[message.span.trace] = min(message.order, begun.get(message.span.trace, message.order))
        asked.sort(key=lambda m: (begun[m.span.trace], m.span.trace, m.order))
        for message in asked:
            yield Batch(tuple(map(self._answered, [message] * len(message.calls), range(len(message.calls)))))

    def _hear(self, message: Message) -> None:
        if not message.calls:
            return
        ids = tuple(call.id for call in message.calls)
        if message.history:
            if None not in ids:
                self._remember(ids, message)
            return
        named = None not in ids
        key = (message.span.trace, ids) if named else (message.span.trace, message.span.id, message.index)
        known = self._asked.get(key)
        if known is not None:
            self._repeat(known, message)
        else:
            self._ask(key, message)

    def _ask(self, key: Key, message: Message) -> None:
        calls = list(message.calls)
        asked = self._asked[key] = _Asked(message.span, message.index, calls, [None] * len(calls))
        for position, call in enumerate(calls):
            if call.id is not None:
                self._named.setdefault(call.id, []).append((asked, position))

    def _repeat(self, known: _Asked, message: Message) -> None:
        """A span around the one that asked the model may repeat what that put out."""
        if order(message.span) > order(known.span):
            known.span, known.index = message.span, message.index

    def _remember(self, ids: Key, message: Message) -> None:
        if all(id in self._named for id in ids):
            return
        known = self._history.get(ids)
        if known is None or _place(message) < _place(known):
            self._history[ids] = message

    def _run(self, execution: Execution) -> None:
        span = execution.span
        self._lineage.add_run(span)
        for asked, position in self._named.get(execution.call.id or "", ()):
            if asked.span.trace == span.trace:
                asked.settle(position, execution)
                return
        self._waiting.setdefault((span.trace, span.id), execution)

    def _be_told(self, told: Told) -> None:
        found = self._answers.setdefault(told.answer.id, {})
        trace, at = told.span.trace, order(told.span)
        if trace not in found or at < found[trace][0]:
            found[trace] = (at, told.answer)

    def _keep_history(self) -> None:
        """Messages that only later spans repeat: what put them out is not in the recording."""
        for ids, message in sorted(self._history.items(), key=lambda item: _place(item[1])):
            if not any(id in self._named for id in ids):
                self._ask(("history", ids), message)

    def _join_other_traces(self) -> None:
        for key, execution in sorted(self._waiting.items(), key=lambda item: order(item[1].span)):
            named = self._named.get(execution.call.id or "", [])
            same = [place for place in named if place[0].span.trace == execution.span.trace]
            free = [place for place in named if place[0].ran[place[1]] is None]
            chosen = same or sorted(free, key=lambda place: place[0].order)
            if chosen:
                asked, position = chosen[0]
                asked.settle(position, execution)
                del self._waiting[key]

    def _join_by_arguments(self) -> None:
        free: dict[tuple[str, str], list[tuple[_Asked, int]]] = {}
        for asked in sorted(self._asked.values(), key=lambda asked: asked.order):
            for position, call in enumerate(asked.calls):
                if asked.ran[position] is None:
                    free.setdefault((asked.span.trace, call.tool), []).append((asked, position))
        waiting = sorted(self._waiting.values(), key=lambda execution: order(execution.span))
        for fits in (_same_arguments, _any_arguments):
            for execution in [e for e in waiting if (e.span.trace, e.span.id) in self._waiting]:
                self._join_to(free.get((execution.span.trace, execution.call.tool), []), execution, fits)

    def _join_to(self, free: list[tuple[_Asked, int]], execution: Execution, fits: Any) -> None:
        begun = order(execution.span)
        fitting = [(a, p) for a, p in free if order(a.span) < begun and fits(a.calls[p], execution.call)]
        if fitting:
            latest = fitting[-1][0]
            place = next(place for place in fitting if place[0] is latest)
            latest.settle(place[1], execution)
            free.remove(place)
            del self._waiting[execution.span.trace, execution.span.id]

    def _group_the_rest(self) -> None:
        """Runs without a message: those after one model and before the next are one batch."""
        for key, group in self._lineage.groups([e.span for e in self._waiting.values()]).items():
            found = [self._waiting[span.trace, span.id] for span in group]
            calls = [execution.call for execution in _distinct(found)]
            self._ask(("runs", *key), Message(group[0], tuple(calls)))

    def _answered(self, asked: _Asked, position: int) -> Call:
        call, ran = asked.calls[position], asked.ran[position]
        found = self._answers.get(call.id or "")
        if found is None or call.result is not None:
            return call
        _, answer = found.get(asked.span.trace) or min(found.values(), key=lambda pair: pair[0])
        error = call.error if ran is not None and call.error else answer.error
        return replace(call, result=answer.result, error=error)


def order(span: Span) -> Key:
    """Spans by when they began; those that do not say so last."""
    return (span.started_at or LATE, span.id)


def _place(message: Message) -> Key:
    return (*order(message.span), message.index)


def _merged(asked: Call, ran: Call) -> Call:
    """``asked`` with what running it came to; its own arguments, where it has any."""
    found = replace(ran, tool=asked.tool, id=ran.id if asked.id is None else asked.id)
    if _unrecorded(asked):
        return found
    return replace(found, args=asked.args, invalid_args=asked.invalid_args)


def _unrecorded(call: Call) -> bool:
    return call.args is None and not call.invalid_args


def _same_arguments(asked: Call, ran: Call) -> bool:
    if not _any_arguments(asked, ran):
        return False
    if asked.args is None or ran.args is None:
        bare = list((asked.args or {}).values())
        return asked.invalid_args == ran.invalid_args or bare == [ran.invalid_args]
    return asked.args == ran.args


def _any_arguments(asked: Call, ran: Call) -> bool:
    return asked.id is None or ran.id is None


def _distinct(executions: Iterable[Execution]) -> list[Execution]:
    """The outermost run of each call id."""
    found: dict[str | int, Execution] = {}
    for number, execution in enumerate(executions):
        found.setdefault(execution.call.id or f" {number}", execution)
    return list(found.values())
