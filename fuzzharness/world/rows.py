"""The rows of a table at one moment, as a mapping: primary key -> row.

Decides how much of it each moment keeps for itself: what differs from the start, which all moments share. So
an ending costs what was changed, whatever the size of the table. Equal to any mapping with these items; of
two moments a whole number and the same number with a point are told apart, as databases do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cached_property
from typing import Any

from fuzzharness.access import MISSING

_WIDTH = (1 << 61) - 1

Row = dict[str, Any]


class Start:
    """The rows that many moments have in common. Never changed."""

    def __init__(self, rows: Mapping[Any, Row]) -> None:
        self.rows = rows
        self.less: dict[Hashable, Start] = {}
        """What is left of it when something is taken out, by what that is."""

    @cached_property
    def sum(self) -> int:
        """What the hash of a moment is counted from."""
        return sum(map(_hash, self.rows.items()))


class Rows(Mapping[Any, Any]):
    """The rows of ``start`` with ``changes``: other rows, and MISSING for those that are not there."""

    __slots__ = ("_changes", "_hash", "_start")

    def __init__(self, start: Start, changes: Mapping[Any, Any]) -> None:
        known = start.rows
        self._start = start
        self._hash: int | None = None
        self._changes = {key: row for key, row in changes.items() if not _alike(row, known.get(key, MISSING))}

    @classmethod
    def of(cls, start: Start, rows: Mapping[Any, Row]) -> Rows:
        """The moment at which the table holds ``rows``."""
        gone = dict.fromkeys(start.rows.keys() - rows.keys(), MISSING)
        return cls(start, {**rows, **gone})

    def differing(self, other: object) -> list[Any] | None:
        """The keys at which two moments of one table can differ; None where that is not known."""
        if isinstance(other, Rows) and other._start is self._start:
            return list(dict.fromkeys([*self._changes, *other._changes]))
        return None

    def less(self, what: Hashable, take_out: Callable[[Mapping[Any, Row]], dict[Any, Row]]) -> Rows:
        """What ``take_out`` leaves, which looks at each row by itself and always takes out ``what``."""
        start = self._start.less.get(what)
        if start is None:
            start = self._start.less[what] = Start(take_out(self._start.rows))
        gone = {key: row for key, row in self._changes.items() if row is MISSING}
        there = {key: row for key, row in self._changes.items() if row is not MISSING}
        return Rows(start, {**take_out(there), **gone})

    def __getitem__(self, key: Any) -> Any:
        row = self._changes.get(key, MISSING)
        if row is not MISSING:
            return row
        if key in self._changes:
            raise KeyError(key)
        return self._start.rows[key]

    def __iter__(self) -> Iterator[Any]:
        changes, known = self._changes, self._start.rows
        yield from (key for key in known if changes.get(key) is not MISSING)
        yield from (key for key in changes if key not in known)

    def __len__(self) -> int:
        known = self._start.rows
        gone = sum(row is MISSING for row in self._changes.values())
        return len(known) - gone + sum(key not in known for key in self._changes)

    def __hash__(self) -> int:
        if self._hash is None:
            found, known = self._start.sum, self._start.rows
            for key, row in self._changes.items():
                found -= _hash((key, known[key])) if key in known else 0
                found += 0 if row is MISSING else _hash((key, row))
            self._hash = found % _WIDTH
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Rows):
            mine, theirs = self, other
            known = self.differing(other)
            keys = {*self, *other} if known is None else known
            return all(_alike(mine.get(key, MISSING), theirs.get(key, MISSING)) for key in keys)
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _hash(entry: tuple[Any, Row]) -> int:
    return hash((entry[0], frozenset(entry[1].items())))


def _alike(row: Any, other: Any) -> bool:
    """Whether two rows have the same values, each of the same type."""
    if row is MISSING or other is MISSING:
        return row is other
    return bool(row == other) and [*map(type, row.values())] == [*map(type, other.values())]
