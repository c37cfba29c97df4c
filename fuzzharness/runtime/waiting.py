"""Waiting: an operation on what calls synchronise with, as steps of the schedule.

Decides how an operation that may have to wait is made of steps: an attempt, which can always be made, and
where it fails, standing in line until a sibling's step wakes the call, which attempts again. Never knows
what is waited for: that is handed in. Beside a thread that runs out of control nobody can tell who might
help: then a call really waits, and is set aside after ``call_timeout``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from fuzzharness.access import Kind, Touch
from fuzzharness.runtime.places import place_of_tool
from fuzzharness.runtime.register import REGISTER
from fuzzharness.runtime.strand import Strand, current
from fuzzharness.runtime.trail import Channel

POLLS = 10
"""So often a wait of one call for one thing may time out in a row."""

PAUSE = 0.001
"""Between two looks of a call that really waits."""


@contextmanager
def unseen(strand: Strand) -> Iterator[None]:
    """What ``strand`` does inside passes every gate."""
    before, strand.deaf = strand.deaf, True
    try:
        yield
    finally:
        strand.deaf = before


def key_of(strand: Strand, thing: Any) -> tuple[str]:
    """The key of ``thing`` in what its operations touch."""
    with unseen(strand):
        return (REGISTER.name(thing),)


def step(strand: Strand, touches: Sequence[Touch]) -> None:
    """The gate before an operation; returns in the step that makes it."""
    strand.run.arrive(strand, touches)
    for touch in touches:
        strand.run.record(strand, touch, None)


def touch(strand: Strand, resource: str, thing: Any, *kinds: Kind) -> list[Touch]:
    """What an operation on ``thing`` touches."""
    key = key_of(strand, thing)
    return [(resource, key, kind) for kind in kinds]


def attempt(
    strand: Strand,
    channel: Channel,
    touches: Sequence[Touch],
    try_: Callable[[], bool],
    waits: bool = True,
    handed: bool = False,
    timeout: float | None = None,
) -> bool:
    """Make a step of ``try_``, and if that fails wait for ``channel`` and try again, until it succeeds.

    False: it failed, and the call does not wait (``waits``), or no longer than ``timeout``. Since siblings
    may take ever so long, that is at once, unless the call has other strands that could help. ``handed``: a
    call that is woken has got what it waited for, and need not try again.
    """
    step(strand, touches)
    strand.run.trail.attempts += 1
    timed = timeout is not None
    while not quietly(strand, try_):
        alone = strand.caller.alone
        if not waits or (timed and alone and not polls(strand, channel)):
            return False
        if strand.run.strangers:
            return _really(strand, try_)
        limit = None if alone else timeout
        roused = strand.run.suspend(
            strand, channel, () if handed else touches, limit, yields=timed and limit is None
        )
        if (roused and handed) or (timed and not roused):
            return roused
    strand.polls.clear()
    return True


def polls(strand: Strand, channel: object) -> bool:
    """Whether so many waits for ``channel`` have timed out in a row that the call is taken to go on so.

    It then waits until it is woken, as it would if it were asked less often.
    """
    strand.polls[channel] = strand.polls.get(channel, 0) + 1
    if strand.polls[channel] <= POLLS:
        return False
    strand.run.trail.stalled.append(f"{place_of_tool()}, where it polls: only {POLLS} time-outs are tried")
    return True


def in_line(
    strand: Strand, channel: Channel, thing: Any, timeout: float | None, yields: bool = False
) -> bool:
    """Wait to be roused, whatever else lets the call go on; False when one with a time-out has given up."""
    timed = timeout is not None
    then = touch(strand, channel[0], thing, Kind.WRITE) if timed else ()
    while not strand.run.suspend(strand, channel, then, timeout, yields=yields and not timed):
        if timed or yields:
            return False
    strand.polls.clear()
    return True


def quietly(strand: Strand, do: Callable[[], Any]) -> Any:
    """What ``do`` returns, which passes every gate."""
    with unseen(strand):
        return do()


def _really(strand: Strand, try_: Callable[[], bool]) -> bool:
    while not quietly(strand, try_):
        time.sleep(PAUSE)
    return True


Method = Callable[..., Any]
Patch = tuple[type, str, Method]
"""A class, the name of a method of it, and what stands in for that."""


def controlled(owner: type, *names: str) -> Callable[[Method], Patch]:
    """Make of ``body(strand, original, self, …)`` what stands in for a method, for calls under control."""
    original: Method = owner.__dict__[names[0]]

    def patch(body: Method) -> Patch:
        @wraps(original)
        def method(self: Any, *args: Any, **given: Any) -> Any:
            strand = current()
            if strand is None:
                return original(self, *args, **given)
            return body(strand, original, self, *args, **given)

        return owner, names[0], method

    return patch
