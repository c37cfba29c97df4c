"""The functions of ``os`` that announce what they do to watched files, and ``open``.

Decides which key each function reads or writes, and for how long the functions of the process are
stood in for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fuzzharness.access import ANY, Key, Kind
from fuzzharness.world.opened import OPEN, open_watched
from fuzzharness.world.paths import CHECK, DESCRIPTORS, READ, WATCHES, WRITE, FileWatch, Parts, entry, find
from fuzzharness.world.references import Replaced

_REPLACED = Replaced()


def install(watch: FileWatch) -> None:
    """Stand in for the file functions of the process; watches share them."""
    if not WATCHES:
        _REPLACED.replace(_functions())
    WATCHES.append(watch)


def remove(watch: FileWatch) -> None:
    """Put the file functions back when the last watch goes."""
    if watch in WATCHES:
        WATCHES.remove(watch)
    if not WATCHES:
        _REPLACED.restore()
        DESCRIPTORS.clear()


_STAYING = frozenset({"lstat", "readlink", "unlink", "remove", "rmdir", "mkdir"})
"""Functions that act on a link itself, not on what it leads to."""


def _path_function(name: str, touched: Callable[[Key], Parts]) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        follow = name not in _STAYING and kwargs.get("follow_symlinks", True)
        found = find(path, kwargs.get("dir_fd"), follow)
        if found is not None:
            found[0].announce(touched(found[1]))
        return original(path, *args, **kwargs)

    announced.__name__ = name
    return announced


def _scandir(path: Any = ".") -> Any:
    found = find(path)
    if found is None:
        return _SCANDIR(path)
    found[0].announce(_listing(found[1]))
    with _SCANDIR(path) as entries:
        return Entries([Entry(entry, found[0], found[1]) for entry in entries])


_SCANDIR = os.scandir


class Entries:
    """What ``os.scandir`` found, read in one step."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Entries:
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Entries:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Yield nothing more."""
        self._entries = iter(())


class Entry(os.PathLike[Any]):
    """An ``os.DirEntry``; asking it for more than the directory told is an access to the file."""

    def __init__(self, entry: os.DirEntry[Any], watch: FileWatch, folder: Key) -> None:
        self._entry, self._watch = entry, watch
        self._key = (*folder, os.fsdecode(entry.name))
        self.name, self.path = entry.name, entry.path

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return repr(self._entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """As ``os.DirEntry.stat``."""
        self._watch.announce([(self._key, CHECK)])
        return self._entry.stat(follow_symlinks=follow_symlinks)


def _pair_function(name: str, first: Kind) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
        found = [find(src, kwargs.get("src_dir_fd"), False), find(dst, kwargs.get("dst_dir_fd"), False)]
        _together([(f[0], entry(f[1]), kind) for f, kind in zip(found, (first, WRITE), strict=True) if f])
        return original(src, dst, *args, **kwargs)

    announced.__name__ = name
    return announced


def _together(accesses: list[tuple[FileWatch, Key, Kind]]) -> None:
    """Announce accesses that are one step, of one or two directories."""
    if not accesses:
        return
    first = accesses[0][0]
    first.announce([(key, kind) for watch, key, kind in accesses if watch is first])
    for watch, key, kind in accesses:
        if watch is not first:
            watch.note(key, kind)


def _symlink(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
    found = find(dst, kwargs.get("dir_fd"), False)
    if found is not None:
        found[0].announce([(entry(found[1]), WRITE)])
    return _SYMLINK(src, dst, *args, **kwargs)


def _os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
    found = find(path, kwargs.get("dir_fd"))
    if found is None:
        return int(_OS_OPEN(path, flags, *args, **kwargs))
    watch, key = found
    changes = flags & (os.O_CREAT | os.O_TRUNC)
    watch.announce([(entry(key), WRITE if changes else CHECK)])
    descriptor = int(_OS_OPEN(path, flags, *args, **kwargs))
    DESCRIPTORS[descriptor] = (watch, key, None if changes else watch.gate.mark())
    return descriptor


_SYMLINK, _OS_OPEN, _OS_CLOSE, _DUP = os.symlink, os.open, os.close, os.dup


def _dup(descriptor: int) -> int:
    copied = _DUP(descriptor)
    if descriptor in DESCRIPTORS:
        DESCRIPTORS[copied] = DESCRIPTORS[descriptor]
    return copied


def _chdir_function(name: str) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(path: Any) -> None:
        for watch in WATCHES:
            if watch.gate.inside:
                watch.gate.escape("os.chdir changed the working directory of all calls")
                break
        original(path)

    announced.__name__ = name
    return announced


def _descriptor_function(name: str, kind: Kind) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(descriptor: Any, *args: Any, **kwargs: Any) -> Any:
        found = find(descriptor) if isinstance(descriptor, int) else None
        if found is not None:
            _announce_descriptor(descriptor, kind)
        return original(descriptor, *args, **kwargs)

    announced.__name__ = name
    return announced


def _copy_function(name: str, kinds: tuple[Kind, Kind]) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
        found = [find(d) if isinstance(d, int) else None for d in (first, second)]
        _together([(*f, kind) for f, kind in zip(found, kinds, strict=True) if f is not None])
        return original(first, second, *args, **kwargs)

    announced.__name__ = name
    return announced


def _announce_descriptor(descriptor: int, kind: Kind) -> None:
    watch, key, opened = DESCRIPTORS[descriptor]
    if kind is not WRITE and opened is not None and opened == watch.gate.mark():
        watch.note(entry(key), kind)
    else:
        watch.announce([(entry(key), kind)])
    DESCRIPTORS[descriptor] = (watch, key, None)


def _os_close(descriptor: int) -> None:
    DESCRIPTORS.pop(descriptor, None)
    _OS_CLOSE(descriptor)


def _check(key: Key) -> Parts:
    return [(entry(key), CHECK)]


def _write(key: Key) -> Parts:
    return [(entry(key), WRITE)]


def _listing(key: Key) -> Parts:
    return [*([(key, CHECK)] if key else []), ((*key, ANY), READ)]


def _functions() -> list[tuple[Any, Any]]:
    """Each function that is stood in for, with what stands in for it."""
    stand_ins: dict[str, Any] = {
        "open": _os_open, "close": _os_close, "symlink": _symlink, "scandir": _scandir, "dup": _dup,
        "chdir": _chdir_function("chdir"), "fchdir": _chdir_function("fchdir"),
        "listdir": _path_function("listdir", _listing),
    }  # fmt: skip
    for name in ("stat", "lstat", "access", "readlink", "getxattr", "listxattr", "statvfs"):
        stand_ins[name] = _path_function(name, _check)
    for name in (
        "mkdir",
        "rmdir",
        "remove",
        "unlink",
        "truncate",
        "chmod",
        "chown",
        "utime",
        "mkfifo",
        "setxattr",
    ):
        stand_ins[name] = _path_function(name, _write)
    for name in ("rename", "replace"):
        stand_ins[name] = _pair_function(name, WRITE)
    stand_ins["link"] = _pair_function("link", READ)
    for name in ("read", "pread", "readv", "preadv", "fstat"):
        stand_ins[name] = _descriptor_function(name, CHECK if name == "fstat" else READ)
    for name in ("write", "pwrite", "writev", "pwritev", "ftruncate", "posix_fallocate"):
        stand_ins[name] = _descriptor_function(name, WRITE)
    for name, kinds in (("sendfile", (WRITE, READ)), ("copy_file_range", (READ, WRITE))):
        if hasattr(os, name):
            stand_ins[name] = _copy_function(name, kinds)
    return [
        (OPEN, open_watched),
        *((getattr(os, name), new) for name, new in stand_ins.items() if hasattr(os, name)),
    ]
