"""The watch on one directory tree: what calls announce of it, and what they may have changed in it.

Decides which key of which directory a path or an open file is, also where files have several names, and
what is announced with it: what the path passes on its way. What a function does to the file is decided in
``files``, ``descriptors``, ``listing``, ``opened`` and ``mapped``.
"""

from __future__ import annotations

import os
from _thread import get_ident
from collections.abc import Callable, Iterable
from typing import Any

from fuzzharness.access import ANY, MISSING, Key, Kind
from fuzzharness.world.paths import LSTAT, path_of, route
from fuzzharness.world.resource import Gate
from fuzzharness.world.working_directory import HERE, WorkingDirectory, begun_in

CHECK, READ, WRITE = Kind.CHECK, Kind.READ, Kind.WRITE
Parts = list[tuple[Key, Kind]]
Part = tuple["FileWatch | WorkingDirectory", Key, Kind]
Spot = tuple["FileWatch", Key]
Inode = tuple[int, int]

WATCHES: list[FileWatch] = []


class FileWatch:
    """Watches one directory tree for as long as it is in :data:`WATCHES`.

    ``changed`` are the keys that may have been changed since the directory was restored, ``moved`` those
    below which anything may have; ``linked`` the keys of files with several names.
    """

    def __init__(self, root: str, resource: str, gate: Gate) -> None:
        self.root = root
        self.resource = resource
        self.gate = gate
        self.changed: set[Key] = set()
        self.moved: set[Key] = set()
        self.linked: dict[Inode, set[Key]] = {}

    def key(self, path: str) -> Key | None:
        """The key of an absolute path, or None outside the tree."""
        if path == self.root:
            return ()
        if path.startswith(self.root + os.sep):
            return tuple(path[len(self.root) + 1 :].split(os.sep))
        return None

    def path(self, key: Key) -> str:
        """The path of a key; of the folder for all that is in it."""
        return os.path.join(self.root, *(str(part) for part in key if part is not ANY))

    def announce(self, pairs: Iterable[tuple[Key, Kind]]) -> None:
        """Announce accesses that are one step."""
        self.gate.accesses(self.resource, list(dict.fromkeys(pairs)), self.peek)

    def note(self, key: Key, kind: Kind) -> None:
        """Add an access to the step under way."""
        self.gate.note(self.resource, key, kind, lambda: self.peek(key))

    def peek(self, key: Key) -> Any:
        """What stands at a key."""
        return _look(self.path(key))

    def other_names(self, inode: Inode, key: Key) -> set[Key]:
        """Further keys of the file that ``key`` is one of."""
        return self.linked.get(inode, set()) - {key}


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


def entry(key: Key) -> Key:
    """The key of a file or folder itself: the directory has one too."""
    return key or (".",)


# -- where a path or an open file lies ---------------------------------------------------------------


def parts_of(
    path: Any, touched: Callable[[Key], Parts], folder: int | None = None, follow: bool = True
) -> list[Part]:
    """What is touched by a function of ``path``: ``touched``, told its key, and what is on the way to it."""
    directory = begun_in(path, folder)
    found = _parts_in(path, touched, folder, follow)
    return found if directory is None else [*found, (directory, HERE, READ)]


def _parts_in(path: Any, touched: Callable[[Key], Parts], folder: int | None, follow: bool) -> list[Part]:
    """What is touched in watched directories."""
    way = route(path, folder, follow, _known())
    if way is None:
        return []
    found: list[Part] = []
    for paths, kind in ((way.links, READ), (way.left, CHECK)):
        for passed in paths:
            spot = spot_of(passed)
            if spot is not None:
                found += _with_way(*spot, [(entry(spot[1]), kind)])
    spot = spot_of(way.end)
    if spot is not None:
        found += _with_way(*spot, touched(spot[1]))
    return found


def spot_of(path: str) -> Spot | None:
    """The directory and the key there of an absolute path without links; None outside of all."""
    for watch in WATCHES:
        key = watch.key(path)
        if key is not None:
            return watch, key
    return None


def _known() -> list[str]:
    """The folders that hold watched directories, which are no links."""
    return [os.path.dirname(watch.root) for watch in WATCHES]


def _with_way(watch: FileWatch, key: Key, pairs: Parts) -> list[Part]:
    """``pairs`` with the folders on the way, which must be there, and the file's other names."""
    found: list[Part] = [(watch, key[:depth], CHECK) for depth in range(1, len(key))]
    for at, kind in pairs:
        found.append((watch, at, kind))
        if watch.linked:
            found += [(watch, other, kind) for other in watch.other_names(inode_of(watch.path(at)), at)]
    return found


def inode_of(path: str) -> Inode:
    """What tells a file from all others; nothing has (0, 0)."""
    try:
        found = LSTAT(path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


# -- announcing ----------------------------------------------------------------------------------------


def touch(look: Callable[[], list[Part]]) -> None:
    """Announce what ``look`` tells is touched, as one step; and what else it tells when that may happen.

    Links may have been pointed elsewhere, and open files renamed, while the call was held.
    """
    parts = look()
    if not parts:
        return
    first = parts[0][0]
    first.announce([(key, kind) for watch, key, kind in parts if watch is first])
    for watch, key, kind in parts:
        if watch is not first:
            watch.note(key, kind)
    for part in look():
        if part not in parts:
            part[0].note(part[1], part[2])
            parts.append(part)
    changes(parts)


def changes(parts: Iterable[Part]) -> None:
    """Remember what may be written from now on, so that it is restored; report what no call writes.

    A file that was not closed is written to when it dies, which may be long after its call.
    """
    for watch, key, kind in parts:
        if kind is WRITE and isinstance(watch, FileWatch):
            watch.changed.add(key)
            if not watch.gate.inside:
                watch.gate.escape(f"{watch.path(key)} was changed outside of all calls")


def announced_to() -> FileWatch | None:
    """A watch that accesses of the running thread are announced to; None outside of calls."""
    return next((watch for watch in WATCHES if watch.gate.inside), None)


# -- what has been announced, as opposed to what has not ------------------------------------------------

_VOUCHED: set[int] = set()
"""The threads that are in a function that has announced what it does."""


def vouched() -> bool:
    """Whether what the running thread does to files just now has been announced."""
    return get_ident() in _VOUCHED


def really(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function of the system, after what it does was announced."""
    thread = get_ident()
    if thread in _VOUCHED:
        return function(*args, **kwargs)
    _VOUCHED.add(thread)
    try:
        return function(*args, **kwargs)
    finally:
        _VOUCHED.discard(thread)


def unvouched(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of a tool, which :func:`really` calls back: what it does is its own."""

    def called(*args: Any, **kwargs: Any) -> Any:
        thread = get_ident()
        before = thread in _VOUCHED
        _VOUCHED.discard(thread)
        try:
            return function(*args, **kwargs)
        finally:
            if before:
                _VOUCHED.add(thread)

    return called


def watched_path(path: Any, folder: Any = None, follow: bool = True) -> tuple[Spot | None, str | None]:
    """The spot of a path or descriptor in a watched directory, if any; and its real path, if known."""
    if isinstance(path, int):
        whole = path_of(path)
    else:
        way = route(path, folder, follow, _known())
        whole = None if way is None else way.end
    return (None, None) if whole is None else (spot_of(whole), whole)
