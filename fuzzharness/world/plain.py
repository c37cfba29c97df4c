"""Plain copies of live values, for endings and for display.

Decides how a value is shown when it is compared: containers by content, objects by attributes,
anything else by a text without addresses. Never changes the value it reads.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import re
import types
import uuid
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from fuzzharness.literal import literal
from fuzzharness.literal import without_addresses as without_addresses

ATOMS: Final[frozenset[Any]] = frozenset(
    {
        int, str, float, bool, type(None), bytes, complex, range, type(Ellipsis),
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone,
        decimal.Decimal, fractions.Fraction, uuid.UUID,
        pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePosixPath, pathlib.PureWindowsPath,
        re.Pattern, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType,
        types.ModuleType, types.MappingProxyType,
    }
)  # fmt: skip
"""Types whose values cannot be changed by a call, or that hold no state of the application."""

_SCALARS: Final = frozenset({int, str, float, bool, type(None), bytes})
_CODE: Final = frozenset({types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType,
                          types.MappingProxyType})  # fmt: skip
_KEPT: Final[tuple[Any, ...]] = (enum.Enum, *(ATOMS - _SCALARS - _CODE))
_OF_LIBRARIES: Final = ("_sa_", "__pydantic_fields_set__")
"""How attributes begin in which SQLAlchemy and pydantic keep books on an object."""


def plain(value: Any, named: bool = False) -> Any:
    """An independent copy of ``value`` made of dicts, lists, tuples, sets and atoms only.

    ``named`` keeps the class of ordinary objects beside their attributes, as ``__class__``.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    return _plain(value, frozenset(), named)


def _plain(value: Any, above: frozenset[int], named: bool) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is not dict and isinstance(value, _KEPT):
        return value
    if id(value) in above:
        return "(itself)"
    above = above | {id(value)}
    if kind is dict or isinstance(value, Mapping):
        return _with_fields({_key(k): _plain(v, above, named) for k, v in value.items()}, value, above, named)
    if isinstance(value, tuple):
        return tuple(_plain(v, above, named) for v in value)
    if isinstance(value, (list, deque)):
        return _with_fields([_plain(v, above, named) for v in value], value, above, named)
    if isinstance(value, (set, frozenset)):
        return _with_fields(set(value), value, above, named)
    return _object(value, above, named)


def _with_fields(content: Any, value: Any, above: frozenset[int], named: bool) -> Any:
    """The content of a container; with its attributes beside it, where its class gives it any."""
    if type(value).__module__ in _BUILTIN_MODULES:
        return content
    fields = {name: item for name, item in (attributes(value) or {}).items() if not name.startswith("_")}
    if not fields:
        return content
    shown = {f".{name}": _plain(item, above, named) for name, item in fields.items()}
    return {**content, **shown} if isinstance(content, dict) else {"": content, **shown}


_BUILTIN_MODULES: Final = frozenset({"builtins", "collections"})


def is_lock(value: Any) -> bool:
    """Whether a value is a lock, of whatever make: who holds one is not data."""
    kind: Any = type(value)
    return _locks(kind)


@cache
def _locks(kind: Any) -> bool:
    return hasattr(kind, "acquire") and hasattr(kind, "release")


def _key(key: Any) -> Any:
    return key if not isinstance(key, tuple) else tuple(map(_key, key))


def _object(value: Any, above: frozenset[int], named: bool) -> Any:
    if isinstance(value, BaseException):
        return f"{type(value).__qualname__}{literal(_plain(value.args, above, named))}"
    fields = attributes(value)
    if fields is None:
        return literal(value)
    shown = {k: v for k, v in fields.items() if not (k.startswith(_OF_LIBRARIES) or is_lock(v))}
    content = {k: _plain(v, above, named) for k, v in shown.items()}
    return {"__class__": base_name(value), **content} if named else content


def base_name(value: Any) -> str:
    """The name of the class that a value has for the application."""
    return str(getattr(value, "__class__", type(value)).__qualname__)


def attributes(value: Any) -> dict[str, Any] | None:
    """The instance attributes of an object by name, slots included; None where it can have none."""
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)):
        return None
    found: dict[str, Any] = {}
    has_slots = False
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member = cls.__dict__.get(name)
            if isinstance(member, types.MemberDescriptorType):
                has_slots = True
                try:
                    found[name] = member.__get__(value)
                except AttributeError:
                    continue
    own = own_dict(value)
    if isinstance(own, dict):
        found.update(own)
    if has_slots or own is not None or dataclasses.is_dataclass(value):
        return found
    return None


def own_dict(value: Any) -> Any:
    """The ``__dict__`` of an object, past whatever its class says; None where it has none."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
