"""Runnable: the calls of a recording that can be run at all.

Decides which calls a lenient scenario leaves out: those whose arguments are no JSON object, since a tracer
did not record them or a model wrote something else. Whether a call fits its tool is not asked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from fuzzharness.model import Batch, Trace


def runnable(trace: Trace) -> Trace:
    """``trace`` without the calls that cannot be run, and without the batches that then have none.

    The others keep the labels that they have, so that what is told of them can be found in the recording.
    """
    return trace.having([_rest(batch) for batch in trace.batches])


class Missing(NamedTuple):
    """How many calls of a batch are left out, and of those that its session has before it."""

    here: int = 0
    before: int = 0


NOTHING: Final = Missing()


def left_out(trace: Trace) -> dict[str | None, Missing]:
    """What :func:`runnable` leaves out of the batches of ``trace``, by id; of those where it does."""
    counts = [len(batch.calls) - len(_positions(batch)) for batch in trace.batches]
    found, behind = dict[str | None, Missing](), list[int]()
    for number, batch in enumerate(trace.batches):
        earlier = number - batch.behind if 0 < batch.behind <= number else -1
        behind.append(behind[earlier] + counts[earlier] if earlier >= 0 else 0)
        if counts[number] or behind[number]:
            found[batch.id] = Missing(counts[number], behind[number])
    return found


def _rest(batch: Batch) -> Batch | None:
    kept = _positions(batch)
    if len(kept) == len(batch.calls):
        return batch
    return replace(batch.take(kept), before=batch.before) if kept else None


def _positions(batch: Batch) -> tuple[int, ...]:
    return tuple(n for n, call in enumerate(batch.calls) if isinstance(call.args, Mapping))
