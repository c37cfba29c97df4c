"""Module state that tools can change and the world does not cover.

Decides which globals count: values that the tools' own code, and the application's functions it
calls, name. Watches no single access; it only tells, after runs, which of them are no longer what
they were, so that nobody takes an uncovered batch for a safe one.
"""

from __future__ import annotations

import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from fuzzharness.runtime.places import is_library
from fuzzharness.world.plain import plain

_LARGE = 10_000
_STATE = (dict, list, set, deque, int, float, str, bytes, tuple, frozenset, type(None))


class Surroundings:
    """The globals that ``tools`` can reach, as they were when this was made.

    ``ignore`` holds patterns of names, ``module.NAME``, that may change.
    """

    def __init__(self, tools: Iterable[Callable[..., Any]], ignore: Iterable[str] = ()) -> None:
        patterns = tuple(ignore)
        found = {name: read for tool in tools for name, read in _state_of(tool, set())}
        self._reads = {
            name: read
            for name, read in found.items()
            if not any(fnmatchcase(name, pattern) for pattern in patterns)
        }
        self._before = {name: _picture(read()) for name, read in self._reads.items()}

    def changed(self) -> list[str]:
        """The names whose values are not what they were."""
        return [
            name
            for name, read in self._reads.items()
            if not _covered(value := read()) and _picture(value) != self._before[name]
        ]


Found = tuple[str, Callable[[], Any]]


def _state_of(tool: Any, seen: set[int]) -> Iterator[Found]:
    function = _function(tool)
    if function is None or id(function) in seen or is_library(function.__code__.co_filename):
        return
    seen.add(id(function))
    for name, read in [*_globals_of(function), *_closure_of(function)]:
        value = read()
        if isinstance(value, types.FunctionType):
            yield from _state_of(value, seen)
        elif _is_state(value) and not _covered(value):
            yield name, read
    for method in _siblings_of(tool):
        yield from _state_of(method, seen)


def _globals_of(function: types.FunctionType) -> Iterator[Found]:
    space = function.__globals__
    for key in _names(function.__code__):
        if key in space:
            yield f"{space.get('__name__', '?')}.{key}", partial(space.get, key)


def _closure_of(function: types.FunctionType) -> Iterator[Found]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"{function.__qualname__}.{name}", partial(_content, cell)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return type


def _siblings_of(tool: Any) -> list[types.FunctionType]:
    """The other methods of a bound method's object: they can be called by it."""
    owner = getattr(tool, "__self__", None)
    members = vars(type(owner)).values() if owner is not None else ()
    return [member for member in members if isinstance(member, types.FunctionType)]


def _function(tool: Any) -> types.FunctionType | None:
    if isinstance(tool, types.MethodType):
        tool = tool.__func__
    tool = getattr(tool, "__wrapped__", tool)
    return tool if isinstance(tool, types.FunctionType) else None


def _names(code: types.CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, types.CodeType) for name in _names(part)]
    return [*code.co_names, *inner]


def _is_state(value: Any) -> bool:
    return isinstance(value, _STATE) or _is_application_object(value)


def _is_application_object(value: Any) -> bool:
    module = getattr(type(value), "__module__", None)
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    return file is not None and not is_library(file) and isinstance(getattr(value, "__dict__", None), dict)


def _covered(value: Any) -> bool:
    """Whether the world watches the value: tracked classes name the class they stand for."""
    return "_fuzz_base" in type(value).__dict__


def _picture(value: Any) -> Any:
    if isinstance(value, (dict, list, set, deque)) and len(value) > _LARGE:
        return type(value), len(value)
    return type(value), plain(value)
