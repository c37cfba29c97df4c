"""Layout: what a captured state does not say itself, which of its mappings are tables and which are files.

Decides nothing about endings. A resource that has a ``layout`` describes its part; of others nothing is
known but the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a database as it is captured, rows by key.

    ``keys`` are the columns of the primary key, none where rows are merely numbered; ``generated`` is True
    where the database makes the key of a row that comes without; ``parents`` maps each column that is a
    foreign key to the key of one row to the table of that row.
    """

    keys: tuple[str, ...]
    generated: bool = False
    parents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """``tables`` by path, ``(resource, table)``; ``files`` are the resources that hold texts by file name."""

    tables: Mapping[tuple[Any, ...], Table] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
