"""Containers and objects that announce every access before they make it.

Decides which key each method of dict, list, set, deque and of an ordinary object reads or writes.
Never decides when the call may go on: that is the gate's part. A tracked value is a subclass of the
value it stands for, holds its own storage, and is built by copying; methods not in the tables below
touch nothing.

Where a plain container is put inside a tracked one, it is taken over when it is next read, unless
somebody still holds the plain one: then a change made through that name could not be seen, and the
gate is told so.
"""

from __future__ import annotations

import copy
import enum
import sys
import threading
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from fuzzharness.access import ANY, MISSING, Key, Kind
from fuzzharness.world.plain import ATOMS, attributes, plain
from fuzzharness.world.resource import Gate

READ, CHECK, WRITE = Kind.READ, Kind.CHECK, Kind.WRITE

_WATCH = "_fuzz_watch"


class Watch:
    """Where a tracked value stands: the gate, the resource and the path of keys to it.

    ``book`` lists the objects watched under one root, for :meth:`forget`.
    """

    __slots__ = ("book", "gate", "path", "resource")

    def __init__(self, gate: Gate, resource: str, path: Key, book: list[int] | None = None) -> None:
        self.gate = gate
        self.resource = resource
        self.path = path
        self.book: list[int] = [] if book is None else book

    def inner(self, key: Any) -> Watch:
        return Watch(self.gate, self.resource, (*self.path, key), self.book)

    def forget(self) -> None:
        """Stop watching the ordinary objects under this root."""
        for known in self.book:
            _WATCHES.pop(known, None)
        self.book.clear()

    def lost(self, key: Any, why: str) -> None:
        where = self.resource + "".join(f"[{part!r}]" for part in (*self.path, key))
        self.gate.escape(f"{where} {why}")


def track(value: Any, watch: Watch, memo: dict[int, Any] | None = None) -> Any:
    """A tracked deep copy of ``value``; what cannot be watched is copied and reported as an escape."""
    kind = type(value)
    if kind in ATOMS or kind in _LOCKS or isinstance(value, (enum.Enum, type)):
        return value
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)][0]
    build = _builder(kind)
    if build is None:
        if not isinstance(value, (frozenset, tuple)):
            watch.gate.escape(
                f"{_where(watch)} holds a {kind.__module__}.{kind.__qualname__}, whose inside cannot be watched"
            )
        return copy.deepcopy(value)
    return build(value, watch, memo)


def _where(watch: Watch) -> str:
    return watch.resource + "".join(f"[{part!r}]" for part in watch.path)


_LOCKS = frozenset({type(threading.Lock()), type(threading.RLock())})
"""Kept as they are: who holds a lock is not data, and ``runtime.locks`` stands in for it."""

Builder = Callable[[Any, Watch, dict[int, Any]], Any]


@cache
def _builder(kind: type) -> Builder | None:
    if issubclass(kind, dict) and (kind in _DICTS or not _is_builtin(kind)):
        return _build_dict
    if issubclass(kind, list) and (kind is list or not _is_builtin(kind)):
        return _build_list
    if issubclass(kind, set) and (kind is set or not _is_builtin(kind)):
        return _build_set
    if kind is deque:
        return _build_deque
    if issubclass(kind, tuple):
        return _build_tuple
    if kind is frozenset:
        return None
    return _build_object if watchable(kind) else None


_DICTS = (dict, defaultdict, OrderedDict, Counter)


def _is_builtin(kind: type) -> bool:
    return not kind.__flags__ & (1 << 9)  # Py_TPFLAGS_HEAPTYPE: made by a class statement


def watchable(kind: type) -> bool:
    """Whether instances of ``kind`` are ordinary objects, whose attributes can be watched."""
    return (
        not _is_builtin(kind)
        and not issubclass(kind, (BaseException, type, types.ModuleType))
        and kind.__module__ not in {"threading", "_thread", "io", "_io", "re"}
        and kind.__basicsize__ <= object.__basicsize__ + 64 * tuple.__itemsize__
        and all(base is object or not _is_builtin(base) for base in kind.__mro__)
    )


def _bare(kind: type, value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
    twin = kind.__new__(kind)
    object.__setattr__(twin, _WATCH, watch)
    memo[id(value)] = (twin, value)
    return twin


def _build_dict(value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
    twin = _bare(tracked_class(type(value)), value, watch, memo)
    if isinstance(value, defaultdict):
        twin.default_factory = value.default_factory
    for key, item in dict.items(value):
        dict.__setitem__(twin, key, item if type(item) in ATOMS else track(item, watch.inner(key), memo))
    if isinstance(value, OrderedDict):
        OrderedDict.clear(twin)
        for key, item in OrderedDict.items(value):
            OrderedDict.__setitem__(twin, key, track(item, watch.inner(key), memo))
    _copy_attributes(value, twin, watch, memo)
    return twin


def _build_list(value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
    twin = _bare(tracked_class(type(value)), value, watch, memo)
    list.extend(twin, [track(item, watch.inner(i), memo) for i, item in enumerate(list.__iter__(value))])
    _copy_attributes(value, twin, watch, memo)
    return twin


def _build_set(value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
    twin = _bare(tracked_class(type(value)), value, watch, memo)
    set.update(twin, set.__iter__(value))
    _copy_attributes(value, twin, watch, memo)
    return twin


def _build_deque(value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
    twin = _bare(tracked_class(deque), value, watch, memo)
    items = [track(item, watch.inner(i), memo) for i, item in enumerate(deque.__iter__(value))]
    deque.__init__(twin, items, value.maxlen)
    return twin


def _build_tuple(value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
    items = [track(item, watch.inner(i), memo) for i, item in enumerate(value)]
    if all(a is b for a, b in zip(items, value, strict=True)):
        return value
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


def _build_object(value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
    base = base_class(value)
    twin = base.__new__(base) if base.__new__ is object.__new__ else copy.copy(value)
    memo[id(value)] = (twin, value)
    for name, item in (attributes(value) or {}).items():
        if name != _WATCH:
            object.__setattr__(twin, name, track(item, watch.inner(name), memo))
    return watch_object(twin, watch)


def _copy_attributes(value: Any, twin: Any, watch: Watch, memo: dict[int, Any]) -> None:
    if type(value).__module__ in {"builtins", "collections"}:
        return
    for name, item in (attributes(value) or {}).items():
        if name != _WATCH:
            object.__setattr__(twin, name, track(item, watch.inner(name), memo))


def watch_object(value: Any, watch: Watch) -> Any:
    """Let an ordinary object announce its attribute accesses from now on; returns the object."""
    try:
        set_class(value, tracked_class(base_class(value)))
    except TypeError:
        watch.gate.escape(
            f"{_where(watch)} holds a {type(value).__qualname__}, whose attributes cannot be watched"
        )
        return value
    _WATCHES[id(value)] = (value, watch)
    watch.book.append(id(value))
    return value


def set_class(value: Any, kind: type) -> None:
    """Assign ``__class__`` past the property that hides it on tracked objects."""
    object.__dict__["__class__"].__set__(value, kind)  # type: ignore[index]  # typeshed hides the descriptor


_WATCHES: dict[int, tuple[Any, Watch]] = {}


def base_class(value: Any) -> type:
    """The class that a possibly tracked object has for the application."""
    kind = type(value)
    return kind.__dict__.get("_fuzz_base", kind)


# ---- what each method touches ----------------------------------------------------------------


def _one(*kinds: Kind) -> Callable[[Any, tuple[Any, ...]], list[tuple[Any, Kind]]]:
    return lambda _self, args: [(args[0] if args else ANY, kind) for kind in kinds]


def _all(*kinds: Kind) -> Callable[[Any, tuple[Any, ...]], list[tuple[Any, Kind]]]:
    pairs = [(ANY, kind) for kind in kinds]
    return lambda _self, _args: pairs


def _index(*kinds: Kind) -> Callable[[Any, tuple[Any, ...]], list[tuple[Any, Kind]]]:
    def touched(_self: Any, args: tuple[Any, ...]) -> list[tuple[Any, Kind]]:
        exact = isinstance(args[0], int) and args[0] >= 0
        return [(args[0] if exact else ANY, kind) for kind in kinds]

    return touched


_WHOLE = _all(READ)
_CHANGE = _all(READ, WRITE)

_READS = ("__iter__", "__len__", "__eq__", "__ne__", "__repr__", "copy", "__reversed__")
_TABLES: dict[type, dict[str, Any]] = {
    dict: {
        "__getitem__": _one(READ), "get": _one(READ), "__contains__": _one(CHECK),
        "__setitem__": _one(WRITE), "__delitem__": _one(WRITE), "pop": _one(READ, WRITE),
        "setdefault": _one(READ), "popitem": _CHANGE, "clear": _all(WRITE),
        "update": lambda _self, args: _updated(args), "__ior__": lambda _self, args: _updated(args),
        **dict.fromkeys((*_READS, "keys", "values", "items", "__or__", "__ror__"), _WHOLE),
        **dict.fromkeys(("move_to_end", "subtract"), _CHANGE),
        **dict.fromkeys(("most_common", "elements", "total"), _WHOLE),
    },
    list: {
        "__getitem__": _index(READ), "__setitem__": _index(WRITE), "__delitem__": _CHANGE,
        **dict.fromkeys((*_READS, "__contains__", "index", "count", "__add__", "__mul__", "__rmul__",
                         "__lt__", "__le__", "__gt__", "__ge__"), _WHOLE),
        **dict.fromkeys(("append", "extend", "insert", "pop", "remove", "sort", "reverse", "clear",
                         "__iadd__", "__imul__"), _CHANGE),
    },
    set: {
        "__contains__": _one(CHECK), "add": _one(WRITE), "discard": _one(WRITE),
        "remove": _one(READ, WRITE), "pop": _CHANGE, "clear": _all(WRITE),
        **dict.fromkeys((*_READS[:-1], "__and__", "__rand__", "__or__", "__ror__", "__sub__", "__rsub__",
                         "__xor__", "__rxor__", "__lt__", "__le__", "__gt__", "__ge__", "union", "difference",
                         "intersection", "symmetric_difference", "issubset", "issuperset", "isdisjoint"), _WHOLE),
        **dict.fromkeys(("update", "difference_update", "intersection_update",
                         "symmetric_difference_update", "__ior__", "__iand__", "__isub__", "__ixor__"), _CHANGE),
    },
    deque: {
        "__getitem__": _index(READ), "__setitem__": _index(WRITE), "__delitem__": _CHANGE,
        **dict.fromkeys((*_READS, "__contains__", "index", "count", "__add__", "__mul__",
                         "__lt__", "__le__", "__gt__", "__ge__"), _WHOLE),
        **dict.fromkeys(("append", "appendleft", "extend", "extendleft", "insert", "pop", "popleft", "remove",
                         "rotate", "reverse", "clear", "__iadd__", "__imul__"), _CHANGE),
    },
}  # fmt: skip
"""For each method the keys it touches, as (key, kind) pairs made from its arguments."""

_GIVES = {"__getitem__", "get", "pop", "values", "items", "__iter__", "copy", "popitem", "popleft",
          "__reversed__", "setdefault"}  # fmt: skip
"""Methods that hand out what is stored inside: plain containers put there are taken over first."""


def _updated(args: tuple[Any, ...]) -> list[tuple[Any, Kind]]:
    given = args[0] if args else ()
    return [(key, WRITE) for key in given] if isinstance(given, dict) else [(ANY, WRITE)]


@cache
def tracked_class(base: type) -> type:
    """The subclass of ``base`` that announces what its methods touch."""
    family = next((f for f in _TABLES if issubclass(base, f)), None)
    if family is None:
        return _object_class(base)
    methods: dict[str, Any] = {
        name: _announcing(base, name, touched)
        for name, touched in _TABLES[family].items()
        if hasattr(base, name)
    }
    methods |= {
        "__slots__": (_WATCH,),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__deepcopy__": lambda self, memo: copy.deepcopy(_unwatched(self, base), memo),
        "__copy__": lambda self: _unwatched(self, base),
        "__reduce_ex__": lambda self, protocol: _unwatched(self, base).__reduce_ex__(protocol),
        "__hash__": None,
        "_fuzz_base": base,
    }
    if not _is_builtin(base):
        methods["__class__"] = property(lambda _self: base)
    return type(base)(base.__name__, (base,), methods)


def _unwatched(self: Any, base: type) -> Any:
    watch = getattr(self, _WATCH)
    watch.gate.access(watch.resource, (*watch.path, ANY), READ, lambda: None)
    if base is deque:
        return deque(deque.__iter__(self), self.maxlen)
    if base is defaultdict:
        return defaultdict(self.default_factory, dict.items(self))
    return base(base.items(self) if issubclass(base, dict) else base.__iter__(self))


def _announcing(base: type, name: str, touched: Any) -> Any:
    method = getattr(base, name)
    gives = name in _GIVES

    def announced(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch = getattr(self, _WATCH, None)
        if watch is None:
            return method(self, *args, **kwargs)
        path, pairs = watch.path, touched(self, args)
        if kwargs and name == "update":
            pairs = [*pairs, *((key, WRITE) for key in kwargs)]
        if len(pairs) == 1:
            key, kind = pairs[0]
            watch.gate.access(watch.resource, (*path, key), kind, lambda: _peek(self, base, key))
        else:
            watch.gate.accesses(
                watch.resource, [((*path, key), kind) for key, kind in pairs], lambda k: _peek(self, base, k[-1])
            )
        if gives and watch.gate.inside:
            _take_over(self, base, watch)
        if name == "setdefault" and args and not dict.__contains__(self, args[0]):
            watch.gate.note(watch.resource, (*path, args[0]), WRITE, lambda: _peek(self, base, args[0]))
            args = (args[0], track(args[1] if len(args) > 1 else None, watch.inner(args[0])))
        return method(self, *args, **kwargs)

    announced.__name__ = name
    return announced


def _peek(self: Any, base: type, key: Any) -> Any:
    if key is not ANY and issubclass(base, dict):
        return _shown(dict.get(self, key, MISSING))
    if key is not ANY and issubclass(base, (list, deque)):
        return plain(base.__getitem__(self, key)) if key < base.__len__(self) else MISSING
    if key is not ANY:
        return base.__contains__(self, key)
    if issubclass(base, dict):
        return {k: plain(v) for k, v in dict.items(self)}
    return [plain(v) for v in base.__iter__(self)]


def _shown(value: Any) -> Any:
    return MISSING if value is MISSING else plain(value)


def _take_over(self: Any, base: type, watch: Watch) -> None:
    if issubclass(base, dict):
        for key in list(dict.keys(self)) if _has_plain(dict.values(self)) else ():
            _adopt(self, dict, key, watch)
    elif issubclass(base, (list, deque)) and _has_plain(base.__iter__(self)):
        for i in range(base.__len__(self)):
            _adopt(self, base, i, watch)


def _has_plain(items: Iterable[Any]) -> bool:
    return any(type(item) in _TABLES or type(item) in _DICTS or watchable(type(item)) for item in items)


def _adopt(self: Any, base: Any, key: Any, watch: Watch) -> None:
    value = base.__getitem__(self, key)
    if type(value) in ATOMS:
        return
    if watchable(type(value)):
        if "_fuzz_base" not in type(value).__dict__:
            base.__setitem__(self, key, _adopt_object(value, watch.inner(key)))
    elif type(value) in _TABLES or type(value) in _DICTS:
        if sys.getrefcount(value) > _ALONE:
            watch.lost(key, "is also held under another name by the tool that put it there")
        else:
            base.__setitem__(self, key, track(value, watch.inner(key)))


def _adopt_object(value: Any, watch: Watch) -> Any:
    for name, item in (attributes(value) or {}).items():
        if type(item) not in ATOMS:
            object.__setattr__(value, name, track(item, watch.inner(name)))
    return watch_object(value, watch)


def _count_alone() -> int:
    holder = {"value": [object()]}
    value = holder["value"]
    return sys.getrefcount(value)


_ALONE = _count_alone()


# ---- ordinary objects --------------------------------------------------------------------------


def _object_class(base: type) -> type:
    return type(base)(
        base.__name__,
        (base,),
        {
            "__slots__": (),
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__class__": property(lambda _self: base),
            "__getattribute__": _get_attribute(base),
            "__setattr__": _set_attribute(base, base.__setattr__, WRITE),
            "__delattr__": _set_attribute(base, base.__delattr__, WRITE),
            "__reduce_ex__": lambda self, protocol: _plain_twin(self, base).__reduce_ex__(protocol),
            "_fuzz_base": base,
        },
    )


def _plain_twin(self: Any, base: type) -> Any:
    twin = base.__new__(base)
    for name, item in (attributes(self) or {}).items():
        object.__setattr__(twin, name, item)
    return twin


def _get_attribute(base: type) -> Any:
    inherited = base.__getattribute__

    def get(self: Any, name: str) -> Any:
        if name[:2] != "__" and _is_state(base, name):
            watched = _WATCHES.get(id(self))
            if watched is not None and watched[0] is self:
                watch = watched[1]
                watch.gate.access(watch.resource, (*watch.path, name), READ, lambda: _field(self, name))
                _adopt_attribute(self, name, watch)
        return inherited(self, name)

    return get


def _set_attribute(base: type, inherited: Any, kind: Kind) -> Any:
    def change(self: Any, name: str, *value: Any) -> None:
        watched = _WATCHES.get(id(self))
        if watched is not None and watched[0] is self and _is_state(base, name):
            watch = watched[1]
            watch.gate.access(watch.resource, (*watch.path, name), kind, lambda: _field(self, name))
        inherited(self, name, *value)

    return change


def _field(self: Any, name: str) -> Any:
    return _shown((attributes(self) or {}).get(name, MISSING))


def _adopt_attribute(self: Any, name: str, watch: Watch) -> None:
    value = (attributes(self) or {}).get(name)
    if type(value) in _TABLES or type(value) in _DICTS:
        if sys.getrefcount(value) > _ALONE:
            watch.lost(name, "is also held under another name by the tool that put it there")
        else:
            object.__setattr__(self, name, track(value, watch.inner(name)))


@cache
def _is_state(base: type, name: str) -> bool:
    """Whether ``name`` is data of an instance, not a method or property of its class."""
    for cls in base.__mro__:
        if name in cls.__dict__:
            member = cls.__dict__[name]
            return isinstance(member, types.MemberDescriptorType) or not hasattr(member, "__get__")
    return True
