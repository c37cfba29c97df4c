"""Facts: an ending written down with blanks for what is a mere name in it.

Decides which values may be others without the ending being another. Names are, each kind for itself:

- ids of new rows, as ``naming`` tells them; a number that can be of several tables is a name of each and
  must fit for all. In text one counts behind such a word (``order 17``, ``order #17``, ``id: 17``);
- text that is a random UUID (others are made of their content), and keys of rows like ``ORD-1001``, where
  neither the start nor an argument has them;
- a new time where the field says that it is the time of making: ``created_at``, not ``expires_at``;
- the place of an entry among entries, see ``places``.

Two endings say the same if one renaming makes the facts of the one those of the other, results and all: so
the id that a call returns still names what the call has made. ``renaming`` looks for it.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fuzzharness.oracle.compare import frozen
from fuzzharness.oracle.fields import Kind, is_id, is_time, told_by
from fuzzharness.oracle.naming import Naming, field_of, fields_of
from fuzzharness.oracle.places import RESULTS, Entry, Item, Mark, Place, Row
from fuzzharness.oracle.tokens import DIGIT, LINE_TIME, TOKEN, bare, is_iso, is_random

UUID: Kind = ("uuid",)
TIME: Kind = ("time",)

_AGE = 1_000_000_000
"""A number of seconds that is a time, not a span."""


class Name(NamedTuple):
    """A value that stands for something: of two names of one kind each may be called as the other."""

    kind: Kind
    value: Any


class Fact(NamedTuple):
    """A place with blanks, and the names in them in order."""

    shape: tuple[Any, ...]
    names: tuple[Name, ...]


class Blanked(NamedTuple):
    """What stands at the end of a ``path``, as a fact of its own."""

    path: tuple[Any, ...]
    fact: Fact


def facts_of(naming: Naming, tree: Mapping[str, Any]) -> list[Fact]:
    """What an ending says, state and ``results``."""
    return list(_Reading(naming, list(naming.start.places(tree))).facts())


def results_of(naming: Naming, tree: Mapping[str, Any]) -> list[Blanked]:
    """What the ``results`` of an ending say, each value beside the path to it."""
    return list(_Reading(naming, list(naming.start.places(tree))).results())


class _Reading:
    """The places of one ending, and the names in them."""

    def __init__(self, naming: Naming, places: list[Place]) -> None:
        self._naming, self._places = naming, places
        fields = naming.fields | fields_of(places)
        ids = naming.ids(places)
        known = naming.known(frozenset(ids)) if ids else {}
        self._ids = {
            kind: {v for v in values - known.get(kind, set()) if not naming.given(kind, v, fields)}
            for kind, values in ids.items()
        }
        parts = [part for path, _ in places if path[0] != RESULTS for part in path[1:-1]]
        values = [v for part in parts for v in (part.values if isinstance(part, Row) else (part,))]
        self._keys = {bare(v) for v in values if isinstance(v, str)}

    def facts(self) -> Iterator[Fact]:
        for path, value in self._places:
            shape: list[Any] = []
            names: list[Name] = []
            for part in path:
                self._write(part, shape, names)
            shape.append("=")
            self._leaf(value, path, shape, names)
            yield Fact(tuple(shape), tuple(names))

    def results(self) -> Iterator[Blanked]:
        for path, value in self._places:
            if path[0] == RESULTS:
                shape: list[Any] = []
                names: list[Name] = []
                self._leaf(value, path, shape, names)
                yield Blanked(path, Fact(tuple(shape), tuple(names)))

    def _write(self, part: Any, shape: list[Any], names: list[Name]) -> None:
        if isinstance(part, Entry):
            kind = tuple(type(p).__name__ if isinstance(p, (Row, Entry)) else p for p in part.place)
            self._blank([Name((part.what, *kind), part)], "entry", shape, names)
        elif isinstance(part, Row):
            shape.append("row")
            for column, value in zip(part.columns, part.values, strict=True):
                self._leaf(value, (part.table, part, column), shape, names)
        else:
            self._leaf(part, (), shape, names)

    def _leaf(self, value: Any, path: tuple[Any, ...], shape: list[Any], names: list[Name]) -> None:
        if type(value) is int and path and self._ids:
            kinds = [k for k in self._naming.kinds_at(path, self._ids) if value in self._ids.get(k, ())]
            if kinds:
                self._blank([Name(kind, value) for kind in kinds], "id", shape, names)
                return
        if self._is_new_time(value, path):
            self._blank([Name(TIME, value)], type(value).__name__, shape, names)
        elif isinstance(value, uuid.UUID) and is_random(value) and value.hex not in self._naming.texts:
            self._blank([Name(UUID, value.hex)], "UUID", shape, names)
        elif isinstance(value, str):
            self._text(value, path, shape, names)
        else:
            shape.append(value if isinstance(value, (Item, Mark)) else frozen(value))

    def _is_new_time(self, value: Any, path: tuple[Any, ...]) -> bool:
        if not path or not is_time(field_of(path)) or str(value) in self._naming.texts:
            return False
        if isinstance(value, str):
            return is_iso(value)
        return isinstance(value, datetime.datetime) or (type(value) in (int, float) and value > _AGE)

    def _text(self, text: str, path: tuple[Any, ...], shape: list[Any], names: list[Name]) -> None:
        shape.append(type(text).__name__)
        at = 0
        if not DIGIT.search(text):
            shape.append(text)
            return
        is_line = bool(path) and isinstance(path[-1], Entry)
        if is_line and (time := LINE_TIME.match(text)) and time["time"] not in self._naming.texts:
            shape.append(text[: time.start("time")])
            self._blank([Name(TIME, time["time"])], "time", shape, names)
            at = time.end("time")
        for match in TOKEN.finditer(text, at):
            found = self._named(match, path)
            if found:
                begin, end = match.span("number" if match["number"] else 0)
                shape.append(text[at:begin])
                self._blank(found, match.lastgroup, shape, names)
                at = end
        shape.append(text[at:])

    def _named(self, match: re.Match[str], path: tuple[Any, ...]) -> list[Name]:
        text = match.group()
        known = self._naming.texts
        if match["uuid"] or match["hex"]:
            is_new = bare(text) not in known and (match["uuid"] or bare(text) in self._keys)
            return [Name(UUID, bare(text))] if is_new else []
        if match["serial"]:
            digits = int(text.partition("-")[2])
            is_new = text in self._keys and text not in known and digits not in self._naming.numbers
            return [Name(("serial", text.partition("-")[0]), text)] if is_new else []
        kinds = list(self._ids)
        word, number = match["word"], int(match["number"])
        told = told_by(f"{word}_id", kinds, bare=True) if word and not is_id(word) else []
        if told or (word and not is_id(word) and "#" not in text):
            kinds = told
        elif path[:1] == (RESULTS,):
            kinds = self._naming.of_call(path[:2], kinds)
        return [Name(kind, number) for kind in kinds if number in self._ids[kind]]

    def _blank(self, found: list[Name], form: Any, shape: list[Any], names: list[Name]) -> None:
        found = sorted(found, key=lambda name: str(name.kind))
        shape.append((form, *(name.kind for name in found)))
        names.extend(found)
