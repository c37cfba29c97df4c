"""Functions kept where no module's name shows them: in classes, defaults, partials, sets of ``os``.

Decides where a function is looked for beside the names of modules, so that ``staticmethod(os.scandir)`` of
``glob`` or a default ``unlink=os.unlink`` of ``tempfile`` announces what it does too. What cannot be
rewritten (a container, a variable of a closure) is left: an audit hook tells of it (``runtime/egress.py``).
"""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from fuzzharness.world.heap import among, subclasses

Undo = Callable[[], None]
_SETS = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")


class Kept:
    """Stand-ins put in the place of functions that are kept somewhere; :meth:`restore` takes them away."""

    def __init__(self) -> None:
        self._undo: list[Undo] = []

    def replace(self, functions: Collection[tuple[Any, Any]]) -> None:
        """For each ``(original, stand_in)``: let the stand-in be used wherever the original is kept."""
        new = {id(old): (old, stand_in) for old, stand_in in functions}
        idents = frozenset(new)
        for holder in (*_callables(idents), *_classes(idents)):
            self._undo += _put(holder, new)
        for name in _SETS:
            self._undo += _add(getattr(os, name, set()), new)

    def restore(self) -> None:
        """Put the originals back."""
        while self._undo:
            self._undo.pop()()


_New = dict[int, tuple[Any, Any]]


def _callables(idents: frozenset[int]) -> Iterator[Any]:
    """The partials of the process, and its functions with one of ``idents`` for a default."""
    for found in among([types.FunctionType, *subclasses(functools.partial)]):
        kept = _kept_by(found) if isinstance(found, types.FunctionType) else None
        if kept is None or _among(idents, kept):
            yield found


def _kept_by(function: types.FunctionType) -> tuple[Any, ...]:
    named = function.__kwdefaults__
    return (*(function.__defaults__ or ()), *(named.values() if named else ()))


def _classes(idents: frozenset[int]) -> Iterator[type]:
    """The classes of the process with one of ``idents`` for an attribute, or with a static method."""
    static = frozenset(map(id, subclasses(staticmethod)))
    for owner in subclasses(object):
        values = vars(owner).values()
        if _among(idents, values) or _among(static, map(type, values)):
            yield owner


def _among(idents: frozenset[int], values: Iterable[Any]) -> bool:
    return not idents.isdisjoint(map(id, values))


def _put(holder: Any, new: _New) -> Iterator[Undo]:
    if isinstance(holder, types.FunctionType) and not _own(holder.__module__):
        yield from _in_defaults(holder, new)
    elif isinstance(holder, functools.partial):
        yield from _in_partial(holder, new)
    elif isinstance(holder, type) and not _own(holder.__module__):
        yield from _in_class(holder, new)


def _own(module: Any) -> bool:
    return isinstance(module, str) and module.startswith("fuzzharness.")


def _stand_in(value: Any, new: _New) -> Any:
    known = new.get(id(value))
    return known[1] if known is not None and known[0] is value else None


def _in_defaults(function: types.FunctionType, new: _New) -> Iterator[Undo]:
    before = function.__defaults__
    named: dict[str, Any] = function.__kwdefaults__ or {}
    if before and any(_stand_in(value, new) for value in before):
        function.__defaults__ = tuple(_stand_in(value, new) or value for value in before)
        yield functools.partial(setattr, function, "__defaults__", before)
    for name, value in list(named.items()):
        stand_in = _stand_in(value, new)
        if stand_in is not None:
            named[name] = stand_in
            yield functools.partial(named.__setitem__, name, value)


def _in_partial(partial: functools.partial[Any], new: _New) -> Iterator[Undo]:
    stand_in = _stand_in(partial.func, new)
    if stand_in is not None:
        set_state: Callable[[Any], None] = partial.__setstate__  # type: ignore[attr-defined]  # as pickle does
        rest = (partial.args, partial.keywords, vars(partial) or None)
        before = (partial.func, *rest)
        set_state((stand_in, *rest))
        yield lambda: set_state(before)


def _in_class(owner: type, new: _New) -> Iterator[Undo]:
    for name, value in list(vars(owner).items()):
        static = isinstance(value, staticmethod)
        stand_in = _stand_in(value.__func__ if static else value, new)
        if stand_in is None:
            continue
        try:
            setattr(owner, name, staticmethod(stand_in))
        except TypeError:  # a class that is written in C
            continue
        yield functools.partial(setattr, owner, name, value)


def _add(functions: set[Any], new: _New) -> Iterator[Undo]:
    added = {stand_in for old, stand_in in new.values() if old in functions}
    functions |= added
    yield lambda: functions.difference_update(added)
