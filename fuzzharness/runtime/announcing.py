"""What rewritten code calls where it reads or binds a name.

Decides when a name that is bound anew is announced: before it is read, and when the new value is there
but not yet bound. Which names these are is decided in ``rebinding``; what is a step of its own, by the
gate.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, Final

from fuzzharness.access import MISSING, Kind
from fuzzharness.world.plain import ATOMS, plain
from fuzzharness.world.slots import InCell, Slot
from fuzzharness.world.storage import BASE
from fuzzharness.world.tracked import Tracker


class Announcer:
    """Announces the accesses to the name of one slot."""

    __slots__ = ("_key", "_look", "_resource", "_tracker", "slot")

    def __init__(self, slot: Slot, tracker: Tracker) -> None:
        self.slot = slot
        self._tracker = tracker
        self._resource = tracker.resource
        self._key = (slot.name,)
        self._look = lambda: _shown(slot.read())

    def read(self) -> None:
        """Before the name is read."""
        self._tracker.gate.access(self._resource, self._key, Kind.READ, self._look)
        if type(self.slot.read()) not in ATOMS:
            self._tracker.take_in(self.slot, self.slot.name, self._tracker.watch())

    def write(self) -> None:
        """Before the name is bound anew."""
        self._tracker.gate.access(self._resource, self._key, Kind.WRITE, self._look)

    def stored(self, value: Any) -> None:
        """After it was bound to ``value``."""
        if type(value) not in ATOMS:
            del value
            self._tracker.stored(self.slot, self.slot.name, self._tracker.watch())


def _shown(value: Any) -> Any:
    return value if value is MISSING else plain(value)


class Proxy:
    """A global or an enclosing variable as the attribute ``value``."""

    __slots__ = ("_announcer",)

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def _get(self) -> Any:
        self._announcer.read()
        value = self._announcer.slot.read()
        return _default(self._announcer.slot) if value is MISSING else value

    def _set(self, value: Any) -> None:
        self._announcer.write()
        self._announcer.slot.write(value)
        self._announcer.stored(value)

    def _delete(self) -> None:
        self._announcer.write()
        if self._announcer.slot.read() is MISSING:
            raise NameError(_unbound(self._announcer.slot))
        self._announcer.slot.write(MISSING)

    value = property(_get, _set, _delete)

    def store(self, value: Any) -> Any:
        """Bind the name to ``value`` and return it, as ``:=`` does."""
        self._set(value)
        return value


def _default(slot: Slot) -> Any:
    """What an unbound name means: a builtin, or nothing."""
    value = MISSING if isinstance(slot, InCell) else vars(builtins).get(slot.name, MISSING)
    if value is MISSING:
        raise NameError(_unbound(slot))
    return value


def _unbound(slot: Slot) -> str:
    name = slot.name.rpartition(".")[2]
    if isinstance(slot, InCell):
        return (
            f"cannot access free variable '{name}' where it is not associated with a value in enclosing scope"
        )
    return f"name '{name}' is not defined"


class Members:
    """The owners whose attribute ``name`` announces itself: modules, classes and functions.

    ``add`` is asked for an announcer where the attribute of another owner is bound; None if it has none.
    """

    def __init__(self, name: str, add: Callable[[Any, str], Announcer | None]) -> None:
        self._name = name
        self._add = add
        self._known: dict[int, Announcer] = {}
        self._owners: list[Any] = []

    def know(self, owner: Any, announcer: Announcer) -> None:
        """Let the attribute of ``owner`` announce itself."""
        self._known[id(owner)] = announcer
        self._owners.append(owner)  # no other object may come to its id

    def read(self, owner: Any) -> Any:
        """Before the attribute of ``owner`` is read; returns ``owner``."""
        announcer = self._known.get(id(owner)) or self._inherited(owner)
        if announcer is not None:
            announcer.read()
        return owner

    def write(self, owner: Any) -> Any:
        """What is to take the new value in the place of ``owner``."""
        if isinstance(owner, type):
            owner = owner.__dict__.get(BASE, owner)
        announcer = self._known.get(id(owner)) or self._new(owner)
        return owner if announcer is None else MemberProxy(owner, announcer)

    def _new(self, owner: Any) -> Announcer | None:
        announcer = self._add(owner, self._name)
        if announcer is not None:
            self.know(owner, announcer)
        return announcer

    def _inherited(self, owner: Any) -> Announcer | None:
        """The member of a class that ``owner``, or an instance, has from it."""
        kind = owner if isinstance(owner, type) else type(owner)
        for cls in kind.__mro__:
            if self._name in cls.__dict__ and BASE not in cls.__dict__:
                return self._known.get(id(cls))
        return None


class MemberProxy:
    """Stands in for the owner of a member while the member is bound: the attribute is announced."""

    __slots__ = ("_announcer", "_owner")

    def __init__(self, owner: Any, announcer: Announcer) -> None:
        object.__setattr__(self, "_owner", owner)
        object.__setattr__(self, "_announcer", announcer)

    def __getattribute__(self, name: str) -> Any:
        _of(self, "_announcer").read()
        return getattr(_of(self, "_owner"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        announcer = _of(self, "_announcer")
        announcer.write()
        setattr(_of(self, "_owner"), name, value)
        announcer.stored(value)

    def __delattr__(self, name: str) -> None:
        _of(self, "_announcer").write()
        delattr(_of(self, "_owner"), name)


_of: Final = object.__getattribute__


def nothing(*given: Any) -> Any:
    """Announces nothing: what is announced elsewhere, or is no state."""
    return given[0] if given else None
