"""Files mapped into memory (``mmap``): each access through the mapping is a read or write of the file.

Decides what can be seen: what goes through the methods of the mapping. Who takes its memory instead
(``memoryview``, ``re``, ``numpy``) reads and writes unseen, which is an escape; before CPython 3.12 that
cannot be told, so that mapping alone is one. An access behind the end of a file that a sibling has cut
short would end the process: it ends the call.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable
from typing import Any

from fuzzharness.world import descriptors
from fuzzharness.world.filewatch import CHECK, READ, WRITE, announced_to, changes, really, touch


class BusError(BaseException):
    """Unwinds the call. A BaseException, since nothing can catch what it stands for."""


class WatchedMap(mmap.mmap):
    """A mapping that announces what is read and written through it."""

    _file: int | None = None
    _begin = 0

    def __new__(cls, fileno: int, *args: Any, **kwargs: Any) -> WatchedMap:
        spot = descriptors.where(fileno) if fileno >= 0 else None
        if spot is None:
            return super().__new__(cls, fileno, *args, **kwargs)
        touch(lambda: descriptors.parts_of_descriptor(fileno, CHECK))
        made: WatchedMap = really(super().__new__, cls, fileno, *args, **kwargs)
        changes(descriptors.parts_of_descriptor(fileno, WRITE))
        made._file = descriptors.copied(fileno)
        made._begin = kwargs.get("offset", args[4] if len(args) > 4 else 0)
        if sys.version_info < (3, 12):
            _escape("a file was mapped into memory, which Python 3.11 does not let us watch")
        return made

    def __buffer__(self, flags: int, /) -> memoryview:
        if self._file is not None:
            _escape("the memory of a mapped file was taken, past which it is read and written unseen")
        return super().__buffer__(flags)  # called from CPython 3.12 on

    def close(self) -> None:
        if self._file is not None:
            descriptors.let_go(self._file)
            self._file = None
        super().close()

    def __del__(self) -> None:
        if self._file is not None:
            descriptors.let_go(self._file)

    def _announce(self, writes: bool) -> None:
        if self._file is None:
            return
        number = self._file
        touch(lambda: descriptors.parts_of_descriptor(number, WRITE if writes else READ))
        there = descriptors.FSTAT(number).st_size
        page = mmap.PAGESIZE
        if self._begin + len(self) > -(-there // page) * page:
            _escape("a mapped file was used behind its end, which would have ended the process by SIGBUS")
            raise BusError("the tool would have ended the process by SIGBUS: a mapped file was cut short")


def _escape(what: str) -> None:
    watch = announced_to()
    if watch is not None:
        watch.gate.escape(what)


def _method(name: str, writes: bool) -> Callable[..., Any]:
    original = vars(mmap.mmap)[name]

    def announced(self: WatchedMap, *args: Any, **kwargs: Any) -> Any:
        self._announce(writes)
        return original(self, *args, **kwargs)

    announced.__name__ = name
    return announced


_READING = ("__getitem__", "find", "rfind", "read", "read_byte", "readline", "size")
_WRITING = ("__setitem__", "move", "resize", "write", "write_byte")

for _names, _writes in ((_READING, False), (_WRITING, True)):
    for _name in _names:
        setattr(WatchedMap, _name, _method(_name, _writes))
