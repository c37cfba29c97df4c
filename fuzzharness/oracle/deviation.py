"""Deviations: where a replayed result is not what was recorded.

Decides when a recorded value and a replayed one are the same, leniently: one of the readings of the one is
one of the other's. Of what is generated, and of errors, nothing is known here.
"""

from __future__ import annotations

import decimal
import enum
from collections.abc import Iterator, Mapping
from typing import Any

from fuzzharness.access import MISSING
from fuzzharness.finding import Deviation
from fuzzharness.oracle.readings import fields, readings, said, texts, writes

Path = tuple[object, ...]
Pair = tuple[Any, Any]
"""A reading of what was recorded and one of what was replayed."""


def closest(recorded: Any, replayed: Any) -> tuple[Pair, tuple[Deviation, ...]]:
    """The readings that differ least, those with parts first, and where: nowhere if it is the same."""
    pairs = [(a, b) for a in readings(recorded) for b in readings(replayed)]
    if isinstance(recorded, str) and isinstance(replayed, str):
        pairs = [pair for pair in pairs if pair == (recorded, replayed) or not any(map(_is_scalar, pair))]
    found = [(pair, tuple(deviations(*pair))) for pair in pairs]
    best = min(found, key=lambda each: (bool(each[1]), not _parted(*each[0]), len(each[1])))
    if best[1] and isinstance(recorded, str) and (recorded in texts(replayed) or writes(recorded, replayed)):
        return (recorded, recorded), ()
    return best


def deviations(recorded: Any, replayed: Any, path: Path = ()) -> Iterator[Deviation]:
    """The places where two values differ, by key and position."""
    if isinstance(recorded, str) and isinstance(replayed, str) and recorded != replayed:
        inner = said(recorded), said(replayed)
        recorded, replayed = (recorded, replayed) if None in inner else inner
    if isinstance(recorded, Mapping) and isinstance(replayed, Mapping):
        yield from _of_fields(fields(recorded), fields(replayed), path)
    elif _parted(recorded, replayed) and len(recorded) == len(replayed):
        for place, (then, now) in enumerate(_side_by_side(recorded, replayed)):
            yield from deviations(then, now, (*path, place))
    elif not _alike(recorded, replayed):
        yield Deviation(path, recorded, replayed)


def _of_fields(recorded: dict[str, Any], replayed: dict[str, Any], path: Path) -> Iterator[Deviation]:
    for name in dict.fromkeys([*recorded, *replayed]):
        then, now = recorded.get(name, MISSING), replayed.get(name, MISSING)
        if then is MISSING or now is MISSING:
            yield Deviation((*path, name), then, now)
        else:
            yield from deviations(then, now, (*path, name))


def _parted(recorded: Any, replayed: Any) -> bool:
    """Whether two values can be compared part by part."""
    if isinstance(recorded, Mapping) and isinstance(replayed, Mapping):
        return True
    return all(isinstance(value, list | tuple | set | frozenset) for value in (recorded, replayed))


def _side_by_side(recorded: Any, replayed: Any) -> Iterator[Pair]:
    """The items of two lists; in an order of their own where one of them is a set."""
    if any(isinstance(value, set | frozenset) for value in (recorded, replayed)):
        recorded, replayed = sorted(recorded, key=repr), sorted(replayed, key=repr)
    return zip(recorded, replayed, strict=True)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _alike(recorded: Any, replayed: Any) -> bool:
    if isinstance(replayed, enum.Enum):
        return recorded in texts(replayed) if isinstance(recorded, str) else _alike(recorded, replayed.value)
    if isinstance(recorded, bool) or isinstance(replayed, bool):
        return recorded is replayed
    if _is_number(recorded) and _is_number(replayed):
        return bool(_exact(recorded) == _exact(replayed))
    if isinstance(recorded, str) and not isinstance(replayed, str | int | float | None):
        return recorded in texts(replayed)
    return type(recorded) is type(replayed) and bool(recorded == replayed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | decimal.Decimal)


def _exact(value: Any) -> Any:
    """A number as JSON has it; NaN as a text, which equals itself."""
    value = float(value) if isinstance(value, decimal.Decimal) else value
    return value if value == value else "nan"
