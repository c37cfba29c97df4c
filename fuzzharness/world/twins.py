"""The stand-ins of live values: tracked containers, and objects that announce where they stand.

Decides what inside a live value is watched, and how all of it is brought back. Never changes a container
that the application made: each has a twin. Who holds an original and is to hold its twin is decided by
those who ask for one.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from fuzzharness.access import Key
from fuzzharness.world.objects import set_class, watchable
from fuzzharness.world.plain import ATOMS, attributes, is_lock, own_dict
from fuzzharness.world.storage import family_of, fill, pairs_of
from fuzzharness.world.tracked import Tracker

_OWN_HOLDERS = 2
"""A twin is held by the book of what was made, and by its node."""


def _references(box: tuple[Any, ...]) -> int:
    return sys.getrefcount(box[0])


_BY_A_BOX_ALONE = _references((object(),))


def holders(box: tuple[Any, ...]) -> int:
    """How many references there are to what a box holds, beside the box's own."""
    return _references(box) - _BY_A_BOX_ALONE


Contents = tuple[Any, dict[str, Any]]
_BUILTINS = frozenset({"builtins", "collections"})


def everything(_value: Any) -> bool:
    """What :class:`Twins` takes in unless it is told otherwise."""
    return True


class Twins:
    """The stand-ins of what can be reached from some roots; ``accepts`` says what is to have one.

    ``nodes`` are the twins and the watched objects, each with the tracker and the path it announces under.
    """

    def __init__(self, accepts: Callable[[Any], bool] = everything) -> None:
        self._accepts = accepts
        self._made: dict[int, Any] = {}
        self.nodes: list[tuple[Tracker, Key, Any]] = []
        self.originals: list[tuple[Any, ...]] = []
        self._objects: list[tuple[Any, type, dict[str, Any]]] = []
        self._tuples: list[tuple[tuple[Any, ...]]] = []

    def of(self, value: Any, path: Key, tracker: Tracker) -> Any:
        """The stand-in of ``value``: a tracked container, or the object itself, watched."""
        kind = type(value)
        if kind in ATOMS or is_lock(value):
            return value
        if id(value) in self._made:
            return self._made[id(value)]
        if not self._accepts(value):
            return value
        if family_of(kind) is not None:
            return self._container(value, path, tracker)
        if watchable(kind):
            return self._watched(value, path, tracker)
        if kind is tuple:
            items = [self.of(item, (*path, place), tracker) for place, item in enumerate(value)]
            return self._tuple(value, items)
        return tracker.inside(value, path) if self._accepts is everything else value

    def _tuple(self, value: tuple[Any, ...], items: list[Any]) -> tuple[Any, ...]:
        if all(a is b for a, b in zip(items, value, strict=True)):
            return value
        self._tuples.append((value,))
        return tuple(items)

    def twin_of(self, original: Any) -> Any:
        """The stand-in that was made of a container."""
        return self._made[id(original)]

    def _watched(self, value: Any, path: Key, tracker: Tracker) -> Any:
        self._made[id(value)] = value
        fields = attributes(value) or {}
        self.nodes.append((tracker, path, value))
        self._objects.append((value, type(value), dict(fields)))
        for key, item in fields.items():
            if not key.startswith("__"):
                object.__setattr__(value, key, self.of(item, (*path, key), tracker))
        tracker.observe(value, tracker.watch(path))
        return value

    def _container(self, value: Any, path: Key, tracker: Tracker) -> Any:
        twin = tracker.container(value, tracker.watch(path))
        if twin is None:
            return value
        self._made[id(value)] = twin
        self.originals.append((value,))
        pairs = pairs_of(value, family_of(type(value)))
        fill(twin, [(key, self.of(item, (*path, key), tracker)) for key, item in pairs])
        if type(value).__module__ not in _BUILTINS:
            for key, item in (attributes(value) or {}).items():
                object.__setattr__(twin, key, self.of(item, (*path, key), tracker))
        self.nodes.append((tracker, path, twin))
        return twin

    def inner_references(self) -> Iterable[int]:
        """The ``id`` of every value that stands inside of an original or of a watched object."""
        for (original,) in self.originals:
            yield from (id(item) for _, item in pairs_of(original, family_of(type(original))))
            yield from map(id, _fields_of(original).values())
        for _, _, fields in self._objects:
            yield from map(id, fields.values())
        for (held,) in self._tuples:
            yield from map(id, held)

    def own_holders(self) -> set[int]:
        """The ``id`` of whatever holds originals on behalf of this class: to be left as it is."""
        spared = {id(self.originals), *map(id, self.originals)}
        spared |= {id(held) for (held,) in self.originals}
        spared |= {id(own_dict(held)) for (held,) in self.originals}
        spared |= {id(held) for (held,) in self._tuples}
        return spared | {id(fields) for _, _, fields in self._objects}

    def pairs(self) -> list[tuple[Any, Any]]:
        """Every original with its twin."""
        return [(held, self._made[id(held)]) for (held,) in self.originals]

    def leaked(self) -> list[tuple[Any, Any]]:
        """Every original with its twin that somebody else holds: a tool has put it there."""
        known = Counter(map(id, self._inside_nodes()))
        found = []
        for (original,) in self.originals:
            twin = (self._made[id(original)],)
            if holders(twin) > known[id(twin[0])] + _OWN_HOLDERS:
                found.append((original, twin[0]))
        return found

    def _inside_nodes(self) -> Iterable[Any]:
        for _, _, node in self.nodes:
            family = family_of(type(node))
            yield from (item for _, item in ([] if family is None else pairs_of(node, family)))
            yield from _fields_of(node).values()

    def own_lists(self) -> set[int]:
        """The ``id`` of what holds twins on behalf of this class."""
        return {id(self._made), id(self.nodes), *map(id, self.nodes)}

    def release(self) -> None:
        """Let every object have its class and the attributes it had; twins are left to themselves."""
        for node, kind, fields in self._objects:
            set_class(node, kind)
            restore(node, (None, fields))
        self._made = {}
        self.nodes, self.originals, self._objects, self._tuples = [], [], [], []


def contents(node: Any) -> Contents:
    """What is inside a node and which attributes it has, read past the announcements."""
    family = family_of(type(node))
    fields = {name: _kept(name, item) for name, item in _fields_of(node).items()}
    return (None if family is None else pairs_of(node, family)), fields


def restore(node: Any, known: Contents) -> None:
    """Bring ``node`` back to what :func:`contents` returned."""
    pairs, fields = known
    if pairs is not None:
        family_of(type(node)).clear(node)
        fill(node, pairs)
    for name in attributes(node) or {}:
        if name not in fields and not name.startswith("_fuzz_"):
            object.__delattr__(node, name)
    for name, item in fields.items():
        if not is_lock(item):  # the runtime may have put a stand-in there
            object.__setattr__(node, name, _kept(name, item))


def _kept(name: str, item: Any) -> Any:
    """What a class keeps for itself under a name of its own is not watched, so every run gets a copy."""
    return copy.copy(item) if name.startswith("__") and type(item) in (dict, list, set) else item


def _fields_of(node: Any) -> dict[str, Any]:
    if type(node).__module__ in _BUILTINS:
        return {}
    return {k: v for k, v in (attributes(node) or {}).items() if not k.startswith("_fuzz_")}
