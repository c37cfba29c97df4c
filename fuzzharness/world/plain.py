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
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


def plain(value: Any) -> Any:
    """An independent copy of ``value`` made of dicts, lists, tuples, sets and atoms only."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    return _plain(value, frozenset())


def _plain(value: Any, above: frozenset[int]) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, _KEPT):
        return value
    if id(value) in above:
        return "(itself)"
    above = above | {id(value)}
    if isinstance(value, Mapping):
        return _with_fields({_key(k): _plain(v, above) for k, v in value.items()}, value, above)
    if isinstance(value, tuple):
        return tuple(_plain(v, above) for v in value)
    if isinstance(value, (list, deque)):
        return _with_fields([_plain(v, above) for v in value], value, above)
    if isinstance(value, (set, frozenset)):
        return _with_fields(set(value), value, above)
    return _object(value, above)


def _with_fields(content: Any, value: Any, above: frozenset[int]) -> Any:
    """The content of a container; with its attributes beside it, where its class gives it any."""
    if type(value).__module__ in _BUILTIN_MODULES:
        return content
    fields = {name: item for name, item in (attributes(value) or {}).items() if not name.startswith("_")}
    if not fields:
        return content
    shown = {f".{name}": _plain(item, above) for name, item in fields.items()}
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


def _object(value: Any, above: frozenset[int]) -> Any:
    fields = attributes(value)
    if fields is None:
        return _ADDRESS.sub("", repr(value))
    shown = {k: v for k, v in fields.items() if not (k.startswith("_sa_") or is_lock(v))}
    return {k: _plain(v, above) for k, v in shown.items()}


def attributes(value: Any) -> dict[str, Any] | None:
    """The instance attributes of an object by name, slots included; None where it has none."""
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)):
        return None
    found: dict[str, Any] = {}
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member = cls.__dict__.get(name)
            if isinstance(member, types.MemberDescriptorType):
                try:
                    found[name] = member.__get__(value)
                except AttributeError:
                    continue
    own = _own_dict(value)
    if isinstance(own, dict):
        found.update(own)
    if found or own is not None or dataclasses.is_dataclass(value):
        return found
    return None


def _own_dict(value: Any) -> Any:
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
