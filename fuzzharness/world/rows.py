"""Rows: plausible ones for a table, for the ``setup`` of a database.

Decides what a column holds by what it refers to, its type and its name. All chance is drawn from the seed,
the name of the table and that of the column, so a further column changes none of the others. Never connects
to anything.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from faker import Faker
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint

from fuzzharness.errors import WorldError
from fuzzharness.world.names import bounds_of, text_of

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

_FIRST: Final = datetime.datetime(2023, 1, 1)
"""Times lie in the year behind it, whenever this is run."""

_YEAR: Final = 365 * 24 * 3600
_LOCALE: Final = "en_US"
_TRIES: Final = 1_000

Make = Callable[[Faker], Any]
"""A value, by chance."""


def rows(table: Table, count: int, seed: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """``count`` rows for ``table``, ready for ``connection.execute(table.insert(), rows(table, 20))``.

    table: of SQLAlchemy. columns: what some columns hold, by name: a value for every row, a list or range to
        draw from, or a function of the row's number, from 1.

    Keys of whole numbers are counted from 1; a column that refers to another table holds keys of the rows
    that this function makes for it with the same ``count`` and ``seed``; a column that refers to its own
    table, keys of rows before it. Text follows the name of its column (``email``, ``city``), and is as
    short as the type asks; anything else its type. What is unique is unique. Columns with a default, and
    computed ones, are left to the database. CHECK constraints are not read: give ``columns`` for them.

    The rows are a function of all arguments, and of the version of Faker.

    Raises :class:`WorldError` where ``count`` is no whole number from 0, for a column that there is not, a
    type that is not known, and where there are not enough different values.
    """
    if type(count) is not int or count < 0:
        raise WorldError(
            f"{count!r} rows were asked for. Expected a whole number from 0, as in fh.rows(table, 20). "
            "Give one."
        )
    return _Rows(count, seed).of(table, columns)


class _Rows:
    """Makes rows, those that others refer to first."""

    def __init__(self, count: int, seed: int, above: tuple[str, ...] = ()) -> None:
        self._count, self._seed, self._above = count, seed, above

    def of(self, table: Table, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of ``table``."""
        unknown = [name for name in given if name not in table.columns]
        if unknown:
            raise WorldError(
                f"rows of {table.name!r} were asked for with {unknown[0]!r}. Expected columns of that table: "
                f"{', '.join(column.name for column in table.columns)}. Correct the name."
            )
        made: dict[str, list[Any]] = {}
        for column in _by_need(table):
            if column.name in given:
                made[column.name] = self._given(column, given[column.name])
            elif not _left_out(column):
                made[column.name] = self._values(column, made)
        names = [column.name for column in table.columns if column.name in made]
        return [{name: made[name][n] for name in names} for n in range(self._count)]

    def _faker(self, column: Column[Any]) -> Faker:
        faker = Faker(_LOCALE)
        faker.seed_instance(f"{self._seed} {column.table.name}.{column.name}")
        return faker

    def _given(self, column: Column[Any], given: Any) -> list[Any]:
        if callable(given):
            return [given(number) for number in range(1, self._count + 1)]
        if isinstance(given, Sequence) and not isinstance(given, str | bytes):
            return self._drawn(column, lambda faker: faker.random.choice(given))
        return [given] * self._count

    def _values(self, column: Column[Any], made: Mapping[str, list[Any]]) -> list[Any]:
        keys = list(column.table.primary_key.columns)
        if column.foreign_keys:
            return self._referring(column, made, keys)
        if column.primary_key and len(keys) == 1 and _kind(column) is int:
            return list(range(1, self._count + 1))
        return self._drawn(column, maker(column))

    def _referring(
        self, column: Column[Any], made: Mapping[str, list[Any]], keys: Sequence[Column[Any]]
    ) -> list[Any]:
        """Keys of the rows that ``column`` refers to; in a key of several columns every pair once."""
        target = min(column.foreign_keys, key=str).column
        if target.table is column.table:
            own = made.get(target.name, [])
            faker = self._faker(column)
            first = None if column.nullable else own[0]
            return [faker.random.choice(own[:n]) if n else first for n in range(self._count)]
        if target.table.name in self._above:
            return [None] * self._count
        above = (*self._above, column.table.name)
        parents = [row[target.name] for row in _Rows(self._count, self._seed, above).of(target.table, {})]
        if column.primary_key and len(keys) > 1:
            return self._spread(column, parents, keys)
        return self._drawn(column, lambda faker: faker.random.choice(parents))

    def _spread(self, column: Column[Any], parents: list[Any], keys: Sequence[Column[Any]]) -> list[Any]:
        """The part of a key of several columns: together with the others it is never there twice."""
        place = [key.name for key in keys].index(column.name)
        size = len(parents)
        return [parents[(n + (n // size if place else 0)) % size] for n in range(self._count)]

    def _drawn(self, column: Column[Any], make: Make) -> list[Any]:
        """A value for each row, all different where the column must be unique."""
        faker, found = self._faker(column), dict[Any, Any]()
        if not _is_unique(column):
            return [make(faker) for _ in range(self._count)]
        for _ in range(self._count * _TRIES):
            if len(found) == self._count:
                break
            value = make(faker)
            found.setdefault(repr(value), value)
        if len(found) < self._count:
            raise WorldError(
                f"the column {column.table.name}.{column.name} is unique, and only {len(found)} different "
                f"values were found for it. Expected {self._count}. Ask for fewer rows, or give "
                f"{column.name}=lambda n: ... with a value for each."
            )
        return list(found.values())


def maker(column: Column[Any]) -> Make:
    """What makes the values of a column that refers to nothing, by its type and its name."""
    members = getattr(column.type, "enums", None)
    if members:
        chosen = list(getattr(column.type, "enum_class", None) or members)
        return lambda faker: faker.random.choice(chosen)
    kind = _kind(column)
    for known, make in _MAKERS.items():
        if issubclass(kind, known):
            return make(column)
    raise WorldError(
        f"the column {column.table.name}.{column.name} has the type {column.type}. Expected one of plain "
        f"values. Give {column.name}=..., a value, a list to draw from or a function of the row's number."
    )


def _kind(column: Column[Any]) -> type:
    """The Python type of a column's values; that of an unknown type is object."""
    if column.type.__visit_name__.upper() in ("JSON", "JSONB"):
        return dict
    try:
        return column.type.python_type
    except NotImplementedError:
        return object


def _text(column: Column[Any]) -> Make:
    make = text_of(column.name)
    longest = getattr(column.type, "length", None)
    return lambda faker: make(faker)[:longest].strip()


def _whole(column: Column[Any]) -> Make:
    low, high = bounds_of(column.name)
    return lambda faker: faker.random.randint(low, high)


def _decimal(column: Column[Any]) -> Make:
    low, high = bounds_of(column.name)
    scale, digits = (getattr(column.type, name, None) for name in ("scale", "precision"))
    unit = decimal.Decimal(1).scaleb(-(2 if scale is None else scale))
    if digits is not None and scale is not None:
        high = min(high, 10 ** (digits - scale) - 2)
        low = min(low, high)
    return lambda faker: faker.random.randint(low, high) + faker.random.randint(0, 9) * unit


def _moment(faker: Faker) -> datetime.datetime:
    return _FIRST + datetime.timedelta(seconds=faker.random.randrange(_YEAR))


def _when(column: Column[Any]) -> Make:
    zone = datetime.UTC if getattr(column.type, "timezone", False) else None
    return lambda faker: _moment(faker).replace(tzinfo=zone)


_MAKERS: Final[Mapping[type, Callable[[Any], Make]]] = {
    bool: lambda _: lambda faker: faker.random.random() < 0.5,
    int: _whole,
    float: lambda column: lambda faker: float(_decimal(column)(faker)),
    decimal.Decimal: _decimal,
    str: _text,
    datetime.datetime: _when,
    datetime.date: lambda _: lambda faker: _moment(faker).date(),
    datetime.time: lambda _: lambda faker: _moment(faker).time(),
    datetime.timedelta: lambda _: lambda faker: datetime.timedelta(minutes=faker.random.randint(1, 600)),
    uuid.UUID: lambda _: lambda faker: uuid.UUID(int=faker.random.getrandbits(128), version=4),
    bytes: lambda _: lambda faker: faker.random.randbytes(8),
    dict: lambda _: lambda faker: {faker.word(): faker.random.randint(0, 9)},
    list: lambda _: lambda faker: [faker.word()],
    enum.Enum: lambda column: lambda faker: faker.random.choice(list(_kind(column))),  # type: ignore[call-overload]  # an enum
}
"""By the type of the values, the narrower of two first."""


def _left_out(column: Column[Any]) -> bool:
    """Whether the database or SQLAlchemy says what stands there."""
    made = column.computed or column.identity or column.server_default or column.default
    return made is not None


def _is_unique(column: Column[Any]) -> bool:
    return bool(column.unique) or any(
        list(constraint.columns) == [column]
        for constraint in column.table.constraints
        if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint)
    )


def _by_need(table: Table) -> list[Column[Any]]:
    """The columns, those behind the others that refer to this table."""

    def within(column: Column[Any]) -> bool:
        return any(key.column.table is table for key in column.foreign_keys)

    return sorted(table.columns, key=within)
