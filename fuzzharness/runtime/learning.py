"""Which names are steps of their own: those that two calls touch and one of them changes.

Decides it from what runs have shown so far. A name that one call alone touches, or that nobody changes,
costs no step; once it turns out that it does matter, what was run before is not comparable, which
``learned`` says.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from fuzzharness.access import COMMUTING, Key, Kind, Place, Touch
from fuzzharness.runtime.gate import ThreadGate
from fuzzharness.runtime.strand import RUNNING, Strand, current
from fuzzharness.world.resource import Peek, Peeks

Root = tuple[str, Any]
"""A resource and the first part of a key: a name of a module."""


class LearningGate:
    """The gate of names that no World lists: passes on what matters; see :class:`ThreadGate`.

    ``changed`` are the names that a run has changed or is about to, ``dirty`` those of the run under way.
    Once ``whole`` is set every name is a step of its own, and nothing more is learned.
    """

    def __init__(self, gate: ThreadGate) -> None:
        self._gate = gate
        self.learned = 0
        self.changed: dict[Root, None] = {}
        self.dirty: set[Root] = set()
        self._gated: set[Root] = set()
        self._callers: dict[Root, set[int]] = {}
        self._doubts: dict[Root, dict[str, None]] = {}
        self.whole = False

    def begin(self) -> None:
        """What went before counts no longer: the batch itself begins."""
        self.changed.clear()
        self.dirty.clear()
        self._gated.clear()
        self._callers.clear()
        self._doubts.clear()

    def shared(self) -> dict[int, set[Touch]]:
        """By call, the names that it touches and some call changes."""
        found: dict[int, set[Touch]] = {}
        for root in self.changed:
            for place in self._callers[root]:
                found.setdefault(place, set()).add((root[0], (root[1],), Kind.WRITE))
        return found

    def _matters(self, strand: Strand, resource: str, key: Key, kind: Kind) -> bool:
        root = (resource, key[0])
        changes = kind not in COMMUTING
        if changes:
            self.dirty.add(root)
        if root not in self._gated:
            self._note(root, strand.place, changes)
        return root in self._gated

    def _note(self, root: Root, place: int, changes: bool) -> None:
        callers = self._callers.setdefault(root, set())
        callers.add(place)
        if changes and root not in self.changed:
            self.changed[root] = None
            self.learned += not self.whole
        if self.whole or (len(callers) > 1 and root in self.changed):
            self._gated.add(root)
            self.learned += not self.whole

    def doubt(self, resource: str, key: Key, what: str) -> None:
        """Report what cannot be seen, as soon as it matters to two calls."""
        root = (resource, key[0])
        if root in self._gated:
            self._gate.escape(what)
        else:
            self._doubts.setdefault(root, {})[what] = None

    def tell_doubts(self) -> None:
        """Report what turned out to matter after it could not be seen."""
        for root, texts in self._doubts.items():
            for what in texts if root in self._gated else ():
                self._gate.escape(what)

    # -- the protocol of a gate ------------------------------------------------------------------

    @property
    def escaped(self) -> bool:
        return self._gate.escaped

    def access(self, resource: str, key: Key, kind: Kind, peek: Peek | None = None) -> None:
        strand = RUNNING.get(get_ident())
        if strand is None or strand.deaf:
            self._gate.access(resource, key, kind, peek)
        elif self._matters(strand, resource, key, kind):
            touch = (resource, key, kind)
            strand.run.arrive(strand, (touch,))
            strand.run.record(strand, touch, peek)

    def accesses(
        self,
        resource: str,
        pairs: Sequence[tuple[Key, Kind]],
        peek: Peeks = None,
        taken: Callable[[], bool] | None = None,
    ) -> None:
        strand = current()
        matter = [strand is None or self._matters(strand, resource, key, kind) for key, kind in pairs]
        if any(matter):
            self._gate.accesses(resource, pairs, peek, taken)

    def note(
        self, resource: str, key: Key, kind: Kind, peek: Peek | None = None, place: Place | None = None
    ) -> None:
        strand = current()
        if strand is None or self._matters(strand, resource, key, kind):
            self._gate.note(resource, key, kind, peek, place)

    @property
    def inside(self) -> bool:
        return self._gate.inside

    def here(self) -> Place | None:
        return self._gate.here()

    def mark(self) -> object:
        return self._gate.mark()

    def caller(self) -> object:
        return self._gate.caller()

    def later(self, look: Callable[[], None]) -> None:
        self._gate.later(look)

    def unforeseen(self) -> None:
        self._gate.unforeseen()

    def wait(self, resource: str) -> bool:
        return self._gate.wait(resource)

    async def in_task(self, operation: Callable[[], Any]) -> Any:
        return await self._gate.in_task(operation)

    async def attempted(self, operation: Callable[[], Any]) -> Any:
        return await self._gate.attempted(operation)

    def unseen(self) -> AbstractContextManager[None]:
        return self._gate.unseen()

    def stand(self, resource: str, key: Key) -> bool:
        return self._gate.stand(resource, key)

    def rouse(self, resource: str, key: Key) -> None:
        self._gate.rouse(resource, key)

    def broken(self, cycle: Sequence[tuple[object, str, Key]]) -> None:
        self._gate.broken(cycle)

    def unlock(self, resource: str, key: Key) -> None:
        self._gate.unlock(resource, key)

    def wake(self, resource: str) -> None:
        self._gate.wake(resource)

    def reach(self, host: object) -> None:
        self._gate.reach(host)

    def escape(self, what: str, remedy: str = "") -> None:
        self._gate.escape(what, remedy)
