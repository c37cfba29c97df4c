"""A live object that tools already hold, watched and restored where it stands.

Decides how a module global or an attribute becomes visible: every holder of a container gets a
tracked twin for as long as the world is open, ordinary objects announce their attributes in place.
The containers themselves are never changed.
"""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

from fuzzharness.access import Key
from fuzzharness.errors import WorldError
from fuzzharness.world.plain import ATOMS, attributes, plain
from fuzzharness.world.references import Swap
from fuzzharness.world.resource import Gate
from fuzzharness.world.tracked import Watch, set_class, track, watch_object, watchable
from fuzzharness.world.values import perturb_inside

_CONTAINERS = (dict, list, set, deque)


class InPlace:
    """A resource that is a live dict, list, set, deque or ordinary object.

    Nested containers are watched too. After the exploration the object and everything in it are as
    they were before.
    """

    def __init__(self, live: Any) -> None:
        if type(live) in ATOMS:
            raise WorldError(
                f"InPlace was given {live!r}, which cannot change in place. Expected the dict, list, set or "
                "object that the tools hold. Give the object that has it as an attribute or under a key."
            )
        self._held = (live,)
        self._swaps: list[Swap] = []
        self._nodes: list[Any] = []
        self._objects: list[tuple[Any, type, dict[str, Any]]] = []
        self._originals: list[tuple[Any, ...]] = []

    def open(self, name: str, gate: Gate) -> None:
        self._gate, self._name = gate, name
        self._twins: dict[int, Any] = {}
        self._book: list[int] = []
        self._root = self._twin(self._held[0], ())
        for (original,) in self._originals:
            self._swap(original)
        self.mark()

    def _twin(self, value: Any, path: Key) -> Any:
        """The stand-in of ``value``: a tracked container, or the object itself, watched."""
        if type(value) in ATOMS:
            return value
        if id(value) in self._twins:
            return self._twins[id(value)]
        watch = Watch(self._gate, self._name, path, self._book)
        if watchable(type(value)) and not isinstance(value, _CONTAINERS):
            return self._watched(value, watch, path)
        if not isinstance(value, _CONTAINERS):
            return track(value, watch)
        return self._container(value, watch, path)

    def _watched(self, value: Any, watch: Watch, path: Key) -> Any:
        self._twins[id(value)] = value
        fields = attributes(value) or {}
        self._nodes.append(value)
        self._objects.append((value, type(value), dict(fields)))
        for key, item in fields.items():
            object.__setattr__(value, key, self._twin(item, (*path, key)))
        return watch_object(value, watch)

    def _container(self, value: Any, watch: Watch, path: Key) -> Any:
        empty = copy.copy(value)
        empty.clear()
        twin = self._twins[id(value)] = track(empty, watch)
        self._originals.append((value,))
        _fill(twin, [self._pair(item, (*path, key)) for key, item in _pairs(value)], value)
        self._nodes.append(twin)
        return twin

    def _pair(self, item: Any, path: Key) -> tuple[Any, Any]:
        return path[-1], self._twin(item, path)

    def _swap(self, original: Any) -> None:
        spared = {id(self._held), *map(id, self._originals)}
        spared |= {id(held) for (held,) in self._originals}
        spared |= {id(fields) for _, _, fields in self._objects}
        swap = Swap().replace(original, self._twins[id(original)], spared)
        self._swaps.append(swap)
        for kind in swap.missed:
            self._gate.escape(f"{self._name} is also held by a {kind}, where accesses to it cannot be seen")

    def mark(self) -> None:
        self._saved_contents = [(node, _contents(node)) for node in self._nodes]

    def reset(self) -> Any:
        for swap in self._swaps:
            if not swap.redo():
                self._gate.escape(f"a tool put another object where {', '.join(swap.names)} was")
        for node, contents in self._saved_contents:
            _restore(node, contents)
        return self._root

    def capture(self) -> Any:
        return plain(self._root)

    def perturb(self, key: Key) -> bool:
        return perturb_inside(self._root, key)

    def close(self) -> None:
        for swap in self._swaps:
            swap.undo()
        for node, kind, fields in self._objects:
            set_class(node, kind)
            _restore(node, fields)
        Watch(self._gate, self._name, (), self._book).forget()
        self._swaps, self._nodes, self._objects, self._originals = [], [], [], []


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, (list, deque)) else [(item, item) for item in value]


def _fill(twin: Any, pairs: list[tuple[Any, Any]], original: Any) -> None:
    if isinstance(original, dict):
        for key, item in pairs:
            dict.__setitem__(twin, key, item)
    elif isinstance(original, set):
        set.update(twin, [item for _, item in pairs])
    elif isinstance(original, deque):
        deque.extend(twin, [item for _, item in pairs])
    else:
        list.extend(twin, [item for _, item in pairs])


def _contents(node: Any) -> Any:
    if isinstance(node, dict):
        return dict(dict.items(node))
    if isinstance(node, set):
        return set(set.__iter__(node))
    if isinstance(node, (list, deque)):
        return list(type(node).__mro__[1].__iter__(node))
    return dict(attributes(node) or {})


def _restore(node: Any, contents: Any) -> None:
    if isinstance(node, dict):
        dict.clear(node)
        for key, item in contents.items():
            dict.__setitem__(node, key, item)
    elif isinstance(node, set):
        set.clear(node)
        set.update(node, contents)
    elif isinstance(node, deque):
        deque.clear(node)
        deque.extend(node, contents)
    elif isinstance(node, list):
        list.__setitem__(node, slice(None), contents)
    else:
        _restore_object(node, contents)


def _restore_object(node: Any, fields: dict[str, Any]) -> None:
    for name in attributes(node) or {}:
        if name not in fields:
            object.__delattr__(node, name)
    for name, item in fields.items():
        object.__setattr__(node, name, item)

