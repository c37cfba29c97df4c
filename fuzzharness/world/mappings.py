"""What the methods of dicts read and write, key by key.

Decides the keys and kinds. What the interpreter does in one go is one step here too: a
``defaultdict`` that makes a list, a ``Counter`` that counts the elements of a text.
"""

from __future__ import annotations

import collections
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping
from typing import Any

from fuzzharness.access import ANY
from fuzzharness.world.methods import CHECK, READ, WRITE, iterating, keyed, measuring, storing, whole
from fuzzharness.world.storage import JOINED, WATCH, bare, drained, note_stored, peek, plainly, take_all
from fuzzharness.world.views import VIEWS
from fuzzharness.world.walk import joined
from fuzzharness.world.watch import Watch

Methods = dict[str, Any]


def _dict_getitem(family: Any) -> Any:
    read = keyed(family, "__getitem__", READ)
    method = family.__getitem__

    def __getitem__(self: Any, key: Any) -> Any:
        if getattr(self, JOINED, None) is None:
            return read(self, key)
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None or not joined(self, watch):
            object.__setattr__(self, JOINED, None)
            return read(self, key)
        return method(self, key)

    return __getitem__


def _dict_setdefault(family: Any) -> Any:
    def setdefault(self: Any, key: Any, default: Any = None) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return family.setdefault(self, key, default)
        look = lambda: peek(self, family, key)  # noqa: E731  # used twice below
        watch.access(key, READ, look)
        if dict.__contains__(self, key):
            watch.kin.take_in(self, key, watch)
        else:
            watch.note(key, WRITE, look)
            watch.insert()
            family.__setitem__(self, key, default)
            watch.kin.take_in(self, key, watch, given=default)
        return dict.__getitem__(self, key)

    return setdefault


def _dict_update(family: Any, name: str) -> Any:
    def announced(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return getattr(family, name)(self, *args, **kwargs)
        args = tuple(map(drained, args))
        keys = [*(args[0] if args and isinstance(args[0], dict) else ()), *kwargs]
        exact = not args or isinstance(args[0], dict)
        pairs = [((*watch.path, key), WRITE) for key in (keys if exact else [ANY])]
        watch.gate.accesses(watch.resource, pairs, lambda key: peek(self, family, key[-1]))
        if not exact or not all(dict.__contains__(self, key) for key in keys):
            watch.insert()
        result = getattr(family, name)(self, *args, **kwargs)
        note_stored(self, family, watch)
        return result

    return announced


def _dict_union(family: Any, name: str) -> Any:
    def announced(self: Any, other: Any) -> Any:
        other = plainly(other)
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is not None:
            watch.access(ANY, READ, lambda: peek(self, family, ANY))
            take_all(self, family, watch)
        return getattr(family, name)(bare(self, family), other)

    return announced


def _dict_view(family: Any, name: str) -> Any:
    def announced(self: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        real = getattr(family, name)(self)
        if watch is None or not watch.gate.inside:
            return real
        return VIEWS[name](real, self, family, watch)

    return announced


def _made_on_demand(self: Any, key: Any) -> Any:
    """``defaultdict.__missing__``: one step with the read where the factory is a builtin."""
    watch: Watch | None = getattr(self, WATCH, None)
    factory = self.default_factory
    if watch is None or factory is None:
        return defaultdict.__missing__(self, key)
    look = lambda: peek(self, defaultdict, key)  # noqa: E731  # used twice below
    if factory in _INDIVISIBLE:
        watch.note(key, WRITE, look)
        watch.insert()
        dict.__setitem__(self, key, factory())
    else:
        value = factory()
        watch.access(key, WRITE, look)
        watch.insert()
        dict.__setitem__(self, key, value)
        watch.kin.take_in(self, key, watch, given=value)
        return dict.__getitem__(self, key)
    watch.kin.take_in(self, key, watch)
    return dict.__getitem__(self, key)


_INDIVISIBLE = (int, str, float, bool, list, dict, set, tuple, bytes, deque)


def dict_methods(family: Any) -> Methods:
    methods: Methods = {
        "__getitem__": _dict_getitem(family), "get": keyed(family, "get", READ),
        "__contains__": keyed(family, "__contains__", CHECK), "__setitem__": storing(family),
        "__delitem__": keyed(family, "__delitem__", WRITE), "pop": keyed(family, "pop", READ, WRITE),
        "setdefault": _dict_setdefault(family), "popitem": whole(family, "popitem", READ, WRITE),
        "clear": whole(family, "clear", READ, WRITE), "__len__": measuring(family),
        **{name: _dict_update(family, name) for name in ("update", "__ior__")},
        **{name: _dict_view(family, name) for name in ("keys", "values", "items")},
        **{name: _dict_union(family, name) for name in ("__or__", "__ror__")},
        **{name: whole(family, name, READ) for name in ("copy", "__eq__", "__ne__", "__repr__")},
        **{name: iterating(family, name) for name in ("__iter__", "__reversed__")},
    }  # fmt: skip
    if issubclass(family, OrderedDict):
        methods["move_to_end"] = whole(family, "move_to_end", READ, WRITE)
    if issubclass(family, defaultdict):
        methods["__missing__"] = _made_on_demand
    return methods


def count_elements(self: Any, iterable: Any = None, /, **kwargs: Any) -> None:
    """``Counter.update``: counting the elements of an iterable is one step, as it is in C."""
    watch: Watch | None = getattr(self, WATCH, None)
    if watch is None or iterable is None or isinstance(iterable, Mapping):
        Counter.update(self, iterable, **kwargs)
        return
    elements = drained(iterable)
    watch.change(lambda: peek(self, dict, ANY))
    counts: dict[Any, int] = dict(dict.items(self))
    collections._count_elements(counts, elements)  # type: ignore[attr-defined]  # what Counter itself calls
    dict.update(self, counts)
    if kwargs:
        Counter.update(self, kwargs)
