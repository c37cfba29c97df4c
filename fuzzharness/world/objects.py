"""Ordinary objects that announce their attributes.

Decides which attributes are state of an instance. An object is watched where it stands, by giving
it a class of the same layout, so that every name it is held under sees the same.
"""

from __future__ import annotations

import types
from _thread import get_ident
from functools import cache
from typing import Any, Final

from fuzzharness.access import ANY, MISSING, Kind
from fuzzharness.world.plain import ATOMS, attributes, is_lock, plain
from fuzzharness.world.storage import BASE, WATCH
from fuzzharness.world.watch import Watch

_WATCHES: dict[int, tuple[Any, Watch]] = {}
_CHANGING: set[tuple[int, int]] = set()
_OBJECTS_OWN: Final = (object.__setattr__, object.__delattr__)
_FOREIGN: Final = frozenset({"threading", "_thread", "io", "_io", "re", "queue", "contextvars"})
_HEAP_TYPE: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement


def is_builtin(kind: type) -> bool:
    """Whether a class was not made by a class statement."""
    return not kind.__flags__ & _HEAP_TYPE


def watchable(kind: type) -> bool:
    """Whether instances of ``kind`` are ordinary objects, whose attributes can be watched."""
    return (
        not is_builtin(kind)
        and not issubclass(kind, (BaseException, type, types.ModuleType))
        and kind.__module__ not in _FOREIGN
        and not kind.__module__.startswith("fuzzharness.")
        and all(base is object or not is_builtin(base) for base in kind.__mro__)
    )


def watch_object(value: Any, watch: Watch) -> bool:
    """Let an ordinary object announce its attributes from now on; False where that cannot be done."""
    try:
        set_class(value, _watched_class(base_class(value)))
    except Exception:  # whatever the application's metaclass raises
        watch.lost_here(f"holds a {type(value).__qualname__}, whose attributes cannot be watched")
        return False
    _WATCHES[id(value)] = (value, watch)
    return True


def can_announce(kind: type) -> bool:
    """Whether instances of ``kind`` can be given a class that announces their attributes."""
    try:
        _watched_class(kind)
    except Exception:  # whatever the application's metaclass raises
        return False
    return True


def unwatch(ident: int) -> None:
    """Forget the object with this ``id``."""
    known = _WATCHES.pop(ident, None)
    if known is not None:
        set_class(known[0], base_class(known[0]))


def set_class(value: Any, kind: type) -> None:
    """Assign ``__class__`` past the property that hides it on tracked objects."""
    vars(object)["__class__"].__set__(value, kind)


def base_class(value: Any) -> type:
    """The class that a possibly tracked value has for the application."""
    kind: type = type(value)
    base: type = kind.__dict__.get(BASE, kind)
    return base


def copy_attributes(value: Any, twin: Any) -> None:
    """Give ``twin`` the attributes of ``value``, past every announcement."""
    for name, item in (attributes(value) or {}).items():
        if not name.startswith("_fuzz_"):
            object.__setattr__(twin, name, item)


@cache
def _watched_class(base: Any) -> Any:
    """The subclass of ``base`` that announces what is done to its instances' attributes."""
    methods = {"__slots__": (), "__reduce_ex__": _reduce(base), **disguise(base), **attribute_methods(base)}
    return type.__new__(type(base), base.__name__, (base,), methods)  # past what its metaclass does with one


def disguise(base: Any) -> dict[str, Any]:
    """What makes a subclass look like ``base`` to the application."""
    return {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__class__": property(lambda _self: base),
        "__hash__": base.__hash__,
        BASE: base,
    }


def attribute_methods(base: Any) -> dict[str, Any]:
    """The methods through which attributes of a ``base`` are reached."""
    return {
        "__getattribute__": _getting(base),
        "__setattr__": _changing(base, "__setattr__"),
        "__delattr__": _changing(base, "__delattr__"),
    }


def watch_of_object(self: Any) -> Watch | None:
    """The watch of an object, or of a container of a class of the application; None if it has none."""
    known = _WATCHES.get(id(self))
    if known is not None:
        return known[1] if known[0] is self else None
    try:
        watch: Watch = object.__getattribute__(self, WATCH)
    except AttributeError:
        return None
    return watch


def _reduce(base: Any) -> Any:
    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        watch = watch_of_object(self)
        if watch is not None:
            watch.access(ANY, Kind.READ, lambda: plain(self))
        twin = object.__new__(base)
        copy_attributes(self, twin)
        return twin.__reduce_ex__(protocol)

    return __reduce_ex__


def _getting(base: Any) -> Any:
    inherited = base.__getattribute__

    def __getattribute__(self: Any, name: str) -> Any:
        if is_state(base, name):
            watch = watch_of_object(self)
            if watch is not None and not _is_lock_at(self, name):
                watch.access(name, Kind.READ, lambda: _field(self, name))
                watch.kin.take_in(self, name, watch)
        elif name == "__dict__":
            _handed_out(self)
        return inherited(self, name)

    return __getattribute__


def _handed_out(self: Any) -> None:
    if (get_ident(), id(self)) in _CHANGING:
        return  # by its own __setattr__, whose write has been announced
    watch = watch_of_object(self)
    if watch is not None and watch.gate.inside:
        watch.access(ANY, Kind.READ, lambda: plain(self))
        watch.lost_here("handed out its __dict__: what is changed through that cannot be seen")


def _changing(base: Any, method: str) -> Any:
    inherited = getattr(base, method)

    def change(self: Any, name: str, *value: Any) -> None:
        watch = watch_of_object(self) if is_state(base, name) else None
        if watch is None:
            inherited(self, name, *value)
            return
        watch.access(name, Kind.WRITE, lambda: _field(self, name))
        if inherited in _OBJECTS_OWN:
            inherited(self, name, *value)
        else:
            _by_its_own_method(inherited, self, name, *value)
        if value and type(value[0]) not in ATOMS:
            del value
            watch.kin.stored(self, name, watch)

    return change


def _by_its_own_method(method: Any, self: Any, name: str, *value: Any) -> None:
    """Let the application's ``__setattr__`` store: it may do so by way of ``__dict__``."""
    sign = (get_ident(), id(self))
    _CHANGING.add(sign)
    try:
        method(self, name, *value)
    finally:
        _CHANGING.discard(sign)


def _field(self: Any, name: str) -> Any:
    value = _own(self, name)
    return value if value is MISSING else plain(value)


def _own(self: Any, name: str) -> Any:
    try:
        return object.__getattribute__(self, name)
    except AttributeError:
        return MISSING


def _is_lock_at(self: Any, name: str) -> bool:
    value = _own(self, name)
    return type(value) not in ATOMS and is_lock(value)


@cache
def is_state(base: Any, name: str) -> bool:
    """Whether ``name`` is data of an instance, not a method or property of its class."""
    if name.startswith(("__", "_fuzz_")):
        return False
    for cls in base.__mro__:
        if name in cls.__dict__:
            member = cls.__dict__[name]
            return isinstance(member, types.MemberDescriptorType) or not hasattr(type(member), "__get__")
    return True
