"""Which event loop an async tool is made for.

Decides by what the tool's own code, and the application's functions it names, name themselves: trio, or else
asyncio. Code that names neither, or anyio only, runs on both; it gets asyncio, as most runners give it.
"""

from __future__ import annotations

import sys
import types
from functools import lru_cache, partial
from typing import Any

from fuzzharness.runtime.places import is_library
from fuzzharness.tools.toolbox import Bound


def loop_of(bound: Bound, wanted: str = "auto") -> str | None:
    """The loop that a call needs, or is ``wanted`` on; None for a plain function, which runs on a thread."""
    if not bound.is_async:
        return None
    return _loop(bound.tool) if wanted == "auto" else wanted


@lru_cache(maxsize=1024)
def _loop(tool: Any) -> str:
    return "trio" if _names_trio(tool, set()) else "asyncio"


def _names_trio(value: Any, seen: set[int]) -> bool:
    function = _function(value)
    if function is None or id(function) in seen:
        return False
    seen.add(id(function))
    return any(_is_trio(named) or _names_trio(named, seen) for named in _named(function))


def _is_trio(value: Any) -> bool:
    """Whether a value is the package trio or something that it defines."""
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return isinstance(name, str) and name.partition(".")[0] == "trio"


def _named(function: types.FunctionType) -> list[Any]:
    """What the code of a function names: globals, closures, defaults, what it imports."""
    code, space = function.__code__, function.__globals__
    found = [space[name] for name in _names(code) if name in space]
    found += [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    found += function.__defaults__ or ()
    found += (function.__kwdefaults__ or {}).values()
    modules = (sys.modules.get(name) for name in _names(code) if name == "trio" and name not in space)
    return [*found, *(m for m in modules if m is not None and _imports(code, m.__name__))]


def _imports(code: types.CodeType, name: str) -> bool:
    """Whether a function imports ``name`` itself."""
    return name in _names(code)


def _names(code: types.CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, types.CodeType) for name in _names(part)]
    return [*code.co_names, *inner]


def _plain(value: Any) -> bool:
    """Whether asking for its attributes runs no code of the application."""
    return not any(name in vars(kind) for kind in type(value).__mro__[:-1] for name in _ASKED)


_ASKED = ("__getattr__", "__getattribute__")


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _function(value: Any) -> types.FunctionType | None:
    while isinstance(value, partial):
        value = value.func
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, (type, types.ModuleType)):
        return None
    value = (getattr(value, "__dict__", None) or {}).get("__wrapped__", value) if _plain(value) else value
    if not isinstance(value, types.FunctionType):
        value = vars(type(value)).get("__call__")
    if not isinstance(value, types.FunctionType) or is_library(value.__code__.co_filename):
        return None
    return value
