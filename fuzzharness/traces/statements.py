"""Statements: what the calls of a recording of spans asked databases for.

Decides which statement belongs to which call: that of a span below the span that ran the call, no more
than a window of spans away from the others of its trace. Only OTLP records them. Reads no SQL.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import itemgetter

from fuzzharness.model import Call, Trace
from fuzzharness.traces import openinference, otel_genai, otlp
from fuzzharness.traces.assembly import WINDOW
from fuzzharness.traces.conversation import records
from fuzzharness.traces.formats import named, recognise
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.otlp import Traced
from fuzzharness.traces.place import Place
from fuzzharness.traces.source import documents
from fuzzharness.traces.span import Execution, Span
from fuzzharness.traces.stream import opened

_READERS = {otel_genai.name: otel_genai.execution, openinference.name: openinference.execution}
_TEXT = ("db.query.text", "db.statement")
_SYSTEM = ("db.system.name", "db.system")

Run = tuple[str, datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Statement:
    """The text of a statement, and the ``system`` it was for as the conventions call it."""

    text: str
    system: str = ""


Made = tuple[tuple[str, str], Statement]


def run_of(call: Call) -> Run:
    """What tells the run of ``call`` from all others: its tool and its times."""
    return (call.tool, call.started_at, call.ended_at)


def statements(
    paths: Iterable[str], trace: Trace, *, format: str | None = None, lenient: bool = False
) -> dict[Run, tuple[Statement, ...]]:
    """The statements of each run in the files at ``paths``, which were read as ``trace``, as made.

    format, lenient: how they were read. Nothing where their formats record none. Raises
    :class:`TraceError`.
    """
    if _READERS.keys().isdisjoint((trace.format or "").split(", ")):
        return {}
    leniency = Leniency(lenient)
    found = _Found()
    for _ in leniency.each(partial(_take_file, found, format, leniency), paths):
        """It has been taken."""
    return found.by_run()


def _take_file(found: _Found, format: str | None, leniency: Leniency, file: str) -> None:
    place = Place(file)
    with closing(opened(file)) as stream:
        known = records(documents(stream, leniency), leniency)
        reader, known = recognise(known, place, None if format is None else named(format, place))
        read = _READERS.get(reader.name)
        if read is None:
            return

        def take(node: Node) -> None:
            traced = otlp.traced(node)
            found.take(traced, read(traced))

        for _ in leniency.each(take, otlp.spans((node for _, node in known), leniency)):
            """It has been taken."""


@dataclass(slots=True)
class _Tracing:
    """Of one trace the parents of spans, which of them ran calls, and which made statements."""

    touched: int = 0
    parents: dict[str, str | None] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    made: dict[str, tuple[Span, Statement]] = field(default_factory=dict)

    def by_run(self) -> Iterator[tuple[Run, Made]]:
        """Each statement with its place in time, and the run of the nearest span above it that ran a call."""
        for span, statement in self.made.values():
            run = next((self.runs[id] for id in self._above(span) if id in self.runs), None)
            if run is not None:
                yield run, (_order(span), statement)

    def _above(self, span: Span) -> Iterator[str]:
        """The id of ``span`` and of those around it, from the inside out."""
        here: str | None = span.id
        seen = set[str]()
        while here is not None and here not in seen:
            yield here
            seen.add(here)
            here = self.parents.get(here)


class _Found:
    """The statements of the traces that were let go, and the traces that were heard of lately."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, _Tracing] = OrderedDict()
        self._made: dict[Run, list[Made]] = {}
        self._count = 0

    def take(self, traced: Traced, execution: Execution | None) -> None:
        """Take a span in, and let the traces go of which nothing was heard for a while."""
        span = traced.span()
        trace = self._traces.setdefault(span.trace, _Tracing())
        self._traces.move_to_end(span.trace)
        self._count += 1
        trace.touched = self._count
        trace.parents[span.id] = span.parent
        if execution:
            trace.runs[span.id] = run_of(execution.call)
        text = traced.attributes.text(traced.attributes.has(*_TEXT))
        if text:
            system = traced.attributes.text(traced.attributes.has(*_SYSTEM)) or ""
            trace.made[span.id] = (span, Statement(text, system))
        while self._count - next(iter(self._traces.values())).touched >= WINDOW:
            self._let_go(self._traces.popitem(last=False)[1])

    def by_run(self) -> dict[Run, tuple[Statement, ...]]:
        """The statements of each run, as made; to be asked once, after everything was taken."""
        while self._traces:
            self._let_go(self._traces.popitem(last=False)[1])
        found = {run: sorted(made, key=itemgetter(0)) for run, made in self._made.items()}
        return {run: tuple(statement for _, statement in made) for run, made in found.items()}

    def _let_go(self, trace: _Tracing) -> None:
        for run, made in trace.by_run():
            self._made.setdefault(run, []).append(made)


def _order(span: Span) -> tuple[str, str]:
    return (span.started_at.isoformat() if span.started_at else "", span.id)
