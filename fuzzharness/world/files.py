"""The functions that reach files by their paths, and for how long all file functions are stood in for.

Decides which key each function of ``os`` reads or writes. Those of open files are in ``descriptors``.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Any

from fuzzharness.access import Key, Kind
from fuzzharness.world import descriptors, listing
from fuzzharness.world.descriptors import DESCRIPTORS
from fuzzharness.world.filewatch import (
    CHECK,
    READ,
    WATCHES,
    WRITE,
    FileWatch,
    Part,
    Parts,
    announced_to,
    changes,
    entry,
    inode_of,
    parts_of,
    really,
    touch,
    watched_path,
)
from fuzzharness.world.kept import Kept
from fuzzharness.world.listing import parts_of_any
from fuzzharness.world.mapped import WatchedMap
from fuzzharness.world.opened import OPEN, open_watched, opening
from fuzzharness.world.references import Replaced
from fuzzharness.world.working_directory import HERE, asking, held

_REPLACED = Replaced()
_KEPT = Kept()


def install(watch: FileWatch) -> None:
    """Watch a directory from now on."""
    watch_paths(watch)
    WATCHES.append(watch)


def remove(watch: FileWatch) -> None:
    """Watch a directory no longer."""
    if watch in WATCHES:
        WATCHES.remove(watch)
    unwatch_paths(watch)


_USERS: list[object] = []


def watch_paths(user: object) -> None:
    """Stand in for the file functions of the process; all who watch what paths are used share them."""
    if not _USERS:
        functions = _functions()
        _REPLACED.replace(functions)
        _KEPT.replace(functions)
    _USERS.append(user)


def unwatch_paths(user: object) -> None:
    """Put the file functions back when the last one goes who watches."""
    if user in _USERS:
        _USERS.remove(user)
    if not _USERS:
        _KEPT.restore()
        _REPLACED.restore()
        DESCRIPTORS.clear()


_CHECKS = ("stat", "lstat", "access", "readlink", "getxattr", "listxattr", "statvfs", "pathconf")
_WRITES = (
    "mkdir", "rmdir", "remove", "unlink", "truncate", "chmod", "lchmod", "chown", "lchown", "utime", "mkfifo",
    "mknod", "setxattr", "removexattr", "chflags", "lchflags",
)  # fmt: skip
_STAYING = frozenset(
    {
        "lstat", "readlink", "unlink", "remove", "rmdir", "mkdir", "mkfifo", "mknod", "lchmod", "lchown",
        "lchflags",
    }
)  # fmt: skip
"""Functions that act on a link itself, not on what it leads to."""


def _path_function(name: str, touched: Callable[[Key], Parts]) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        follow = name not in _STAYING and kwargs.get("follow_symlinks", True)
        touch(lambda: parts_of_any(path, touched, kwargs.get("dir_fd"), follow))
        return really(original, path, *args, **kwargs)

    announced.__name__ = name
    return announced


def _renaming(name: str) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
        parts = _of_both(src, dst, kwargs, WRITE)
        for watch, key, kind in parts:
            if kind is WRITE and isinstance(watch, FileWatch):  # of folders, with all that is in them
                watch.moved.add(key)
        return really(original, src, dst, *args, **kwargs)

    announced.__name__ = name
    return announced


def _link(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
    changes((watch, key, WRITE) for watch, key, _ in _of_both(src, dst, kwargs, READ))
    result = really(_LINK, src, dst, *args, **kwargs)
    ends = [watched_path(p, kwargs.get(f), False) for p, f in ((src, "src_dir_fd"), (dst, "dst_dir_fd"))]
    for spot, whole in ends:
        if spot is not None:
            watch = spot[0]
            names = watch.linked.setdefault(inode_of(str(whole)), set())
            names |= {s[1] for s, _ in ends if s is not None and s[0] is watch}
    return result


def _of_both(src: Any, dst: Any, folders: dict[str, Any], kind: Kind) -> list[Part]:
    """Announce what a function of two paths touches, as one step; ``kind`` is what it does to the first."""
    found: list[Part] = []

    def look() -> list[Part]:
        first = parts_of(src, lambda key: [(entry(key), kind)], folders.get("src_dir_fd"), False)
        found[:] = first + parts_of(dst, _write, folders.get("dst_dir_fd"), False)
        return list(found)

    touch(look)
    return found


def _symlink(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
    touch(lambda: parts_of(dst, _write, kwargs.get("dir_fd"), False))
    return really(_SYMLINK, src, dst, *args, **kwargs)


def _open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
    folder = kwargs.get("dir_fd")
    makes = bool(flags & (os.O_CREAT | os.O_TRUNC))
    follow = not flags & (getattr(os, "O_NOFOLLOW", 0) | (os.O_EXCL if flags & os.O_CREAT else 0))
    touch(lambda: parts_of(path, lambda key: opening(key, makes), folder, follow))
    descriptor = int(really(_OPEN, path, flags, *args, **kwargs))
    if flags & _UNNAMED != _UNNAMED:  # nobody else comes to a file without a name
        spot = descriptors.where(descriptor) or watched_path(path, folder, follow)[0]
        descriptors.opened(descriptor, spot, not makes)
    if flags & (os.O_WRONLY | os.O_RDWR):  # a file that may be written to belongs to this run alone
        changes(descriptors.parts_of_descriptor(descriptor, WRITE))
    return descriptor


_OPEN, _SYMLINK, _LINK = os.open, os.symlink, os.link
_UNNAMED = getattr(os, "O_TMPFILE", 0) or -1


def _of_all(name: str) -> Callable[..., Any]:
    """A function that changes the process for all calls."""
    original = getattr(os, name)

    def reported(*args: Any, **kwargs: Any) -> Any:
        watch = announced_to()
        if watch is not None:
            watch.gate.escape(f"os.{name} {_OF_ALL[name]}")
        return original(*args, **kwargs)

    reported.__name__ = name
    return reported


_OF_ALL = dict.fromkeys(("chdir", "fchdir"), "changed the working directory of all calls") | {
    "umask": "changed the modes that all calls make files with",
    "chroot": "changed the root of all paths for all calls",
}


def _leaving(name: str) -> Callable[..., Any]:
    """A function that changes the working directory, which may be watched."""
    original, unwatched = getattr(os, name), _of_all(name)

    def leave(path: Any) -> None:
        directory = held()
        if directory is None:
            unwatched(path)
            return
        touch(lambda: [(directory, HERE, WRITE), *parts_of_any(path, _check)])
        directory.leave(original, path)

    leave.__name__ = name
    return leave


def _check(key: Key) -> Parts:
    return [(entry(key), CHECK)]


def _write(key: Key) -> Parts:
    return [(entry(key), WRITE)]


def _functions() -> list[tuple[Any, Any]]:
    """Each function that is stood in for, with what stands in for it."""
    stand_ins: dict[str, Any] = {
        "open": _open, "symlink": _symlink, "link": _link, "scandir": listing.scandir,
        "listdir": _path_function("listdir", listing.listing), **descriptors.stand_ins(),
    }  # fmt: skip
    for names, touched in ((_CHECKS, _check), (_WRITES, _write)):
        stand_ins |= {name: _path_function(name, touched) for name in names if hasattr(os, name)}
    stand_ins |= {name: _renaming(name) for name in ("rename", "replace")}
    stand_ins |= {name: _of_all(name) for name in ("umask", "chroot") if hasattr(os, name)}
    stand_ins |= {name: _leaving(name) for name in ("chdir", "fchdir") if hasattr(os, name)}
    stand_ins |= {name: asking(name) for name in ("getcwd", "getcwdb")}
    return [
        (OPEN, open_watched),
        (mmap.mmap, WatchedMap),
        *((getattr(os, name), new) for name, new in stand_ins.items()),
    ]
