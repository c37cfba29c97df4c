"""A live object that tools already hold, watched and restored where it stands.

Decides how a module global or an attribute becomes visible: every holder of a container gets a
tracked twin for as long as the world is open, ordinary objects announce their attributes in place.
The containers themselves are never changed.
"""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from typing import Any

from fuzzharness.access import Key
from fuzzharness.errors import WorldError
from fuzzharness.world import shortcuts
from fuzzharness.world.objects import set_class, watchable
from fuzzharness.world.plain import ATOMS, attributes, is_lock, own_dict, plain
from fuzzharness.world.references import Swap, take_back
from fuzzharness.world.resource import Gate
from fuzzharness.world.storage import family_of, fill, pairs_of
from fuzzharness.world.tracked import Tracker
from fuzzharness.world.values import perturb_inside

_ALIVE: weakref.WeakSet[InPlace] = weakref.WeakSet()
"""Every one there is: what they hold for themselves is no use that a tool makes of it."""


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
        _ALIVE.add(self)
        self._swaps: list[Swap] = []
        self._nodes: list[Any] = []
        self._objects: list[tuple[Any, type, dict[str, Any]]] = []
        self._originals: list[tuple[Any, ...]] = []

    def open(self, name: str, gate: Gate) -> None:
        self._gate, self._name = gate, name
        self._tracker = Tracker(gate, name)
        shortcuts.install(self)
        self._twins: dict[int, Any] = {}
        self._root = self._twin(self._held[0], ())
        self._swap_where_held()
        self.mark()

    def _twin(self, value: Any, path: Key) -> Any:
        """The stand-in of ``value``: a tracked container, or the object itself, watched."""
        kind = type(value)
        if kind in ATOMS or is_lock(value):
            return value
        if id(value) in self._twins:
            return self._twins[id(value)]
        if family_of(kind) is not None:
            return self._container(value, path)
        return self._watched(value, path) if watchable(kind) else self._tracker.inside(value, path)

    def _watched(self, value: Any, path: Key) -> Any:
        self._twins[id(value)] = value
        fields = attributes(value) or {}
        self._nodes.append(value)
        self._objects.append((value, type(value), dict(fields)))
        for key, item in fields.items():
            object.__setattr__(value, key, self._twin(item, (*path, key)))
        self._tracker.observe(value, self._tracker.watch(path))
        return value

    def _container(self, value: Any, path: Key) -> Any:
        twin = self._tracker.container(value, self._tracker.watch(path))
        if twin is None:
            return value
        self._twins[id(value)] = twin
        self._originals.append((value,))
        fill(
            twin,
            [(key, self._twin(item, (*path, key))) for key, item in pairs_of(value, family_of(type(value)))],
        )
        if type(value).__module__ not in {"builtins", "collections"}:
            for key, item in (attributes(value) or {}).items():
                object.__setattr__(twin, key, self._twin(item, (*path, key)))
        self._nodes.append(twin)
        return twin

    def _swap_where_held(self) -> None:
        """Swap the containers that are held by more than what holds them inside this resource."""
        known = Counter([id(self._held[0])])
        for (original,) in self._originals:
            known.update(id(item) for _, item in pairs_of(original, family_of(type(original))))
            known.update(map(id, _fields_of(original).values()))
        for _, _, fields in self._objects:
            known.update(map(id, fields.values()))
        for box in self._originals:
            if _holders(box) > known[id(box[0])]:
                self._swap(box[0])

    def _swap(self, original: Any) -> None:
        spared = {*(id(other._held) for other in _ALIVE), *map(id, self._originals)}
        spared |= {id(held) for (held,) in self._originals}
        spared |= {id(own_dict(held)) for (held,) in self._originals}
        spared |= {id(fields) for _, _, fields in self._objects}
        swap = Swap().replace(original, self._twins[id(original)], spared)
        self._swaps.append(swap)
        for kind in swap.missed:
            self._gate.escape(f"{self._name} is also held by a {kind}, where accesses to it cannot be seen")

    def mark(self) -> None:
        self._saved_contents = [(node, _contents(node)) for node in self._nodes]

    def reset(self) -> Any:
        for swap in self._swaps:
            swap.redo()
        self._tracker.refresh()
        for node, contents in self._saved_contents:
            _restore(node, contents)
        return self._root

    def capture(self) -> Any:
        self._tracker.check_names()
        self._check_places()
        return plain(self._root)

    def _check_places(self) -> None:
        for swap in self._swaps:
            if not swap.whole():
                names = ", ".join(sorted(swap.names))
                self._gate.escape(
                    f"a tool put another object where {names} was, which {self._name} does not cover"
                )

    def perturb(self, key: Key) -> bool:
        return perturb_inside(self._root, key)

    def close(self) -> None:
        shortcuts.remove(self)
        for swap in self._swaps:
            swap.undo()
        self._saved_contents = []
        pairs = [(held, self._twins[id(held)]) for (held,) in self._originals]
        take_back(pairs, {id(self._twins), id(self._nodes)})
        for node, kind, fields in self._objects:
            set_class(node, kind)
            _restore(node, (None, fields))
        self._tracker.forget()
        self._swaps, self._nodes, self._objects, self._originals = [], [], [], []


def _references(box: tuple[Any]) -> int:
    return sys.getrefcount(box[0])


_BY_A_BOX_ALONE = _references((object(),))


def _holders(box: tuple[Any]) -> int:
    """How many references there are to what a box holds, beside the box's own."""
    return _references(box) - _BY_A_BOX_ALONE


def _contents(node: Any) -> tuple[Any, dict[str, Any]]:
    """What is inside a node and which attributes it has, read past the announcements."""
    family = family_of(type(node))
    return (None if family is None else pairs_of(node, family)), _fields_of(node)


def _fields_of(node: Any) -> dict[str, Any]:
    if type(node).__module__ in {"builtins", "collections"}:
        return {}
    return {k: v for k, v in (attributes(node) or {}).items() if not k.startswith("_fuzz_")}


def _restore(node: Any, contents: tuple[Any, dict[str, Any]]) -> None:
    pairs, fields = contents
    if pairs is not None:
        family_of(type(node)).clear(node)
        fill(node, pairs)
    for name in attributes(node) or {}:
        if name not in fields and not name.startswith("_fuzz_"):
            object.__delattr__(node, name)
    for name, item in fields.items():
        if not is_lock(item):  # the runtime may have put a stand-in there
            object.__setattr__(node, name, item)
