"""File locks (``fcntl.flock``) as part of the schedule.

Decides when a call that finds a file locked waits for a sibling: when one is known to hold the lock. For
another process it really waits, as ever. ``fcntl.lockf`` is left alone: its locks are those of the process,
so that no call ever waits for another there.

A lock ends with an unlock or when its file is closed. A close that is not seen leaves the call that waits
ready as soon as a try would succeed, which the search is told as a wait that nothing announced.
"""

from __future__ import annotations

import io
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fuzzharness.access import FILE_LOCK, Kind
from fuzzharness.runtime.places import is_foreign
from fuzzharness.runtime.strand import Strand, current
from fuzzharness.runtime.trail import Channel
from fuzzharness.runtime.waiting import quietly, step

try:
    import fcntl
except ImportError:  # there are none on Windows
    fcntl = None  # type: ignore[assignment]  # what is not there cannot be called

_SCRATCH = f"{os.sep}fuzzharness-"
_Inode = tuple[int, int]

LOCKED: dict[int, _Inode] = {}
"""The descriptors that calls of the run under way have locked."""


def stand_ins() -> list[tuple[Any, Any]]:
    """What stands in for what locks and closes files, as that is now."""
    return [(_FLOCK, _flock), (os.close, _closing(os.close))] if fcntl is not None else []


_FLOCK: Callable[..., None] = getattr(fcntl, "flock", None)  # type: ignore[assignment]  # not used if None
_FSTAT, _READLINK = os.fstat, os.readlink
"""The real ones: a directory of the world announces what is asked of the others."""


def _flock(fd: Any, operation: int, /) -> None:
    strand = current()
    if strand is None:
        _FLOCK(fd, operation)
        return
    number = quietly(strand, lambda: fd if isinstance(fd, int) else fd.fileno())
    channel = quietly(strand, lambda: _channel(number))
    if operation & fcntl.LOCK_UN:
        _unlock(strand, channel, number, operation)
    else:
        _lock(strand, channel, number, operation)
        quietly(strand, lambda: _watch(fd, number))


def _lock(strand: Strand, channel: Channel, number: int, operation: int) -> None:
    touches = [(*channel, Kind.CHECK), (*channel, Kind.WRITE)]
    step(strand, touches)
    strand.run.trail.attempts += 1
    while not quietly(strand, lambda: _take(number, operation)):
        if operation & fcntl.LOCK_NB:
            _FLOCK(number, operation)  # fails, and says so in its own words
        if not quietly(strand, lambda: _held_by_sibling(number)):
            _FLOCK(number, operation)
            break
        strand.run.suspend(strand, channel, touches, free=lambda: _is_free(number, operation))
    LOCKED[number] = _inode(number)


def _unlock(strand: Strand, channel: Channel, number: int, operation: int) -> None:
    step(strand, [(*channel, Kind.WRITE)])
    _FLOCK(number, operation)
    LOCKED.pop(number, None)
    strand.run.rouse(strand, channel)


def _take(number: int, operation: int) -> bool:
    try:
        _FLOCK(number, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(number: int, operation: int) -> bool:
    """Whether the lock could be taken now; it is not kept."""
    try:
        taken = _take(number, operation)
    except OSError:
        return True
    if taken:
        _FLOCK(number, fcntl.LOCK_UN)
    return taken


def _held_by_sibling(number: int) -> bool:
    """Whether a call of this run holds a lock on the same file, by another descriptor."""
    mine = _inode(number)
    for other, inode in list(LOCKED.items()):
        if other != number and inode == mine and _is_open_on(other, mine):
            return True
    return False


def _is_open_on(number: int, inode: _Inode) -> bool:
    try:
        return _inode(number) == inode
    except OSError:
        return False


def _inode(number: int) -> _Inode:
    found = _FSTAT(number)
    return found.st_dev, found.st_ino


def _channel(number: int) -> Channel:
    """The key of a file: its path, or the part of it inside a scratch directory, which differs by stage."""
    try:
        path = _READLINK(f"/proc/self/fd/{number}")
    except OSError:
        path = "/".join(map(str, _inode(number)))
    before, scratch, inside = path.rpartition(_SCRATCH)
    return FILE_LOCK, (inside.partition(os.sep)[2] if scratch else before + inside,)


# -- files that are closed while they are locked -------------------------------------------------


@contextmanager
def _releasing(number: int) -> Iterator[None]:
    """What closes a descriptor inside gives back its lock, in a step."""
    strand = current()
    if strand is None or number not in LOCKED:
        yield
        return
    channel = quietly(strand, lambda: _channel(number))
    step(strand, [(*channel, Kind.WRITE)])
    try:
        yield
    finally:
        LOCKED.pop(number, None)
        strand.run.rouse(strand, channel)


def _closing(original: Callable[[int], None]) -> Callable[[int], None]:
    def close(fd: int) -> None:
        with _releasing(fd):
            original(fd)

    return close


def _watch(fd: Any, number: int) -> None:
    """See when the file that a locked descriptor belongs to is closed."""
    file = fd if isinstance(fd, io.IOBase) else _file_of(number)
    if file is None or "close" in getattr(file, "__dict__", {"close": None}):
        return
    known = weakref.ref(file)

    def close() -> None:
        file = known()
        if file is not None:
            with _releasing(number):
                type(file).close(file)

    file.close = close  # type: ignore[method-assign]  # only of this file


def _file_of(number: int) -> io.IOBase | None:
    """The file of a descriptor, if the tool that locks it holds it in a variable."""
    frame = sys._getframe(1)
    while frame is not None and is_foreign(frame.f_code.co_filename):
        frame = frame.f_back  # type: ignore[assignment]  # ends with the loop
    for value in frame.f_locals.values() if frame is not None else ():
        if isinstance(value, io.IOBase) and not value.closed and value.fileno() == number:
            return value
    return None
