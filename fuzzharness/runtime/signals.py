"""Events and semaphores as part of the schedule.

Decides what each of their methods touches and whom it wakes. The state stays in the object: it is changed
by the method itself, which finds nobody waiting there.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from fuzzharness.access import EVENT, SEMAPHORE, Kind
from fuzzharness.runtime.strand import Strand
from fuzzharness.runtime.trail import Channel
from fuzzharness.runtime.waiting import Method, Patch, attempt, controlled, key_of, quietly, step, touch


def _channel(strand: Strand, resource: str, thing: Any) -> Channel:
    return resource, key_of(strand, thing)


@controlled(threading.Event, "is_set")
def _is_set(strand: Strand, _original: Method, event: Any) -> bool:
    step(strand, touch(strand, EVENT, event, Kind.CHECK))
    return bool(event._flag)


@controlled(threading.Event, "set")
def _set(strand: Strand, original: Method, event: Any) -> None:
    step(strand, touch(strand, EVENT, event, Kind.WRITE))
    quietly(strand, lambda: original(event))
    strand.run.rouse(strand, _channel(strand, EVENT, event))


@controlled(threading.Event, "clear")
def _clear(strand: Strand, original: Method, event: Any) -> None:
    step(strand, touch(strand, EVENT, event, Kind.WRITE))
    quietly(strand, lambda: original(event))


@controlled(threading.Event, "wait")
def _wait(strand: Strand, _original: Method, event: Any, timeout: float | None = None) -> bool:
    channel, touches = _channel(strand, EVENT, event), touch(strand, EVENT, event, Kind.CHECK)
    return attempt(strand, channel, touches, lambda: event._flag, handed=True, timeout=timeout)


def _acquire(
    strand: Strand, original: Method, semaphore: Any, blocking: bool = True, timeout: float | None = None
) -> bool:
    if not blocking and timeout is not None:
        raise ValueError("can't specify timeout for non-blocking acquire")
    channel = _channel(strand, SEMAPHORE, semaphore)
    touches = touch(strand, SEMAPHORE, semaphore, Kind.CHECK, Kind.WRITE)
    take = partial(original, semaphore, blocking=False)
    return attempt(strand, channel, touches, take, waits=blocking, timeout=timeout)


def _release(strand: Strand, original: Method, semaphore: Any, n: int = 1) -> None:
    step(strand, touch(strand, SEMAPHORE, semaphore, Kind.WRITE))
    quietly(strand, lambda: original(semaphore, n))
    strand.run.rouse(strand, _channel(strand, SEMAPHORE, semaphore), n)


PATCHES: tuple[Patch, ...] = (
    _is_set,
    _set,
    _clear,
    _wait,
    controlled(threading.Semaphore, "acquire")(_acquire),
    controlled(threading.Semaphore, "__enter__")(_acquire),
    controlled(threading.Semaphore, "release")(_release),
    controlled(threading.BoundedSemaphore, "release")(_release),
)
