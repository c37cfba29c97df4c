"""Suspicions: what an audit suspects, as text and as JSON.

Decides the words: everything is suspected, nothing is found. Never looks at a recording itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from fuzzharness.audit.suspicion import Suspicion
from fuzzharness.report.text import call_text, count, printable
from fuzzharness.traces.whereabouts import Recordings

VERSION = 1
"""The version of the JSON; it changes when a member is renamed or dropped."""


def told(recordings: Recordings, suspicions: Sequence[Suspicion], width: int = 100) -> Iterator[str]:
    """The lines that tell of ``suspicions`` in ``recordings``, the first the heaviest."""
    for number, suspicion in enumerate(suspicions, 1):
        where = recordings.where(suspicion.pair.batch)
        yield printable(f"{number}. {where}  suspected {suspicion.mode}, weight {suspicion.weight}")
        for call, label in zip(suspicion.pair.calls, suspicion.pair.labels, strict=True):
            yield f"     {call_text(call)}  {printable(label)}"
        for piece in suspicion.evidence:
            text = printable(f"{piece.text} ({piece.weight})")
            yield from textwrap.wrap(text, width, initial_indent="   - ", subsequent_indent="     ")
        yield ""


def tally(recordings: Recordings, suspicions: Sequence[Suspicion]) -> str:
    """The last line: how much was looked at, and that nothing was run."""
    trace = recordings.trace
    batches = sum(len(batch.calls) > 1 for batch in trace.batches)
    left_out = f", {count(trace.skipped, 'malformed part')} left out" if trace.skipped else ""
    files = f" in {len(recordings.files)} files" if len(recordings.files) > 1 else ""
    looked = f"{count(batches, 'batch')} of two calls or more{files} ({trace.format}{left_out})"
    return f"{looked}: {count(len(suspicions), 'suspected conflict')}, none of them found by running a tool"


def as_json(paths: Sequence[str], recordings: Recordings, suspicions: Sequence[Suspicion]) -> dict[str, Any]:
    """The same as plain data, heaviest first; with ``sources`` in place of ``source`` for several paths, and
    the ``file`` of each suspicion where there are several.
    """
    trace = recordings.trace
    return {
        "version": VERSION,
        **({"source": paths[0]} if len(paths) == 1 else {"sources": list(paths)}),
        "format": trace.format,
        "skipped": trace.skipped,
        "batches": sum(len(batch.calls) > 1 for batch in trace.batches),
        "suspected": [_plain(recordings, suspicion) for suspicion in suspicions],
    }


def _plain(recordings: Recordings, suspicion: Suspicion) -> dict[str, Any]:
    file, batch = recordings.where(suspicion.pair.batch)
    calls = zip(suspicion.pair.calls, suspicion.pair.labels, strict=True)
    return {
        **({"file": file} if len(recordings.files) > 1 else {}),
        "batch": batch,
        "mode": suspicion.mode,
        "weight": suspicion.weight,
        "calls": [{"id": label, "tool": call.tool, "args": call.args} for call, label in calls],
        "evidence": [
            {"mode": piece.mode, "weight": piece.weight, "text": piece.text} for piece in suspicion.evidence
        ],
    }
