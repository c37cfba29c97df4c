"""Folder: the files that a path stands for: itself, those in a directory, those a pattern matches.

Decides what in a directory is taken for a recording: by its name only. Opens no file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from glob import glob, has_magic
from typing import Final

from fuzzharness.traces.place import Place

KINDS: Final = (".json", ".jsonl", ".ndjson")
PACKED: Final = ("", ".gz", ".zst")

_ENDINGS = tuple(kind + packed for kind in KINDS for packed in PACKED)


def files(path: str) -> list[str]:
    """The files at ``path``, in the order of their names.

    Of a directory, those with a name like a recording's (``.json``, ``.jsonl``, ``.ndjson``, also
    packed as ``.gz`` or ``.zst``), directories in it included, hidden ones not. Of a pattern as in
    a shell (``*``, ``**``, ``?``, ``[…]``) whatever it matches. Raises :class:`TraceError` where
    there are none; a path that is neither is returned as it is, whether it exists or not.
    """
    if os.path.isdir(path):
        return _some(list(_inside(path)), path, "this directory holds no recordings")
    if os.path.lexists(path) or not has_magic(path):
        return [path]
    matched = sorted(glob(path, recursive=True))
    found = [file for match in matched for file in (_inside(match) if os.path.isdir(match) else [match])]
    return _some(list(dict.fromkeys(found)), path, "no file matches this pattern")


def size(file: str) -> int:
    """The bytes of a file as it lies there; 0 where that is not known."""
    try:
        return os.stat(file).st_size
    except (OSError, ValueError):
        return 0


def _inside(directory: str) -> Iterator[str]:
    for folder, below, names in os.walk(directory):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_ENDINGS) and not name.startswith("."):
                yield os.path.join(folder, name)


def _some(found: list[str], path: str, seen: str) -> list[str]:
    if not found:
        advice = "Give the path of a recording, of a directory with some, or a pattern in quotes."
        raise Place(path).error(seen, f"files that end in {', '.join(KINDS)}, or with .gz or .zst", advice)
    return found
