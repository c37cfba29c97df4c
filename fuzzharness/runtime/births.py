"""Births: locks and simple queues that calls make while they run.

Decides what a call gets that makes one: a stand-in, named by the line that makes it; libraries get the real
thing for their own use. Everybody else gets the real thing.
"""

from __future__ import annotations

import concurrent.futures
import os
import queue
import sys
import threading
from types import FrameType
from typing import Any

from fuzzharness.runtime.locks import GateLock
from fuzzharness.runtime.places import is_foreign
from fuzzharness.runtime.queues import StandInQueue
from fuzzharness.runtime.register import REGISTER
from fuzzharness.runtime.strand import current

_LOCK, _RLOCK, _SIMPLE = threading.Lock, threading.RLock, queue.SimpleQueue
_FOLDERS = (os.path.dirname(concurrent.futures.__file__), os.path.dirname(__file__))
_BETWEEN = (threading.__file__, queue.__file__, *(folder + os.sep for folder in _FOLDERS))
"""What is made there is made for who asks for it."""


class _Factory(type):
    """Makes classes that make something else when they are called, and know it for their own."""

    kinds: tuple[Any, ...]

    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, cls.kinds)


class Lock(metaclass=_Factory):
    """In place of ``threading.Lock``."""

    kinds = (type(_LOCK()), GateLock)

    def __new__(cls) -> Any:
        strand = current()
        if strand is None or not _of_application(sys._getframe(1)):
            return _LOCK()
        return GateLock(False, REGISTER.birth(strand))


class RLock(metaclass=_Factory):
    """In place of ``threading.RLock``."""

    kinds = (type(_RLOCK()), GateLock)

    def __new__(cls) -> Any:
        strand = current()
        if strand is None or not _of_application(sys._getframe(1)):
            return _RLOCK()
        return GateLock(True, REGISTER.birth(strand))


class SimpleQueue(metaclass=_Factory):
    """In place of ``queue.SimpleQueue``."""

    kinds = (_SIMPLE, StandInQueue)

    def __new__(cls) -> Any:
        if current() is None or is_foreign(sys._getframe(1).f_code.co_filename):
            return _SIMPLE()
        return StandInQueue()

    def __class_getitem__(cls, item: Any) -> Any:
        return _SIMPLE[item]


def _of_application(frame: FrameType | None) -> bool:
    """Whether tool code makes something at ``frame``, itself or by a class of the standard library."""
    while frame is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        frame = frame.f_back
    return frame is not None and not is_foreign(frame.f_code.co_filename)


def stand_ins() -> list[tuple[Any, Any]]:
    """What stands in for what makes a lock or a simple queue."""
    return [(_LOCK, Lock), (_RLOCK, RLock), (_SIMPLE, SimpleQueue)]
