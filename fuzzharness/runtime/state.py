"""The state of unmodified code, which no World lists: watched, and brought back for every run.

Decides what of it is watched: everything that can be, of what the tools' own code and the application's
functions it calls can come to. Each module is a resource of its own name; the ending shows the names that
some run has changed. What the World covers is left to it; what can be compared only is told by
``Surroundings``.
"""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from typing import Any

from fuzzharness.access import MISSING, Key, Touch
from fuzzharness.runtime.announcing import Announcer
from fuzzharness.runtime.gate import ThreadGate
from fuzzharness.runtime.learning import LearningGate, Root
from fuzzharness.runtime.picture import picture
from fuzzharness.runtime.reach import Reach, is_state
from fuzzharness.runtime.rebinding import Rebinding, may_own, member_slot
from fuzzharness.runtime.watchable import can_be_watched, is_covered, is_vast
from fuzzharness.world import shortcuts
from fuzzharness.world.perturbation import another
from fuzzharness.world.references import put_everywhere, take_back
from fuzzharness.world.slots import Held, Slot
from fuzzharness.world.tracked import Tracker
from fuzzharness.world.twins import Contents, Twins, contents, holders, restore
from fuzzharness.world.values import perturb_inside


class State:
    """What ``tools``, and ``modules`` as a whole, keep outside the World.

    Open it after the World, whose names are ``taken``; then any number of ``reset`` and runs. ``ignore``
    holds patterns of names that may change unseen.
    """

    def __init__(
        self,
        tools: Iterable[Callable[..., Any]],
        modules: Iterable[types.ModuleType] = (),
        taken: Collection[str] = (),
        ignore: Collection[str] = (),
    ) -> None:
        self._tools, self._modules, self._taken, self._ignore = list(tools), list(modules), taken, ignore
        self._slots: dict[tuple[int, Any], Slot] = {}
        self._live: dict[Slot, Any] = {}
        self._before: dict[Slot, Any] = {}
        self._roots: dict[Slot, Root] = {}
        self._original: dict[Slot, Any] = {}
        self._saved: dict[Root, list[tuple[Any, Contents]]] = {}
        self._sites: list[Callable[[], None]] = []
        self._missed: dict[Root, str] = {}
        self._shown: set[Root] = set()
        self.unwatched: dict[str, Callable[[], Any]] = {}

    # -- opening and closing ---------------------------------------------------------------------

    def open(self, gate: ThreadGate) -> None:
        """Put twins where the application holds containers, and rewrite what binds names anew."""
        self._gate = LearningGate(gate)
        self._trackers: dict[str, Tracker] = {}
        self._twins = Twins(can_be_watched)
        reach = Reach(self._tools, self._modules)
        self._rebinding = Rebinding(reach)
        try:
            self._open(reach)
        except BaseException:
            self.close()
            raise

    def _open(self, reach: Reach) -> None:
        self._announcers: dict[tuple[int, Any], Announcer] = {}
        self._choose(reach)
        self._original = {slot: slot.read() for slot in self._slots.values()}
        self._take_hold()
        for place in self._rebinding.slots:
            slot = self._slots[place]
            self._announcers[place] = Announcer(slot, self._tracker(slot))
        if self.watches:
            shortcuts.install(self)
        self._rebinding.install(self._announcers, self._add, self._gate.escape)
        self.mark()

    def _choose(self, reach: Reach) -> None:
        self.unwatched = dict(reach.caches)
        self._twinned: list[Slot] = []
        bound = self._rebinding.slots
        names: Counter[tuple[str, str]] = Counter()
        for place, slot in {**reach.slots, **bound}.items():
            value = slot.read()
            if place not in bound and is_covered(value):
                continue
            names[slot.module, slot.name] += 1
            if names[slot.module, slot.name] > 1:
                slot.name = f"{slot.name} {names[slot.module, slot.name]}"
            whole = can_be_watched(value) and not is_vast(value)
            if place in bound or whole:
                self._slots[place] = slot
            if whole:
                self._twinned.append(slot)
            elif is_state(value):
                self.unwatched[slot.full_name] = slot.read

    def _tracker(self, slot: Slot) -> Tracker:
        name = f"module {slot.module}" if slot.module in self._taken else slot.module
        if name not in self._trackers:
            self._trackers[name] = Tracker(self._gate, name, can_be_watched)
        return self._trackers[name]

    def _root(self, slot: Slot) -> Root:
        return self._tracker(slot).resource, slot.name

    def _take_hold(self) -> None:
        """Put the twins of containers where the originals are held."""
        for slot in sorted(self._twinned, key=lambda slot: isinstance(slot, Held)):
            twin = self._twins.of(slot.read(), (slot.name,), self._tracker(slot))
            if twin is not slot.read():
                slot.write(twin)
        self._put_where_else_held()

    def _put_where_else_held(self) -> None:
        """Put the twins of those containers where others than the slots hold the originals, too."""
        known = Counter([*map(id, self._original.values()), *self._twins.inner_references()])
        pairs = [
            (box[0], self._twins.twin_of(box[0]))
            for box in self._twins.originals
            if holders(box) > known[id(box[0])]
        ]
        spared = {id(self._original), *self._twins.own_holders()}
        self._sites, missed = put_everywhere(pairs, spared)
        self._missed = {self._root_of(self._twins.twin_of(old)): kind for old, kind in missed}

    def _root_of(self, node: Any) -> Root:
        return next(
            (tracker.resource, path[0]) for tracker, path, known in self._twins.nodes if known is node
        )

    def _add(self, owner: Any, key: str) -> Announcer | None:
        """An announcer for a member that a run binds for the first time."""
        if not may_own(owner) or key.startswith("__"):
            return None
        place, slot = member_slot(owner, key)
        if place in self._announcers:
            return self._announcers[place]
        if place in self._slots:
            slot = self._slots[place]
        else:
            self._slots[place] = slot
            self._original[slot] = self._live[slot] = slot.read()
            self._before[slot] = _picture(slot.read())
            self._roots[slot] = self._root(slot)
        announcer = self._announcers[place] = Announcer(slot, self._tracker(slot))
        return announcer

    def close(self) -> None:
        """Leave everything as :meth:`open` found it. May be called twice."""
        shortcuts.remove(self)
        self._rebinding.remove()
        for slot, value in self._original.items():
            if slot.read() is not value:
                slot.write(value)
        for site in self._sites:
            site()
        self._live, self._saved = {}, {}
        leaked = self._twins.leaked()
        if leaked:
            take_back(leaked, self._twins.own_lists())
        del leaked
        self._twins.release()
        for tracker in self._trackers.values():
            tracker.forget()
        self._slots, self._original, self._sites = {}, {}, []

    # -- from run to run -------------------------------------------------------------------------

    def mark(self) -> None:
        """Make the state as it stands the one that every run begins with."""
        self._gate.begin()
        self._live = {slot: slot.read() for slot in self._slots.values()}
        self._before = {slot: _picture(value) for slot, value in self._live.items()}
        self._roots = {slot: self._root(slot) for slot in self._live}
        self._saved = {}
        for tracker, path, node in self._twins.nodes:
            self._saved.setdefault((tracker.resource, path[0]), []).append((node, contents(node)))
        for tracker in self._trackers.values():
            tracker.keep()

    def reset(self) -> None:
        """Go back to the state that :meth:`mark` found."""
        for slot, value in self._live.items():
            if slot.read() is not value:
                slot.write(value)
        for root in self._gate.dirty:
            for node, known in self._saved.get(root, ()):
                restore(node, known)
        self._gate.dirty.clear()
        for tracker in self._trackers.values():
            if tracker.used:
                tracker.refresh()

    def capture(self) -> dict[str, Any]:
        """By module, the names that some run has changed, as plain values."""
        found: dict[str, Any] = {}
        for tracker in self._trackers.values():
            tracker.check_names()
        for slot, root in self._roots.items():
            if root in self._gate.changed:
                value = _picture(slot.read())
                if self._shows(root, value != self._before[slot]) and value is not MISSING:
                    found.setdefault(root[0], {})[root[1]] = value
            elif slot.read() is not self._live[slot]:
                self._tell_unseen(slot)
        return found

    def _shows(self, root: Root, changed: bool) -> bool:
        """Whether the ending tells a name: from when on a run has ended with it changed."""
        if changed and root not in self._shown and not self._gate.whole:
            self._shown.add(root)
            self._gate.learned += 1
        return changed or root in self._shown

    def perturb(self, resource: str, key: Key) -> bool:
        """Change the value at ``key`` to another of its type; False where that cannot be done."""
        slot = next((slot for slot, root in self._roots.items() if key and root == (resource, key[0])), None)
        if slot is None:
            return False
        self._gate.dirty.add((resource, key[0]))
        if len(key) > 1:
            return perturb_inside(slot.read(), key[1:])
        changed, value = another(slot.read())
        if changed:
            slot.write(value)
        return changed

    # -- what is known ---------------------------------------------------------------------------

    @property
    def learned(self) -> int:
        """Grows whenever what was run before turns out not to be comparable."""
        return self._gate.learned

    @property
    def watches(self) -> bool:
        """Whether there is anything that could be changed: something bound anew, or mutable."""
        return bool(self._announcers or self._twins.nodes)

    def watch_all(self) -> None:
        """Make every name a step of its own, so that there is nothing left to learn."""
        self._gate.whole = True

    def shared(self) -> dict[int, set[Touch]]:
        """By call, the names that it touches and some call changes."""
        return self._gate.shared()

    def check(self) -> None:
        """After runs: tell the gate of what was changed without having been seen."""
        self._gate.tell_doubts()
        self.reset()
        for slot, root in self._roots.items():
            if _picture(slot.read()) != self._before[slot]:
                self._tell_unseen(slot)
            elif root in self._missed and root in self._gate.changed:
                kind = self._missed[root]
                self._gate.escape(f"{slot.full_name} is also held by a {kind}, where accesses cannot be seen")

    def _tell_unseen(self, slot: Slot) -> None:
        if not any(fnmatchcase(slot.full_name, pattern) for pattern in self._ignore):
            self._gate.escape(f"{slot.full_name} was changed by a run in a way that cannot be seen")


def _picture(value: Any) -> Any:
    return value if value is MISSING else picture(value)
