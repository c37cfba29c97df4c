"""What a folder on the disk is to hold, and the way back to it.

Decides what is read and written when only some names may have changed, and in which order, so that no link
that a tool has made is ever written through. Which names those are is for the directory to say.
"""

from __future__ import annotations

import io
import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from fuzzharness.access import MISSING
from fuzzharness.world.filewatch import Inode
from fuzzharness.world.listing import SCANDIR
from fuzzharness.world.paths import LSTAT, READLINK

_CHMOD, _FCHMOD, _LINK, _MKDIR, _OPEN = os.chmod, os.fchmod, os.link, os.mkdir, os.open
_RMDIR, _SYMLINK, _UNLINK, _WRITE, _CLOSE = os.rmdir, os.symlink, os.unlink, os.write, os.close
"""The real ones: while a directory is watched others stand in for them."""

TOP = "."
"""The name of the folder itself."""


class Link(str):
    """Where a symbolic link leads, as the content of the link."""

    __slots__ = ()


FOLDER = None
OTHER = b"(not a regular file)"
Node = bytes | Link | None


class Tree:
    """What is to stand at ``root``: ``nodes`` by name (FOLDER for a folder), their ``modes`` where known.

    ``twins`` names for a file with several names the first of them.
    """

    def __init__(
        self, root: str, nodes: Mapping[str, Node], modes: Mapping[str, int], twins: Mapping[str, str]
    ) -> None:
        self.root = root
        self.nodes, self.modes, self.twins = dict(nodes), dict(modes), dict(twins)
        self._names = sorted(self.nodes)

    @classmethod
    def found(cls, root: str) -> Tree:
        """What stands there now."""
        tree = cls(root, {}, {}, {})
        nodes: dict[str, Node] = {}
        modes, first = {}, dict[Inode, str]()
        for name, node, mode, inode in tree._all():
            nodes[name] = node
            if not isinstance(node, Link):
                modes[name] = mode
            if inode is not None:
                tree.twins[name] = first.setdefault(inode, name)
        return cls(root, nodes, modes, tree.twins)

    @property
    def linked(self) -> dict[Inode, set[str]]:
        """The names of each file that has several."""
        found: dict[Inode, set[str]] = {}
        for name in self.twins:
            status = LSTAT(self._path(name))
            found.setdefault((status.st_dev, status.st_ino), set()).add(name)
        return found

    # -- what is there -------------------------------------------------------------------------------

    def below(self, names: Iterable[str]) -> set[str]:
        """Everything at or below ``names`` that is to be there, or is."""
        found: set[str] = set()
        for name in names:
            found.add(name)
            prefix = "" if name == TOP else f"{name}/"
            last = bisect_left(self._names, f"{name}0") if prefix else len(self._names)  # 0 is what follows /
            found.update(self._names[bisect_left(self._names, prefix) : last])
            if self._is_reached(name) and _mode(self._path(name), stat.S_ISDIR):
                found.update(below for below, *_ in self._walked(prefix))
        return found

    def differences(self, names: Iterable[str]) -> dict[str, Any]:
        """What stands at those of ``names`` where it is not what is to stand there; MISSING for nothing."""
        there = {name: self._node(name) for name in names if name != TOP}
        return {name: node for name, node in there.items() if _differ(self.nodes.get(name, MISSING), node)}

    def all_differences(self) -> tuple[dict[str, Any], set[str]]:
        """As :meth:`differences` for all that is to be there, or is; and the names that differ in any way."""
        nodes: dict[str, Any] = dict.fromkeys(self.nodes, MISSING)
        other: set[str] = set()
        for name, node, mode, inode in self._all():
            nodes[name] = node
            if (inode is None) is (name in self.twins):
                other.add(name)
            if not isinstance(node, Link) and mode != self.modes.get(name, mode):
                other.add(name)
        found = {name: node for name, node in nodes.items() if _differ(self.nodes.get(name, MISSING), node)}
        return found, other | found.keys()

    def content(self, name: str) -> Node:
        """What stands at ``name``; FOLDER also where nothing does."""
        node = self._node(name)
        return FOLDER if node is MISSING else node

    def _all(self) -> Iterator[tuple[str, Node, int, Inode | None]]:
        top = _mode(self.root, stat.S_ISDIR)
        if top is not None:
            yield from self._walked("")

    def _walked(self, prefix: str) -> Iterator[tuple[str, Node, int, Inode | None]]:
        """Everything in a folder and below: name, what it is, mode, and what tells it from others."""
        folder = os.path.join(self.root, prefix)
        for entry in _allowed(lambda: sorted(_entries(folder), key=_by_name), folder):
            name, status = prefix + entry.name, entry.stat(follow_symlinks=False)
            node = _read(entry.path, status.st_mode)
            several = status.st_nlink > 1 and stat.S_ISREG(status.st_mode)
            yield name, node, status.st_mode, (status.st_dev, status.st_ino) if several else None
            if node is FOLDER:
                yield from self._walked(f"{name}/")

    def _node(self, name: str) -> Any:
        path = self._path(name)
        mode = _mode(path) if self._is_reached(name) else None
        return MISSING if mode is None else _read(path, mode)

    def _is_reached(self, name: str) -> bool:
        """Whether all folders on the way are folders, and no links."""
        return all(_mode(self._path(folder), stat.S_ISDIR) is not None for folder in _above(name))

    def _path(self, name: str) -> str:
        return self.root if name == TOP else os.path.join(self.root, name)

    # -- the way back --------------------------------------------------------------------------------

    def restore(self, names: Iterable[str]) -> None:
        """Bring back what is to stand at ``names``; files anew, out of reach of who has the old ones open."""
        todo = {folder for name in names for folder in (*_above(name), name)}
        todo |= {name for name, first in self.twins.items() if todo & {name, first}} if self.twins else set()
        todo |= {self.twins[name] for name in todo & self.twins.keys()}
        order = sorted(todo - {TOP})
        if _mode(self.root, stat.S_ISDIR) is None:
            _remove(self.root)
            _MKDIR(self.root)
        for name in order:
            folder = self.nodes.get(name, MISSING) is FOLDER
            if not (folder and _mode(self._path(name), stat.S_ISDIR) is not None):
                self._in_folder(name, _remove)
        for name in order:
            if name in self.nodes:
                self._in_folder(name, lambda path, name=name: self._make(name, path))  # type: ignore[misc]
        for name in reversed([TOP, *order]):
            mode = self.modes.get(name)
            if mode is not None and _mode(self._path(name), stat.S_ISDIR) not in (None, mode):
                _CHMOD(self._path(name), mode & 0o7777)

    def _in_folder(self, name: str, do: Callable[[str], None]) -> None:
        path = self._path(name)
        try:
            do(path)
        except PermissionError:  # a tool has taken our own right to write there
            _CHMOD(os.path.dirname(path), 0o700)
            do(path)

    def _make(self, name: str, path: str) -> None:
        node, first = self.nodes[name], self.twins.get(name, name)
        if node is FOLDER:
            with suppress(FileExistsError):
                _MKDIR(path)
        elif isinstance(node, Link):
            _SYMLINK(node, path)
        elif first != name:
            _LINK(self._path(first), path)
        else:
            write(path, node, self.modes.get(name))

    def learn_modes(self) -> None:
        """Take the modes as they stand as those that are to be."""
        for name in (TOP, *self.nodes):
            mode = _mode(self._path(name))
            if mode is not None and not stat.S_ISLNK(mode):
                self.modes[name] = mode


def write(path: str, content: bytes, mode: int | None) -> None:
    """Make a file anew."""
    with suppress(FileNotFoundError):
        _UNLINK(path)
    number = _OPEN(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[_WRITE(number, left) :]
        if mode is not None:
            _FCHMOD(number, stat.S_IMODE(mode))
    finally:
        _CLOSE(number)


def _differ(wanted: Any, there: Any) -> bool:
    return type(wanted) is not type(there) or bool(wanted != there)


def _above(name: str) -> list[str]:
    """The folders that ``name`` lies in, the outermost first."""
    if name == TOP:
        return []
    parts = name.split("/")
    return [TOP, *("/".join(parts[:n]) for n in range(1, len(parts)))]


def _mode(path: str, of: Callable[[int], bool] | None = None) -> int | None:
    """The mode of what stands at ``path``, if anything (of a kind) does."""
    try:
        mode = LSTAT(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return mode if of is None or of(mode) else None


def _read(path: str, mode: int) -> Node:
    if stat.S_ISDIR(mode):
        return FOLDER
    if stat.S_ISLNK(mode):
        return Link(READLINK(path))
    return _allowed(lambda: _bytes(path), path) if stat.S_ISREG(mode) else OTHER


def _bytes(path: str) -> bytes:
    with io.FileIO(path) as file:
        return file.readall()


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with SCANDIR(folder) as entries:
        return list(entries)


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _allowed(do: Callable[[], Any], path: str) -> Any:
    """Do what a tool has taken our own right to, and leave the mode as it is."""
    try:
        return do()
    except PermissionError:
        mode = LSTAT(path).st_mode
        _CHMOD(path, 0o700)
        try:
            return do()
        finally:
            _CHMOD(path, stat.S_IMODE(mode))


def _remove(path: str) -> None:
    """Remove what stands at ``path``, with all that is in it; a link alone."""
    mode = _mode(path)
    if mode is None:
        return
    if not stat.S_ISDIR(mode):
        _UNLINK(path)
        return
    _CHMOD(path, 0o700)
    for entry in _entries(path):
        _remove(entry.path)
    _RMDIR(path)
