"""Names that code binds anew, and the functions that are rewritten so that they announce it.

Decides which names these are: globals, enclosing variables, members of modules, classes and functions
that some reachable code binds. Functions that name none of them stay as they are. A function that cannot
be rewritten is left, and named, so that nobody takes its accesses for seen.
"""

from __future__ import annotations

import linecache
import types
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Any

from fuzzharness.runtime.announcing import Announcer, Members, Proxy, nothing
from fuzzharness.runtime.reach import Reach, is_application, is_followed
from fuzzharness.runtime.rewriting import MARK, REFUSED, Names, marks_of, rewritten, supplied
from fuzzharness.runtime.stores import names_of
from fuzzharness.world.slots import InCell, InClass, InDict, Slot, readable

_NOT_STATE = (types.FunctionType, classmethod, staticmethod, property, cached_property, type)


class Rebinding:
    """What the functions of ``reach`` bind anew; ``slots`` are the places of it, by holder and key."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self.slots: dict[tuple[int, Any], Slot] = {}
        self._globals: defaultdict[int, set[str]] = defaultdict(set)
        self._members: defaultdict[str, list[Any]] = defaultdict(list)
        self._attributes: set[str] = set()
        self._originals: list[tuple[types.FunctionType, types.CodeType]] = []
        self._collect()

    # -- which names -----------------------------------------------------------------------------

    def _collect(self) -> None:
        forced: set[str] = set()
        for function, stores in self._reach.stores():
            for name in stores.globals:
                self._global(function.__globals__, name)
            for name in stores.enclosing & set(function.__code__.co_freevars):
                self._variable(function, name)
            self._attributes |= stores.attributes
            forced |= {key for owner, key in stores.members if _owns_members(function, owner)}
        for owner in self._reach.owners.values():
            for key in self._attributes & vars(owner).keys():
                self._member(owner, key)
        self._attributes &= {*self._members, *forced}
        self._by_module()

    def _global(self, space: dict[str, Any], name: str) -> None:
        self._globals[id(space)].add(name)
        place = (id(space), name)
        self.slots[place] = self._reach.slots.get(place) or InDict(space, name, space.get("__name__"), name)

    def _variable(self, function: types.FunctionType, name: str) -> None:
        cell = (function.__closure__ or ())[function.__code__.co_freevars.index(name)]
        place = (id(cell), "")
        home = function.__qualname__.rpartition(".<locals>.")[0] or function.__qualname__
        known = self._reach.slots.get(place)
        self.slots[place] = known or InCell(cell, function.__module__, f"{readable(home)}.{name}")

    def _member(self, owner: Any, key: str) -> None:
        value = vars(owner)[key]
        if key.startswith("__") or isinstance(value, (*_NOT_STATE, types.MemberDescriptorType)):
            return
        self._members[key].append(owner)
        if isinstance(owner, types.ModuleType):
            self._global(vars(owner), key)
        else:
            place, slot = member_slot(owner, key)
            self.slots[place] = self._reach.slots.get(place) or slot

    def _by_module(self) -> None:
        """Globals that a module binds are read from elsewhere as its attributes."""
        for owner in self._reach.owners.values():
            if isinstance(owner, types.ModuleType):
                for key in self._globals.get(id(vars(owner)), ()):
                    self._attributes.add(key)
                    self._members[key].append(owner)

    # -- which functions -------------------------------------------------------------------------

    def install(
        self, announcers: dict[tuple[int, Any], Announcer], add: Any, fail: Callable[[str], None]
    ) -> None:
        """Let every function that names one of them announce it; ``announcers`` are by place.

        ``add`` makes an announcer for a member that is bound for the first time, ``fail`` is told of what
        could not be rewritten.
        """
        self._announcers = announcers
        self._of_members = {name: Members(name, add) for name in self._attributes}
        for name, members in self._of_members.items():
            for owner in self._members.get(name, ()):
                place = (id(vars(owner)), name)
                known = announcers.get(place) or announcers.get((id(owner), name))
                if known is not None:
                    members.know(owner, known)
        for function in self._reach.functions.values():
            self._rewrite(function, fail)

    def _rewrite(self, function: types.FunctionType, fail: Callable[[str], None]) -> None:
        names = self._names(function)
        if names is None:
            return
        code = _find(function, names)
        if code is None or REFUSED in marks_of(code):
            why = "its source is not there, or not what runs" if code is None else "of how it binds them"
            told = ", ".join(
                sorted({*names.globals, *names.enclosing, *names.attributes} & _named_by(function))
            )
            fail(f"{readable(function.__qualname__)} uses {told} and was not rewritten, because {why}")
        elif any(marks_of(code)):
            self._originals.append((function, function.__code__))
            function.__code__ = supplied(code, lambda mark, _: self._supply(function, mark))

    def _names(self, function: types.FunctionType) -> Names | None:
        """The names that ``function`` is to announce; None if it has none of them."""
        code = function.__code__
        own = self._globals.get(id(function.__globals__), set())
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        enclosing = frozenset(name for name, cell in cells if (id(cell), "") in self._announcers)
        if not enclosing and (own | self._attributes).isdisjoint(names_of(code)):
            return None
        of = (code.co_name, code.co_firstlineno) if enclosing else ("", 0)
        return Names(frozenset(own), frozenset(self._attributes), enclosing, of)

    def _supply(self, function: types.FunctionType, mark: str) -> Any:
        kind, role, name = mark.removeprefix(MARK).split(" ", 2)
        if kind == "member":
            members = self._of_members[name]
            return members.read if role == "read" else members.write
        place: tuple[int, Any] = (id(function.__globals__), name)
        if kind == "enclosing":
            place = (id((function.__closure__ or ())[function.__code__.co_freevars.index(name)]), "")
        announcer = self._announcers.get(place)
        if announcer is None:
            return nothing
        if role == "read":
            return announcer.read
        return Proxy(announcer) if role == "proxy" else Proxy(announcer).store

    def remove(self) -> None:
        """Give every function the code it had."""
        while self._originals:
            function, code = self._originals.pop()
            function.__code__ = code


def member_slot(owner: Any, key: str) -> tuple[tuple[int, Any], Slot]:
    """The place of a member of a module, a class or a function, and its slot."""
    if isinstance(owner, types.ModuleType):
        return (id(vars(owner)), key), InDict(vars(owner), key, owner.__name__, key)
    if isinstance(owner, type):
        return (id(owner), key), InClass(owner, key)
    space, name = owner.__dict__, f"{readable(owner.__qualname__)}.{key}"
    return (id(space), key), InDict(space, key, owner.__module__, name)


def may_own(value: Any) -> bool:
    """Whether members of ``value`` are state: a module, a class or a function of the application."""
    if isinstance(value, types.FunctionType):
        return is_followed(value)
    return isinstance(value, (types.ModuleType, type)) and is_application(value)


def _owns_members(function: types.FunctionType, name: str) -> bool:
    """Whether a name of ``function`` stands for something whose members are state."""
    variables = function.__code__.co_freevars
    if name in variables:
        cell = (function.__closure__ or ())[variables.index(name)]
        return may_own(InCell(cell, "", "").read())
    return name == "cls" or may_own(function.__globals__.get(name))


def _named_by(function: types.FunctionType) -> set[str]:
    return {*names_of(function.__code__), *function.__code__.co_freevars}


def _find(function: types.FunctionType, names: Names) -> types.CodeType | None:
    """The code that ``function`` is to have; None where its source does not tell."""
    code, space = function.__code__, function.__globals__
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename, space))
    pairs = rewritten(source, code.co_filename, names) if source else ()
    exact = [new for old, new in pairs if old == code]
    if exact or _ASSERTS not in space:
        return exact[0] if exact else None
    alike = [new for old, new in pairs if _outline(old) == _outline(code)]
    return alike[0] if len(alike) == 1 else None


_ASSERTS = "@pytest_ar"
"""The global of modules whose assertions pytest has rewritten: their code is not that of their source."""


def _outline(code: types.CodeType) -> tuple[Any, ...]:
    given = code.co_argcount + code.co_kwonlyargcount
    return code.co_qualname, code.co_firstlineno, code.co_freevars, code.co_flags, code.co_varnames[:given]
