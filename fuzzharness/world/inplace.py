"""A live object that tools already hold, watched and restored where it stands.

Decides how a module global or an attribute becomes visible: every holder of a container gets a
tracked twin for as long as the world is open, ordinary objects announce their attributes in place.
The containers themselves are never changed.
"""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any

from fuzzharness.access import Key
from fuzzharness.errors import WorldError
from fuzzharness.world import shortcuts
from fuzzharness.world.plain import ATOMS, plain
from fuzzharness.world.references import Swap, take_back
from fuzzharness.world.resource import Gate
from fuzzharness.world.tracked import Tracker
from fuzzharness.world.twins import Twins, contents, holders, restore
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
        self._twins = Twins()

    def open(self, name: str, gate: Gate) -> None:
        self._gate, self._name = gate, name
        self._tracker = Tracker(gate, name)
        shortcuts.install(self)
        self._twins = Twins()
        self._root = self._twins.of(self._held[0], (), self._tracker)
        self._swap_where_held()
        self.mark()

    def _swap_where_held(self) -> None:
        """Swap the containers that are held by more than what holds them inside this resource."""
        known = Counter([id(self._held[0]), *self._twins.inner_references()])
        for box in self._twins.originals:
            if holders(box) > known[id(box[0])]:
                self._swap(box[0])

    def _swap(self, original: Any) -> None:
        spared = {*(id(other._held) for other in _ALIVE), *self._twins.own_holders()}
        swap = Swap().replace(original, self._twins.twin_of(original), spared)
        self._swaps.append(swap)
        for kind in swap.missed:
            self._gate.escape(f"{self._name} is also held by a {kind}, where accesses to it cannot be seen")

    def mark(self) -> None:
        self._tracker.keep()
        self._saved_contents = [(node, contents(node)) for _, _, node in self._twins.nodes]

    def reset(self) -> Any:
        for swap in self._swaps:
            swap.redo()
        self._tracker.refresh()
        for node, known in self._saved_contents:
            restore(node, known)
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
        take_back(self._twins.pairs(), self._twins.own_lists())
        self._twins.release()
        self._tracker.forget()
        self._swaps = []
