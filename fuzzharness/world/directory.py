"""A scratch directory as a resource: its files, and the calls that reach them.

Decides what the directory starts with, what its state is and how it is restored. Which functions
announce accesses is decided in ``files``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fuzzharness.access import Key
from fuzzharness.errors import WorldError
from fuzzharness.world import files as file_functions
from fuzzharness.world.filewatch import FileWatch
from fuzzharness.world.perturbation import another
from fuzzharness.world.resource import Gate

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
        self._files = dict(files or {})
        self._given = None if path is None else Path(path).absolute()
        self._path: Path | None = None
        self._watch: FileWatch | None = None
        for name, content in self._files.items():
            _check(name, content)

    @property
    def path(self) -> Path:
        """Where the directory is, for tools that are made with a path."""
        if self._path is None:
            self._path = self._made()
            self._restore_from(_encoded(self._files))
        return self._path

    @property
    def roots(self) -> tuple[str, ...]:
        """The paths below which file accesses are watched."""
        return (str(self.path),)

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

    def open(self, name: str, gate: Gate) -> None:
        self._restore_from(_encoded(self._files))
        self._found_in = os.getcwd()
        self._watch = FileWatch(str(self.path), name, gate)
        file_functions.install(self._watch)

    def _restore_from(self, start: Found) -> None:
        root = self.path
        self._start, self._modes = start, {}
        self._restore()
        self._modes = _modes(root, start)
        self._path = root

    def mark(self) -> None:
        self._start = _read(self.path)
        self._modes = _modes(self.path, self._start)

    def reset(self) -> Path:
        self._restore()
        if self._watch is not None:
            self._watch.linked.clear()
        if self._watch is not None and os.getcwd() != self._found_in:
            os.chdir(self._found_in)
        return self.path

    def _restore(self) -> None:
        root = self._path
        assert root is not None
        found = _read(root)
        for name in sorted(found.keys() - self._start.keys(), reverse=True):
            _remove(root / name)
        for name, content in sorted(self._start.items()):
            if name not in found or found[name] != content or type(found[name]) is not type(content):
                _write(root / name, content)
        for name, mode in self._modes.items():
            if os.lstat(root / name).st_mode != mode:
                os.chmod(root / name, mode & 0o7777)

    def capture(self) -> dict[str, Any]:
        return {
            name: None if content is None else _text(content) for name, content in _read(self.path).items()
        }

    def perturb(self, key: Key) -> bool:
        name = "/".join(map(str, key))
        content = _read(self.path).get(name)
        if content is None or isinstance(content, Link):
            return False
        changed, value = another(_text(content))
        if changed:
            _write(self.path / name, value.encode() if isinstance(value, str) else value)
        return changed

    def close(self) -> None:
        if self._watch is not None:
            file_functions.remove(self._watch)
            self._watch = None
            self._restore_from(_encoded(self._files))


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


def _encoded(files: Mapping[str, Content]) -> Found:
    start: Found = {}
    for name, content in files.items():
        path = Path(name)
        for parent in list(path.parents)[:-1]:
            start[f"{parent.as_posix()}/"] = None
        if name.endswith("/"):
            start[f"{path.as_posix()}/"] = None
        else:
            start[path.as_posix()] = content.encode() if isinstance(content, str) else content
    return start


class Link(str):
    """Where a symbolic link leads, as the content of the link."""

    __slots__ = ()


Found = dict[str, "bytes | Link | None"]


def _read(root: Path) -> Found:
    """Every file's bytes, every link's target and every directory (its name with ``/``, None) below."""
    found: Found = {}
    _read_into(found, str(root), "")
    return found


def _read_into(found: Found, folder: str, prefix: str) -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = prefix + entry.name
            if entry.is_symlink():
                found[name] = Link(os.readlink(entry.path))
            elif entry.is_dir():
                found[f"{name}/"] = None
                _read_into(found, entry.path, f"{name}/")
            elif entry.is_file():
                with open(entry.path, "rb", buffering=0) as file:
                    found[name] = file.read()
            else:
                found[name] = b"(not a regular file)"


def _modes(root: Path, files: Found) -> dict[str, int]:
    names = [name for name, content in files.items() if not isinstance(content, Link)]
    return {name: os.lstat(root / name).st_mode for name in names}


def _text(content: bytes | Link) -> Content:
    if isinstance(content, Link):
        return f"-> {content}"
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, content: bytes | Link | None) -> None:
    """Make a file, link or directory anew, whatever stands there: a link is never written through."""
    if content is None:
        if path.is_symlink() or path.is_file():
            path.unlink()
        path.mkdir(parents=True, exist_ok=True)
        return
    _remove(path)
    if isinstance(content, Link):
        path.symlink_to(content)
    else:
        path.write_bytes(content)
