"""Files that announce what is done to them: ``open``, ``pathlib`` and the functions of ``os``.

Decides which key each operation on a file below a watched directory reads or writes. Accesses are
announced where the operating system is reached, so that buffers behave as they really do: opening
for writing empties the file in one step, the text arrives in a later one. Opening for reading and
the first read are one step, since nothing can tell them apart.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzzharness.access import ANY, MISSING, Key, Kind
from fuzzharness.world.references import Replaced
from fuzzharness.world.resource import Gate

CHECK, READ, WRITE = Kind.CHECK, Kind.READ, Kind.WRITE

Parts = list[tuple[Key, Kind]]
Found = tuple["FileWatch", Key]

_WATCHES: list[FileWatch] = []
_REPLACED = Replaced()
_DESCRIPTORS: dict[int, tuple[FileWatch, Key, object]] = {}


class FileWatch:
    """Watches one directory tree for as long as it is installed."""

    def __init__(self, root: Path, resource: str, gate: Gate) -> None:
        self.root = str(root)
        self.resource = resource
        self.gate = gate

    def install(self) -> None:
        """Replace the file functions of the process; nested installs share them."""
        if not _WATCHES:
            _REPLACED.replace(_functions())
        _WATCHES.append(self)

    def remove(self) -> None:
        """Put the file functions back when the last watch goes."""
        if self in _WATCHES:
            _WATCHES.remove(self)
        if not _WATCHES:
            _REPLACED.restore()
            _DESCRIPTORS.clear()

    def key(self, path: str) -> Key | None:
        """The key of an absolute path, or None outside the tree."""
        if path == self.root:
            return ()
        if path.startswith(self.root + os.sep):
            return tuple(path[len(self.root) + 1 :].split(os.sep))
        return None

    def announce(self, pairs: Parts) -> None:
        """Announce accesses that are one step, with the directories on the way that must be there."""
        way = [(key[:depth], CHECK) for key, _ in pairs for depth in range(1, len(key))]
        self.gate.accesses(self.resource, list(dict.fromkeys([*way, *pairs])), self.peek)

    def note(self, key: Key, kind: Kind) -> None:
        """Add an access to the step under way."""
        self.gate.note(self.resource, key, kind, lambda: self.peek(key))

    def peek(self, key: Key) -> Any:
        names = [str(part) for part in key if part is not ANY]
        return _look(os.path.join(self.root, *names))


def _look(path: str) -> Any:
    try:
        if os.path.isdir(path):
            return sorted(os.listdir(path))
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return MISSING
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _find(path: Any, dir_fd: int | None = None, follow: bool = True) -> tuple[FileWatch, Key] | None:
    """The watch and key of a path, relative ones and descriptors included; None if not watched."""
    if not any(watch.gate.inside for watch in _WATCHES):
        return None
    if isinstance(path, int):
        known = _DESCRIPTORS.get(path)
        return None if known is None else known[:2]
    try:
        text = os.fsdecode(path)
    except TypeError:
        return None
    whole = _resolved(os.path.join(_folder(dir_fd), text), follow)
    for watch in _WATCHES:
        key = watch.key(whole)
        if key is not None:
            return watch, key
    return None


def _folder(dir_fd: int | None) -> str:
    if dir_fd is None:
        return os.getcwd()
    known = _DESCRIPTORS.get(dir_fd)
    if known is not None:
        return os.path.join(known[0].root, *known[1])
    try:
        return _READLINK(f"/proc/self/fd/{dir_fd}")
    except OSError:
        return os.sep


def _resolved(path: str, follow: bool) -> str:
    """An absolute path without links, less the last one if it is not to be followed."""
    parts = [part for part in reversed(path.split(os.sep)) if part not in ("", ".")]
    found, links = "", 0
    while parts:
        part = parts.pop()
        if part == "..":
            found = found.rpartition(os.sep)[0]
            continue
        whole = f"{found}{os.sep}{part}"
        target = _target(whole) if parts or follow else None
        if target is None or links > 40:
            found = whole
            continue
        links += 1
        found = "" if os.path.isabs(target) else found
        parts += [part for part in reversed(target.split(os.sep)) if part not in ("", ".")]
    return found or os.sep


def _target(path: str) -> str | None:
    try:
        if not stat.S_ISLNK(_LSTAT(path).st_mode):
            return None
        return str(_READLINK(path))
    except OSError:
        return None


_LSTAT, _READLINK = os.lstat, os.readlink


def _entry(key: Key) -> Key:
    return key or (".",)


class WatchedFile(io.FileIO):
    """A raw file that announces each read and write of the operating system."""

    _watch: FileWatch | None = None
    _key: Key = ()
    _opened: object = None

    def watch(self, watch: FileWatch, key: Key, opened: object) -> None:
        """Announce to ``watch`` from now on; ``opened`` marks the step it was opened in for reading."""
        self._watch, self._key, self._opened = watch, key, opened
        _DESCRIPTORS[self.fileno()] = (watch, key, opened)

    def close(self) -> None:
        if not self.closed:
            _DESCRIPTORS.pop(self.fileno(), None)
        super().close()

    def _announce(self, kind: Kind) -> None:
        watch = self._watch
        if watch is None:
            return
        if kind is READ and self._opened is not None and self._opened == watch.gate.mark():
            watch.note(self._key, READ)
        else:
            watch.announce([(self._key, kind)])
        self._opened = None

    def readinto(self, buffer: Any) -> Any:
        self._announce(READ)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._announce(READ)
        return super().readall()

    def read(self, size: int | None = -1) -> Any:
        self._announce(READ)
        return super().read(-1 if size is None else size)

    def write(self, data: Any) -> Any:
        self._announce(WRITE)
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self._announce(WRITE)
        return super().truncate(size)


def _open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """``open`` for watched files, layered as the builtin layers them; the builtin for all others."""
    watched = any(watch.gate.inside for watch in _WATCHES) and not _unusual(mode)
    found = _find(file) if watched and opener is None else None
    if not watched or (found is None and opener is None):
        return _OPEN(file, mode, buffering, encoding, errors, newline, closefd, opener)
    name = file if isinstance(file, int) else os.fspath(file)
    raw = _open_raw(name, mode, closefd, opener, found)
    try:
        return _layered(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


_OPEN = io.open


def _unusual(mode: Any) -> bool:
    return not isinstance(mode, str) or len(set(mode) & set("rwax")) != 1 or bool(set(mode) - set("rwaxbt+"))


def _open_raw(file: Any, mode: str, closefd: bool, opener: Any, found: Found | None) -> WatchedFile:
    reading = "r" in mode
    if found is not None and not isinstance(file, int):
        found[0].announce([(_entry(found[1]), CHECK if reading else WRITE)])
    raw = WatchedFile(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    known = _DESCRIPTORS.get(raw.fileno())
    if known is not None:  # opened by os.open, by the opener or before
        raw.watch(*known)
    elif found is not None:
        raw.watch(*found, found[0].gate.mark() if reading else None)
    return raw


def _layered(raw: WatchedFile, mode: str, buffering: int, encoding: Any, errors: Any, newline: Any) -> Any:
    binary = "b" in mode
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    if buffering == 0:
        if not binary:
            raise ValueError("can't have unbuffered text I/O")
        return raw
    line_buffering = buffering == 1 and not binary
    size = io.DEFAULT_BUFFER_SIZE if buffering < 2 else buffering
    kind: Any = io.BufferedReader if "r" in mode else io.BufferedWriter
    buffer = (io.BufferedRandom if "+" in mode else kind)(raw, size)
    if binary:
        return buffer
    text = io.TextIOWrapper(buffer, io.text_encoding(encoding), errors, newline, line_buffering)
    text.mode = mode  # type: ignore[misc]  # what the builtin open does too
    return text


# ---- the functions of os -----------------------------------------------------------------------


_STAYING = frozenset({"lstat", "readlink", "unlink", "remove", "rmdir", "mkdir"})
"""Functions that act on a link itself, not on what it leads to."""


def _path_function(name: str, touched: Callable[[Key], Parts]) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        follow = name not in _STAYING and kwargs.get("follow_symlinks", True)
        found = _find(path, kwargs.get("dir_fd"), follow)
        if found is not None:
            found[0].announce(touched(found[1]))
        return original(path, *args, **kwargs)

    announced.__name__ = name
    return announced


def _scandir(path: Any = ".") -> Any:
    found = _find(path)
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
        found = [_find(src, kwargs.get("src_dir_fd"), False), _find(dst, kwargs.get("dst_dir_fd"), False)]
        _together([(f[0], _entry(f[1]), kind) for f, kind in zip(found, (first, WRITE), strict=True) if f])
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
    found = _find(dst, kwargs.get("dir_fd"), False)
    if found is not None:
        found[0].announce([(_entry(found[1]), WRITE)])
    return _SYMLINK(src, dst, *args, **kwargs)


def _os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
    found = _find(path, kwargs.get("dir_fd"))
    if found is None:
        return int(_OS_OPEN(path, flags, *args, **kwargs))
    watch, key = found
    changes = flags & (os.O_CREAT | os.O_TRUNC)
    watch.announce([(_entry(key), WRITE if changes else CHECK)])
    descriptor = int(_OS_OPEN(path, flags, *args, **kwargs))
    _DESCRIPTORS[descriptor] = (watch, key, None if changes else watch.gate.mark())
    return descriptor


_SYMLINK, _OS_OPEN, _OS_CLOSE, _DUP = os.symlink, os.open, os.close, os.dup


def _dup(descriptor: int) -> int:
    copied = _DUP(descriptor)
    if descriptor in _DESCRIPTORS:
        _DESCRIPTORS[copied] = _DESCRIPTORS[descriptor]
    return copied


def _chdir(path: Any) -> None:
    for watch in _WATCHES:
        if watch.gate.inside:
            watch.gate.escape("os.chdir changed the working directory of all calls")
            break
    _CHDIR(path)


_CHDIR = os.chdir


def _descriptor_function(name: str, kind: Kind) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(descriptor: Any, *args: Any, **kwargs: Any) -> Any:
        found = _find(descriptor) if isinstance(descriptor, int) else None
        if found is not None:
            _announce_descriptor(descriptor, kind)
        return original(descriptor, *args, **kwargs)

    announced.__name__ = name
    return announced


def _copy_function(name: str, kinds: tuple[Kind, Kind]) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
        found = [_find(d) if isinstance(d, int) else None for d in (first, second)]
        _together([(*f, kind) for f, kind in zip(found, kinds, strict=True) if f is not None])
        return original(first, second, *args, **kwargs)

    announced.__name__ = name
    return announced


def _announce_descriptor(descriptor: int, kind: Kind) -> None:
    watch, key, opened = _DESCRIPTORS[descriptor]
    if kind is not WRITE and opened is not None and opened == watch.gate.mark():
        watch.note(_entry(key), kind)
    else:
        watch.announce([(_entry(key), kind)])
    _DESCRIPTORS[descriptor] = (watch, key, None)


def _os_close(descriptor: int) -> None:
    _DESCRIPTORS.pop(descriptor, None)
    _OS_CLOSE(descriptor)


def _check(key: Key) -> Parts:
    return [(_entry(key), CHECK)]


def _write(key: Key) -> Parts:
    return [(_entry(key), WRITE)]


def _listing(key: Key) -> Parts:
    return [*([(key, CHECK)] if key else []), ((*key, ANY), READ)]


def _functions() -> list[tuple[Any, Any]]:
    """Each function that is stood in for, with what stands in for it."""
    stand_ins: dict[str, Any] = {
        "open": _os_open, "close": _os_close, "symlink": _symlink, "scandir": _scandir, "dup": _dup,
        "chdir": _chdir, "fchdir": _chdir, "listdir": _path_function("listdir", _listing),
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
        (_OPEN, _open),
        *((getattr(os, name), new) for name, new in stand_ins.items() if hasattr(os, name)),
    ]
