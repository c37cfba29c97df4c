"""Which watched directory a path or descriptor lies in, and under which key.

Decides the key of a path: links are followed, relative paths and folder descriptors resolved. Never
announces by itself what is done to the file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from fuzzharness.access import ANY, MISSING, Key, Kind
from fuzzharness.world.resource import Gate

CHECK, READ, WRITE = Kind.CHECK, Kind.READ, Kind.WRITE
Parts = list[tuple[Key, Kind]]
Found = tuple["FileWatch", Key]

WATCHES: list[FileWatch] = []
DESCRIPTORS: dict[int, tuple[FileWatch, Key, object]] = {}


class FileWatch:
    """Watches one directory tree for as long as it is installed."""

    def __init__(self, root: Path, resource: str, gate: Gate) -> None:
        self.root = str(root)
        self.resource = resource
        self.gate = gate

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


def find(path: Any, dir_fd: int | None = None, follow: bool = True) -> tuple[FileWatch, Key] | None:
    """The watch and key of a path, relative ones and descriptors included; None if not watched."""
    if not any(watch.gate.inside for watch in WATCHES):
        return None
    if isinstance(path, int):
        known = DESCRIPTORS.get(path)
        return None if known is None else known[:2]
    try:
        text = os.fsdecode(path)
    except TypeError:
        return None
    whole = _resolved(os.path.join(_folder(dir_fd), text), follow)
    for watch in WATCHES:
        key = watch.key(whole)
        if key is not None:
            return watch, key
    return None


def _folder(dir_fd: int | None) -> str:
    if dir_fd is None:
        return os.getcwd()
    known = DESCRIPTORS.get(dir_fd)
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


def entry(key: Key) -> Key:
    return key or (".",)
