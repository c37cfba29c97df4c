"""Generated values: what of a replayed result is a name that the run made, and what was recorded for it.

Decides whether a result differs from the recorded one in nothing but such names: keys of new rows, random
UUIDs, times of making. What is one is decided in ``facts``, from where it stands in the replayed ending; the
recording has no state to look at. So each name must stand for one recorded value wherever it is told, each
such value for one name, and none that the world has at the start or that a caller gave.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fuzzharness.access import MISSING
from fuzzharness.oracle.deviation import Pair, deviations
from fuzzharness.oracle.facts import TIME, UUID, Blanked, Fact, Name, results_of
from fuzzharness.oracle.naming import Naming
from fuzzharness.oracle.places import RESULTS, SAID, Item
from fuzzharness.oracle.readings import fields, said
from fuzzharness.oracle.renaming import Names
from fuzzharness.oracle.tokens import SERIAL_TEXT, TIME_TEXT, UUID_TEXT, bare

Told = tuple[Name, Any]
"""A name of the replay and the recorded value that stands in its place."""


def generated(naming: Naming, state: Mapping[str, Any], pairs: Mapping[str, Pair]) -> dict[str, Names]:
    """The names of each call that differs in nothing else, by label, with the recorded ones.

    state: how the replay ended. pairs: the recorded and the replayed result of every call that returned.
    Nothing is given where the calls do not agree on what stands for what.
    """
    tree = {**state, RESULTS: {label: replayed for label, (_, replayed) in pairs.items()}}
    said_by: dict[str, list[Blanked]] = defaultdict(list)
    for blanked in results_of(naming, tree):
        said_by[blanked.path[1]].append(blanked)
    told = {label: _told(naming, pairs[label], said_by[label]) for label in pairs}
    known = {label: names for label, names in told.items() if names is not None}
    everything = {pair for names in known.values() for pair in names}
    if not _one_to_one(everything):
        return {}
    return {label: {name: Name(name.kind, value) for name, value in names} for label, names in known.items()}


def _told(naming: Naming, pair: Pair, places: list[Blanked]) -> list[Told] | None:
    """What the names of one result stand for; None where something else differs."""
    recorded, replayed = pair
    differing = {deviation.path for deviation in deviations(recorded, replayed)}
    found: list[Told] = []
    for path, fact in places:
        if read := list(_read(fact, _at(recorded, path[2:]))):
            differing.discard(_steps(path[2:]))
            found += read
    fresh = all(name.value == value or _is_new(naming, name, value) for name, value in found)
    return found if fresh and not differing else None


def _steps(path: Iterable[Any]) -> tuple[object, ...]:
    """A path as deviations have it."""
    return tuple(part.number if isinstance(part, Item) else str(part) for part in path if part is not SAID)


def _at(value: Any, path: Iterable[Any]) -> Any:
    """What stands in a recorded result at the end of a path, :data:`MISSING` where nothing does."""
    for part in path:
        if part is SAID:
            value = said(value)
        elif isinstance(part, Item) and isinstance(value, list | tuple):
            value = value[part.number] if part.number < len(value) else MISSING
        elif isinstance(value, Mapping):
            value = fields(value).get(str(part), MISSING)
        else:
            return MISSING
    return value


def _read(fact: Fact, recorded: Any) -> Iterator[Told]:
    """The names of a fact with what is recorded in their places; none where that says another thing."""
    if not fact.names:
        return
    if isinstance(recorded, str):
        pattern = "".join(map(_pattern, fact.shape[1:] if fact.shape[0] == "str" else fact.shape))
        match = re.fullmatch(pattern, recorded)
        names = iter(fact.names)
        blanks = [part for part in fact.shape if isinstance(part, tuple)]
        for blank, value in zip(blanks, match.groups() if match else (), strict=False):
            for name in (next(names) for _ in blank[1:]):
                yield name, _value(name, value)
    elif len(fact.shape) == 1 and type(recorded) in (int, float):
        yield from ((name, recorded) for name in fact.names if type(name.value) is type(recorded))


def _pattern(part: Any) -> str:
    if not isinstance(part, tuple):
        return re.escape(str(part))
    kind = part[1]
    if kind == UUID:
        return f"({UUID_TEXT})"
    if kind == TIME:
        return f"({TIME_TEXT})"
    return f"({SERIAL_TEXT})" if kind[0] == "serial" else r"(\d+)"


def _value(name: Name, text: str) -> Any:
    if name.kind == UUID:
        return bare(text)
    return int(text) if isinstance(name.value, int) else text


def _is_new(naming: Naming, name: Name, value: Any) -> bool:
    """Whether a recorded value can be a name of the same kind, and of nothing the run began with."""
    if name.kind[0] == "serial" and str(value).partition("-")[0] != name.kind[1]:
        return False
    if isinstance(value, int) and name.kind != TIME:
        at_start = naming.known(frozenset({name.kind})).get(name.kind, set())
        return value not in at_start and not naming.given(name.kind, value, naming.fields)
    return str(value) not in naming.texts


def _one_to_one(pairs: Iterable[Told]) -> bool:
    there: dict[Name, Any] = {}
    back: dict[Name, Any] = {}
    return all(
        there.setdefault(name, value) == value and back.setdefault(Name(name.kind, value), name) == name
        for name, value in pairs
    )
