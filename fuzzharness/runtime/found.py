"""Found: the locks and simple queues that tools hold, stood in for while a stage is open.

Decides which are: those that tools can reach (``held``), the lock of a condition among them. Puts every
one back.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any

from fuzzharness.runtime.held import reachable
from fuzzharness.runtime.locks import GateLock
from fuzzharness.runtime.queues import StandInQueue
from fuzzharness.runtime.register import REGISTER
from fuzzharness.world.references import LOCAL, Swap

_LOCK: type = type(threading.Lock())
_RLOCK: type = type(threading.RLock())
_KINDS = (_LOCK, _RLOCK, threading.Condition, queue.SimpleQueue)
_OF_LOCK = ("acquire", "release", "_release_save", "_acquire_restore", "_is_owned")
"""What a condition keeps of its lock."""

_OF_CONDITION = ("Condition._lock", "_lock")
"""The names of a lock that only a condition holds: it gets that of the condition."""


class Found:
    """What the tools hold, stood in for between :meth:`open` and :meth:`close`."""

    def __init__(self, tools: Iterable[Callable[..., Any]]) -> None:
        self._tools = list(tools)
        self._undo: list[Callable[[], None]] = []
        self._boxes: set[int] = set()
        self._locks: list[GateLock] = []
        self._queues: list[tuple[StandInQueue, tuple[Any, ...]]] = []

    def open(self) -> None:
        """Put a stand-in in place of everything that is found."""
        found = reachable(self._tools, _KINDS)
        self._boxes = {id(found), *map(id, found)}
        for (thing,) in found:
            if isinstance(thing, queue.SimpleQueue):
                self._put_queue(thing)
            elif not isinstance(thing, threading.Condition):
                self._put_lock(thing)
        for (thing,) in found:
            if isinstance(thing, threading.Condition):
                self._bind(thing)

    def free(self) -> None:
        """Free every lock and fill every queue, as at the start of the application."""
        for lock in self._locks:
            lock.free()
        for stand_in, items in self._queues:
            stand_in.fill(items)

    def mark(self) -> None:
        """What the queues hold now is what they hold when a run begins."""
        self._queues = [(stand_in, stand_in.items()) for stand_in, _ in self._queues]

    def close(self) -> None:
        """Put the real ones back."""
        while self._undo:
            self._undo.pop()()
        self._locks.clear()
        self._queues.clear()

    def _put_lock(self, lock: Any) -> None:
        stand_in = GateLock(isinstance(lock, _RLOCK))
        stand_in.name = REGISTER.unique(self._swap(lock, stand_in) or "lock")
        self._locks.append(stand_in)

    def _put_queue(self, found: Any) -> None:
        items = _emptied(found)
        for item in items:
            found.put(item)
        stand_in = StandInQueue()
        self._queues.append((stand_in, items))
        REGISTER.meet(stand_in, REGISTER.unique(self._swap(found, stand_in) or "a SimpleQueue"))

    def _swap(self, found: Any, stand_in: Any) -> str:
        swap = Swap().replace(found, stand_in, self._boxes)
        self._undo.append(swap.undo)
        names = [name for name in swap.names if name != LOCAL]
        return next((name for name in names if name not in _OF_CONDITION), next(iter(names), ""))

    def _bind(self, condition: Any) -> None:
        """Let a condition use what stands in for its lock."""
        own, lock = vars(condition), condition._lock
        if not isinstance(lock, GateLock):
            return
        if lock.name.startswith(_OF_CONDITION):  # or "… (2)"
            lock.name = REGISTER.name(condition)
        before = {name: own[name] for name in _OF_LOCK if name in own}
        own.update({name: getattr(lock, name) for name in before})
        self._undo.append(lambda: own.update(before))


def _emptied(found: Any) -> tuple[Any, ...]:
    items = []
    while not found.empty():
        items.append(found.get_nowait())
    return tuple(items)
