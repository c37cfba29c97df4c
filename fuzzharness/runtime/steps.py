"""One step of a task: what is the same on every event loop.

Decides what a run is told around a step, and how a coroutine's end becomes the result of its call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fuzzharness.runtime.loops import LOOP
from fuzzharness.runtime.run import MOST_STEPS, raised, returned
from fuzzharness.runtime.strand import RUNNING, Aborted, Strand


def step(strand: Strand, go_on: Callable[[], Any]) -> None:
    """Go on with a task from one ``await`` to the next, on the thread of its loop."""
    run, loop = strand.run, strand.loop
    assert loop is not None
    strand.turns += 1
    if strand.turns > MOST_STEPS:
        strand.spins = True
        return
    loop.inside, loop.taken = strand, False
    RUNNING[loop.ident] = strand
    strand.fresh, strand.merged = True, not run.fine
    try:
        go_on()
    except BaseException:  # asyncio lets some pass through although the task has them already
        if not strand.task.done():
            raise
    finally:
        loop.inside, strand.merged = None, True
        if loop.taken:
            run.unlock(strand, LOOP, (loop.name,))


async def live(strand: Strand) -> None:
    """Run the body of a call's first task; what it returns or raises is the result of the call."""
    run = strand.run
    try:
        result = returned_of(strand, await strand.body())
    except Aborted:
        return
    except BaseException as error:
        if run.over:
            raise
        result = raised(error)
    run.ended(strand, result)


def returned_of(strand: Strand, value: Any) -> Any:
    """A returned value as a result; looking at it passes no gate."""
    strand.deaf = True
    return returned(value)
