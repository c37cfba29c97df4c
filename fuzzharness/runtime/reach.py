"""What the code of tools can reach: functions, and the places that hold state.

Decides what belongs to the application and counts: globals, members of modules and classes, variables
of closures, defaults, attributes of functions and the objects of methods that the tools' own code, and
the application's functions it calls, can come to. Changes nothing, and watches no access.
"""

from __future__ import annotations

import enum
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any

from fuzzharness.runtime.holdings import holds
from fuzzharness.runtime.places import is_library
from fuzzharness.runtime.stores import Stores, names_of, stores_of, words_of
from fuzzharness.world.objects import base_class
from fuzzharness.world.plain import attributes
from fuzzharness.world.slots import (
    Held,
    InCell,
    InClass,
    InDefaults,
    InDict,
    InPartial,
    Slot,
    partial_name,
    readable,
)

LARGE = 10_000
"""A container with more inside is compared by its length, not watched."""

_SCALARS = (int, float, str, bytes, tuple, frozenset, type(None))
_CONTAINERS = (dict, list, set, deque)
_DESCRIPTORS = (classmethod, staticmethod, property, cached_property)


class Reach:
    """What ``tools``, and all that ``modules`` define, can come to.

    ``owners`` are the modules, classes and functions whose members are state, ``caches`` say how many
    results functions keep.
    """

    def __init__(self, tools: Iterable[Callable[..., Any]], modules: Iterable[types.ModuleType] = ()) -> None:
        self.functions: dict[int, types.FunctionType] = {}
        self.slots: dict[tuple[int, Any], Slot] = {}
        self.owners: dict[int, Any] = {}
        self.caches: dict[str, Callable[[], int]] = {}
        self._names: dict[str, None] = {}
        self._seen: dict[int, Any] = {}
        self._places: set[tuple[int, Any]] = set()
        self._left: deque[Any] = deque()
        self._objects: list[Any] = []
        for tool in tools:
            self._begin(tool)
        for module in modules:
            self._whole(module)
        self._go_on()
        for held in self._objects:
            self._add((id(held), "()"), Held(held))

    def stores(self) -> Iterable[tuple[types.FunctionType, Stores]]:
        """What each function binds."""
        return [(function, stores_of(function.__code__)) for function in self.functions.values()]

    def _begin(self, tool: Any) -> None:
        self._left.append(tool)
        if is_object(tool):
            self._objects.append(tool)
        elif not isinstance(tool, (types.FunctionType, types.MethodType, partial)):
            found = (getattr(tool, "__dict__", None) or {}).values()  # a framework's tool around a function
            self._left += [value for value in found if isinstance(value, types.FunctionType)]

    def _whole(self, module: types.ModuleType) -> None:
        for key, value in list(vars(module).items()):
            if getattr(value, "__module__", None) == module.__name__ and callable(value):
                self._left.append(value)
            elif not key.startswith("__"):
                self._global(vars(module), key)

    def _go_on(self) -> None:
        """Look into everything found, until nothing new is: a later name may be a member of a class."""
        known = -1
        while self._left or known != len(self._names) + len(self.owners):
            known = len(self._names) + len(self.owners)
            while self._left:
                self._look(self._left.popleft())
            for owner in list(self.owners.values()):
                self._members(owner)
        self._seen.clear()

    def _look(self, value: Any) -> None:
        if (isinstance(value, _SCALARS) and type(value) is not tuple) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, types.ModuleType):
            if is_application(value):
                self.owners[id(value)] = value
        elif isinstance(value, (*_CONTAINERS, tuple)):
            if len(value) <= LARGE:
                self._left += value.values() if isinstance(value, dict) else value
        elif is_object(value):
            self._left += [base_class(value), *(attributes(value) or {}).values()]
        else:
            self._left += self._wrapped(value)

    def _wrapped(self, value: Any) -> list[Any]:
        """The functions that something callable is made of."""
        if isinstance(value, types.MethodType):
            if is_object(value.__self__):
                self._objects.append(value.__self__)
            return [value.__func__, value.__self__]
        if isinstance(value, partial):
            self._kept_by(value)
            return [value.func, *value.args, *value.keywords.values()]
        if isinstance(value, property):
            return [value.fget, value.fset, value.fdel]
        if isinstance(value, cached_property):
            return [value.func]
        if hasattr(type(value), "cache_info") and not _is_of_python(value):
            name = f"{getattr(value, '__module__', '?')}.{readable(getattr(value, '__qualname__', 'a tool'))}"
            self.caches.setdefault(f"the cache of {name}", lambda: int(value.cache_info().currsize))
        inner = vars(value).get("__wrapped__") if hasattr(value, "__dict__") else None
        return [inner, getattr(value, "__func__", None)]

    def _kept_by(self, kept: partial[Any]) -> None:
        for place in range(len(kept.args)):
            self._add((id(kept), place), InPartial(kept, place))
        for key in kept.keywords:
            name, module = f"{partial_name(kept)}.{key}", getattr(kept.func, "__module__", None)
            self._add((id(kept.keywords), key), InDict(kept.keywords, key, module, name))

    def _function(self, function: types.FunctionType) -> None:
        if "__wrapped__" in function.__dict__:
            self._left.append(function.__dict__["__wrapped__"])
        if not is_followed(function):
            self._left += _handed_to(function)
            return
        self.functions[id(function)] = function
        self.owners[id(function)] = function
        space, names = function.__globals__, (*names_of(function.__code__), *words_of(function.__code__))
        self._names.update(dict.fromkeys(names))
        for key in [*names, *stores_of(function.__code__).globals]:
            self._global(space, key)
            self._imported(space, key)
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            home = function.__qualname__.rpartition(".<locals>.")[0] or function.__qualname__
            self._add((id(cell), ""), InCell(cell, function.__module__, f"{readable(home)}.{variable}"))
        self._defaults(function)

    def _defaults(self, function: types.FunctionType) -> None:
        code, defaults = function.__code__, function.__defaults__ or ()
        first = code.co_argcount - len(defaults)
        for place in range(len(defaults)):
            parameter = code.co_varnames[first + place]
            self._add((id(function), place), InDefaults(function, place, parameter))
        own = f"{readable(function.__qualname__)}."
        for space in filter(None, (function.__kwdefaults__, function.__dict__)):
            for key in space:
                if not key.startswith("__"):
                    self._add((id(space), key), InDict(space, key, function.__module__, own + key))

    def _global(self, space: dict[str, Any], key: str) -> None:
        if key in space and not key.startswith("__"):
            self._add((id(space), key), InDict(space, key, space.get("__name__"), key))

    def _imported(self, space: dict[str, Any], key: str) -> None:
        """A module that code imports where it needs it."""
        for name in (key, f"{space.get('__package__')}.{key}"):
            module = sys.modules.get(name)
            if module is not None and vars(module) is not space:
                self._left.append(module)

    def _class(self, cls: Any) -> None:
        if is_application(cls) and not issubclass(cls, enum.Enum):
            self.owners[id(cls)] = cls
            members = list(vars(cls).values())
            self._left += [m for m in members if isinstance(m, (types.FunctionType, *_DESCRIPTORS))]
            self._left += cls.__mro__[1:]

    def _members(self, owner: Any) -> None:
        space = vars(owner)
        for key in [key for key in space if key in self._names and not key.startswith("__")]:
            if isinstance(owner, type):
                self._add((id(owner), key), InClass(owner, key))
            elif isinstance(owner, types.ModuleType):
                self._global(space, key)

    def _add(self, place: tuple[int, Any], slot: Slot) -> None:
        if place in self._places:
            return
        self._places.add(place)
        value = slot.read()
        if is_state(value):
            self.slots[place] = slot
        self._left.append(value)


_CALLED = (types.FunctionType, types.MethodType, partial, dict, list, tuple)


def _is_of_python(function: Any) -> bool:
    """Whether a function belongs to the standard library, whose caches only save it work."""
    return str(getattr(function, "__module__", "")).partition(".")[0] in sys.stdlib_module_names


def _handed_to(function: types.FunctionType) -> list[Any]:
    """The functions that a library's function was given to call, by a decorator or a registry."""
    found = [InCell(cell, "", "").read() for cell in function.__closure__ or ()]
    return [value for value in found if isinstance(value, _CALLED)]


def is_state(value: Any) -> bool:
    """Whether a value is data of the application, rather than its code or an object of a library."""
    if isinstance(value, (*_SCALARS, *_CONTAINERS)) or is_object(value):
        return True
    return holds(value)


def is_object(value: Any) -> bool:
    """Whether a value is an ordinary object of a class of the application."""
    if isinstance(value, (type, types.ModuleType, types.FunctionType, enum.Enum)):
        return False
    return is_application(base_class(value)) and attributes(value) is not None


def is_application(value: Any) -> bool:
    """Whether a value is a module or a class of the application."""
    module = sys.modules.get(value.__module__) if isinstance(value, type) else value
    if not isinstance(module, types.ModuleType):
        return False
    file = getattr(module, "__file__", None)
    return module.__name__ == "__main__" if file is None else not is_library(file)


def is_followed(function: types.FunctionType) -> bool:
    """Whether a function is code that the application wrote."""
    file = function.__code__.co_filename
    if not file.startswith("<"):
        return not is_library(file)
    if function.__name__.startswith("__"):  # dataclasses write such methods
        return False
    module = sys.modules.get(function.__globals__.get("__name__") or "")
    return module is None or vars(module) is not function.__globals__ or is_application(module)
