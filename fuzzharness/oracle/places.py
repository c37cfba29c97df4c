"""An ending taken apart: each value that is not as it was at the start, by the path that leads to it.

Decides which parts of an ending are a set, so that their order says nothing: mappings, rows, and *entries*,
which are what was put behind the items of a list that was there at the start, behind the lines of a log
file, and the rows of a table without a key. A list that was not there counts as empty only where its items
are mappings or texts (`[x, y]` is a value), and a list or text that a caller gave as it stands is no log.
Every other list keeps its order. Text that is a JSON object or array is read as what it says.

Which values are names of something is decided in ``naming``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fuzzharness.access import MISSING
from fuzzharness.oracle.compare import frozen
from fuzzharness.world.layout import Layout, Table

RESULTS = "results"

_LOGS = (".log", ".jsonl", ".ndjson")
_NOTES = (".txt", ".md", ".csv", ".tsv")

_FLAT = frozenset({int, str, bool, bytes, type(None)})
"""Types of which two values that are equal count as the same."""


class Row(NamedTuple):
    """A part of a path: the row of ``table``, itself a path, with ``values`` in its key ``columns``."""

    table: tuple[Any, ...]
    columns: tuple[str, ...]
    values: tuple[Any, ...]


class Entry(NamedTuple):
    """A part of a path: the ``number``-th entry (from 1) of ``what`` stands at ``place``."""

    what: str
    place: tuple[Any, ...]
    number: int


class Item(NamedTuple):
    """A part of a path: the ``number``-th item (from 0) of a list whose order counts."""

    number: int


class Place(NamedTuple):
    """A value at the end of a path; a :class:`Mark` where there is none."""

    path: tuple[Any, ...]
    value: Any


@dataclass(frozen=True)
class Mark:
    """Stands for a fact that is no value: nothing left, an empty container."""

    says: str


GONE, NO_ITEMS, NO_KEYS, UNENDED = map(Mark, ("gone", "no items", "no keys", "no line end"))

SAID = Mark("json")
"""A part of a path: from a text to what it says as JSON."""


@dataclass(frozen=True)
class Start:
    """What both endings began with: the ``state``, its ``layout``, and the lists and texts of the callers."""

    state: Mapping[str, Any]
    layout: Layout
    given: frozenset[Any] = frozenset()

    def places(self, tree: Mapping[str, Any]) -> Iterator[Place]:
        """Every place of an ending, state and ``results``, where something is not as at the start."""
        for name, value in tree.items():
            before = MISSING if name == RESULTS else self.state.get(name, MISSING)
            yield from self._below(value, before, (name,))

    def _below(self, value: Any, before: Any, path: tuple[Any, ...]) -> Iterator[Place]:
        if _unchanged(value, before):
            return
        if isinstance(value, str) and path[0] != RESULTS and len(path) == 2 and path[0] in self.layout.files:
            yield from self._file(value, before, path)
            return
        value, before, path = _read(value, before, path)
        if isinstance(value, Mapping):
            yield from self._mapping(value, before if isinstance(before, Mapping) else {}, path)
        elif isinstance(value, list) and path[0] != RESULTS:
            yield from self._list(value, before, path)
        elif isinstance(value, (list, tuple)):
            yield from self._sequence(value, path)
        else:
            yield Place(path, value)

    def _mapping(
        self, value: Mapping[Any, Any], before: Mapping[Any, Any], path: tuple[Any, ...]
    ) -> Iterator[Place]:
        table = None if path[0] == RESULTS else self.layout.tables.get(path)
        if table is not None and not table.keys:
            yield from self._unnamed(list(value.values()), list(before.values()), path)
            return
        if table is None and path[0] != RESULTS and _is_table(value, before):
            table = Table(("id",), generated=True)
        if not value:
            yield Place(path, NO_KEYS)
        for key in [key for key in before if key not in value]:
            yield Place((*path, _part(key, table, path)), GONE)
        for key, item in value.items():
            old = before.get(key, MISSING)
            if not _unchanged(item, old):
                yield from self._below(item, old, (*path, _part(key, table, path)))

    def _unnamed(self, rows: Sequence[Any], old: Sequence[Any], path: tuple[Any, ...]) -> Iterator[Place]:
        """Rows without a key: those that were there already are told by what they hold, as all others."""
        left = Counter(map(frozen, old))
        for number, row in enumerate(rows, 1):
            content = frozen(row)
            if left[content]:
                left[content] -= 1
            else:
                yield from self._below(row, MISSING, (*path, Entry("row", path, number)))
        for content, number in (+left).items():
            yield Place((*path, content), Mark(f"{number} gone"))

    def _list(self, value: list[Any], before: Any, path: tuple[Any, ...]) -> Iterator[Place]:
        kept = len(before) if isinstance(before, list) else 0
        added = value[kept:]
        begins_alike = not kept or frozen(value[:kept]) == frozen(before)
        records = isinstance(before, list) or all(isinstance(item, (Mapping, str)) for item in added)
        if not begins_alike or not records or not added or frozen(added) in self.given:
            yield from self._sequence(value, path)
            return
        for number, item in enumerate(added, kept + 1):
            yield from self._below(item, MISSING, (*path, Entry("entry", path, number)))

    def _sequence(self, value: Sequence[Any], path: tuple[Any, ...]) -> Iterator[Place]:
        if not value:
            yield Place(path, NO_ITEMS)
        for number, item in enumerate(value):
            yield from self._below(item, MISSING, (*path, Item(number)))

    def _file(self, text: str, before: Any, path: tuple[Any, ...]) -> Iterator[Place]:
        old = before if isinstance(before, str) else ""
        added = text.removeprefix(old)
        whole = not old or old.endswith("\n") or added.startswith("\n")
        lines = added.strip("\n").split("\n")
        is_log = text.startswith(old) and whole and added not in self.given
        if not (is_log and added and _is_log(str(path[-1]), old)):
            value, earlier, below = _read(text, before, path)
            if value is text:
                yield Place(path, text)
            else:
                yield from self._below(value, earlier, below)
            return
        if not added.endswith("\n"):
            yield Place(path, UNENDED)
        for number, line in enumerate(lines, old.count("\n") + 1):
            yield from self._below(line, MISSING, (*path, Entry("line", path, number)))


def _unchanged(value: Any, before: Any) -> bool:
    """Whether a value is what was there before; of mappings only what can be told at a glance."""
    if type(value) is dict:
        if type(before) is not dict or value != before:
            return False
        kinds = [*map(type, value.values())]
        return kinds == [*map(type, before.values())] and _FLAT.issuperset(kinds)
    return before is not MISSING and bool(frozen(value) == frozen(before))


def _part(key: Any, table: Table | None, path: tuple[Any, ...]) -> Any:
    """The part of a path that a key makes."""
    if table is None:
        return key
    values = key if isinstance(key, tuple) and len(table.keys) > 1 else (key,)
    flat = len(values) == len(table.keys) and not any(isinstance(v, tuple) for v in values)
    return Row(path, table.keys, values) if flat else key


def _is_table(value: Mapping[Any, Any], before: Mapping[Any, Any]) -> bool:
    """Whether a plain mapping looks like rows by number."""
    pairs = [*value.items(), *before.items()]
    return bool(pairs) and all(type(key) is int and isinstance(row, Mapping) for key, row in pairs)


def _is_log(name: str, start: str) -> bool:
    """Whether the lines put behind ``start`` are likely to be entries of their own."""
    suffix = f".{name.rpartition('.')[2].lower()}" if "." in name else ""
    if suffix in _LOGS:
        return True
    return bool(start) and (not suffix or suffix in _NOTES)


def _read(value: Any, before: Any, path: tuple[Any, ...]) -> tuple[Any, Any, tuple[Any, ...]]:
    """What a text says if it is JSON, and what was said there before."""
    found = _json(value)
    if found is None:
        return value, before, path
    earlier = _json(before)
    return found, MISSING if earlier is None else earlier, (*path, SAID)


def _json(text: Any) -> Any:
    """The object or array that a text is; None if it is none, or says a thing twice."""
    if type(text) is not str or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found
