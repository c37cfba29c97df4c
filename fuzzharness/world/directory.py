"""A scratch directory as a resource: its files, and the calls that reach them.

Decides what the directory starts with, what its state is, and how much of it is read and restored: what
calls have announced to change, as long as nothing has escaped; now and then, and at the end, everything is
compared, so that a change nobody announced is told. Which functions announce what is decided in ``files``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fuzzharness.access import MISSING, Key
from fuzzharness.errors import WorldError
from fuzzharness.world import files as file_functions
from fuzzharness.world.contents import Contents, Start
from fuzzharness.world.descriptors import open_from_before
from fuzzharness.world.filewatch import FileWatch
from fuzzharness.world.layout import Layout
from fuzzharness.world.perturbation import another
from fuzzharness.world.resource import Gate
from fuzzharness.world.tree import FOLDER, TOP, Link, Node, Tree, write

Content = str | bytes


class Directory:
    """A resource that is a directory holding ``files``: relative path -> text or bytes.

    A path that ends in ``/`` makes an empty directory. The directory is made when :attr:`path` is
    first asked for, or stands at ``path`` where that is given: then it must be empty or not there.
    The tool parameter receives its :class:`pathlib.Path`.
    """

    def __init__(
        self, files: Mapping[str, Content] | None = None, *, path: str | os.PathLike[str] | None = None
    ) -> None:
        if files is not None and not isinstance(files, Mapping):
            raise WorldError(
                f"Directory was given {files!r} as its files. Expected a mapping of paths to text or bytes, "
                "such as {'notes.txt': '…'}, since a run starts from what is given here. For one that "
                "stands at a certain place, where nothing is yet, write fh.Directory(files, path=…)."
            )
        self._files = dict(files or {})
        self._given = None if path is None else Path(path).absolute()
        self._first: Tree | None = None
        self._watch: FileWatch | None = None
        for name, content in self._files.items():
            _check(name, content)

    @property
    def path(self) -> Path:
        """Where the directory is, for tools that are made with a path."""
        return Path(self._laid_out().root)

    @property
    def roots(self) -> tuple[str, ...]:
        """The paths below which file accesses are watched."""
        return (str(self.path),)

    def _laid_out(self) -> Tree:
        """What the directory starts with; it is made if it was not yet."""
        if self._first is None:
            with self._told("made"):
                tree = Tree(str(self._made()), _nodes(self._files), {}, {})
                tree.restore(tree.nodes)
                tree.learn_modes()
            self._first = tree
        return self._first

    def _made(self) -> Path:
        if self._given is None:
            path = Path(os.path.realpath(tempfile.mkdtemp(prefix="fuzzharness-")))
            weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
            return path
        if self._given.exists() and any(self._given.iterdir()):
            raise WorldError(
                f"the directory {self._given} is not empty. Expected an empty one, or none, since "
                "everything in it is replaced before every run. Give another path, or none for a scratch one."
            )
        self._given.mkdir(parents=True, exist_ok=True)
        return Path(os.path.realpath(self._given))

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say in words what the system would not do."""
        try:
            yield
        except OSError as error:
            where = self._given if self._first is None else self._first.root
            raise WorldError(
                f"the directory {where or tempfile.gettempdir()} could not be {what}: {error}. Expected a "
                "folder, or a path where none is yet, on a disk that has room and may be written to. Give "
                "another path, or none for a scratch one."
            ) from error

    def open(self, name: str, gate: Gate) -> None:
        self._name, self._gate = name, gate
        self._tree = self._laid_out()
        self._began_in, self._mask = os.getcwd(), _mask()
        self._captured = 0
        self._restore_all(self._tree)
        self._watch = FileWatch(self._tree.root, name, gate)
        file_functions.install(self._watch)
        for path in open_from_before():
            gate.escape(f"the file {path} was open before the calls began: what goes through it is not seen")
        self._begin(self._tree)

    def _begin(self, tree: Tree) -> None:
        """Runs start from ``tree`` from now on, which is what is there."""
        self._tree = tree
        self._start = Start(
            {_shown(name, node): _text(node) for name, node in tree.nodes.items() if name != TOP}
        )
        self._forget()

    def mark(self) -> None:
        with self._told("read"):
            tree = Tree.found(self._tree.root)
            tree.learn_modes()
        self._begin(tree)

    def reset(self) -> Path:
        self._put_back()
        if self._is_vouched_for:
            with self._told("restored"):
                self._tree.restore(self._changed())
        else:
            self._restore_all(self._tree)
        self._forget()
        return Path(self._tree.root)

    def _put_back(self) -> None:
        """What of the process a call may have changed."""
        if self._watch is not None:
            try:
                moved = os.getcwd() != self._began_in
            except OSError:  # it has been removed
                moved = True
            if moved:
                os.chdir(self._began_in)
            os.umask(self._mask)

    @property
    def _is_vouched_for(self) -> bool:
        """Whether all that has changed was announced: nothing happened that is not watched."""
        return self._watch is not None and not self._gate.escaped

    def _changed(self) -> set[str]:
        """The names of what may have changed since the last reset."""
        if self._watch is None:
            return set()
        moved = self._tree.below("/".join(map(str, key)) or TOP for key in self._watch.moved)
        return moved | {"/".join(map(str, key)) or TOP for key in self._watch.changed}

    def _forget(self) -> None:
        """Nothing has changed since now."""
        if self._watch is not None:
            self._watch.changed.clear()
            self._watch.moved.clear()
            self._watch.linked = {
                inode: {tuple(name.split("/")) for name in names}
                for inode, names in (self._tree.linked if self._tree.twins else {}).items()
            }

    def _restore_all(self, tree: Tree) -> None:
        with self._told("restored"):
            tree.restore(tree.all_differences()[1] | self._changed() | {TOP})

    def capture(self) -> Contents:
        self._captured += 1
        if self._is_vouched_for and not _is_due(self._captured):
            with self._told("read"):
                changes = self._tree.differences(self._changed())
        else:
            changes = self._compared()
        return Contents(self._start, dict(self._told_apart(changes)))

    def _compared(self) -> dict[str, Any]:
        """Everything that differs from the start; a change that nobody has announced is an escape."""
        with self._told("read"):
            changes = self._tree.all_differences()[0]
        if self._is_vouched_for:
            for name in sorted(changes.keys() - self._changed()):
                self._gate.escape(f"{self._tree.root}/{name} was changed in a way that is not watched")
        return changes

    def check(self) -> None:
        """Report what was changed unseen, in a directory that was restored by what was announced."""
        if self._is_vouched_for:
            self._compared()

    def _told_apart(self, changes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if not os.path.isdir(self._tree.root):
            yield TOP, "(not there)"
        for name, node in changes.items():
            if name in self._tree.nodes:
                yield _shown(name, self._tree.nodes[name]), MISSING
            if node is not MISSING:
                yield _shown(name, node), _text(node)

    def layout(self) -> Layout:
        """That what is captured are files."""
        return Layout(files=frozenset({self._name}))

    def perturb(self, key: Key) -> bool:
        name = "/".join(map(str, key))
        content = self._tree.content(name)
        if content is FOLDER or isinstance(content, Link):
            return False
        changed, value = another(_text(content))
        if changed:
            path = os.path.join(self._tree.root, name)
            write(path, value.encode() if isinstance(value, str) else value, os.lstat(path).st_mode)
            if self._watch is not None:
                self._watch.changed.add(tuple(key))
        return changed

    def close(self) -> None:
        if self._watch is not None:
            self._put_back()
            file_functions.remove(self._watch)
            self._restore_all(self._laid_out())
            self._watch = None


def _check(name: str, content: object) -> None:
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        raise WorldError(
            f"Directory was given the path {name!r}. Expected paths inside the directory, such as "
            "'notes.txt' or 'sub/notes.txt'. Leave out the leading '/' and any '..'."
        )
    if not isinstance(content, (str, bytes)):
        raise WorldError(
            f"Directory was given {type(content).__name__} as the content of {name!r}. Expected text or "
            "bytes: encode or serialize it first."
        )


def _nodes(files: Mapping[str, Content]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for name, content in files.items():
        path = Path(name)
        found.update(dict.fromkeys((parent.as_posix() for parent in list(path.parents)[:-1]), FOLDER))
        whole = content.encode() if isinstance(content, str) else content
        found[path.as_posix()] = FOLDER if name.endswith("/") else whole
    return found


def _shown(name: str, node: Node) -> str:
    return f"{name}/" if node is FOLDER else name


def _text(content: Node) -> Content | None:
    if content is None:
        return None
    if isinstance(content, Link):
        return f"-> {content}"
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _is_due(number: int) -> bool:
    """Whether everything is compared after so many runs: the first, the fourth, the sixteenth and so on."""
    return number & (number - 1) == 0 and number.bit_length() % 2 == 1


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
