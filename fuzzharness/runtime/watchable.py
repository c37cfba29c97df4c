"""Which values outside the World can be watched where they are.

Decides that of objects of the application and of builtin containers that are not large. Libraries' objects
are never touched: loggers, locks, engines, compiled expressions.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fuzzharness.runtime.reach import LARGE, is_application, is_object
from fuzzharness.world.objects import can_announce, is_builtin, watchable
from fuzzharness.world.plain import ATOMS, attributes, is_lock
from fuzzharness.world.storage import BASE, SETS, family_of, pairs_of
from fuzzharness.world.tracked import shortcuts_of

_VAST = 10 * LARGE
"""So many values inside are too many."""

_CAREFUL = ("typing", "abc", "pydantic.", "builtins", "collections")
"""Whose ``__init_subclass__`` does no harm."""


def is_covered(value: Any) -> bool:
    """Whether something watches the value already: tracked classes name the class they stand for."""
    return BASE in type(value).__dict__


def can_be_watched(value: Any) -> bool:
    """Whether a value can have a stand-in; immutable ones need none."""
    kind: Any = type(value)
    if kind in ATOMS or kind is tuple:
        return True
    if is_covered(value) or is_lock(value):
        return False
    family = family_of(kind)
    if family is not None:
        plain = kind.__module__ in {"builtins", "collections"}
        return len(value) <= LARGE and (plain or (is_application(kind) and _container(kind, family)))
    return kind is frozenset or (
        is_object(value) and _object(kind) and "_sa_instance_state" not in _own(value)
    )


def is_vast(value: Any) -> bool:
    """Whether there is so much inside that a stand-in of all of it would cost too much."""
    left, seen, count = [value], {id(value)}, 0
    while left and count <= _VAST:
        inner = _inside(left.pop())
        count += len(inner)
        left += [item for item in inner if type(item) not in ATOMS and id(item) not in seen]
        seen.update(map(id, inner))
    return count > _VAST


def _inside(value: Any) -> list[Any]:
    family = family_of(type(value))
    if family is not None:
        return [item for _, item in pairs_of(value, family)] if len(value) <= LARGE else []
    if type(value) is tuple:
        return list(value)
    return list(_own(value).values()) if is_object(value) else []


def _own(value: Any) -> dict[str, Any]:
    return attributes(value) or {}


@cache
def _container(kind: Any, family: Any) -> bool:
    return family not in SETS and not shortcuts_of(kind) and _quiet(kind)


@cache
def _object(kind: Any) -> bool:
    return watchable(kind) and _quiet(kind) and can_announce(kind)


def _quiet(kind: Any) -> bool:
    """Whether nothing of the application is told of a subclass: it might keep a list of them."""
    return not any(
        "__init_subclass__" in base.__dict__ and not f"{base.__module__}.".startswith(_CAREFUL)
        for base in kind.__mro__
        if not is_builtin(base)
    )
