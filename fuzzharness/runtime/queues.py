"""Queues as part of the schedule: ``Queue`` and its kinds, and what stands in for a ``SimpleQueue``.

Decides what each of their methods touches and whom it wakes: a ``put`` one that waits for an item, a ``get``
one that waits for room. What is in a queue stays in it: it is put and got by the methods themselves, which
never wait.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from fuzzharness.access import QUEUE, Kind
from fuzzharness.runtime.register import REGISTER
from fuzzharness.runtime.strand import Strand, current
from fuzzharness.runtime.trail import Channel
from fuzzharness.runtime.waiting import Method, Patch, attempt, controlled, key_of, quietly, step, touch

ITEMS, ROOM, TASKS = "items", "room", "tasks"
_EMPTY: Any = object()


def _line(strand: Strand, thing: Any, what: str) -> Channel:
    return QUEUE, (*key_of(strand, thing), what)


def _patience(block: bool, timeout: float | None) -> float | None:
    """The timeout, if one counts; refused as a queue refuses it."""
    if block and timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return timeout if block else None


@controlled(queue.Queue, "put")
def _put(
    strand: Strand, original: Method, self: Any, item: Any, block: bool = True, timeout: float | None = None
) -> None:
    patience, touches = _patience(block, timeout), touch(strand, QUEUE, self, Kind.WRITE)
    room = _line(strand, self, ROOM)
    if self.maxsize <= 0:
        step(strand, touches)
        quietly(strand, lambda: original(self, item, block=False))
    elif not attempt(strand, room, touches, lambda: _puts(original, self, item), block, timeout=patience):
        raise queue.Full
    strand.run.rouse(strand, _line(strand, self, ITEMS), 1)


def _puts(original: Method, self: Any, item: Any) -> bool:
    try:
        original(self, item, block=False)
    except queue.Full:
        return False
    return True


@controlled(queue.Queue, "get")
def _get(
    strand: Strand, original: Method, self: Any, block: bool = True, timeout: float | None = None
) -> Any:
    item = _got(strand, self, lambda: original(self, block=False), block, _patience(block, timeout))
    strand.run.rouse(strand, _line(strand, self, ROOM), 1)
    return item


def _got(strand: Strand, thing: Any, get: Callable[[], Any], waits: bool, timeout: float | None) -> Any:
    got = _EMPTY

    def gets() -> bool:
        nonlocal got
        try:
            got = get()
        except queue.Empty:
            return False
        return True

    touches = touch(strand, QUEUE, thing, Kind.READ, Kind.WRITE)
    if not attempt(strand, _line(strand, thing, ITEMS), touches, gets, waits, timeout=timeout):
        raise queue.Empty
    return got


@controlled(queue.Queue, "task_done")
def _task_done(strand: Strand, original: Method, self: Any) -> None:
    step(strand, touch(strand, QUEUE, self, Kind.WRITE))
    quietly(strand, lambda: original(self))
    if not self.unfinished_tasks:
        strand.run.rouse(strand, _line(strand, self, TASKS))


@controlled(queue.Queue, "join")
def _join(strand: Strand, _original: Method, self: Any) -> None:
    touches = touch(strand, QUEUE, self, Kind.CHECK)
    attempt(strand, _line(strand, self, TASKS), touches, lambda: not self.unfinished_tasks)


def _look(strand: Strand, original: Method, self: Any) -> Any:
    step(strand, touch(strand, QUEUE, self, Kind.CHECK))
    return quietly(strand, lambda: original(self))


def _shutdown(strand: Strand, original: Method, self: Any, immediate: bool = False) -> None:
    step(strand, touch(strand, QUEUE, self, Kind.WRITE))
    quietly(strand, lambda: original(self, immediate))
    for what in (ITEMS, ROOM, TASKS):
        strand.run.rouse(strand, _line(strand, self, what))


PATCHES: tuple[Patch, ...] = (
    _put,
    _get,
    _task_done,
    _join,
    *(controlled(queue.Queue, name)(_look) for name in ("qsize", "empty", "full")),
    *(controlled(queue.Queue, name)(_shutdown) for name in ("shutdown",) if hasattr(queue.Queue, name)),
)


class StandInQueue:
    """Stands in for a ``queue.SimpleQueue``; threads of a tool's own really wait there."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._count = threading.Semaphore(0)
        strand = current()
        if strand is not None:
            REGISTER.enter(strand, self)

    def fill(self, items: tuple[Any, ...]) -> None:
        """Hold exactly ``items``, as at the start of a run."""
        self._items, self._count = deque(items), threading.Semaphore(len(items))

    def items(self) -> tuple[Any, ...]:
        """What it holds."""
        return tuple(self._items)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002  # as there
        """As ``SimpleQueue.put``, which never waits."""
        strand = current()
        if strand is None:
            self._put(item)
            return
        step(strand, touch(strand, QUEUE, self, Kind.WRITE))
        quietly(strand, lambda: self._put(item))
        strand.run.rouse(strand, _line(strand, self, ITEMS), 1)

    def _put(self, item: Any) -> None:
        self._items.append(item)
        self._count.release()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """As ``SimpleQueue.get``."""
        patience, strand = _patience(block, timeout), current()
        if strand is None:
            return self._get(block, timeout)
        return _got(strand, self, lambda: self._get(False, None), block, patience)

    def _get(self, block: bool, timeout: float | None) -> Any:
        if not self._count.acquire(block, timeout):
            raise queue.Empty
        return self._items.popleft()

    def put_nowait(self, item: Any) -> None:
        """As ``SimpleQueue.put_nowait``."""
        self.put(item)

    def get_nowait(self) -> Any:
        """As ``SimpleQueue.get_nowait``."""
        return self.get(block=False)

    def qsize(self) -> int:
        """As ``SimpleQueue.qsize``."""
        strand = current()
        if strand is not None:
            step(strand, touch(strand, QUEUE, self, Kind.CHECK))
        return len(self._items)

    def empty(self) -> bool:
        """As ``SimpleQueue.empty``."""
        return not self.qsize()
