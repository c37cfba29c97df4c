"""Tracing: the messages and the runs of one trace, joined in whatever order they come.

Decides which run is that of which call: by id, else by tool and arguments, and which runs are a batch
without any message. Knows no format and no other trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fuzzharness.model import Call
from fuzzharness.traces.document import canonical
from fuzzharness.traces.lineage import Lineage
from fuzzharness.traces.repeats import is_counted
from fuzzharness.traces.span import Execution, Message, Span, Told

_LATE = datetime.max.replace(tzinfo=UTC)

Key = tuple[Any, ...]
Id = str | int


@dataclass(slots=True, eq=False)
class Asked:
    """One message as its calls are being run: ``order`` is its own, ``ran`` that of each run."""

    order: Key
    calls: list[Call]
    ran: list[Key | None]

    def settle(self, position: int, execution: Execution) -> None:
        """Take what ``execution`` says of a call; of several the outermost, which began first."""
        known, begun = self.ran[position], order(execution.span)
        if known is None or begun < known:
            self.ran[position] = begun
            self.calls[position] = _begun(self.calls[position], execution.call)

    @property
    def ids(self) -> tuple[Id | None, ...]:
        """The ids of its calls."""
        return tuple([call.id for call in self.calls])

    @property
    def begun(self) -> bool:
        """Whether any call ran."""
        return any(self.ran)

    @property
    def done(self) -> bool:
        """Whether each call ran."""
        return None not in self.ran


Place = tuple[Asked, int]


class Tracing:
    """What has been read of one trace."""

    def __init__(self) -> None:
        self.messages: dict[Key, Asked] = {}
        self.named: dict[Id, list[Place]] = {}
        self._counted: dict[Key, list[Span]] = {}
        self.waiting: dict[str, Execution] = {}
        self.told: dict[Id, Told] = {}
        self.lineage = Lineage()
        self.rooted = False

    def hear(self, message: Message) -> None:
        """Take a message that a model put out; spans around that of the model may repeat it."""
        ids = tuple([call.id for call in message.calls])
        key = (message.span.id, message.index) if None in ids else tuple(map(_content, message.calls))
        if all(map(is_counted, ids)):
            key = self._again(key, message.span)
        place = (*order(message.span), message.index)
        known = self.messages.get(key)
        if known is None:
            self.ask(key, place, message.calls)
        else:
            known.order = max(known.order, place)

    def _again(self, key: Key, span: Span) -> Key:
        """``key``, or another where messages alike, whose ids count anew, were put out at other times."""
        spans = self._counted.setdefault(key, [])
        number = next((n for n, known in enumerate(spans) if not _apart(known, span)), len(spans))
        if number == len(spans):
            spans.append(span)
        elif order(span) > order(spans[number]):
            spans[number] = span  # the one within tells more of when it was
        return (*key, number) if number else key

    def ask(self, key: Key, place: Key, calls: Iterable[Call]) -> Asked:
        """Begin a batch of ``calls``."""
        found = list(calls)
        asked = self.messages[key] = Asked(place, found, [None] * len(found))
        for position, call in enumerate(found):
            if call.id is not None:
                self.named.setdefault(call.id, []).append((asked, position))
        return asked

    def run(self, execution: Execution) -> None:
        """Take a run; it waits, since the message that it belongs to may come after it."""
        self.lineage.add_run(execution.span)
        self.waiting.setdefault(execution.span.id, execution)

    def done(self) -> bool:
        """Whether nothing of another trace can be missing: all ran, and no run names a call elsewhere.

        To be asked when nothing of this trace is to come: it joins what it can.
        """
        self.join()
        self.join_by_arguments()
        strangers = any(execution.call.id is not None for execution in self.waiting.values())
        return self.rooted and not strangers and all(asked.done for asked in self.messages.values())

    @property
    def begun(self) -> Key:
        """The order of its first message; before all others where there is none."""
        return min((asked.order for asked in self.messages.values()), default=())

    def join(self) -> None:
        """Join the runs that wait to the calls of this trace whose id they bear, the latest before them."""
        for execution in self.runs():
            id = execution.call.id
            places = None if id is None else self.named.get(id)
            if places:
                settle(places[0] if len(places) == 1 else _latest(places, execution), execution)
                del self.waiting[execution.span.id]

    def join_by_arguments(self) -> None:
        """Join the runs that name no call to calls of the same tool, first those of the same arguments."""
        free = [
            (asked, position)
            for asked in self.batches()
            for position, ran in enumerate(asked.ran)
            if ran is None
        ]
        for fits in (_same_arguments, _any_arguments):
            for execution in self.runs() if free else ():
                self._join_to(free, execution, fits)

    def runs(self) -> list[Execution]:
        """The runs that wait, in the order in which they began."""
        return sorted(self.waiting.values(), key=lambda execution: order(execution.span))

    def _join_to(self, free: list[Place], execution: Execution, fits: Callable[[Call, Call], bool]) -> None:
        begun, found = order(execution.span), None
        for place in reversed(free):
            asked, position = place
            if found and found[0] is not asked:
                break
            if asked.order < begun and fits(asked.calls[position], execution.call):
                found = place
        if found:
            settle(found, execution)
            free.remove(found)
            del self.waiting[execution.span.id]

    def group_the_rest(self) -> None:
        """Make batches of the runs without a message."""
        if not self.waiting:
            return
        for number, group in enumerate(self.lineage.groups(e.span for e in self.waiting.values())):
            found = _distinct(self.waiting[span.id] for span in group)
            asked = self.ask(("runs", number), (*order(group[0]), 0), (e.call for e in found))
            asked.ran = [order(execution.span) for execution in found]
        self.waiting = {}

    def batches(self) -> list[Asked]:
        """The messages in their order."""
        return sorted(self.messages.values(), key=_order_of)


def _order_of(asked: Asked) -> Key:
    return asked.order


def order(span: Span) -> Key:
    """Spans by when they began; those that do not say so last."""
    return (span.started_at or _LATE, span.id)


def _apart(one: Span, other: Span) -> bool:
    """Whether one of two spans was over when the other began."""
    first, second = sorted((one, other), key=order)
    over, begun = first.ended_at, second.started_at
    return over is not None and begun is not None and over <= begun and one.id != other.id


def _latest(places: list[Place], execution: Execution) -> Place:
    """The latest of ``places`` before the run, the first where none is."""
    begun = order(execution.span)
    before = [place for place in places if place[0].order < begun]
    return sorted(before, key=lambda place: place[0].order)[-1] if before else places[0]


def _content(call: Call) -> Key:
    """What tells a call from another: some servers count their ids anew in each message."""
    return (call.id, call.tool, call.invalid_args, canonical(call.args))


def settle(place: Place, execution: Execution) -> None:
    """Let the call at ``place`` be the one that ``execution`` ran."""
    asked, position = place
    asked.settle(position, execution)


def _begun(asked: Call, ran: Call) -> Call:
    """``ran``, which is nobody's yet, as the run of ``asked``, whose arguments count if it has any."""
    object.__setattr__(ran, "tool", asked.tool)
    if asked.args is not None or asked.invalid_args:
        object.__setattr__(ran, "args", asked.args)
        object.__setattr__(ran, "invalid_args", asked.invalid_args)
    if asked.id is not None:
        object.__setattr__(ran, "id", asked.id)
    return ran


def _any_arguments(asked: Call, ran: Call) -> bool:
    return asked.tool == ran.tool and (asked.id is None or ran.id is None)


def _same_arguments(asked: Call, ran: Call) -> bool:
    if not _any_arguments(asked, ran):
        return False
    if asked.args is None or ran.args is None:
        bare = list((asked.args or {}).values())
        return asked.invalid_args == ran.invalid_args or bare == [ran.invalid_args]
    return asked.args == ran.args


def _distinct(executions: Iterable[Execution]) -> list[Execution]:
    """The outermost run of each call id."""
    found: dict[Id | None, Execution] = {}
    for number, execution in enumerate(executions):
        found.setdefault(f" {number}" if execution.call.id is None else execution.call.id, execution)
    return list(found.values())
