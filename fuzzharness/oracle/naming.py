"""Which numbers of an ending are ids of new rows, and of which table: what the world made, not a caller.

Decides it by where a number stands: as the key of a row that was not there at the start, where the database
makes it itself (``INTEGER PRIMARY KEY``), the rows are numbered entries of a plain mapping, or it is the
``id`` of entries of a list; as a foreign key; in a field ``order_id`` or, in what a call returns, ``id``,
``order`` or the value itself. Elsewhere a number is what it is. One that the start refers to, or that a call
may have been given as such an id, is no id of a new row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from fuzzharness.model import Call
from fuzzharness.oracle.fields import Kind, is_id, named_in, subject, told_by
from fuzzharness.oracle.places import RESULTS, SAID, Entry, Item, Place, Row, Start
from fuzzharness.oracle.tokens import TOKEN, bare

Ids = Mapping[Kind, set[Any]]


class Naming:
    """Knows what was there at the ``start`` and what the ``calls``, by label, were given."""

    def __init__(self, start: Start, calls: Mapping[str, Call]) -> None:
        self.start = start
        self._tools = {label: call.tool for label, call in calls.items()}
        self._known: dict[frozenset[Kind], Ids] = {}
        self._given = [atom for call in calls.values() for atom in _atoms(call.args or {}, ("args",))]

    @cached_property
    def _begin(self) -> list[Place]:
        return list(Start({}, self.start.layout).places(self.start.state))

    def known(self, kinds: frozenset[Kind]) -> Ids:
        """Ids of these kinds that are there at the start, or that something refers to there."""
        if kinds not in self._known:
            found = {kind: set(values) for kind, values in self.ids(self._begin).items()}
            for path, value in self._begin:
                for kind in self.kinds_at(path, kinds) if type(value) is int else ():
                    found.setdefault(kind, set()).add(value)
            self._known[kinds] = found
        return self._known[kinds]

    @cached_property
    def texts(self) -> set[str]:
        """Words of the start and of the arguments that could be names, and their texts."""
        found: set[str] = set()
        for _, atom in [*self._given, *_atoms(self.start.state, ())]:
            told = str(atom)
            found.add(told)
            found.update(bare(match.group()) for match in TOKEN.finditer(told))
        return found

    @cached_property
    def numbers(self) -> set[int]:
        """Every number in an argument, under whatever name."""
        return {int(v) for _, v in self._given if _is_number(v)}

    def ids(self, places: Iterable[Place]) -> Ids:
        """The numbers of rows and of entries, by table."""
        found: dict[Kind, set[Any]] = defaultdict(set)
        for path, value in places:
            for part in path:
                if isinstance(part, Row) and (kind := self.owner(part)) is not None:
                    found[kind].update(v for v in part.values if type(v) is int)
            entry = _entry_of(path)
            if entry is not None and type(value) is int:
                found[entry.place].add(value)
        return found

    def owner(self, row: Row) -> Kind | None:
        """The table whose rows the key of ``row`` numbers, if its own; None where it is not made there."""
        table = self.start.layout.tables.get(row.table)
        if table is None:
            return None if any(isinstance(part, (Row, Entry)) for part in row.table) else row.table
        own = table.generated and self._key_of(row.table) == row.table
        return row.table if own else None

    @cached_property
    def fields(self) -> frozenset[str]:
        """What fields there are at the start."""
        return fields_of(self._begin)

    def given(self, kind: Kind, value: int, fields: frozenset[str]) -> bool:
        """Whether a call may have been given ``value`` as an id of this kind.

        It was if the argument's name says so, and may have been if that is no other one of ``fields`` of
        the state and speaks of no other table.
        """
        table = self.start.layout.tables.get(kind)
        keys = table.keys if table is not None else ("id",)
        for path, atom in self._given:
            if not _is_number(atom) or int(atom) != value:
                continue
            field = field_of(path)
            if is_id(field) or field in keys or told_by(field, [kind], bare=True):
                return True
            others = [other for other in self.start.layout.tables if other != kind]
            if subject(field) not in fields and not told_by(field, others, bare=True):
                return True
        return False

    def kinds_at(self, path: tuple[Any, ...], kinds: Iterable[Kind]) -> list[Kind]:
        """Of what a number at the end of ``path`` can be the id."""
        kinds, field = list(kinds), field_of(path)
        above = path[-2] if len(path) > 1 else None
        if isinstance(above, Row) and isinstance(path[-1], str):
            column = self.of_column(above.table, path[-1])
            if column is not None:
                return [column]
        entry = _entry_of(path)
        if entry is not None and entry.place in kinds:
            return [entry.place]
        told = told_by(field, kinds, bare=path[0] == RESULTS)
        if told or path[0] != RESULTS or not (is_id(field) or _is_whole(path)):
            return told
        return self.of_call(path, kinds)

    def of_call(self, path: tuple[Any, ...], kinds: list[Kind]) -> list[Kind]:
        """What an ``id`` in a result is of: of what it stands in, else of what the tool's name says."""
        around = [part for part in path[2:-1] if isinstance(part, str)]
        told = told_by(f"{around[-1]}_id", kinds, bare=True) if around else []
        return told or named_in(self._tools.get(path[1], ""), kinds)

    def of_column(self, table: tuple[Any, ...], column: str) -> Kind | None:
        """What a column of a table holds ids of, as the database says."""
        known = self.start.layout.tables.get(table)
        if known is None:
            return table if is_id(column) else None
        parent = known.parents.get(column.lower())
        if parent is not None:
            return self._key_of((table[0], parent))
        return table if (column,) == known.keys else None

    def _key_of(self, table: Kind) -> Kind:
        """The table whose rows the key of ``table`` names: another one where it is a foreign key."""
        seen = [table]
        while (known := self.start.layout.tables.get(seen[-1])) is not None and len(known.keys) == 1:
            parent = known.parents.get(known.keys[0].lower())
            if parent is None or (table[0], parent) in seen:
                break
            seen.append((table[0], parent))
        return seen[-1]


def fields_of(places: Iterable[Place]) -> frozenset[str]:
    """What the fields at these places speak of."""
    return frozenset(subject(part) for path, _ in places for part in path[1:] if isinstance(part, str))


def _atoms(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every key and every value in ``value`` that has no parts, each with the path to it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield path, str(key)
            yield from _atoms(item, (*path, key))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _atoms(item, path)
    else:
        yield path, value


def _is_number(value: Any) -> bool:
    return type(value) is int or (isinstance(value, str) and value.isdecimal())


def field_of(path: tuple[Any, ...]) -> str:
    """The name under which a value stands, items of a list under the name of the list."""
    named = [part for part in path if not isinstance(part, Item)]
    return named[-1] if len(named) > 2 - (path[0] != RESULTS) and isinstance(named[-1], str) else ""


def _is_whole(path: tuple[Any, ...]) -> bool:
    """Whether a path leads to what a call returned, or to an item of it."""
    return path[0] == RESULTS and all(isinstance(part, Item) for part in path[2:])


def _entry_of(path: tuple[Any, ...]) -> Entry | None:
    """The entry of a list that stands on its own whose ``id`` the path leads to, if it does."""
    if len(path) < 2 or path[-1] != "id":
        return None
    above = path[-3] if path[-2] is SAID and len(path) > 2 else path[-2]
    if not isinstance(above, Entry) or any(isinstance(part, (Row, Entry)) for part in above.place):
        return None
    return above
