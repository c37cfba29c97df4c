"""Statements: what the calls of a recording of spans asked databases for.

Decides which statement belongs to which call: that of a span below the span that ran the call. Only
OTLP records them. Reads no SQL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from fuzzharness.model import Call, Trace
from fuzzharness.traces import openinference, otel_genai, otlp
from fuzzharness.traces.conversation import records
from fuzzharness.traces.folder import files
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.otlp import Traced
from fuzzharness.traces.source import documents
from fuzzharness.traces.span import Execution, Span
from fuzzharness.traces.stream import opened

_READERS = {otel_genai.name: otel_genai.execution, openinference.name: openinference.execution}
_TEXT = ("db.query.text", "db.statement")
_SYSTEM = ("db.system.name", "db.system")

Run = tuple[str, datetime | None, datetime | None]
Place = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Statement:
    """The text of a statement, and the ``system`` it was for as the conventions call it."""

    text: str
    system: str = ""


def run_of(call: Call) -> Run:
    """What tells the run of ``call`` from all others: its tool and its times."""
    return (call.tool, call.started_at, call.ended_at)


def statements(
    path: str | os.PathLike[str], trace: Trace, *, lenient: bool = False
) -> dict[Run, tuple[Statement, ...]]:
    """The statements of each run in the recording at ``path``, which was read as ``trace``, as made.

    Nothing where its format records none. Raises :class:`TraceError`.
    """
    if trace.format not in _READERS:
        return {}
    leniency = Leniency(lenient)
    found = _Found()
    read = _READERS[trace.format]

    def take(node: Node) -> None:
        traced = otlp.traced(node)
        found.take(traced, read(traced))

    for file in files(os.fspath(path)):
        with closing(opened(file)) as stream:
            nodes = (node for _, node in records(documents(stream, leniency), leniency))
            for _ in leniency.each(take, otlp.spans(nodes, leniency)):
                """It has been taken."""
    return found.by_run()


@dataclass(slots=True)
class _Found:
    """The parents of spans, which of them ran calls, and which made statements."""

    parents: dict[Place, str | None] = field(default_factory=dict)
    runs: dict[Place, Run] = field(default_factory=dict)
    made: dict[Place, tuple[Span, Statement]] = field(default_factory=dict)

    def take(self, traced: Traced, execution: Execution | None) -> None:
        span = traced.span()
        self.parents[span.trace, span.id] = span.parent
        if execution:
            self.runs[span.trace, span.id] = run_of(execution.call)
        text = traced.attributes.text(traced.attributes.has(*_TEXT))
        if text:
            system = traced.attributes.text(traced.attributes.has(*_SYSTEM)) or ""
            self.made[span.trace, span.id] = (span, Statement(text, system))

    def by_run(self) -> dict[Run, tuple[Statement, ...]]:
        found: dict[Run, list[Statement]] = {}
        for span, statement in sorted(self.made.values(), key=lambda made: _order(made[0])):
            run = next((self.runs[place] for place in self._above(span) if place in self.runs), None)
            if run is not None:
                found.setdefault(run, []).append(statement)
        return {run: tuple(several) for run, several in found.items()}

    def _above(self, span: Span) -> Iterator[Place]:
        """The place of ``span`` and of those around it, from the inside out."""
        here, seen = span.id, set[str]()
        while here is not None and here not in seen:
            yield (span.trace, here)
            seen.add(here)
            here = self.parents.get((span.trace, here))  # type: ignore[assignment]  # None ends it


def _order(span: Span) -> tuple[str, str]:
    return (span.started_at.isoformat() if span.started_at else "", span.id)
