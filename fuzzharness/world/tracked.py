"""Values that announce their accesses: what becomes what, and what is put inside later.

Decides for each kind of value how it is watched: containers by a copy with announcing methods,
ordinary objects where they stand. What a method or an attribute touches is decided in
``containers`` and ``objects``.

A plain container that a call puts inside is taken in when it is next read, unless somebody still
holds it under another name: then a change made through that name could not be seen, and the gate is
told so. It is told too where such a container was changed between being put there and being read.
"""

from __future__ import annotations

import copy
import enum
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from fuzzharness.access import ANY, Key, Kind
from fuzzharness.world.containers import announcing
from fuzzharness.world.mappings import count_elements
from fuzzharness.world.members import Members
from fuzzharness.world.objects import (
    attribute_methods,
    base_class,
    copy_attributes,
    disguise,
    is_builtin,
    unwatch,
    watch_object,
    watchable,
)
from fuzzharness.world.plain import ATOMS, attributes, is_lock
from fuzzharness.world.resource import Gate
from fuzzharness.world.slots import Slot
from fuzzharness.world.storage import (
    ALONE,
    BASE,
    JOINED,
    WATCH,
    bare,
    empty,
    family_of,
    fill,
    pairs_of,
    peek,
    references,
    take_all,
)
from fuzzharness.world.watch import MUTABLE, Watch, image

Pairs = list[tuple[Any, Any]]

_HELD = "is also held under another name by the tool that put it there"
_CHANGED = "was changed through another name after it was put there"
_BUILTINS = frozenset({"builtins", "collections"})


@dataclass(slots=True)
class _Put:
    """A plain container that the call ``author`` put inside, as it was then.

    ``kept`` is True once the author came to its next gate and still held it under a name of its own: what
    it reads there later cannot be seen.
    """

    holder: Any
    key: Any
    watch: Watch
    image: Any
    author: object
    kept: bool = False

    def look(self) -> None:
        try:
            self.kept = _references(self.holder, self.key) > ALONE
        except (KeyError, IndexError):  # it is no longer there
            self.kept = False


class Tracker:
    """The watched values of one resource; ``accepts`` says which of those put inside are to be watched."""

    def __init__(self, gate: Gate, resource: str, accepts: Callable[[Any], bool] | None = None) -> None:
        self._accepts = accepts
        self.gate = gate
        self.resource = resource
        self._objects: list[int] = []
        self._kept = 0
        self._pending: dict[tuple[int, int], _Put] = {}
        self._given: list[tuple[Any, Any, Any, Watch]] = []

    @property
    def used(self) -> bool:
        """Whether there is anything to forget."""
        return bool(self._objects or self._pending or self._given)

    def watch(self, path: Key = ()) -> Watch:
        """The watch of what stands at ``path``."""
        return Watch(self.gate, self.resource, path, self)

    def forget(self) -> None:
        """Stop watching the ordinary objects, and forget what was put inside."""
        for known in self._objects:
            unwatch(known)
        self._objects.clear()
        self._kept = 0
        self._pending.clear()
        self._given.clear()

    def keep(self) -> None:
        """Take the objects watched now for those that every run begins with."""
        self._kept = len(self._objects)

    def refresh(self) -> None:
        """At the start of a run on the same values: forget what the last one put inside."""
        for known in self._objects[self._kept :]:
            unwatch(known)
        del self._objects[self._kept :]
        self._pending.clear()
        self._given.clear()

    # -- values as they are at the start ---------------------------------------------------------

    def copy(self, value: Any) -> Any:
        """A tracked deep copy of ``value``."""
        return self._copy(value, self.watch(), {})

    def _copy(self, value: Any, watch: Watch, memo: dict[int, Any]) -> Any:
        kind = type(value)
        if kind in ATOMS or isinstance(value, (enum.Enum, type)) or is_lock(value):
            return value
        if id(value) in memo:
            return memo[id(value)][0]
        if isinstance(value, tuple):
            return _tuple_of(value, [self._copy(v, watch.inner(i), memo) for i, v in enumerate(value)])
        twin: Any = self._twin(value, watch)
        if twin is None:
            return copy.deepcopy(value)
        memo[id(value)] = (twin, value)
        family = family_of(kind)
        if family is not None:
            fill(twin, self._copied_pairs(value, family, watch, memo))
        if family is not None and kind.__module__ in _BUILTINS:
            return twin
        for name, item in _fields(value, kind).items():
            object.__setattr__(twin, name, self._copy(item, watch.inner(name), memo))
        return twin

    def _copied_pairs(
        self, value: Any, family: Any, watch: Watch, memo: dict[int, Any]
    ) -> list[tuple[Any, Any]]:
        return [
            (key, item if type(item) in ATOMS else self._copy(item, watch.inner(key), memo))
            for key, item in pairs_of(value, family)
        ]

    def _twin(self, value: Any, watch: Watch) -> Any:
        """An empty tracked stand-in of ``value``; None, and an escape, where there is none."""
        kind = base_class(value)
        if family_of(kind) is not None:
            return self.container(value, watch)
        if watchable(kind):
            try:
                twin: Any = object.__new__(kind)
            except TypeError:  # a class written in C that makes its instances itself
                watch.lost_here(f"holds a {kind.__qualname__}, whose inside cannot be watched")
                return None
            return twin if self.observe(twin, watch) else None
        if kind is not frozenset:
            watch.lost_here(f"holds a {kind.__module__}.{kind.__qualname__}, whose inside cannot be watched")
        return None

    def container(self, value: Any, watch: Watch) -> Any:
        """An empty tracked container of the class and settings of ``value``; None if it has none."""
        kind: Any = base_class(value)
        try:
            twin = empty(tracked_class(kind), value)
        except Exception:  # whatever the application's class raises
            watch.lost_here(f"holds a {kind.__qualname__}, whose inside cannot be watched")
            return None
        object.__setattr__(twin, WATCH, watch)
        object.__setattr__(twin, JOINED, None)
        if kind.__module__ not in _BUILTINS:
            _warn_of_shortcuts(kind, watch)
        return twin

    def observe(self, value: Any, watch: Watch) -> bool:
        """Watch an ordinary object where it stands."""
        self._objects.append(id(value))
        return watch_object(value, watch)

    def inside(self, value: Any, path: Key) -> Any:
        """A tracked deep copy of what stands at ``path``."""
        return self._copy(value, self.watch(path), {})

    # -- values that calls put inside ----------------------------------------------------------------

    def take_in(self, holder: Any, key: Any, watch: Watch, given: Any = None) -> None:
        """See :meth:`fuzzharness.world.watch.Kin.take_in`."""
        value = _at(holder, key)
        kind = type(value)
        if kind in ATOMS or BASE in kind.__dict__ or not watch.gate.inside or not self._wanted(value):
            return
        inner = watch.inner(key)
        if watchable(kind):
            self.observe(value, inner)
        elif kind is tuple and not any(type(item) not in ATOMS for item in value):
            return
        elif family_of(kind) is not None or kind is tuple:
            del value
            self._take_over(holder, key, inner, given)
        elif not isinstance(value, (enum.Enum, type, frozenset)) and not is_lock(value):
            inner.lost_here(f"holds a {kind.__module__}.{kind.__qualname__}, whose inside cannot be watched")

    def _wanted(self, value: Any) -> bool:
        return self._accepts is None or self._accepts(value)

    def _take_over(self, holder: Any, key: Any, inner: Watch, given: Any) -> None:
        held = _references(holder, key) > ALONE
        value = _at(holder, key)
        known = self._pending.pop((id(holder), id(value)), None)
        if known is not None and image(value) != known.image:
            inner.lost_here(_CHANGED)
        if known is not None and known.kept and known.author != inner.gate.caller():
            held = True
        if held and value is not given:
            inner.lost_here(_HELD)
            return
        twin = self._shallow(value, inner)
        if twin is not None:
            _put(holder, key, twin)
            if value is given:
                self._given.append((value, image(value), key, inner))

    def _shallow(self, value: Any, watch: Watch) -> Any:
        if isinstance(value, tuple):
            return self._tuple(value, watch)
        twin = self.container(value, watch)
        if twin is not None:
            fill(twin, pairs_of(value, family_of(type(value))))
            if type(value).__module__ not in _BUILTINS:
                copy_attributes(value, twin)
        return twin

    def _tuple(self, value: Any, watch: Watch) -> Any:
        items = list(value)
        for place, item in enumerate(items):
            if family_of(type(item)) is not None and BASE not in type(item).__dict__:
                items[place] = self._shallow(item, watch.inner(place)) or item
            elif watchable(type(item)) and self._wanted(item):
                self.observe(item, watch.inner(place))
        return _tuple_of(value, items)

    def stored(self, holder: Any, key: Any, watch: Watch) -> None:
        """See :meth:`fuzzharness.world.watch.Kin.stored`."""
        value = _at(holder, key)
        kind = type(value)
        if BASE in kind.__dict__ or not watch.gate.inside or not self._wanted(value):
            return
        if watchable(kind):
            self.observe(value, watch.inner(key))
        elif kind in MUTABLE or kind is tuple:
            ident = (id(holder), id(value))
            if ident not in self._pending:
                put = self._pending[ident] = _Put(holder, key, watch, image(value), watch.gate.caller())
                watch.gate.later(put.look)

    def check_names(self) -> None:
        """Report what was changed under a name that could not be seen; at the end of a run."""
        for (_, ident), put in self._pending.items():
            for value in _inside(put.holder):
                if id(value) == ident and image(value) != put.image:
                    put.watch.lost(put.key, _CHANGED)
        for value, known, _key, inner in self._given:
            if image(value) != known:
                inner.lost_here(_CHANGED)


@cache
def tracked_class(base: Any) -> Any:
    """The subclass of a container class that announces what its methods touch."""
    family = Members if base is set else family_of(base)
    methods = {
        "__slots__": (WATCH, JOINED),
        "__deepcopy__": _deep_copied(family),
        "__copy__": _copied(family),
        "__reduce_ex__": lambda self, protocol: _copied(family)(self).__reduce_ex__(protocol),
        **disguise(base),
    }
    if issubclass(base, Counter):
        methods["update"] = count_elements
    if base.__module__ not in _BUILTINS:
        methods |= attribute_methods(base)
    bases = (announcing(family),) if base in (family, set) else (base, announcing(family))
    return type(base)(base.__name__, bases, methods)


def _copied(family: Any) -> Any:
    def __copy__(self: Any) -> Any:
        _read_all(self, family)
        twin = bare(self, family)
        if base_class(self).__module__ not in _BUILTINS:
            copy_attributes(self, twin)
        return twin

    return __copy__


def _deep_copied(family: Any) -> Any:
    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        _read_all(self, family)
        twin = memo[id(self)] = empty(base_class(self), self)
        pairs = [(copy.deepcopy(k, memo), copy.deepcopy(v, memo)) for k, v in pairs_of(self, family)]
        fill(twin, pairs)
        for name, item in _fields(self, base_class(self)).items():
            object.__setattr__(twin, name, copy.deepcopy(item, memo))
        return twin

    return __deepcopy__


def _read_all(self: Any, family: Any) -> None:
    watch = getattr(self, WATCH, None)
    if watch is not None:
        watch.access(ANY, Kind.READ, lambda: peek(self, family, ANY))
        take_all(self, family, watch)


def _fields(value: Any, kind: Any) -> dict[str, Any]:
    """The attributes an object, or a container of a class of the application, has beside its content."""
    if family_of(kind) is not None and kind.__module__ in _BUILTINS:
        return {}
    found = (attributes(value) or {}).items()
    return {name: item for name, item in found if not name.startswith("_fuzz_")}


def _tuple_of(value: Any, items: list[Any]) -> Any:
    if all(a is b for a, b in zip(items, value, strict=True)):
        return value
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


def _at(holder: Any, key: Any) -> Any:
    family = family_of(type(holder))
    if family is None and isinstance(holder, Slot):
        return holder.read()
    if family is None or _is_attribute(holder, key, family):
        return (attributes(holder) or {}).get(key)
    return family.__getitem__(holder, key)


def _is_attribute(holder: Any, key: Any, family: Any) -> bool:
    if issubclass(family, dict):
        return not dict.__contains__(holder, key)
    return not isinstance(key, int)


def _put(holder: Any, key: Any, value: Any) -> None:
    family = family_of(type(holder))
    if family is None and isinstance(holder, Slot):
        holder.write(value)
    elif family is None or _is_attribute(holder, key, family):
        object.__setattr__(holder, key, value)
    else:
        family.__setitem__(holder, key, value)


def _references(holder: Any, key: Any) -> int:
    family = family_of(type(holder))
    if family is None and isinstance(holder, Slot):
        return holder.references()
    if family is None or _is_attribute(holder, key, family):
        return references(attributes(holder) or {}, dict, key) - 1
    return references(holder, family, key)


def _inside(holder: Any) -> list[Any]:
    if isinstance(holder, Slot):
        return [holder.read()]
    family = family_of(type(holder))
    items = [] if family is None else [item for _, item in pairs_of(holder, family)]
    return [*items, *(attributes(holder) or {}).values()]


@cache
def shortcuts_of(kind: Any) -> tuple[str, ...]:
    """The methods of a class of the application that name the builtin container outright."""
    family = family_of(kind)
    found = []
    for cls in kind.__mro__[: kind.__mro__.index(family)]:
        if not is_builtin(cls) and cls.__module__ not in _BUILTINS:
            for name, member in vars(cls).items():
                code = getattr(member, "__code__", None)
                if code is not None and family.__name__ in code.co_names:
                    found.append(f"{cls.__name__}.{name}")
    return tuple(found)


def _warn_of_shortcuts(kind: Any, watch: Watch) -> None:
    if issubclass(kind, set) and kind is not set:
        watch.lost_here("is of a class derived from set, which set() and frozenset() read past its methods")
    for name in shortcuts_of(kind):
        watch.lost_here(f"has a method {name} that may go past its own methods")
