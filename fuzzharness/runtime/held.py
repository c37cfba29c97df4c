"""Held: what to wait with tools hold, through globals, closures, defaults and attributes of objects.

Decides how far is looked: not into libraries, and six steps at most. Changes nothing.
"""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from fuzzharness.runtime.places import is_library

_DEPTH = 6


def reachable(tools: Iterable[Callable[..., Any]], kinds: tuple[type, ...]) -> list[tuple[Any]]:
    """What of ``kinds`` the tools reach, each alone in a tuple; of a condition also the lock."""
    found: dict[int, tuple[Any]] = {}
    seen: set[int] = set()
    level: list[Any] = list(tools)
    for _ in range(_DEPTH):
        following: list[Any] = []
        for value in level:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, kinds):
                found[id(value)] = (value,)
            if isinstance(value, threading.Condition):
                following.append(value._lock)  # type: ignore[attr-defined]  # not in the stubs
            elif not isinstance(value, kinds):
                following += _inner(value, kinds)
        level = following
    return list(found.values())


def _inner(value: Any, kinds: tuple[type, ...]) -> list[Any]:
    """What tool code can reach from ``value`` in one step, without leaving the application's code."""
    if isinstance(value, types.FunctionType):
        return _of_function(value, kinds)
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.CellType):
        return [value.cell_contents] if _filled(value) else []
    if isinstance(value, dict):
        return list(value.values()) if len(value) < 1000 else []
    if isinstance(value, (list, tuple, set)):
        return list(value) if len(value) < 1000 else []
    if isinstance(value, types.ModuleType):
        return list(vars(value).values()) if _application(value) else []
    if isinstance(value, type):
        return list(vars(value).values()) if _application(sys.modules.get(value.__module__)) else []
    return _of_object(value)


def _of_function(function: types.FunctionType, kinds: tuple[type, ...]) -> list[Any]:
    inner: list[Any] = [*(function.__closure__ or ()), *(function.__defaults__ or ())]
    inner += (function.__kwdefaults__ or {}).values()
    wrapped = getattr(function, "__wrapped__", None)
    if not is_library(function.__code__.co_filename):
        names = set(function.__code__.co_names)
        inner += [v for k, v in function.__globals__.items() if k in names or isinstance(v, kinds)]
    return [*inner, wrapped] if wrapped is not None else inner


def _of_object(value: Any) -> list[Any]:
    if not _application(sys.modules.get(type(value).__module__)):
        return []
    fields = getattr(value, "__dict__", None)
    return [type(value), *(fields.values() if isinstance(fields, dict) else ())]


def _application(module: types.ModuleType | None) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and not is_library(file)


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
