"""Assembly: the batches that the spans of a recording tell of, in whatever order they stand.

Decides what is one batch: the calls of one assistant message, read once however often it stands in
the recording. What is missing in a trace is looked for in the others, and in what later spans repeat.
A trace whose root has come, and of which nothing was heard for a while, is let go. Knows no format.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence

from fuzzharness.model import Batch, Call
from fuzzharness.traces.history import Histories
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.span import Execution, Message, Part, Span, Told
from fuzzharness.traces.tracing import Asked, Id, Key, Tracing, order, settle

WINDOW = 20_000
"""How many spans may stand between two of one trace after its root, before the file is refused."""

_ADVICE = "Sort the recording by trace, or load it with lenient=True to leave such spans out and count them."


def assemble(
    spans: Iterable[Node], read: Callable[[Node, Histories], Sequence[Part]], leniency: Leniency
) -> Iterator[Batch]:
    """The batches in what ``read`` makes of ``spans``, without ids: trace by trace, in order.

    ``read`` is given what the spans before have told of histories, to go on from there.

    A recording of up to :data:`WINDOW` spans is read whole before the first batch. Raises
    :class:`TraceError` where ``read`` does, and at a span of a trace that was let go.
    """
    histories = Histories(leniency)
    found = _Assembly(histories.heard)

    def take(node: Node) -> None:
        found.take(read(node, histories), node)

    for _ in leniency.each(take, spans):
        if found.waits_long:
            yield from found.finished()
    yield from found.rest()


class _Assembly:
    """The traces that are not let go yet, and what they say of each other.

    ``heard`` is told the ids of all calls that models asked for, as hashes.
    """

    def __init__(self, heard: set[int]) -> None:
        self._traces: OrderedDict[str, Tracing] = OrderedDict()
        self._touched: dict[str, int] = {}
        self._count = 0
        self._history: dict[Key, Message] = {}
        self._told: dict[Id, Told] = {}
        self._gone: set[int] = set()
        self._heard = heard
        self._settled: set[int] = set()
        self._ran: set[int] = set()

    def take(self, parts: Sequence[Part], node: Node) -> None:
        """Take in what the span at ``node`` tells; a part that was there before changes nothing."""
        if not parts:
            return
        span = parts[0] if isinstance(parts[0], Span) else parts[0].span
        if hash(span.trace) in self._gone:
            if any(map(self._tells_more, parts)):
                raise node.refuse(f"a span not {WINDOW:,} or more behind the others of its trace", _ADVICE)
            return
        trace = self._traces.get(span.trace)
        if trace is None:
            trace = self._traces[span.trace] = Tracing()
        self._traces.move_to_end(span.trace)
        self._count += len(parts)
        self._touched[span.trace] = self._count
        trace.rooted = trace.rooted or span.parent is None
        self._put(parts, trace)

    def _tells_more(self, part: Part) -> bool:
        """Whether a part of a trace that was let go is more than a repetition."""
        if isinstance(part, Execution):
            return part.call.id is None or hash(part.call.id) not in self._settled
        if not isinstance(part, Message) or part.history:
            return False
        return any(call.id is None or hash(call.id) not in self._settled for call in part.calls)

    def _put(self, parts: Sequence[Part], trace: Tracing) -> None:
        for part in parts:
            if isinstance(part, Span):
                trace.lineage.add(part)
            elif isinstance(part, Told):
                self._be_told(part, trace)
            elif isinstance(part, Message):
                if part.calls:
                    self._take_message(part, trace)
            elif isinstance(part, Execution):
                trace.run(part)
            else:
                trace.lineage.add_chat(part.span)

    def _take_message(self, message: Message, trace: Tracing) -> None:
        if message.history:
            self._remember(message)
        else:
            trace.hear(message)
            self._heard.update([hash(call.id) for call in message.calls if call.id is not None])

    @property
    def waits_long(self) -> bool:
        """Whether nothing was heard of some trace for a while."""
        for name in self._traces:
            return self._count - self._touched[name] >= WINDOW
        return False

    def finished(self) -> Iterator[Batch]:
        """The batches of traces that nothing more is to come of."""
        for name in list(self._idle()):
            trace = self._traces[name]
            if trace.done():
                yield from self._let_go(name)
            else:
                self._traces.move_to_end(name)
                self._touched[name] = self._count

    def _idle(self) -> Iterator[str]:
        for name in self._traces:
            if self._count - self._touched[name] < WINDOW:
                return
            yield name

    def _let_go(self, name: str) -> Iterator[Batch]:
        trace = self._traces.pop(name)
        del self._touched[name]
        self._gone.add(hash(name))
        trace.group_the_rest()
        yield from self._batches(trace)
        self._settled.update(map(hash, trace.named))
        self._ran.update(hash(key) for key, asked in trace.messages.items() if asked.begun)
        for id in trace.named:
            self._told.pop(id, None)

    def rest(self) -> Iterator[Batch]:
        """The batches of everything else; to be asked once, after everything was taken."""
        self._keep_history()
        for trace in self._traces.values():
            trace.join()
        self._join_across()
        self._drop_repetitions()
        for trace in self._traces.values():
            trace.join_by_arguments()
            trace.group_the_rest()
        for name in sorted(self._traces, key=lambda name: (self._traces[name].begun, name)):
            yield from self._batches(self._traces.pop(name))

    def _batches(self, trace: Tracing) -> Iterator[Batch]:
        for asked in trace.batches():
            yield Batch(tuple([self._answered(trace, call) for call in asked.calls]))

    def _remember(self, message: Message) -> None:
        ids = tuple([call.id for call in message.calls])
        if None in ids or not self._heard.isdisjoint(map(hash, ids)):
            return
        known = self._history.get(ids)
        if known is None or _place(message) < _place(known):
            self._history[ids] = message

    def _be_told(self, told: Told, trace: Tracing) -> None:
        id = told.answer.id
        if hash(id) in self._settled:
            return
        for first in (trace.told, self._told):
            if id not in first or order(told.span) < order(first[id].span):
                first[id] = told

    def _keep_history(self) -> None:
        """Messages that only later spans repeat: what put them out is not in the recording."""
        for ids, message in sorted(self._history.items(), key=lambda item: _place(item[1])):
            if self._heard.isdisjoint(map(hash, ids)):
                self._traces[message.span.trace].ask(ids, _place(message), message.calls)
                self._heard.update(map(hash, ids))

    def _drop_repetitions(self) -> None:
        """Messages of which no call ran, where another trace has the same and ran it: a proxy told too."""
        for trace in self._traces.values():
            self._ran.update(hash(key) for key, asked in trace.messages.items() if asked.begun)
        for trace in self._traces.values():
            idle = [key for key, m in trace.messages.items() if not m.begun and hash(key) in self._ran]
            for key in [key for key in idle if None not in trace.messages[key].ids]:
                del trace.messages[key]

    def _join_across(self) -> None:
        """Runs whose call was asked for in another trace."""
        runs = [(run, trace) for trace in self._traces.values() for run in trace.waiting.values()]
        strangers = [(run, trace) for run, trace in runs if run.call.id is not None]
        if not strangers:
            return
        free: dict[Id | None, list[tuple[Asked, int]]] = {}
        for trace in self._traces.values():
            for id, places in trace.named.items():
                free.setdefault(id, []).extend(place for place in places if place[0].ran[place[1]] is None)
        for execution, trace in sorted(strangers, key=lambda pair: order(pair[0].span)):
            named = free.get(execution.call.id)
            if named:
                place = min(named, key=lambda place: place[0].order)
                settle(place, execution)
                named.remove(place)
                del trace.waiting[execution.span.id]

    def _answered(self, trace: Tracing, call: Call) -> Call:
        """``call``, which is nobody's yet, with the first answer that its trace, or another, was told."""
        told = None if call.id is None or call.result is not None else self._told.get(call.id)
        if told:
            answer = trace.told.get(told.answer.id, told).answer
            object.__setattr__(call, "result", answer.result)
            object.__setattr__(call, "error", call.error or answer.error)
        return call


def _place(message: Message) -> Key:
    return (*order(message.span), message.index)
