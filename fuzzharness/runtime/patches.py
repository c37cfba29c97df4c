"""Patches: methods and factories of the standard library stood in for while a stage is open.

Decides when they are put in place and taken back. What they do for calls under control is decided in the
module of each kind of thing; for everybody else they do what they ever did.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

from fuzzharness.runtime import barriers, births, conditions, filelocks, queues, signals
from fuzzharness.runtime.register import REGISTER
from fuzzharness.runtime.strand import Strand
from fuzzharness.runtime.waiting import Method, Patch, controlled, quietly
from fuzzharness.world.references import Replaced

_KINDS = (threading.Event, threading.Semaphore, threading.BoundedSemaphore, threading.Barrier, queue.Queue)


def _born(strand: Strand, original: Method, self: Any, *args: Any, **given: Any) -> None:
    """A call makes something: its own locks are real ones, which it holds only within a step."""
    quietly(strand, lambda: original(self, *args, **given))
    REGISTER.enter(strand, self)


def _born_open(strand: Strand, original: Method, self: Any, *args: Any, **given: Any) -> None:
    """A call makes a condition: its lock is one of the schedule."""
    original(self, *args, **given)
    REGISTER.enter(strand, self)


PATCHES: tuple[Patch, ...] = (
    *(controlled(kind, "__init__")(_born) for kind in _KINDS),
    controlled(threading.Condition, "__init__")(_born_open),
    *barriers.PATCHES,
    *conditions.PATCHES,
    *signals.PATCHES,
    *queues.PATCHES,
)


class Patches:
    """All of them, in place between :meth:`open` and :meth:`close`; those of nested stages once."""

    _opened = 0

    def __init__(self) -> None:
        self._undo: list[tuple[type, str, Any]] = []
        self._replaced = Replaced()

    def open(self) -> None:
        """Put the patches in place."""
        Patches._opened += 1
        if Patches._opened > 1:
            return
        for owner, name, method in PATCHES:
            self._undo.append((owner, name, owner.__dict__[name]))
            setattr(owner, name, method)
        self._replaced.replace([*births.stand_ins(), *filelocks.stand_ins()])

    def begin(self) -> None:
        """Another run begins: nothing is left of what calls keep."""
        filelocks.LOCKED.clear()
        REGISTER.begin()

    def close(self) -> None:
        """Take them back."""
        REGISTER.close()
        Patches._opened -= 1
        self._replaced.restore()
        while self._undo:
            owner, name, original = self._undo.pop()
            setattr(owner, name, original)
