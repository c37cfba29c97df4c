"""Serial outcomes: how the calls of a batch end when they run one after another.

Decides which orders must be run: all of them, less those that only swap neighbouring calls without a
conflict. Never judges an interleaving.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from fuzzharness.access import Kind, overlap
from fuzzharness.oracle.compare import key_of
from fuzzharness.runtime.run import Touch
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.search.serial import in_order

MOST_ORDERS = 720


@dataclass(frozen=True)
class SerialOutcomes:
    """The endings of the serial orders of the calls at ``positions``.

    ``first`` and ``second`` are two runs in recorded order; ``endings`` maps the key of each ending to
    the first order that reached it; ``complete`` is False if some orders were left out.
    """

    positions: tuple[int, ...]
    first: Ran
    second: Ran
    endings: dict[Hashable, Ran]
    orders: int
    complete: bool

    @property
    def baseline(self) -> Ran:
        """The run in recorded order."""
        return self.first

    def stable(self, ignore: Sequence[str]) -> bool:
        """Whether both runs in recorded order ended alike."""
        return key_of(self.first.outcome, ignore) == key_of(self.second.outcome, ignore)


def serial_outcomes(stage: Stage, positions: Sequence[int]) -> SerialOutcomes:
    """Run the calls at ``positions`` in recorded order twice, then in every other order that matters."""
    ignore = stage.settings.ignore
    recorded = tuple(range(len(positions)))
    first = stage.run(positions, in_order(recorded))
    endings: dict[Hashable, Ran] = {key_of(first.outcome, ignore): first}
    if first.unfinished:
        return SerialOutcomes(tuple(positions), first, first, endings, 1, False)
    second = stage.run(positions, in_order(recorded))
    count = 1
    for order in distinct_orders(touched(first, second)):
        if order == recorded:
            continue
        if count == MOST_ORDERS:
            return SerialOutcomes(tuple(positions), first, second, endings, count, False)
        ran = stage.run(positions, in_order(order))
        endings.setdefault(key_of(ran.outcome, ignore), ran)
        count += 1
        if ran.unfinished:
            return SerialOutcomes(tuple(positions), first, second, endings, count, False)
    return SerialOutcomes(tuple(positions), first, second, endings, count, True)


def touched(*runs: Ran) -> list[set[Touch]]:
    """What each call touched in any of ``runs``."""
    found: list[set[Touch]] = [set() for _ in runs[0].positions]
    for ran in runs:
        for call, touches in zip(ran.trail.order, ran.trail.touches, strict=True):
            found[call].update(touches)
    return found


def distinct_orders(sets: Sequence[set[Touch]]) -> Iterator[tuple[int, ...]]:
    """Every order of the calls; above five calls one of each class that conflicts tell apart.

    Up to five calls all orders are run, since what a call touches may depend on the order.
    """
    calls = range(len(sets))
    free = [[len(sets) > 5 and not _meet(sets[a], sets[b]) for b in calls] for a in calls]
    yield from _orders(free, ())


def _orders(free: list[list[bool]], done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(done) == len(free):
        yield done
        return
    for call in range(len(free)):
        if call not in done and not (done and call < done[-1] and free[call][done[-1]]):
            yield from _orders(free, (*done, call))


def _meet(mine: set[Touch], theirs: set[Touch]) -> bool:
    return any(
        Kind.WRITE in (a[2], b[2]) and a[0] == b[0] and overlap(a[1], b[1]) for a in mine for b in theirs
    )
