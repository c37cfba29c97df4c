"""Containers that announce every access before they make it.

Decides which key each method of dict, list, set and deque reads or writes. Never decides when the
call may go on: that is the gate's part.

An announcing class stands between a class of the application and the builtin it derives from, so
that the application's own methods run as they are and ``super()`` finds the announcements. What the
interpreter does in one go (``dict(d)``, ``list(d)``, ``{**d}``, a ``defaultdict`` making a list) is
one step here too: accesses that one instruction of one frame makes in a known order are joined.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import cache
from typing import Any

from fuzzharness.access import ANY, Kind
from fuzzharness.world.mappings import Methods, dict_methods
from fuzzharness.world.members import Members
from fuzzharness.world.methods import CHECK, READ, WRITE, iterating, measuring, whole
from fuzzharness.world.storage import WATCH, bare, drained, note_stored, peek, take_all
from fuzzharness.world.watch import Watch


def _indexed(family: Any, name: str, kind: Kind) -> Any:
    """A method of a sequence whose first argument is an index or a slice."""
    method = getattr(family, name)

    def announced(self: Any, index: Any, *args: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return method(self, index, *args)
        exact = isinstance(index, int) and index >= 0
        key = index if exact else ANY
        if args and not exact:
            args = (drained(args[0]) if isinstance(index, slice) else args[0],)
        watch.access(key, kind, lambda: peek(self, family, key))
        if kind is READ:
            take_all(self, family, watch)
        result = method(self, index, *args)
        if kind is WRITE:
            note_stored(self, family, watch)
        return result

    return announced


def _reflected_sum(family: Any) -> Any:
    """``plain + tracked``, which the builtin would compute past every method."""

    def __radd__(self: Any, other: Any) -> Any:
        if not isinstance(other, family):
            return NotImplemented
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is not None:
            watch.access(ANY, READ, lambda: peek(self, family, ANY))
            take_all(self, family, watch)
        return family.__add__(other, bare(self, family))

    return __radd__


def _sequence_methods(family: Any) -> Methods:
    reads = ("copy", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__", "__contains__",
             "index", "count", "__add__", "__mul__", "__rmul__")  # fmt: skip
    changes = ("append", "extend", "insert", "pop", "remove", "reverse", "clear", "__iadd__", "__imul__",
               "__delitem__", "sort", "appendleft", "extendleft", "popleft", "rotate")  # fmt: skip
    return {
        "__getitem__": _indexed(family, "__getitem__", READ),
        "__setitem__": _indexed(family, "__setitem__", WRITE),
        "__len__": measuring(family),
        "__radd__": _reflected_sum(family),
        **{name: iterating(family, name) for name in ("__iter__", "__reversed__")},
        **{name: whole(family, name, READ) for name in reads if hasattr(family, name)},
        **{name: whole(family, name, READ, WRITE) for name in changes if hasattr(family, name)},
    }


def _set_methods(family: Any) -> Methods:
    reads = ("copy", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__", "__and__",
             "__rand__", "__or__", "__ror__", "__sub__", "__rsub__", "__xor__", "__rxor__", "union",
             "difference", "intersection", "symmetric_difference", "issubset", "issuperset",
             "isdisjoint")  # fmt: skip
    changes = ("pop", "clear", "update", "difference_update", "intersection_update",
               "symmetric_difference_update", "__ior__", "__iand__", "__isub__", "__ixor__")  # fmt: skip
    return {
        "__contains__": _member(family, "__contains__", CHECK),
        "add": _member(family, "add", WRITE),
        "discard": _member(family, "discard", WRITE),
        "remove": _member(family, "remove", READ, WRITE),
        "__len__": measuring(family),
        "__iter__": iterating(family),
        **{name: whole(family, name, READ) for name in reads},
        **{name: whole(family, name, READ, WRITE) for name in changes},
    }


def _member(family: Any, name: str, *kinds: Kind) -> Any:
    method = getattr(family, name)

    def announced(self: Any, member: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is not None:
            look = lambda: peek(self, family, member)  # noqa: E731  # used twice below
            watch.access(member, kinds[0], look)
            for kind in kinds[1:]:
                watch.note(member, kind, look)
            if name == "add" and not family.__contains__(self, member):
                watch.insert()
        return method(self, member)

    return announced


_METHODS: dict[Any, Callable[[Any], Methods]] = {
    OrderedDict: dict_methods, defaultdict: dict_methods, dict: dict_methods,
    list: _sequence_methods, deque: _sequence_methods, set: _set_methods, Members: _set_methods,
}  # fmt: skip


@cache
def announcing(family: Any) -> Any:
    """The subclass of a builtin container whose methods announce what they touch."""
    methods = {"__slots__": (), "__module__": family.__module__, **_METHODS[family](family)}
    return type(family.__name__, (family,), methods)
