"""The gate: where a call announces its next access and may be held.

Decides what counts as one step. Who goes next is decided in ``baton``; what is announced, by the
resources of the world.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fuzzharness.access import Key, Kind, Place
from fuzzharness.finding import Escape
from fuzzharness.runtime.asides import attempted, break_off, hold_back, in_task
from fuzzharness.runtime.network import check
from fuzzharness.runtime.places import place_of_tool
from fuzzharness.runtime.strand import RUNNING, current

if TYPE_CHECKING:
    from fuzzharness.world.resource import Peek, Peeks


class ThreadGate:
    """The gate of calls that run on threads; see :class:`fuzzharness.world.resource.Gate`."""

    def __init__(self, hosts: Sequence[str] = ()) -> None:
        self._hosts = hosts
        self.escapes: dict[Escape, None] = {}
        self._home = get_ident()

    @property
    def inside(self) -> bool:
        inside = current() is not None
        if not inside:
            self._notice_stranger()
        return inside

    def access(self, resource: str, key: Key, kind: Kind, peek: Peek | None = None) -> None:
        strand = current()
        if strand is not None:
            run = strand.run
            touch = (resource, key, kind)
            run.arrive(strand, (touch,))
            run.record(strand, touch, peek)
        else:
            self._notice_stranger()

    def _notice_stranger(self) -> None:
        """A thread that is neither the harness nor a call: a tool has started it."""
        if get_ident() != self._home and get_ident() not in RUNNING:
            self.escape("a thread that a tool started, which runs out of control, touched the world")

    def accesses(
        self,
        resource: str,
        pairs: Sequence[tuple[Key, Kind]],
        peek: Peeks = None,
        taken: Callable[[], bool] | None = None,
    ) -> None:
        strand = current()
        if strand is None:
            self._notice_stranger()
            return
        if not pairs:
            return
        touches = [(resource, key, kind) for key, kind in pairs]
        if taken is None:
            strand.run.arrive(strand, touches)
        elif strand.aside:
            hold_back(strand, resource, taken, touches)
        else:
            strand.run.take_or_fail(strand, touches, resource, taken)
        run = strand.run
        for touch in touches:
            run.record(strand, touch, _bound(peek, touch[1]) if run.detailed and peek is not None else None)

    def note(
        self, resource: str, key: Key, kind: Kind, peek: Peek | None = None, place: Place | None = None
    ) -> None:
        strand = current()
        if strand is not None:
            strand.run.record(strand, (resource, key, kind), peek, place)

    def here(self) -> Place | None:
        strand = current()
        return place_of_tool() if strand is not None and strand.run.detailed else None

    def mark(self) -> object:
        strand = current()
        return None if strand is None else (id(strand), strand.steps, strand.turns)

    def caller(self) -> object:
        strand = current()
        return None if strand is None else strand.index

    def later(self, look: Callable[[], None]) -> None:
        strand = current()
        if strand is not None:
            strand.later.append(look)

    def unforeseen(self) -> None:
        strand = current()
        if strand is not None:
            strand.run.trail.unforeseen += 1

    def wait(self, resource: str) -> bool:
        strand = current()
        if strand is None:
            return False
        return break_off(strand, resource) if strand.aside else strand.run.wait(strand, resource)

    async def in_task(self, operation: Callable[[], Any]) -> Any:
        strand = current()
        if strand is None or strand.loop is None:
            return operation()
        return await in_task(strand, operation)

    async def attempted(self, operation: Callable[[], Any]) -> Any:
        strand = current()
        if strand is None or strand.loop is None:
            return operation()
        return await attempted(strand, operation)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        strand = current()
        if strand is None:
            yield
            return
        strand.deaf = True
        try:
            yield
        finally:
            strand.deaf = False

    def stand(self, resource: str, key: Key) -> bool:
        strand = current()
        return False if strand is None else strand.run.suspend(strand, (resource, key))

    def rouse(self, resource: str, key: Key) -> None:
        strand = current()
        if strand is not None:
            strand.run.rouse(strand, (resource, key))

    def broken(self, cycle: Sequence[tuple[object, str, Key]]) -> None:
        strand = current()
        if strand is not None and all(isinstance(call, int) for call, *_ in cycle):
            strand.run.trail.cycles.append(tuple(cycle))  # type: ignore[arg-type]  # as was just asked

    def unlock(self, resource: str, key: Key) -> None:
        strand = current()
        if strand is None:
            return
        if strand.fresh and strand.loop is not None and strand.steps:
            strand.run.arrive(
                strand, ((resource, key, Kind.UNLOCK),)
            )  # others can go on: a turn that is a step
        strand.run.unlock(strand, resource, key)

    def wake(self, resource: str) -> None:
        strand = RUNNING.get(get_ident())
        if strand is not None:
            strand.run.wake(resource)

    def reach(self, host: object) -> None:
        check(host, self._hosts)

    def escape(self, what: str, remedy: str = "") -> None:
        strand = current()
        tool = None if strand is None else strand.caller.body.name
        place = None if strand is None else place_of_tool()
        self.escapes.setdefault(Escape(what, tool, place, remedy))

    @property
    def escaped(self) -> bool:
        return bool(self.escapes)


def _bound(peek: Peeks, key: Key) -> Peek:
    assert peek is not None
    look = peek
    return lambda: look(key)


@contextmanager
def atomic() -> Iterator[None]:
    """Make the accesses inside one step: for code that is known to be atomic.

    The first access inside may be held as ever, the others follow it without a gate. Outside a call
    under control it does nothing.
    """
    strand = current()
    if strand is None:
        yield
        return
    outermost = strand.atomic == 0
    if outermost:
        strand.atomic = strand.steps + 1
    try:
        yield
    finally:
        if outermost:
            strand.atomic = 0
