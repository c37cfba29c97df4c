"""Benign endings: those that are another ending up to names that the run made and to the order of entries.

Decides when a difference is none. In doubt it is one. What counts as a name is decided in ``facts``, what
as an entry in ``places``, whether one bijection carries an ending to the other in ``renaming``. Here is what
speaks against a bijection once it is found: it moves a UUID of which a part stands somewhere by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fuzzharness.finding import Renamed
from fuzzharness.model import Call
from fuzzharness.oracle.compare import frozen
from fuzzharness.oracle.facts import TIME, UUID, Name, facts_of
from fuzzharness.oracle.naming import Naming
from fuzzharness.oracle.places import Entry, Start
from fuzzharness.oracle.renaming import Names, Structure, renaming
from fuzzharness.world.layout import Layout

_PART_OF_UUID = 8


class Likeness:
    """Compares endings of ``calls``, by label, that began with the state ``start``.

    ``naming`` tells what is a name in them.
    """

    def __init__(self, start: Mapping[str, Any], layout: Layout, calls: Mapping[str, Call]) -> None:
        given = frozenset(value for call in calls.values() for value in _whole(call.args or {}))
        self.naming = Naming(Start(start, layout, given), calls)

    def structure(self, tree: Mapping[str, Any]) -> Structure:
        """An ending, state and ``results``, made ready to be compared."""
        return Structure(facts_of(self.naming, tree))

    def between(self, here: Structure, there: Structure) -> Names | None:
        """What to call each name of ``here`` so that it is ``there``; None where they differ in more."""
        names = renaming(here, there)
        if names is None or any(_stands_in_part(name, s) for name in moved(names) for s in (here, there)):
            return None
        return names

    def among(self, here: Structure, endings: Sequence[Structure]) -> bool:
        """Whether ``here`` is one of the ``endings``, up to names."""
        alike = (there for there in endings if there.sign == here.sign)
        return any(self.between(here, there) is not None for there in alike)


def moved(names: Names) -> set[Name]:
    """Every name that is called otherwise, and what it is called."""
    return {name for pair in names.items() if pair[0] != pair[1] for name in pair}


def told(names: Names) -> tuple[Renamed, ...]:
    """A renaming of this ending to the baseline, by what is renamed."""
    pairs: dict[tuple[str, str], list[tuple[Any, Any]]] = defaultdict(list)
    for here, there in names.items():
        if here != there:
            pairs[_kind(here)].append((_value(there), _value(here)))
    return tuple(
        Renamed(where, what, tuple(sorted(pairs[where, what], key=_in_order)))
        for where, what in sorted(pairs)
    )


def _kind(name: Name) -> tuple[str, str]:
    """Where the names of a kind stand, and what they are."""
    if isinstance(name.value, Entry):
        return ".".join(
            str(part) for part in name.value.place if isinstance(part, (str, int))
        ), name.value.what
    if name.kind in (UUID, TIME):
        return "", str(name.kind[0])
    if name.kind[0] == "serial":
        return "", "key"
    return ".".join(str(part) for part in name.kind if isinstance(part, (str, int))), "id"


def _value(name: Name) -> Any:
    return name.value.number if isinstance(name.value, Entry) else name.value


def _in_order(pair: tuple[Any, Any]) -> tuple[int, str]:
    return (pair[0] if type(pair[0]) is int else 0), str(pair[0])


def _stands_in_part(name: Name, ending: Structure) -> bool:
    """Whether the first part of a UUID is told somewhere without the rest."""
    if name.kind != UUID:
        return False
    part = name.value[:_PART_OF_UUID]
    return any(isinstance(s, str) and part in s.lower() for fact in ending.facts for s in fact.shape)


def _whole(value: Any) -> Iterable[Any]:
    """Each list and text in an argument, as it is told from others."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _whole(item)
    elif isinstance(value, (list, tuple)):
        yield frozen(value)
        for item in value:
            yield from _whole(item)
    elif isinstance(value, str):
        yield value
