"""Where a watched value stands, and what is known of the values of one resource.

Decides the path under which accesses are announced, and when a value that cannot be watched has
been changed. Never decides what an operation touches.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol, runtime_checkable

from fuzzharness.access import ANY, ORDER, Key, Kind
from fuzzharness.literal import literal
from fuzzharness.world.resource import Gate, Peek

MUTABLE: Final = frozenset({dict, list, set, deque, bytearray})
_SCALARS: Final = frozenset({int, str, float, bool, type(None), bytes, complex})


@runtime_checkable
class Doubting(Protocol):
    """A gate that may know that nobody else minds what cannot be seen."""

    def doubt(self, resource: str, key: Key, what: str) -> None:
        """Report ``what`` if accesses to ``key`` matter to other calls."""
        ...


class Kin(Protocol):
    """What one resource's watched values share: who takes in what is newly put inside."""

    def take_in(self, holder: Any, key: Any, watch: Watch, given: Any = None) -> None:
        """Let what stands at ``key`` of ``holder`` announce its accesses from now on, if it can.

        ``given``: it is taken in even though a call may hold it, as this.
        """
        ...

    def stored(self, holder: Any, key: Any, watch: Watch) -> None:
        """Something was put at ``key`` of ``holder`` by a call."""
        ...


class Watch:
    """Where a tracked value stands: the gate, the resource and the path of keys to it."""

    __slots__ = ("gate", "kin", "path", "resource")

    def __init__(self, gate: Gate, resource: str, path: Key, kin: Kin) -> None:
        self.gate = gate
        self.resource = resource
        self.path = path
        self.kin = kin

    def inner(self, key: Any) -> Watch:
        """The watch of what stands at ``key`` inside."""
        return Watch(self.gate, self.resource, (*self.path, key), self.kin)

    def access(self, key: Any, kind: Kind, peek: Peek) -> None:
        """Announce one access to ``key`` inside, and be held."""
        self.gate.access(self.resource, (*self.path, key), kind, peek)

    def note(self, key: Any, kind: Kind, peek: Peek) -> None:
        """Add an access to ``key`` inside to the step under way."""
        self.gate.note(self.resource, (*self.path, key), kind, peek)

    def insert(self) -> None:
        """Note that a new key comes behind those that are there: who walks through sees the order."""
        self.gate.note(self.resource, (*self.path, ORDER), Kind.INSERT)

    def change(self, peek: Peek) -> None:
        """Announce that the whole value is read and changed, in one step."""
        whole = (*self.path, ANY)
        pairs = [(whole, Kind.READ), (whole, Kind.WRITE)]
        self.gate.accesses(self.resource, pairs, lambda _key: peek())

    def lost(self, key: Any, why: str) -> None:
        """Report that accesses to ``key`` inside cannot be seen."""
        self._doubt((*self.path, key), f"{self.where(key)} {why}")

    def lost_here(self, why: str) -> None:
        """Report that accesses to this value cannot be seen."""
        self._doubt(self.path, f"{self.where()} {why}")

    def _doubt(self, key: Key, what: str) -> None:
        if isinstance(self.gate, Doubting):
            self.gate.doubt(self.resource, key, what)
        else:
            self.gate.escape(what)

    def where(self, *key: Any) -> str:
        """The path as people write it."""
        return self.resource + "".join(f"[{literal(part)}]" for part in (*self.path, *key))


def image(value: Any) -> Any:
    """What tells whether an unwatched value was changed: its content, watched values by identity."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict:
        return [(key, image(item)) for key, item in value.items()]
    if kind in (list, deque, tuple):
        return [image(item) for item in value]
    if kind in MUTABLE:
        return kind(value)
    return id(value)
