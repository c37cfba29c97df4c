"""What a directory holds at one moment, as a mapping: name -> text, bytes, or None for a folder.

Decides how much of it each moment keeps for itself: what differs from the start, which all share. So an
ending costs what was changed, whatever the size of the directory. Equal to any mapping with these items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fuzzharness.access import MISSING

_WIDTH = (1 << 61) - 1


class Start:
    """What many moments have in common. Never changed."""

    def __init__(self, files: Mapping[str, Any]) -> None:
        self.files = dict(files)
        self.sum = sum(map(hash, self.files.items()))


class Contents(Mapping[str, Any]):
    """The files of ``start`` with ``changes``: other values, and MISSING for those that are not there."""

    __slots__ = ("_changes", "_start")

    def __init__(self, start: Start, changes: Mapping[str, Any]) -> None:
        known = start.files
        self._start = start
        self._changes = {
            name: value
            for name, value in changes.items()
            if (known.get(name, MISSING) is not MISSING or value is not MISSING)
            and _differ(known, name, value)
        }

    def __getitem__(self, name: str) -> Any:
        value = self._changes.get(name, MISSING)
        if value is not MISSING:
            return value
        if name in self._changes:
            raise KeyError(name)
        return self._start.files[name]

    def __iter__(self) -> Iterator[str]:
        changes = self._changes
        yield from (name for name in self._start.files if changes.get(name, None) is not MISSING)
        yield from (name for name in changes if name not in self._start.files)

    def __len__(self) -> int:
        files = self._start.files
        gone = sum(value is MISSING for value in self._changes.values())
        return len(files) - gone + sum(name not in files for name in self._changes)

    def __hash__(self) -> int:
        found = self._start.sum
        for name, value in self._changes.items():
            if name in self._start.files:
                found -= hash((name, self._start.files[name]))
            if value is not MISSING:
                found += hash((name, value))
        return found % _WIDTH

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Contents) and other._start is self._start:
            return self._changes == other._changes
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _differ(known: Mapping[str, Any], name: str, value: Any) -> bool:
    before = known.get(name, MISSING)
    return type(before) is not type(value) or before != value
