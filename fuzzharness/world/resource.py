"""The protocol of a resource, and of the gate it announces accesses to.

Decides what the runtime may ask of anything that calls share. Holds no resource itself: each has
a file of its own in this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from fuzzharness.access import Key, Kind, Place

Peek = Callable[[], Any]


class HeldBack(BaseException):
    """An operation of :meth:`Gate.in_task` would have to wait: it is given up, and made again later.

    ``taken`` answers whether it still would have to; None: not until ``resource`` is woken.
    """

    def __init__(self, resource: str, taken: Callable[[], bool] | None) -> None:
        super().__init__(resource)
        self.resource, self.taken = resource, taken


class Gate(Protocol):
    """What a resource is given to announce accesses with."""

    @property
    def inside(self) -> bool:
        """Whether the running thread is a call under control (and not the harness itself)."""
        ...

    def access(self, resource: str, key: Key, kind: Kind, peek: Peek | None = None) -> None:
        """Announce one access and be held until it is this call's turn; ``peek`` shows the value."""
        ...

    def accesses(
        self,
        resource: str,
        pairs: Sequence[tuple[Key, Kind]],
        peek: Peeks = None,
        taken: Callable[[], bool] | None = None,
    ) -> None:
        """Announce several accesses that happen in one step.

        ``taken`` answers whether a lock that they need is held by another: the call then waits. Where
        nobody is left to give it back, this returns all the same, so that the access can fail.
        """
        ...

    def note(
        self, resource: str, key: Key, kind: Kind, peek: Peek | None = None, place: Place | None = None
    ) -> None:
        """Add an access to the step that is under way, without being held; ``place`` if not here."""
        ...

    def here(self) -> Place | None:
        """The tool's line that is running, where the run asks for places; else None."""
        ...

    def mark(self) -> object:
        """A sign of the step under way, equal only while the call has passed no further gate."""
        ...

    def caller(self) -> object:
        """What tells the running call from the others; None outside calls."""
        ...

    def later(self, look: Callable[[], None]) -> None:
        """Call ``look`` when the running call comes to its next gate."""
        ...

    def unforeseen(self) -> None:
        """Say that calls may come to wait for something that cannot be announced."""
        ...

    async def in_task(self, operation: Callable[[], Any]) -> Any:
        """Make an operation of a task, with an ``await`` before and after it.

        Where it has to wait it raises :class:`HeldBack`, and is made again once it need not: so the task
        waits, and the loop goes on with others.
        """
        ...

    async def attempted(self, operation: Callable[[], Any]) -> Any:
        """As :meth:`in_task`, without an ``await`` unless it has to wait: who is cancelled takes it back."""
        ...

    def wait(self, resource: str) -> bool:
        """Stand back until :meth:`wake`; False when nobody is left who could wake this call."""
        ...

    def unseen(self) -> AbstractContextManager[None]:
        """What is done inside is no call's: it passes every gate, in real time."""
        ...

    def stand(self, resource: str, key: Key) -> bool:
        """Stand in line for ``key`` until :meth:`rouse`; False when nobody is left who could."""
        ...

    def rouse(self, resource: str, key: Key) -> None:
        """Let the calls that stand in line for ``key`` go on."""
        ...

    def broken(self, cycle: Sequence[tuple[object, str, Key]]) -> None:
        """Report a deadlock that a server has broken: who waits for what, which the next one holds."""
        ...

    def unlock(self, resource: str, key: Key) -> None:
        """Say that the lock ``key``, announced before as :attr:`Kind.LOCK`, is free again."""
        ...

    def wake(self, resource: str) -> None:
        """Let calls that wait for ``resource`` try again."""
        ...

    def reach(self, host: object) -> None:
        """Raise :class:`~fuzzharness.errors.NetworkRefused` if calls may not connect to ``host``."""
        ...

    def escape(self, what: str, remedy: str = "") -> None:
        """Report something that the world does not cover, and what to give so that it does."""
        ...

    @property
    def escaped(self) -> bool:
        """Whether anything was reported so far."""
        ...


Peeks = Callable[[Key], Any] | None


@runtime_checkable
class Resource(Protocol):
    """One named part of the world. Open, then any number of ``reset`` and runs, then close."""

    def open(self, name: str, gate: Gate) -> None:
        """Take hold of the resource under ``name`` and set up the state it starts from."""
        ...

    def mark(self) -> None:
        """Make the state as it stands the one that :meth:`reset` goes back to."""
        ...

    def reset(self) -> Any:
        """Go back to the initial state and return what a tool parameter of this name receives."""
        ...

    def capture(self) -> Any:
        """The state as plain nested mappings, lists and scalars, independent of later runs."""
        ...

    def perturb(self, key: Key) -> bool:
        """Change the value at ``key`` to another of its type; False where that cannot be done."""
        ...

    def close(self) -> None:
        """Leave the resource exactly as :meth:`open` found it. May be called twice."""
        ...
