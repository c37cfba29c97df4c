"""Suspicions: what an audit suspects, as text and as JSON.

Decides the words: everything is suspected, nothing is found. Never looks at a recording itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from fuzzharness.audit.suspicion import Suspicion
from fuzzharness.model import Trace
from fuzzharness.report.text import call_text, count, printable

VERSION = 1
"""The version of the JSON; it changes when a member is renamed or dropped."""


def told(source: str, suspicions: Sequence[Suspicion], width: int = 100) -> Iterator[str]:
    """The lines that tell of ``suspicions`` in the recording ``source``, the first the heaviest."""
    for number, suspicion in enumerate(suspicions, 1):
        batch = suspicion.pair.batch.id or "a batch"
        yield printable(f"{number}. {source}::{batch}  suspected {suspicion.mode}, weight {suspicion.weight}")
        for call, label in zip(suspicion.pair.calls, suspicion.pair.labels, strict=True):
            yield f"     {call_text(call)}  {printable(label)}"
        for piece in suspicion.evidence:
            text = printable(f"{piece.text} ({piece.weight})")
            yield from textwrap.wrap(text, width, initial_indent="   - ", subsequent_indent="     ")
        yield ""


def tally(trace: Trace, suspicions: Sequence[Suspicion]) -> str:
    """The last line: how much was looked at, and that nothing was run."""
    batches = sum(len(batch.calls) > 1 for batch in trace.batches)
    left_out = f", {count(trace.skipped, 'malformed part')} left out" if trace.skipped else ""
    looked = f"{count(batches, 'batch')} of two calls or more ({trace.format}{left_out})"
    return f"{looked}: {count(len(suspicions), 'suspected conflict')}, none of them found by running a tool"


def as_json(source: str, trace: Trace, suspicions: Sequence[Suspicion]) -> dict[str, Any]:
    """The same as plain data, heaviest first."""
    return {
        "version": VERSION,
        "source": source,
        "format": trace.format,
        "skipped": trace.skipped,
        "batches": sum(len(batch.calls) > 1 for batch in trace.batches),
        "suspected": [_plain(suspicion) for suspicion in suspicions],
    }


def _plain(suspicion: Suspicion) -> dict[str, Any]:
    calls = zip(suspicion.pair.calls, suspicion.pair.labels, strict=True)
    return {
        "batch": suspicion.pair.batch.id,
        "mode": suspicion.mode,
        "weight": suspicion.weight,
        "calls": [{"id": label, "tool": call.tool, "args": call.args} for call, label in calls],
        "evidence": [
            {"mode": piece.mode, "weight": piece.weight, "text": piece.text} for piece in suspicion.evidence
        ],
    }
