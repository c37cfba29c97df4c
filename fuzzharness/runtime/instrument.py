"""Modules whose state is watched and whose functions are rewritten although no tool names them.

Decides only which modules these are: a list for the whole process. What is done with them is decided in
``state``.
"""

from __future__ import annotations

import difflib
import sys
from types import ModuleType, TracebackType

from fuzzharness.errors import InstrumentError
from fuzzharness.runtime.places import is_library

_INSTRUMENTED: list[ModuleType] = []


class Instrumented:
    """What :func:`instrument` did; a context manager that undoes it at its end."""

    def __init__(self, modules: tuple[ModuleType, ...]) -> None:
        self.modules = modules
        self._done = False

    def undo(self) -> None:
        """Leave the modules to themselves again. May be called twice."""
        if not self._done:
            self._done = True
            for module in self.modules:
                _INSTRUMENTED.remove(module)

    def __enter__(self) -> Instrumented:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


def instrument(*modules: str | ModuleType) -> Instrumented:
    """Watch all state of ``modules`` (names, or the modules themselves) in explorations from now on.

    For modules that the tools reach in a way their code does not show: by ``importlib``, by a registry, by
    an entry point. ``with fh.instrument("shop.tools"):`` ends it with the block, else ``.undo()`` does.

    Raises :class:`InstrumentError` for what is no imported module of the application.
    """
    found = tuple(_module(module) for module in modules)
    if not found:
        raise InstrumentError(
            "instrument was given no module. Expected the name of an imported module, or the module itself. "
            'Write fh.instrument("shop.tools").'
        )
    _INSTRUMENTED.extend(found)
    return Instrumented(found)


def instrumented() -> tuple[ModuleType, ...]:
    """The modules given so far, each once."""
    return tuple({id(module): module for module in _INSTRUMENTED}.values())


def _module(given: object) -> ModuleType:
    module = sys.modules.get(given) if isinstance(given, str) else given
    if isinstance(given, str) and module is None:
        near = difflib.get_close_matches(given, sys.modules, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InstrumentError(
            f"instrument was given {given!r}, which is not imported.{hint} Expected a module that the tools "
            "have loaded. Import it first."
        )
    if not isinstance(module, ModuleType):
        raise InstrumentError(
            f"instrument was given a {type(given).__name__}. Expected the name of an imported module, or the "
            "module itself. Tools and what they name are watched without being given."
        )
    file = getattr(module, "__file__", None)
    if file is None or is_library(file):
        raise InstrumentError(
            f"instrument was given {module.__name__!r}, which is not the application's code. Expected a "
            "module with source that is neither installed, nor of the standard library, nor of fuzzharness."
        )
    return module
