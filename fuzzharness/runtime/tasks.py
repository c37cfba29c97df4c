"""What tasks of event loops wait for each other with, as part of the schedule.

Decides what each method of asyncio's, trio's and anyio's locks, events, semaphores, conditions, queues and
channels touches. The waiting itself is the loop's: a task that waits cannot be chosen, and whose step lets it
go on is known. Objects made before a run get back the state they had.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from types import FrameType
from typing import Any

from fuzzharness.access import BARRIER, CHANNEL, CONDITION, EVENT, QUEUE, SEMAPHORE, TASK_LOCK, Kind
from fuzzharness.runtime.register import REGISTER
from fuzzharness.runtime.standin import StandIn
from fuzzharness.runtime.strand import Strand, current
from fuzzharness.runtime.waiting import key_of

_LOCK = {"acquire": "w", "acquire_nowait": "w", "release": "w", "locked": "r"}
_EVENT = {"set": "w", "clear": "w", "wait": "r", "is_set": "r"}
_SEMAPHORE = {**_LOCK, "value": "r"}
_CONDITION = {**_LOCK, "wait": "w", "notify": "w", "notify_all": "w", "__aenter__": "w", "__aexit__": "w"}
_LIMITER = {
    **_LOCK,
    **dict.fromkeys(("acquire_on_behalf_of", "acquire_on_behalf_of_nowait", "release_on_behalf_of"), "w"),
}
_QUEUE = {
    **dict.fromkeys(("get", "put", "get_nowait", "put_nowait", "task_done"), "w"),
    **dict.fromkeys(("join", "qsize", "empty", "full"), "r"),
}
_BARRIER = dict.fromkeys(("wait", "reset", "abort"), "w")
_CHANNEL = dict.fromkeys(
    ("send", "send_nowait", "receive", "receive_nowait", "close", "aclose", "clone"), "w"
)

_CLASSES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("asyncio.locks:Lock", TASK_LOCK, _LOCK),
    ("asyncio.locks:Event", EVENT, _EVENT),
    ("asyncio.locks:Semaphore", SEMAPHORE, _SEMAPHORE),
    ("asyncio.locks:Condition", CONDITION, _CONDITION),
    ("asyncio.locks:Barrier", BARRIER, _BARRIER),
    ("asyncio.queues:Queue", QUEUE, _QUEUE),
    ("trio._sync:_LockImpl", TASK_LOCK, _LOCK),
    ("trio._sync:Event", EVENT, _EVENT),
    ("trio._sync:Semaphore", SEMAPHORE, _SEMAPHORE),
    ("trio._sync:CapacityLimiter", SEMAPHORE, _LIMITER),
    ("trio._sync:Condition", CONDITION, _CONDITION),
    ("trio._channel:MemorySendChannel", CHANNEL, _CHANNEL),
    ("trio._channel:MemoryReceiveChannel", CHANNEL, _CHANNEL),
    ("anyio._backends._asyncio:Lock", TASK_LOCK, _LOCK),
    ("anyio._backends._asyncio:Event", EVENT, _EVENT),
    ("anyio._backends._asyncio:Semaphore", SEMAPHORE, _SEMAPHORE),
    ("anyio._backends._asyncio:CapacityLimiter", SEMAPHORE, _LIMITER),
    ("anyio._core._synchronization:Condition", CONDITION, _CONDITION),
    ("anyio.streams.memory:MemoryObjectSendStream", CHANNEL, _CHANNEL),
    ("anyio.streams.memory:MemoryObjectReceiveStream", CHANNEL, _CHANNEL),
)
"""Module and class, what touches name it, and for each method whether it reads or writes."""

_INHERITED = frozenset({"__aenter__", "__aexit__"})
"""What a condition of asyncio has from elsewhere; its own ``acquire`` was bound when it was made."""

_AMPLE = 40
"""A limiter of so many tokens, as trio and anyio have one for their threads, of which half are free."""

_OWN = (os.path.join("trio", "_threads.py"), os.path.join("sqlalchemy", "connectors", "asyncio.py"))
"""Where trio counts its worker threads, and SQLAlchemy lets the tasks of one call take turns."""

_MANAGED = asyncio.locks.__file__

_MADE: dict[tuple[type, str], tuple[Any, Any]] = {}


def stand_ins() -> list[StandIn]:
    """The methods of what is imported that are stood in for while calls run."""
    return [found for where, resource, methods in _CLASSES for found in _of_class(where, resource, methods)]


def _of_class(where: str, resource: str, methods: dict[str, str]) -> Iterator[StandIn]:
    module, _, name = where.partition(":")
    if module.partition(".")[0] not in sys.modules:
        return
    owner = getattr(importlib.import_module(module), name, None)
    if owner is None:
        return
    for method, use in methods.items():
        original = next((vars(c)[method] for c in owner.__mro__ if method in vars(c)), None)
        if inspect.isfunction(original) and (method in vars(owner) or method in _INHERITED):
            yield owner, method, _stand_in(owner, method, original, resource, use)
    if "__init__" in vars(owner):
        yield owner, "__init__", _born(owner)


def _stand_in(owner: type, method: str, original: Any, resource: str, use: str) -> Any:
    kind = Kind.READ if use == "r" else Kind.WRITE
    known = _MADE.get((owner, method))
    if known is None or known[0] is not original:
        make = _waiting if inspect.iscoroutinefunction(original) else _at_once
        known = _MADE[owner, method] = original, make(original, resource, kind)
    return known[1]


def _at_once(original: Callable[..., Any], resource: str, kind: Kind) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, *args: Any, **given: Any) -> Any:
        strand = current()
        if strand is not None and not (_ample(self) or _own_business(sys._getframe(1))):
            _touch(strand, self, resource, kind)
        return original(self, *args, **given)

    return method


def _waiting(original: Callable[..., Any], resource: str, kind: Kind) -> Callable[..., Any]:
    @wraps(original)
    async def method(self: Any, *args: Any, **given: Any) -> Any:
        strand = current()
        if strand is None or _ample(self) or _own_business(sys._getframe(1)):
            return await original(self, *args, **given)
        awaits = strand.run.trail.awaits
        _touch(strand, self, resource, kind)
        strand.run.trail.attempts += 1
        awaits[strand.index] = resource, key_of(strand, _shared(self))
        try:
            return await original(self, *args, **given)
        finally:  # who gives up waiting has looked as well, and leaves the line
            if not strand.run.over:
                awaits.pop(strand.index, None)
            after = current()
            if after is not None:
                _touch(after, self, resource, kind)

    return method


def _touch(strand: Strand, thing: Any, resource: str, kind: Kind) -> None:
    touch = resource, key_of(strand, _shared(thing)), kind
    run = strand.run
    if strand.fresh or touch not in run.trail.touches[-1] or not strand.merged:
        run.arrive(strand, (touch,))
        run.record(strand, touch, None)


def _own_business(frame: FrameType | None) -> bool:
    """Whether a library uses something for what no sibling takes part in."""
    if frame is not None and frame.f_code.co_filename == _MANAGED:
        frame = frame.f_back  # ``async with`` a lock of asyncio
    return frame is not None and frame.f_code.co_filename.endswith(_OWN)


def _ample(thing: Any) -> bool:
    """Whether ``thing`` is a limiter that has more than enough for everybody."""
    return getattr(thing, "total_tokens", 0) - _AMPLE >= getattr(thing, "borrowed_tokens", 0) - _AMPLE // 2


def _shared(thing: Any) -> Any:
    """What the two ends of a channel have in common; anything else itself."""
    return getattr(thing, "_state", thing)


def _born(owner: type) -> Callable[..., Any]:
    original = vars(owner)["__init__"]
    known = _MADE.get((owner, "__init__"))
    if known is not None and known[0] is original:
        return known[1]  # type: ignore[no-any-return]  # what was made below

    @wraps(original)
    def born(self: Any, *args: Any, **given: Any) -> None:
        original(self, *args, **given)
        strand = current()
        if strand is not None:
            REGISTER.enter(strand, _shared(self))

    _MADE[owner, "__init__"] = original, born
    return born
