"""Containers that announce every access before they make it.

Decides which key each method of dict, list, set and deque reads or writes. Never decides when the
call may go on: that is the gate's part.

An announcing class stands between a class of the application and the builtin it derives from, so
that the application's own methods run as they are and ``super()`` finds the announcements. What the
interpreter does in one go (``dict(d)``, ``list(d)``, ``{**d}``, a ``defaultdict`` making a list) is
one step here too: accesses that one instruction of one frame makes in a known order are joined.
"""

from __future__ import annotations

import collections
import operator
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cache
from typing import Any, Final

from fuzzharness.access import ANY, MISSING, Kind
from fuzzharness.world.members import Members
from fuzzharness.world.plain import ATOMS, plain
from fuzzharness.world.walk import Walk
from fuzzharness.world.watch import Watch

READ, CHECK, WRITE = Kind.READ, Kind.CHECK, Kind.WRITE
WATCH: Final = "_fuzz_watch"
JOINED: Final = "_fuzz_joined"
BASE: Final = "_fuzz_base"
FAMILIES: Final = (OrderedDict, defaultdict, dict, list, deque, set, Members)
_SETS: Final = (set, Members)

Methods = dict[str, Any]


def family_of(kind: type) -> Any:
    """The builtin container that ``kind`` is or derives from; None if it is none."""
    try:
        return _FAMILY[kind]
    except KeyError:
        return _FAMILY.setdefault(kind, next((f for f in FAMILIES if issubclass(kind, f)), None))


_FAMILY: dict[type, Any] = {}


def watch_of(container: Any) -> Watch | None:
    """The watch of a tracked container; None for one that is not, or a result made from one."""
    return getattr(container, WATCH, None)


def peek(container: Any, family: Any, key: Any) -> Any:
    """What stands at ``key``, read past the announcements; the whole content for ANY."""
    if issubclass(family, dict):
        if key is ANY:
            return {k: plain(v) for k, v in dict.items(container)}
        value = dict.get(container, key, MISSING)
        return value if value is MISSING else plain(value)
    if key is ANY:
        return [plain(item) for item in family.__iter__(container)]
    if issubclass(family, _SETS):
        return family.__contains__(container, key)
    return plain(family.__getitem__(container, key)) if key < family.__len__(container) else MISSING


def pairs_of(container: Any, family: Any) -> list[tuple[Any, Any]]:
    """The keys and values inside, read past the announcements."""
    if issubclass(family, dict):
        return list(family.items(container))
    return list(enumerate(family.__iter__(container)))


def take_all(container: Any, family: Any, watch: Watch) -> None:
    """Let everything that was put inside meanwhile announce its accesses."""
    if issubclass(family, _SETS) or not watch.gate.inside:
        return
    if issubclass(family, dict):
        keys = [key for key, item in family.items(container) if type(item) not in ATOMS]
    else:
        keys = [i for i, item in enumerate(family.__iter__(container)) if type(item) not in ATOMS]
    for key in keys:
        watch.kin.take_in(container, key, watch)


def note_stored(container: Any, family: Any, watch: Watch) -> None:
    """After an operation that may have put several values inside."""
    if not issubclass(family, _SETS):
        for key, item in pairs_of(container, family):
            if type(item) not in ATOMS:
                watch.kin.stored(container, key, watch)


def drained(given: Any) -> Any:
    """Everything an iterable yields, so that what it does on the way is done before the gate."""
    if isinstance(given, (Mapping, list, tuple, set, frozenset, deque, str, bytes)) or hasattr(given, "keys"):
        return plainly(given)
    return list(given)


def plainly(given: Any) -> Any:
    """``given`` as a plain container, where it is a tracked one: read in a step of its own."""
    watch = watch_of(given)
    if watch is None:
        return given
    family = family_of(type(given))
    watch.access(ANY, READ, lambda: peek(given, family, ANY))
    if issubclass(family, dict):
        return dict(family.items(given))
    items = family.__iter__(given)
    return set(items) if issubclass(family, _SETS) else list(items)


# ---- one wrapper per shape of method ---------------------------------------------------------------


def _keyed(family: Any, name: str, *kinds: Kind) -> Any:
    """A method whose first argument is the one key it touches, and that may hand out its value."""
    method = getattr(family, name)
    kind, more = kinds[0], kinds[1:]

    def announced(self: Any, key: Any, *args: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return method(self, key, *args)
        look = lambda: peek(self, family, key)  # noqa: E731  # twice as fast as a def here, on the hot path
        watch.gate.access(watch.resource, (*watch.path, key), kind, look)
        for other in more:
            watch.note(key, other, look)
        if kind is READ and type(dict.get(self, key)) not in ATOMS:
            watch.kin.take_in(self, key, watch)
        return method(self, key, *args)

    return announced


def _storing(family: Any) -> Any:
    method = family.__setitem__

    def __setitem__(self: Any, key: Any, value: Any) -> None:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return method(self, key, value)  # type: ignore[no-any-return]  # None
        watch.gate.access(watch.resource, (*watch.path, key), WRITE, lambda: peek(self, family, key))
        method(self, key, value)
        if type(value) not in ATOMS:
            del value
            watch.kin.stored(self, key, watch)
        return None

    return __setitem__


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


def _whole(family: Any, name: str, *kinds: Kind) -> Any:
    """A method that touches everything inside."""
    method = getattr(family, name)
    reading = kinds == (READ,)

    def announced(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return method(self, *args, **kwargs)
        args = tuple(drained(arg) if _iterates(name) else plainly(arg) for arg in args)
        look = lambda: peek(self, family, ANY)  # noqa: E731  # used twice below
        if reading:
            watch.access(ANY, READ, look)
        else:
            watch.change(look)
        take_all(self, family, watch)
        result = method(self, *args, **kwargs)
        if not reading:
            note_stored(self, family, watch)
        return _bare_result(result, self, family)

    return announced


def _iterates(name: str) -> bool:
    return name in {"extend", "extendleft", "__iadd__", "update", "__ior__", "subtract"}


def _bare_result(result: Any, container: Any, family: Any) -> Any:
    """Results of builtin methods are plain, not unwatched look-alikes of a tracked class."""
    if result is container or type(result) is not type(container):
        return result
    return bare(result, family)


def bare(container: Any, family: Any) -> Any:
    """A shallow copy without the announcements, of the class the application knows."""
    kind = type(container).__dict__.get(BASE, type(container))
    twin = empty(kind, container)
    fill(twin, pairs_of(container, family))
    return twin


def empty(kind: Any, like: Any) -> Any:
    """An empty container of class ``kind`` with the settings of ``like``."""
    family = family_of(kind)
    twin = family.__new__(kind)
    if family is dict or family is list:
        return twin
    if issubclass(family, defaultdict):
        defaultdict.__init__(twin, like.default_factory)
    elif issubclass(family, deque):
        deque.__init__(twin, (), like.maxlen)
    elif issubclass(family, OrderedDict):
        OrderedDict.__init__(twin)
    return twin


def fill(twin: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    """Put keys and values into an empty container, past every announcement."""
    family = family_of(type(twin))
    if issubclass(family, dict):
        for key, item in pairs:
            family.__setitem__(twin, key, item)
    elif issubclass(family, _SETS):
        family.update(twin, [item for _, item in pairs])
    else:
        family.extend(twin, [item for _, item in pairs])


# ---- iterating: one step as long as nothing else happens in between ---------------------------------


def instruction(depth: int) -> tuple[int, int]:
    frame = sys._getframe(depth + 1)
    return id(frame), frame.f_lasti


def _iterating(family: Any, name: str = "__iter__") -> Any:
    method = getattr(family, name)

    def announced(self: Any) -> Iterator[Any]:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None or not watch.gate.inside:
            return method(self)  # type: ignore[no-any-return]  # an iterator of a builtin
        return begin_walk(self, family, watch, method(self), instruction(1))

    return announced


def begin_walk(
    container: Any, family: Any, watch: Watch, real: Iterator[Any], by: tuple[int, int]
) -> Iterator[Any]:
    """Announce that the whole is read from now on, by this instruction; returns the iterator."""
    look = lambda: peek(container, family, ANY)  # noqa: E731  # handed on
    watch.access(ANY, READ, look)
    take_all(container, family, watch)
    object.__setattr__(container, JOINED, (watch.gate.mark(), by))
    return Walk(real, watch, look, lambda: take_all(container, family, watch))


def _measuring(family: Any) -> Any:
    def __len__(self: Any) -> int:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is not None and not _joined(self, watch):
            watch.access(ANY, READ, lambda: peek(self, family, ANY))
        return family.__len__(self)  # type: ignore[no-any-return]  # an int

    return __len__


def _joined(container: Any, watch: Watch) -> bool:
    """Whether the instruction that has just begun to read the whole goes on reading it."""
    known = getattr(container, JOINED, None)
    return known is not None and known == (watch.gate.mark(), instruction(2))


# ---- dict ---------------------------------------------------------------------------------------------


def _dict_getitem(family: Any) -> Any:
    keyed = _keyed(family, "__getitem__", READ)
    method = family.__getitem__

    def __getitem__(self: Any, key: Any) -> Any:
        if getattr(self, JOINED, None) is None:
            return keyed(self, key)
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None or not _joined(self, watch):
            object.__setattr__(self, JOINED, None)
            return keyed(self, key)
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


class View:
    """A view of a tracked dict: announces what is read through it, when it is read."""

    __slots__ = ("_container", "_family", "_real", "_watch")

    def __init__(self, real: Any, container: Any, family: Any, watch: Watch) -> None:
        self._real, self._container, self._family, self._watch = real, container, family, watch

    def _read(self, key: Any, kind: Kind) -> Any:
        container, family = self._container, self._family
        self._watch.access(key, kind, lambda: peek(container, family, key))
        if kind is READ:
            take_all(container, family, self._watch)
        return self._real

    def __iter__(self) -> Iterator[Any]:
        return begin_walk(self._container, self._family, self._watch, iter(self._real), instruction(1))

    def __reversed__(self) -> Iterator[Any]:
        return begin_walk(self._container, self._family, self._watch, reversed(self._real), instruction(1))

    def __len__(self) -> int:
        if _joined(self._container, self._watch):
            return len(self._real)
        return len(self._read(ANY, READ))

    def __contains__(self, item: Any) -> bool:
        return item in self._read(ANY, READ)

    def __repr__(self) -> str:
        return repr(self._read(ANY, READ))

    def __eq__(self, other: object) -> Any:
        return set(self._read(ANY, READ)) == set(other) if isinstance(other, Set) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # views are not hashable

    @property
    def mapping(self) -> Any:
        """As the views of dicts have it."""
        return self._container

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """As the views of dicts have it."""
        return self._real.isdisjoint(other) if self._read(ANY, READ) is not None else False


def _view_operator(name: str) -> Any:
    def operate(self: View, other: Any) -> Any:
        real = self._read(ANY, READ)
        return getattr(operator, name)(set(real), set(other))

    def reflected(self: View, other: Any) -> Any:
        real = self._read(ANY, READ)
        return getattr(operator, name)(set(other), set(real))

    return operate, reflected


class KeysView(View):
    """``dict.keys()`` of a tracked dict."""

    __slots__ = ()

    def __contains__(self, item: Any) -> bool:
        return item in self._read(item, CHECK)


class ItemsView(View):
    """``dict.items()`` of a tracked dict."""

    __slots__ = ()


class ValuesView(View):
    """``dict.values()`` of a tracked dict."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]  # as the views of dicts


for _name in ("and_", "or_", "xor", "sub"):
    for _view in (KeysView, ItemsView):
        _plain, _reflected = _view_operator(_name)
        setattr(_view, f"__{_name.rstrip('_')}__", _plain)
        setattr(_view, f"__r{_name.rstrip('_')}__", _reflected)
for _view in (KeysView, ItemsView):
    for _name in ("lt", "le", "gt", "ge"):
        setattr(_view, f"__{_name}__", _view_operator(_name)[0])

VIEWS: Final[dict[str, Any]] = {"keys": KeysView, "items": ItemsView, "values": ValuesView}


def _made_on_demand(self: Any, key: Any) -> Any:
    """``defaultdict.__missing__``: one step with the read where the factory is a builtin."""
    watch: Watch | None = getattr(self, WATCH, None)
    factory = self.default_factory
    if watch is None or factory is None:
        return defaultdict.__missing__(self, key)
    look = lambda: peek(self, defaultdict, key)  # noqa: E731  # used twice below
    if factory in _INDIVISIBLE:
        watch.note(key, WRITE, look)
        dict.__setitem__(self, key, factory())
    else:
        value = factory()
        watch.access(key, WRITE, look)
        dict.__setitem__(self, key, value)
        watch.kin.take_in(self, key, watch, given=value)
        return dict.__getitem__(self, key)
    watch.kin.take_in(self, key, watch)
    return dict.__getitem__(self, key)


_INDIVISIBLE = (int, str, float, bool, list, dict, set, tuple, bytes, deque)


def _dict_methods(family: Any) -> Methods:
    methods: Methods = {
        "__getitem__": _dict_getitem(family), "get": _keyed(family, "get", READ),
        "__contains__": _keyed(family, "__contains__", CHECK), "__setitem__": _storing(family),
        "__delitem__": _keyed(family, "__delitem__", WRITE), "pop": _keyed(family, "pop", READ, WRITE),
        "setdefault": _dict_setdefault(family), "popitem": _whole(family, "popitem", READ, WRITE),
        "clear": _whole(family, "clear", READ, WRITE), "__len__": _measuring(family),
        **{name: _dict_update(family, name) for name in ("update", "__ior__")},
        **{name: _dict_view(family, name) for name in ("keys", "values", "items")},
        **{name: _dict_union(family, name) for name in ("__or__", "__ror__")},
        **{name: _whole(family, name, READ) for name in ("copy", "__eq__", "__ne__", "__repr__")},
        **{name: _iterating(family, name) for name in ("__iter__", "__reversed__")},
    }  # fmt: skip
    if issubclass(family, OrderedDict):
        methods["move_to_end"] = _whole(family, "move_to_end", READ, WRITE)
    if issubclass(family, defaultdict):
        methods["__missing__"] = _made_on_demand
    return methods


# ---- list, deque, set -----------------------------------------------------------------------------------


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
        "__len__": _measuring(family),
        "__radd__": _reflected_sum(family),
        **{name: _iterating(family, name) for name in ("__iter__", "__reversed__")},
        **{name: _whole(family, name, READ) for name in reads if hasattr(family, name)},
        **{name: _whole(family, name, READ, WRITE) for name in changes if hasattr(family, name)},
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
        "__len__": _measuring(family),
        "__iter__": _iterating(family),
        **{name: _whole(family, name, READ) for name in reads},
        **{name: _whole(family, name, READ, WRITE) for name in changes},
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
        return method(self, member)

    return announced


_METHODS: dict[Any, Callable[[Any], Methods]] = {
    OrderedDict: _dict_methods, defaultdict: _dict_methods, dict: _dict_methods,
    list: _sequence_methods, deque: _sequence_methods, set: _set_methods, Members: _set_methods,
}  # fmt: skip


@cache
def announcing(family: Any) -> Any:
    """The subclass of a builtin container whose methods announce what they touch."""
    methods = {"__slots__": (), "__module__": family.__module__, **_METHODS[family](family)}
    return type(family.__name__, (family,), methods)


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


def _references(get: Any, holder: Any, key: Any) -> int:
    value = get(holder, key)
    return sys.getrefcount(value)


def references(container: Any, family: Any, key: Any) -> int:
    """How often the value at ``key`` is held, in the measure of :data:`ALONE`."""
    return _references(family.__getitem__, container, key)


ALONE: Final = _references(dict.__getitem__, {"value": [object()]}, "value")
