"""Slot: one place of the application's code that holds state under a name.

Decides how a module global, a variable of a closure, a member of a class, a default or an attribute of a
function is read, written and called. Never decides which of them are state.
"""

from __future__ import annotations

import sys
import types
from functools import partial
from typing import Any

from fuzzharness.access import MISSING


class Slot:
    """A named place; ``module`` and ``name`` say where people would look for it."""

    __slots__ = ("module", "name")

    def __init__(self, module: Any, name: str) -> None:
        self.module = module if isinstance(module, str) else "?"
        self.name = name

    def read(self) -> Any:
        """What stands there now; MISSING where nothing does."""
        raise NotImplementedError

    def write(self, value: Any) -> None:
        """Let ``value`` stand there; nothing at all for MISSING."""
        raise NotImplementedError

    def references(self) -> int:
        """How often the value is held, in the measure of :data:`fuzzharness.world.storage.ALONE`."""
        value = self.read()
        return sys.getrefcount(value)

    @property
    def full_name(self) -> str:
        """The name behind that of its module."""
        return f"{self.module}.{self.name}"


class InDict(Slot):
    """A key of a namespace: a module's global, an attribute of a function."""

    __slots__ = ("_key", "_space")

    def __init__(self, space: dict[str, Any], key: str, module: Any, name: str) -> None:
        super().__init__(module, name)
        self._space, self._key = space, key

    def read(self) -> Any:
        return self._space.get(self._key, MISSING)

    def write(self, value: Any) -> None:
        if value is MISSING:
            self._space.pop(self._key, None)
        else:
            self._space[self._key] = value


class InCell(Slot):
    """A variable that closures share."""

    __slots__ = ("_cell",)

    def __init__(self, cell: types.CellType, module: Any, name: str) -> None:
        super().__init__(module, name)
        self._cell = cell

    def read(self) -> Any:
        try:
            return self._cell.cell_contents
        except ValueError:
            return MISSING

    def write(self, value: Any) -> None:
        if value is not MISSING:
            self._cell.cell_contents = value
        elif self.read() is not MISSING:
            del self._cell.cell_contents


class InClass(Slot):
    """A member of a class, past what its metaclass does with one."""

    __slots__ = ("_class", "_key")

    def __init__(self, cls: type, key: str) -> None:
        super().__init__(cls.__module__, f"{readable(cls.__qualname__)}.{key}")
        self._class, self._key = cls, key

    def read(self) -> Any:
        return self._class.__dict__.get(self._key, MISSING)

    def write(self, value: Any) -> None:
        if value is not MISSING:
            type.__setattr__(self._class, self._key, value)
        elif self._key in self._class.__dict__:
            type.__delattr__(self._class, self._key)


class InDefaults(Slot):
    """The default of a parameter: its place among the positional ones."""

    __slots__ = ("_function", "_place")

    def __init__(self, function: types.FunctionType, place: int, parameter: str) -> None:
        super().__init__(function.__module__, f"{readable(function.__qualname__)}.{parameter}")
        self._function, self._place = function, place

    def read(self) -> Any:
        given = self._function.__defaults__ or ()
        return given[self._place] if self._place < len(given) else MISSING

    def write(self, value: Any) -> None:
        given = list(self._function.__defaults__ or ())
        if self._place < len(given):
            given[self._place] = value
            self._function.__defaults__ = tuple(given)


class InPartial(Slot):
    """A positional argument that a partial keeps."""

    __slots__ = ("_partial", "_place")

    def __init__(self, kept: partial[Any], place: int) -> None:
        super().__init__(getattr(kept.func, "__module__", None), f"{partial_name(kept)}.{place}")
        self._partial, self._place = kept, place

    def read(self) -> Any:
        return self._partial.args[self._place]

    def write(self, value: Any) -> None:
        args = list(self._partial.args)
        args[self._place] = value
        kept = self._partial
        kept.__setstate__((kept.func, tuple(args), kept.keywords, vars(kept)))  # type: ignore[attr-defined]  # what pickle uses


class Held(Slot):
    """An object that stands under no name of its own: the ``self`` of a bound method."""

    __slots__ = ("_object",)

    def __init__(self, held: Any) -> None:
        super().__init__(type(held).__module__, f"{readable(type(held).__qualname__)}()")
        self._object = held

    def read(self) -> Any:
        return self._object

    def write(self, value: Any) -> None:
        """It stays the object it is."""


def partial_name(kept: partial[Any]) -> str:
    """What people call a partial."""
    return f"partial({readable(getattr(kept.func, '__qualname__', type(kept.func).__qualname__))})"


def readable(name: str) -> str:
    """A qualified name as people say it."""
    return name.replace(".<locals>", "")
