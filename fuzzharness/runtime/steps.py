"""One step of a task: what is the same on every event loop.

Decides what a run is told around a step, and how a coroutine's end becomes the result of its call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fuzzharness.runtime.loops import LOOP
from fuzzharness.runtime.results import raised, returned
from fuzzharness.runtime.run import MOST_BEHIND
from fuzzharness.runtime.strand import RUNNING, Aborted, Strand

MOST_TURNS = 10_000
"""A task that is gone on with more often than this in one run goes round in circles: it counts as stuck."""


def step(strand: Strand, go_on: Callable[[Any], Any], value: Any = None) -> Any:
    """Go on with a task from one ``await`` to the next, on the thread of its loop."""
    run, loop = strand.run, strand.loop
    assert loop is not None
    loop.inside, loop.taken = strand, False
    RUNNING[loop.ident] = strand
    strand.fresh, strand.merged = True, not run.fine
    try:
        return go_on(value)
    finally:
        loop.inside, strand.merged = None, True
        run.trail.pending.pop(strand.index, None)  # what it does next is not announced
        if loop.taken:
            run.unlock(strand, LOOP, (loop.name,))


def may_turn(strand: Strand) -> bool:
    """Whether a task may take one more turn; one that took too many goes round in circles."""
    strand.turns += 1
    most = MOST_BEHIND if strand.caller.main.done else MOST_TURNS
    strand.spins = strand.spins or strand.turns > most
    return not strand.spins


async def live(strand: Strand) -> None:
    """Run the body of a call's first task; what it returns or raises is the result of the call."""
    run = strand.run
    assert strand.body is not None
    try:
        result = returned_of(strand, await strand.body())
    except Aborted:
        return
    except BaseException as error:
        if run.over:
            return  # whatever it raises on its way out would end the loop itself
        result = raised(error)
    run.ended(strand, result)


def returned_of(strand: Strand, value: Any) -> Any:
    """A returned value as a result; looking at it passes no gate."""
    strand.deaf = True
    return returned(value)
