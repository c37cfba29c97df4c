"""What one statement touches, as values.

Decides how a row's key is found among a statement's parameters, and when two ways to write a key
are one. How a statement is read is decided in ``footprint``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fuzzharness.access import ANY, Key, Kind

NOTHING = object()


@dataclass(frozen=True, slots=True)
class Part:
    """One table a statement touches.

    ``rows`` tell how to find the rows' keys among the parameters, each with a value for every column of
    the key; ``affinities`` how those columns store one.
    """

    table: str
    kind: Kind
    rows: tuple[tuple[Any, ...], ...] = ()
    affinities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Footprint:
    """The tables one statement touches.

    ``writes``: it changes data; ``simple``: and reads no other table to do so; ``locks``: it takes
    the write lock without writing; ``commits``: it may end a transaction and publish what that wrote;
    ``claims``: the rows it locks; ``plain``: nothing it does tells whether a sibling that holds such a row
    has committed or is about to;
    ``appends``: it only adds rows, whose keys the database makes;
    ``undoes``: it takes back what a transaction wrote; ``alters``: it changes the connection rather
    than the database; ``reshapes``: it changes the schema; ``leaves``: it reaches other databases.
    """

    parts: tuple[Part, ...] = ()
    writes: bool = False
    simple: bool = False
    locks: bool = False
    commits: bool = False
    undoes: bool = False
    alters: bool = False
    reshapes: bool = False
    leaves: bool = False
    claims: tuple[Part, ...] = ()
    plain: bool = True
    appends: bool = False

    def accesses(self, params: Any) -> list[tuple[Key, Kind]]:
        """The keys and kinds of this statement with these parameters (a sequence or a mapping)."""
        return _touched(self.parts, params)

    def claimed(self, params: Any) -> list[tuple[Key, Kind]]:
        """The rows it locks with these parameters, as :meth:`accesses`."""
        return _touched(self.claims, params)


def _touched(parts: Sequence[Part], params: Any) -> list[tuple[Key, Kind]]:
    found: dict[tuple[Key, Kind], None] = {}
    for part in parts:
        for row in part.rows or ((),):
            found.setdefault(((part.table, _row(row, params, part.affinities)), part.kind))
    return list(found)


_ALL = Part(ANY, Kind.WRITE)  # type: ignore[arg-type]  # ANY stands for all tables
EVERYTHING = Footprint(
    (replace(_ALL, kind=Kind.READ), _ALL), writes=True, claims=(replace(_ALL, kind=Kind.TRY),), plain=False
)
RESHAPING = replace(EVERYTHING, reshapes=True)


@dataclass(frozen=True, slots=True)
class Param:
    name: str | int


def _row(values: tuple[Any, ...], params: Any, affinities: tuple[str, ...]) -> Any:
    """The key of a row: one value, or all of a longer key; ANY where one of them is not certain."""
    if len(values) != len(affinities):
        return ANY
    found = tuple(_value(v, params, affinity) for v, affinity in zip(values, affinities, strict=True))
    if ANY in found or not found:
        return ANY
    return found[0] if len(found) == 1 else found


def columns_of(row: Any) -> tuple[Any, ...]:
    """The values of the columns of the key ``row``."""
    return row if isinstance(row, tuple) else (row,)


def _value(value: Any, params: Any, affinity: str) -> Any:
    if isinstance(value, Param):
        try:
            value = params[value.name]
        except (KeyError, IndexError, TypeError):
            return ANY
    return _as_stored(value, affinity)


def _as_stored(value: Any, affinity: str) -> Any:
    """A key as the column holds it, since 7 and '7' can name one row; ANY where that is not certain."""
    if affinity == "INTEGER":
        return _whole_number(value)
    if affinity == "UUID":
        return _uuid(value)
    if affinity == "TEXT":  # blanks at the end may be cut off
        return value if type(value) is str and not value.endswith(" ") else ANY
    return value if affinity == "BLOB" and type(value) in (int, str, bytes) else ANY


def _whole_number(value: Any) -> Any:
    """Only what is written in digits: how more is read differs between Python, servers and casts."""
    if isinstance(value, float):
        number = int(value) if value.is_integer() else None
    elif isinstance(value, int) or (isinstance(value, str) and _DIGITS.fullmatch(value)):
        number = int(value)
    else:
        number = None
    return ANY if number is None or abs(number) > _LARGEST else number


_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")
_LARGEST = 2**63 - 1


def _uuid(value: Any) -> Any:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        return ANY


def parameters(params: Any) -> Any:
    """DBAPI parameters as something that :meth:`Footprint.accesses` can look up."""
    return params if isinstance(params, (Sequence, Mapping)) else tuple(params or ())
