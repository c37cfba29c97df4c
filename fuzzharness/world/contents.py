"""What a resource holds at one moment, as a mapping that shares what did not change with the start.

Decides how much each moment keeps for itself, and how two of them are compared: an ending costs what was
changed, whatever the size of a directory or table. To whoever reads it, a mapping like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from fuzzharness.access import MISSING

Freeze = Callable[[Any], Hashable]
"""Makes of a value one that can be hashed, equal for two exactly when they count as the same."""

_WIDTH = (1 << 61) - 1


class Start:
    """What many moments have in common. Never changed."""

    def __init__(self, files: Mapping[Any, Any]) -> None:
        self.files = dict(files)
        self._sum: int | None = None
        self._frozen: dict[Any, Hashable] = {}
        self._mapped: dict[Hashable, Start] = {}

    def sum(self, freeze: Freeze) -> int:
        """What the items add up to, in any order."""
        if self._sum is None:
            self._sum = sum(hash((freeze(name), freeze(value))) for name, value in self.files.items())
        return self._sum

    def frozen(self, name: Any, freeze: Freeze) -> Hashable:
        """The value at ``name`` as it is compared; MISSING where there is none."""
        if name not in self._frozen:
            value = self.files.get(name, MISSING)
            self._frozen[name] = MISSING if value is MISSING else freeze(value)
        return self._frozen[name]

    def mapped(self, by: Hashable, change: Callable[[Mapping[Any, Any]], Mapping[Any, Any]]) -> Start:
        """What ``change``, known as ``by``, makes of it."""
        if by not in self._mapped:
            self._mapped[by] = Start(change(self.files))
        return self._mapped[by]


class Contents(Mapping[Any, Any]):
    """The items of ``start`` with ``changes``: other values, and MISSING for those that are not there."""

    __slots__ = ("_changes", "_frozen", "_start")

    def __init__(self, start: Start, changes: Mapping[Any, Any]) -> None:
        self._start, self._changes = start, changes
        self._frozen: Frozen | None = None

    def __getitem__(self, name: Any) -> Any:
        value = self._changes[name] if name in self._changes else self._start.files[name]
        if value is MISSING:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[Any]:
        changes, files = self._changes, self._start.files
        yield from (name for name in files if changes.get(name, None) is not MISSING)
        yield from (name for name, value in changes.items() if name not in files and value is not MISSING)

    def __len__(self) -> int:
        files = self._start.files
        return len(files) + sum((v is not MISSING) - (name in files) for name, v in self._changes.items())

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def frozen(self, freeze: Freeze) -> Frozen:
        """All of it as one value that can be hashed, equal for two with equal items."""
        if self._frozen is None:
            self._frozen = Frozen(self._start, self._changes, freeze)
        return self._frozen

    def mapped(self, by: Hashable, change: Callable[[Mapping[Any, Any]], Mapping[Any, Any]]) -> Contents:
        """What ``change`` makes of it, which looks at each item by itself; of the start once for ``by``."""
        start = self._start.mapped(by, change)
        there = change({name: value for name, value in self._changes.items() if value is not MISSING})
        return Contents(start, {name: there.get(name, MISSING) for name in self._changes})


class Frozen:
    """The content of one moment as a key: what differs from the start, and what it all adds up to."""

    __slots__ = ("_changes", "_freeze", "_hash", "_start")

    def __init__(self, start: Start, changes: Mapping[Any, Any], freeze: Freeze) -> None:
        self._start, self._freeze = start, freeze
        self._changes: dict[Any, Hashable] = {}
        found = start.sum(freeze)
        for name, value in changes.items():
            before = start.frozen(name, freeze)
            now = MISSING if value is MISSING else freeze(value)
            if now != before:
                self._changes[name] = now
                key = freeze(name)
                found -= 0 if before is MISSING else hash((key, before))
                found += 0 if now is MISSING else hash((key, now))
        self._hash = found % _WIDTH

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frozen):
            return NotImplemented
        if other._start is self._start:
            return self._changes == other._changes
        return self._hash == other._hash and self._whole() == other._whole()

    def _whole(self) -> dict[Hashable, Hashable]:
        """Every item as it is compared, for one that has another start."""
        freeze = self._freeze
        whole = {freeze(name): freeze(value) for name, value in self._start.files.items()}
        whole.update({freeze(name): value for name, value in self._changes.items()})
        return {name: value for name, value in whole.items() if value is not MISSING}
