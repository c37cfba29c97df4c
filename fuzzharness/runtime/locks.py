"""Locks of the application as part of the schedule: a call that waits for one is not ready.

Decides which locks are found: those that tools reach through their module's globals, closures,
defaults and the attributes of objects there. A lock found nowhere is a real lock still; a call that
waits for it is set aside after ``call_timeout`` and the report says so.
"""

from __future__ import annotations

import _thread
import sys
import threading
import types
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from fuzzharness.access import Kind
from fuzzharness.runtime.places import is_library, place_of_tool
from fuzzharness.runtime.strand import RUNNING, Strand, current
from fuzzharness.world.references import Swap

_LOCK: type = type(threading.Lock())
_RLOCK: type = type(threading.RLock())
_DEPTH = 6


class GateLock:
    """Stands in for a ``threading.Lock`` or, ``reentrant``, an ``RLock``."""

    def __init__(self, reentrant: bool) -> None:
        self.name = "lock"
        self._reentrant = reentrant
        self._owner: object = None
        self._count = 0
        self._takers: set[int] = set()
        self._impatient = ""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As ``threading.Lock.acquire``; a timeout is taken as long enough, which the report then says."""
        me = RUNNING.get(_thread.get_ident()) or _thread.get_ident()
        if self._reentrant and self._owner == me:
            self._count += 1
            return True
        strand = current()
        if strand is not None:
            self._note(strand, timeout if blocking else -1)
            touch = ("lock", (self.name,), Kind.LOCK if blocking else Kind.TRY)
            announced = (touch,)
            strand.run.take(
                strand, announced, (lambda: self._owner is not None) if blocking else lambda: False
            )
            if strand.run.trail.announced[-1] is not announced:
                strand.run.trail.unforeseen += 1  # inside of one step: it is one only while the lock is free
            strand.run.record(strand, touch, None)
        if self._owner is not None:
            return False
        self._owner, self._count = me, 1
        return True

    def _note(self, strand: Strand, timeout: float) -> None:
        """Say so where one call gives up after a time while another may hold the lock."""
        self._takers.add(strand.index)
        if timeout >= 0:
            self._impatient = str(place_of_tool())
        if self._impatient and len(self._takers) > 1:
            strand.run.trail.stalled.append(f"{self._impatient}, for a lock that it gives up after a time")

    def release(self) -> None:
        """As ``threading.Lock.release``."""
        me = RUNNING.get(_thread.get_ident()) or _thread.get_ident()
        self._look(Kind.UNLOCK, not self._reentrant and self._owner is not me)
        if self._owner is None or (self._reentrant and self._owner != me):
            free = self._owner is None
            raise RuntimeError("release unlocked lock" if free else "cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            strand = current()
            if strand is not None:
                strand.run.unlock(strand, "lock", (self.name,))

    def locked(self) -> bool:
        """Whether somebody holds the lock."""
        self._look(Kind.CHECK, True)
        return self._owner is not None

    def _look(self, kind: Kind, apart: bool) -> None:
        """A step of its own, where what a call finds depends on what others do with the lock."""
        strand = current()
        if strand is not None and (apart or strand.fresh):
            touch = ("lock", (self.name,), kind)
            strand.run.arrive(strand, (touch,))
            strand.run.record(strand, touch, None)

    def free(self) -> None:
        """Forget the owner, at the start of a run."""
        self._owner, self._count = None, 0

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()


class Locks:
    """The locks of a toolbox, stood in for between :meth:`open` and :meth:`close`."""

    def __init__(self, tools: Iterable[Callable[..., Any]]) -> None:
        self._tools = list(tools)
        self._swaps: list[Swap] = []
        self._locks: list[GateLock] = []

    def open(self) -> None:
        """Put a stand-in in place of every lock that is free now."""
        for (found,) in _reachable_locks(self._tools):
            stand_in = GateLock(isinstance(found, _RLOCK))
            swap = Swap().replace(found, stand_in)
            stand_in.name = min((n for n in swap.names if n != "a local name"), default="lock")
            self._swaps.append(swap)
            self._locks.append(stand_in)

    def free(self) -> None:
        """Free every lock, as at the start of the application."""
        for lock in self._locks:
            lock.free()

    def close(self) -> None:
        """Put the real locks back."""
        while self._swaps:
            self._swaps.pop().undo()
        self._locks.clear()


def _reachable_locks(tools: Iterable[Callable[..., Any]]) -> list[tuple[Any]]:
    found: dict[int, tuple[Any]] = {}
    seen: set[int] = set()
    level: list[Any] = list(tools)
    for _ in range(_DEPTH):
        following: list[Any] = []
        for value in level:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, (_LOCK, _RLOCK)):
                found[id(value)] = (value,)
            else:
                following += _inner(value)
        level = following
    return list(found.values())


def _inner(value: Any) -> list[Any]:
    """What tool code can reach from ``value`` in one step, without leaving the application's code."""
    if isinstance(value, types.FunctionType):
        return _of_function(value)
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.CellType):
        return [value.cell_contents] if _filled(value) else []
    if isinstance(value, dict):
        return list(value.values()) if len(value) < 1000 else []
    if isinstance(value, (list, tuple, set)):
        return list(value) if len(value) < 1000 else []
    if isinstance(value, types.ModuleType):
        return list(vars(value).values()) if _application(value) else []
    if isinstance(value, type):
        return list(vars(value).values()) if _application(sys.modules.get(value.__module__)) else []
    return _of_object(value)


def _of_function(function: types.FunctionType) -> list[Any]:
    inner: list[Any] = [*(function.__closure__ or ()), *(function.__defaults__ or ())]
    inner += (function.__kwdefaults__ or {}).values()
    wrapped = getattr(function, "__wrapped__", None)
    if not is_library(function.__code__.co_filename):
        names = set(function.__code__.co_names)
        inner += [v for k, v in function.__globals__.items() if k in names or isinstance(v, (_LOCK, _RLOCK))]
    return [*inner, wrapped] if wrapped is not None else inner


def _of_object(value: Any) -> list[Any]:
    if not _application(sys.modules.get(type(value).__module__)):
        return []
    fields = getattr(value, "__dict__", None)
    return [type(value), *(fields.values() if isinstance(fields, dict) else ())]


def _application(module: types.ModuleType | None) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and not is_library(file)


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
