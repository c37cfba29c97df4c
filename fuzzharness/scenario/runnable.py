"""Runnable: the calls of a recording that can be run at all.

Decides which calls a lenient scenario leaves out: those whose arguments are no JSON object, since a tracer
did not record them or a model wrote something else. Whether a call fits its tool is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from fuzzharness.model import Batch, Trace


def runnable(trace: Trace) -> Trace:
    """``trace`` without the calls that cannot be run, and without the batches that then have none.

    The others keep the labels that they have, so that what is told of them can be found in the recording.
    """
    return replace(trace, batches=tuple(_batches(trace)))


def left_out(trace: Trace) -> dict[str | None, int]:
    """How many calls of each batch of ``trace`` :func:`runnable` leaves out, by the batch's id."""
    missing = {batch.id: len(batch.calls) - len(_positions(batch)) for batch in trace.batches}
    return {id: number for id, number in missing.items() if number}


def _batches(trace: Trace) -> Iterator[Batch]:
    for batch in trace.batches:
        kept = _positions(batch)
        if len(kept) == len(batch.calls):
            yield batch
        elif kept:
            yield replace(batch.take(kept), before=batch.before)


def _positions(batch: Batch) -> tuple[int, ...]:
    return tuple(n for n, call in enumerate(batch.calls) if isinstance(call.args, Mapping))
