"""Serial: the calls one after another, in a given order; every order of a batch in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fuzzharness.runtime.trail import Choose, Trail
from fuzzharness.search.scheduler import Claim


def in_order(order: Sequence[int], between: Callable[[int], None] | None = None) -> Choose:
    """Let the calls run one after another in ``order``; ``between`` is told of each that has ended."""
    ended: set[int] = set()

    def choose(ready: Sequence[int], running: int | None, trail: Trail) -> int:
        waits = running in ready or running in trail.awaits
        if running is not None and not waits and running not in ended:
            ended.add(running)
            if between is not None:
                between(running)
        if running is not None and running in ready:
            return running
        return next(call for call in order if call in ready)

    return choose


class Serial:
    """The serial orders given to it, one a run. Says nothing of any other interleaving."""

    def __init__(self, orders: Iterable[Sequence[int]]) -> None:
        self._orders = iter(orders)
        self._choose: Choose = in_order(())

    def begin(self, last: Trail | None) -> bool:  # noqa: ARG002  # of the protocol
        order = next(self._orders, None)
        if order is None:
            return False
        self._choose = in_order(order)
        return True

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        return self._choose(ready, running, trail)

    def claim(self) -> Claim:
        return Claim()
