"""Files that announce what is done to them: ``open``, ``pathlib`` and the functions of ``os``.

Decides which key each operation on a file below a watched directory reads or writes. Accesses are
announced where the operating system is reached, so that buffers behave as they really do: opening
for writing empties the file in one step, the text arrives in a later one. Opening for reading and
the first read are one step, since nothing can tell them apart.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzzharness.access import ANY, MISSING, Key, Kind
from fuzzharness.world.resource import Gate

CHECK, READ, WRITE = Kind.CHECK, Kind.READ, Kind.WRITE

Parts = list[tuple[Key, Kind]]

_WATCHES: list[FileWatch] = []
_ORIGINAL: dict[tuple[Any, str], Any] = {}
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
            _patch()
        _WATCHES.append(self)

    def remove(self) -> None:
        """Put the file functions back when the last watch goes."""
        if self in _WATCHES:
            _WATCHES.remove(self)
        if not _WATCHES:
            _unpatch()

    def key(self, path: str) -> Key | None:
        """The key of an absolute path, or None outside the tree."""
        if path == self.root:
            return ()
        if path.startswith(self.root + os.sep):
            return tuple(path[len(self.root) + 1 :].split(os.sep))
        return None

    def announce(self, pairs: Parts) -> None:
        self.gate.accesses(self.resource, pairs, self.peek)

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


def _find(path: Any, dir_fd: int | None = None) -> tuple[FileWatch, Key] | None:
    """The watch and key of a path, relative ones and descriptors included; None if not watched."""
    if isinstance(path, int):
        known = _DESCRIPTORS.get(path)
        return None if known is None or not known[0].gate.inside else known[:2]
    if not any(watch.gate.inside for watch in _WATCHES) or dir_fd is not None:
        return None
    try:
        text = os.fsdecode(path)
    except TypeError:
        return None
    absolute = os.path.normpath(text if os.path.isabs(text) else os.path.join(os.getcwd(), text))
    for watch in _WATCHES:
        key = watch.key(absolute)
        if key is not None:
            return watch, key
    return None


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
            watch.gate.note(watch.resource, self._key, READ, lambda: watch.peek(self._key))
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
    found = _find(file)
    if found is None or _unusual(mode):
        return _original(io, "open")(file, mode, buffering, encoding, errors, newline, closefd, opener)
    watch, key = found
    raw = _open_raw(file, mode, closefd, opener, watch, key)
    try:
        return _layered(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


def _unusual(mode: Any) -> bool:
    return not isinstance(mode, str) or len(set(mode) & set("rwax")) != 1 or bool(set(mode) - set("rwaxbt+"))


def _open_raw(file: Any, mode: str, closefd: bool, opener: Any, watch: FileWatch, key: Key) -> WatchedFile:
    by_path = not isinstance(file, int)
    reading = "r" in mode
    if by_path:
        watch.announce([(key, CHECK if reading else WRITE)])
    opened = watch.gate.mark() if reading and by_path else None
    if not by_path and file in _DESCRIPTORS:
        opened = _DESCRIPTORS[file][2]
    raw = WatchedFile(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    raw.watch(watch, key, opened)
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


def _original(module: Any, name: str) -> Any:
    return _ORIGINAL.get((module, name)) or getattr(module, name)


def _path_function(name: str, touched: Callable[[Key], Parts]) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        found = _find(path, kwargs.get("dir_fd"))
        if found is not None:
            found[0].announce(touched(found[1]))
        return original(path, *args, **kwargs)

    announced.__name__ = name
    return announced


def _pair_function(name: str, first: Kind) -> Callable[..., Any]:
    original = getattr(os, name)

    def announced(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
        found = [_find(src, kwargs.get("src_dir_fd")), _find(dst, kwargs.get("dst_dir_fd"))]
        pairs = [(f[0], (_entry(f[1]), kind)) for f, kind in zip(found, (first, WRITE), strict=True) if f]
        for watch in dict.fromkeys(watch for watch, _ in pairs):
            watch.announce([pair for w, pair in pairs if w is watch])
        return original(src, dst, *args, **kwargs)

    announced.__name__ = name
    return announced


def _symlink(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
    found = _find(dst, kwargs.get("dir_fd"))
    if found is not None:
        found[0].announce([(_entry(found[1]), WRITE)])
    return _original(os, "symlink")(src, dst, *args, **kwargs)


def _os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
    found = _find(path, kwargs.get("dir_fd"))
    if found is None:
        return int(_original(os, "open")(path, flags, *args, **kwargs))
    watch, key = found
    changes = flags & (os.O_CREAT | os.O_TRUNC)
    watch.announce([(_entry(key), WRITE if changes else CHECK)])
    descriptor = int(_original(os, "open")(path, flags, *args, **kwargs))
    _DESCRIPTORS[descriptor] = (watch, key, None if changes else watch.gate.mark())
    return descriptor


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
        for descriptor, kind in zip((first, second), kinds, strict=True):
            if isinstance(descriptor, int) and _find(descriptor) is not None:
                _announce_descriptor(descriptor, kind)
        return original(first, second, *args, **kwargs)

    announced.__name__ = name
    return announced


def _announce_descriptor(descriptor: int, kind: Kind) -> None:
    watch, key, opened = _DESCRIPTORS[descriptor]
    if kind is not WRITE and opened is not None and opened == watch.gate.mark():
        watch.gate.note(watch.resource, key, kind, lambda: watch.peek(key))
    else:
        watch.announce([(key, kind)])
    _DESCRIPTORS[descriptor] = (watch, key, None)


def _os_close(descriptor: int) -> None:
    _DESCRIPTORS.pop(descriptor, None)
    _original(os, "close")(descriptor)


def _check(key: Key) -> Parts:
    return [(_entry(key), CHECK)]


def _write(key: Key) -> Parts:
    return [(_entry(key), WRITE)]


def _listing(key: Key) -> Parts:
    return [((*key, ANY), READ)]


def _replacements() -> dict[tuple[Any, str], Any]:
    functions: dict[tuple[Any, str], Any] = {
        (builtins, "open"): _open,
        (io, "open"): _open,
        (os, "open"): _os_open,
        (os, "close"): _os_close,
        (os, "symlink"): _symlink,
    }
    for name in ("stat", "lstat", "access", "readlink"):
        functions[os, name] = _path_function(name, _check)
    for name in ("mkdir", "rmdir", "remove", "unlink", "truncate", "chmod", "utime"):
        functions[os, name] = _path_function(name, _write)
    for name in ("listdir", "scandir"):
        functions[os, name] = _path_function(name, _listing)
    for name in ("rename", "replace"):
        functions[os, name] = _pair_function(name, WRITE)
    functions[os, "link"] = _pair_function("link", READ)
    for name in ("read", "pread", "fstat"):
        functions[os, name] = _descriptor_function(name, CHECK if name == "fstat" else READ)
    for name in ("write", "pwrite", "ftruncate"):
        functions[os, name] = _descriptor_function(name, WRITE)
    for name, kinds in (("sendfile", (WRITE, READ)), ("copy_file_range", (READ, WRITE))):
        if hasattr(os, name):
            functions[os, name] = _copy_function(name, kinds)
    return functions


def _patch() -> None:
    replacements = _replacements()
    for module, name in replacements:
        _ORIGINAL[module, name] = getattr(module, name)
    for (module, name), function in replacements.items():
        setattr(module, name, function)


def _unpatch() -> None:
    for (module, name), function in _ORIGINAL.items():
        setattr(module, name, function)
    _ORIGINAL.clear()
    _DESCRIPTORS.clear()
