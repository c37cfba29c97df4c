"""``os.scandir`` on watched folders, and the entries it finds.

Decides what of an entry is known from the listing, and what has to be asked of the file itself.
"""

from __future__ import annotations

import os
from typing import Any

from fuzzharness.access import ANY, Key
from fuzzharness.world.descriptors import where
from fuzzharness.world.filewatch import CHECK, READ, Part, Parts, parts_of, really, touch

SCANDIR = os.scandir


def listing(key: Key) -> Parts:
    """What is touched by listing a folder."""
    return [*([(key, CHECK)] if key else []), ((*key, ANY), READ)]


def scandir(path: Any = ".") -> Any:
    """As ``os.scandir``; what a watched folder holds is read in one step."""
    parts: list[Part] = []

    def look() -> list[Part]:
        parts[:] = parts_of_any(path, listing)
        return list(parts)

    touch(look)
    if not parts:
        return really(SCANDIR, path)
    opened = where(path) if isinstance(path, int) else None
    folder = None if opened is None else opened[0].path(opened[1])
    with really(SCANDIR, path) as entries:
        return Entries([Entry(entry, folder) for entry in entries])


def parts_of_any(path: Any, touched: Any, folder: int | None = None, follow: bool = True) -> list[Part]:
    """What is touched by a function of a path, or of an open file or folder."""
    if not isinstance(path, int):
        return parts_of(path, touched, folder, follow)
    spot = where(path)
    return [] if spot is None else [(spot[0], key, kind) for key, kind in touched(spot[1])]


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

    def __init__(self, entry: os.DirEntry[Any], folder: str | None) -> None:
        self._entry = entry
        self._whole = entry.path if folder is None else os.path.join(folder, os.fsdecode(entry.name))
        self.name, self.path = entry.name, entry.path

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return repr(self._entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """As ``os.DirEntry.stat``."""
        self._ask(follow_symlinks)
        return self._entry.stat(follow_symlinks=follow_symlinks)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """As ``os.DirEntry.is_dir``."""
        self._ask_of_link(follow_symlinks)
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """As ``os.DirEntry.is_file``."""
        self._ask_of_link(follow_symlinks)
        return self._entry.is_file(follow_symlinks=follow_symlinks)

    def _ask_of_link(self, follow: bool) -> None:
        if follow and self._entry.is_symlink():
            self._ask(True)

    def _ask(self, follow: bool) -> None:
        touch(lambda: parts_of(self._whole, lambda key: [(key, CHECK)], None, follow))
