"""Operations of a task that may have to wait, made so that the task waits and its loop goes on.

Decides how such an operation is broken off and made again. What it waits for is handed in. Only asyncio has
them: what they are for, aiosqlite and psycopg's async connections, runs nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from fuzzharness.access import Touch
from fuzzharness.runtime.places import place_of_tool
from fuzzharness.runtime.strand import Strand
from fuzzharness.world.resource import HeldBack


async def in_task(strand: Strand, operation: Callable[[], Any]) -> Any:
    """Make ``operation`` in a turn of its own, again and again as long as it is held back.

    As if another thread made it: who is cancelled does not take it back.
    """
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        if not strand.run.over:
            _although_cancelled(strand, operation)
        raise
    try:
        result = await attempted(strand, operation)
    except asyncio.CancelledError:
        if not strand.run.over:
            _left_out(strand)
        raise
    except Exception:
        await asyncio.sleep(0)
        raise
    await asyncio.sleep(0)
    return result


async def attempted(strand: Strand, operation: Callable[[], Any]) -> Any:
    """Make ``operation`` in this turn, or where it is held back in the first in which it is not."""
    strand.given_up = False
    while True:
        try:
            return _tried(strand, operation)
        except HeldBack as held:
            await _stand_back(strand, held)


def _tried(strand: Strand, operation: Callable[[], Any]) -> Any:
    strand.aside = True
    try:
        return operation()
    finally:
        strand.aside = False


def _although_cancelled(strand: Strand, operation: Callable[[], Any]) -> None:
    strand.given_up = False
    try:
        _tried(strand, operation)
    except HeldBack:
        _left_out(strand)
    except Exception:
        """It failed, which nobody is told any more."""


def _left_out(strand: Strand) -> None:
    strand.run.trail.stalled.append(
        f"{place_of_tool()}, cancelled while it waited for a lock: that it may get the lock later is left out"
    )


async def _stand_back(strand: Strand, held: HeldBack) -> None:
    taken: Callable[[], bool] | None = held.taken
    asked = strand.task.cancelling()
    strand.waits_for, strand.foreseen = held.resource, taken is not None
    strand.blocked = lambda: (
        strand.task.cancelling() == asked
        and not strand.given_up
        and (strand.waits_for is not None if taken is None else taken())
    )
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        if not strand.run.over:
            strand.run.not_in_vain(strand)
        raise
    finally:
        strand.blocked = strand.waits_for = None
        strand.foreseen = False


def hold_back(strand: Strand, resource: str, taken: Callable[[], bool], announced: Sequence[Touch]) -> None:
    """The gate of a lock that is known to be taken or free: no step begins as long as it is taken.

    A call with a time-out under way may give up instead, which no class tells from getting the lock.
    """
    run = strand.run
    run.trail.unforeseen += strand.caller.timed
    if strand.given_up or not taken():
        run.arrive(strand, announced)
        return
    run.in_vain(strand)
    raise HeldBack(resource, taken)


def break_off(strand: Strand, resource: str) -> bool:
    """What was begun could not be done: it is to be begun again. False: nobody is left to wait for."""
    if strand.given_up:
        return False
    strand.run.broken_off(strand)
    raise HeldBack(resource, None)
