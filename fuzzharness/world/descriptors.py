"""The functions of ``os`` that take open files, and which watched file each of these is.

Decides the key of a descriptor: where the system tells how the file is called now, that; else how it was
called when it was opened. Opening for reading and the first read are one step.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fuzzharness.access import Key, Kind
from fuzzharness.world.filewatch import (
    CHECK,
    READ,
    WATCHES,
    WRITE,
    FileWatch,
    Part,
    Spot,
    entry,
    really,
    spot_of,
    touch,
)
from fuzzharness.world.paths import path_of

DESCRIPTORS: dict[int, tuple[FileWatch, Key, object]] = {}
"""Open files by number: directory, key, and the step each was opened in for reading, until it is used."""

_DELETED = " (deleted)"
FSTAT = os.fstat


def opened(descriptor: int, spot: Spot | None, reading: bool) -> None:
    """Remember what was opened; ``reading`` if that is one step with the first read."""
    if spot is not None:
        DESCRIPTORS[descriptor] = (*spot, spot[0].gate.mark() if reading else None)


def where(descriptor: int) -> Spot | None:
    """The directory and key of an open file; None outside of all."""
    known = DESCRIPTORS.get(descriptor)
    path = path_of(descriptor)
    found = None if path is None else spot_of(path)
    if found is not None and (known is None or not str(path).endswith(_DELETED)):
        return found
    return known[:2] if known is not None and (path is None or path.endswith(_DELETED)) else None


def parts_of_descriptor(descriptor: Any, kind: Kind) -> list[Part]:
    """What is touched by a function of an open file."""
    spot = where(descriptor) if isinstance(descriptor, int) else None
    if spot is None:
        return []
    watch, key = spot
    found: list[Part] = [(watch, entry(key), kind)]
    if watch.linked:
        now = FSTAT(descriptor)
        found += [(watch, other, kind) for other in watch.other_names((now.st_dev, now.st_ino), key)]
    return found


def announce(descriptor: Any, kind: Kind) -> None:
    """Announce what is done to an open file."""
    known = DESCRIPTORS.get(descriptor)
    if known is not None and kind is not WRITE and known[2] is not None and known[2] == known[0].gate.mark():
        for watch, key, _ in parts_of_descriptor(descriptor, kind):
            watch.note(key, kind)
    else:
        touch(lambda: parts_of_descriptor(descriptor, kind))
    if known is not None:
        DESCRIPTORS[descriptor] = (*known[:2], None)


def _function(name: str, kind: Kind) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(fd: Any, *args: Any, **kwargs: Any) -> Any:
        announce(fd, kind)
        return really(original, fd, *args, **kwargs)

    announced.__name__ = name
    return announced


def _copying(name: str, kinds: tuple[Kind, Kind]) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
        pairs = list(zip((first, second), kinds, strict=True))
        touch(lambda: [part for fd, kind in pairs for part in parts_of_descriptor(fd, kind)])
        return really(original, first, second, *args, **kwargs)

    announced.__name__ = name
    return announced


def _lseek(fd: Any, position: Any, how: int, /) -> Any:
    if how not in (os.SEEK_SET, os.SEEK_CUR):  # the others depend on what is in the file
        announce(fd, CHECK)
    return _LSEEK(fd, position, how)


def _dup(fd: Any, /) -> int:
    copied = _DUP(fd)
    if fd in DESCRIPTORS:
        DESCRIPTORS[copied] = DESCRIPTORS[fd]
    return int(copied)


def _dup2(fd: Any, fd2: Any, inheritable: bool = True) -> int:
    copied = _DUP2(fd, fd2, inheritable)
    DESCRIPTORS.pop(copied, None)
    if fd in DESCRIPTORS:
        DESCRIPTORS[copied] = DESCRIPTORS[fd]
    return int(copied)


def _close(fd: Any) -> None:
    DESCRIPTORS.pop(fd, None)
    _CLOSE(fd)


_LSEEK, _DUP, _DUP2, _CLOSE = os.lseek, os.dup, os.dup2, os.close
_CHECKING = ("fstat", "fpathconf")
_READING = ("read", "pread", "readv", "preadv")
_WRITING = (
    "write", "pwrite", "writev", "pwritev", "ftruncate", "posix_fallocate", "fchmod", "fchown",
)  # fmt: skip
_COPYING = {"sendfile": (WRITE, READ), "copy_file_range": (READ, WRITE), "splice": (READ, WRITE)}


def stand_ins() -> dict[str, Callable[..., Any]]:
    """What stands in for each function of ``os``, by name."""
    found: dict[str, Callable[..., Any]] = {"lseek": _lseek, "dup": _dup, "dup2": _dup2, "close": _close}
    kinds = dict.fromkeys(_READING, READ) | dict.fromkeys(_WRITING, WRITE) | dict.fromkeys(_CHECKING, CHECK)
    found |= {name: _function(name, kind) for name, kind in kinds.items() if hasattr(os, name)}
    found |= {name: _copying(name, pair) for name, pair in _COPYING.items() if hasattr(os, name)}
    return found


def open_from_before() -> list[str]:
    """The files of watched directories that are open already: what goes through them is not seen."""
    try:
        numbers = os.listdir("/proc/self/fd")
    except OSError:
        return []
    paths = [path_of(int(number)) for number in numbers]
    return sorted({path for path in paths if path is not None and WATCHES and spot_of(path) is not None})


def copied(descriptor: int) -> int:
    """A descriptor of one's own for what is open, known under the same key."""
    copy = int(_DUP(descriptor))
    if descriptor in DESCRIPTORS:
        DESCRIPTORS[copy] = (*DESCRIPTORS[descriptor][:2], None)
    return copy


def let_go(descriptor: int) -> None:
    """Close what :func:`copied` gave."""
    _close(descriptor)
