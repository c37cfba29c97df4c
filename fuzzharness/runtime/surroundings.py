"""Module state that tools can change and the world does not cover.

Decides what counts: globals, members of modules and classes, closures, defaults and the objects of
methods that the tools' own code, and the application's functions it calls, name. Watches no single
access; it only tells, after runs, which of them are no longer what they were, so that nobody takes an
uncovered batch for a safe one.
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
from fuzzharness.world.plain import attributes, is_lock, plain

_LARGE = 10_000
_STATE = (dict, list, set, deque, int, float, str, bytes, tuple, frozenset, type(None))


class Surroundings:
    """The state that ``tools`` can reach, as it was when this was made.

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
    if isinstance(tool, partial):
        yield from _state_of(tool.func, seen)
        return
    if hasattr(type(tool), "cache_info") and id(tool) not in seen:
        seen.add(id(tool))
        yield f"the cache of {getattr(tool, '__qualname__', 'a tool')}", partial(_entries, tool)
    function = _function(tool)
    if function is None or is_library(function.__code__.co_filename):
        return
    owner = getattr(tool, "__self__", None if function is tool else tool)
    if _is_application_object(owner) and not _covered(owner):
        yield f"{function.__qualname__}.__self__", lambda: owner
    if id(function) in seen:
        return
    seen.add(id(function))
    names = _names(function.__code__)
    for name, read in [*_globals_of(function), *_closure_of(function), *_own_of(function)]:
        yield from _found(name, read, names, seen, frozenset())
    for method in _siblings_of(tool):
        yield from _state_of(method, seen)


def _found(
    name: str, read: Callable[[], Any], names: list[str], seen: set[int], above: frozenset[int]
) -> Iterator[Found]:
    """What is state of the value that code with ``names`` reaches under ``name``."""
    value = read()
    if isinstance(value, types.FunctionType):
        yield from _state_of(value, seen)
    elif _is_application(value) and id(value) not in above:
        prefix = value.__name__ if isinstance(value, types.ModuleType) else name
        for key in names:
            if key in vars(value):
                inner = partial(_member, value, key)
                yield from _found(f"{prefix}.{key}", inner, names, seen, above | {id(value)})
    elif hasattr(type(value), "cache_info"):
        yield f"the cache of {name}", partial(_entries, value)
        yield from _state_of(value, seen)
    elif _is_state(value) and not _covered(value):
        yield name, read


def _entries(cached: Any) -> int:
    """How many results a ``functools.cache`` or ``lru_cache`` keeps."""
    return int(cached.cache_info().currsize)


def _member(owner: Any, key: str) -> Any:
    return vars(owner).get(key)


def _is_application(value: Any) -> bool:
    """Whether a value is a module or a class of the application."""
    module = sys.modules.get(value.__module__) if isinstance(value, type) else value
    file = getattr(module, "__file__", None) if isinstance(module, types.ModuleType) else None
    return file is not None and not is_library(file)


def _own_of(function: types.FunctionType) -> Iterator[Found]:
    """The defaults and the attributes of a function."""
    code, defaults = function.__code__, function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    given = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
    for name, value in {**given, **(function.__kwdefaults__ or {})}.items():
        yield f"{function.__qualname__}.{name}", partial(_itself, value)
    yield f"{function.__qualname__}.__dict__", partial(getattr, function, "__dict__")


def _itself(value: Any) -> Any:
    return value


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
    if not isinstance(tool, types.FunctionType):
        tool = vars(type(tool)).get("__call__")
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


def _picture(value: Any, above: frozenset[int] = frozenset()) -> Any:
    """What a value looks like, without what the world watches and the inside of libraries' objects."""
    kind = type(value)
    if _covered(value) or id(value) in above:
        return kind
    above = above | {id(value)}
    if isinstance(value, (dict, list, set, deque)) and len(value) > _LARGE:
        return kind, len(value)
    if isinstance(value, dict):
        return kind, {key: _picture(item, above) for key, item in value.items()}
    if isinstance(value, (list, tuple, deque)):
        return kind, [_picture(item, above) for item in value]
    if isinstance(value, _STATE):
        return kind, plain(value)
    if _is_application_object(value):
        return kind, {name: _picture(item, above) for name, item in (attributes(value) or {}).items()}
    return kind if is_lock(value) or attributes(value) is not None else (kind, plain(value))
