"""Serial outcomes: how the calls of a batch end when they run one after another.

Decides which orders must be run: all of them, less those that only swap neighbouring calls without a
conflict. Never judges an interleaving.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from fuzzharness.access import Touch, meet
from fuzzharness.oracle.compare import key_of
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.runtime.trail import Trail
from fuzzharness.search.serial import in_order

MOST_ORDERS = 720

Told = Callable[[int, int], None]
"""Is told after each order how many calls are run in order, and how many orders of these are done."""


@dataclass(frozen=True)
class SerialOutcomes:
    """The endings of the serial orders of the calls at ``positions``.

    ``first`` and ``second`` are two runs in recorded order; ``endings`` maps the key of each ending to
    the first order that reached it; ``trails`` holds what every run did, the recorded order first;
    ``complete`` is False if some orders were left out.
    """

    positions: tuple[int, ...]
    first: Ran
    second: Ran
    endings: dict[Hashable, Ran]
    trails: tuple[Trail, ...]
    complete: bool

    @property
    def orders(self) -> int:
        """How many orders were run."""
        return len(self.trails)

    @property
    def baseline(self) -> Ran:
        """The run in recorded order."""
        return self.first

    def stable(self, ignore: Sequence[str]) -> bool:
        """Whether both runs in recorded order ended alike."""
        return key_of(self.first.outcome, ignore) == key_of(self.second.outcome, ignore)


def silent(calls: int, orders: int) -> None:
    """Nobody listens."""


def at_most(calls: int) -> int:
    """How many orders of ``calls`` calls are run at most."""
    return min(MOST_ORDERS, math.factorial(calls))


def serial_outcomes(stage: Stage, positions: Sequence[int], tell: Told = silent) -> SerialOutcomes:
    """Run the calls at ``positions`` in recorded order twice, then in every other order that matters."""
    recorded = tuple(range(len(positions)))
    first = stage.run(positions, in_order(recorded))
    second = first if first.unfinished else stage.run(positions, in_order(recorded))
    runs = {recorded: first}
    tell(len(positions), 1)
    complete = not first.unfinished and _run_others(stage, positions, runs, touched(first, second), tell)
    endings: dict[Hashable, Ran] = {}
    for ran in runs.values():
        endings.setdefault(key_of(ran.outcome, stage.settings.ignore), ran)
    trails = tuple(ran.trail for ran in runs.values())
    return SerialOutcomes(tuple(positions), first, second, endings, trails, complete)


def _run_others(
    stage: Stage,
    positions: Sequence[int],
    runs: dict[tuple[int, ...], Ran],
    sets: list[set[Touch]],
    tell: Told,
) -> bool:
    """Add a run of every further order that matters to ``runs``; False if some had to be left out.

    Calls may touch other things in another order, and so tell more orders apart: what was touched in
    any run counts, until no order is left that could differ from all that were run.
    """
    grown = True
    while grown:
        grown = False
        for order in distinct_orders(sets):
            if order in runs:
                continue
            if len(runs) == MOST_ORDERS:
                return False
            ran = runs[order] = stage.run(positions, in_order(order))
            tell(len(positions), len(runs))
            if ran.unfinished:
                return False
            more = touched(ran)
            grown = grown or any(new - known for known, new in zip(sets, more, strict=True))
            sets = [known | new for known, new in zip(sets, more, strict=True)]
    return True


def touched(*runs: Ran) -> list[set[Touch]]:
    """What each call touched in any of ``runs``."""
    found: list[set[Touch]] = [set() for _ in runs[0].positions]
    for ran in runs:
        for call, touches in zip(ran.trail.order, ran.trail.touches, strict=True):
            found[call].update(touches)
    return found


def distinct_orders(sets: Sequence[set[Touch]]) -> Iterator[tuple[int, ...]]:
    """Every order of the calls; above five calls one of each class that conflicts tell apart.

    Up to five calls all orders are run: that costs little, and needs no access to have been seen.
    """
    calls = range(len(sets))
    free = [[len(sets) > 5 and not meet(sets[a], sets[b]) for b in calls] for a in calls]
    yield from _orders(free, ())


def _orders(free: list[list[bool]], done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(done) == len(free):
        yield done
        return
    for call in range(len(free)):
        if call not in done and not _could_come_earlier(call, done, free):
            yield from _orders(free, (*done, call))


def _could_come_earlier(call: int, done: tuple[int, ...], free: list[list[bool]]) -> bool:
    """Whether ``call`` can be swapped back before a later one: that order stands for this one."""
    for before in reversed(done):
        if not free[call][before]:
            return False
        if call < before:
            return True
    return False


def is_serializable(trail: Trail) -> bool:
    """Whether a run ends as some serial order does, since no two calls depend on each other both ways.

    Conflict serializability: the calls, ordered by what happens first where they meet, make no circle
    (Eswaran, Gray, Lorie and Traiger, CACM 1976). A run that is not may still end as a serial order does.
    """
    after: dict[int, set[int]] = {call: set() for call in trail.order}
    for step, (call, touches) in enumerate(zip(trail.order, trail.touches, strict=True)):
        for earlier in range(step):
            other = trail.order[earlier]
            known = other == call or call in after[other]
            if not known and meet(touches, trail.touches[earlier]):
                after[other].add(call)
    return _without_circle(after)


def _without_circle(after: dict[int, set[int]]) -> bool:
    left = dict(after)
    while left:
        last = [call for call, later in left.items() if not later & left.keys()]
        if not last:
            return False
        for call in last:
            del left[call]
    return True
