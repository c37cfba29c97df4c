"""The smallest counterexample: fewer calls first, then fewer preemptions, then fewer switches.

Decides which counterexample is the smaller one and what is proven about it. Takes a search, not a
runtime: anything that tells which classes of interleavings fail can be shrunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

from fuzzharness.finding import Certificate
from fuzzharness.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Candidate:
    """One run of a search: whether it fails the way that is looked for, and the cheapest run like it."""

    fails: bool
    cheapest: Callable[[], Schedule]


class Attempt(Protocol):
    """A search of the interleavings of some calls.

    ``rising`` is True if the candidates come by rising number of preemptions, each the cheapest of its
    own; ``exhausted`` tells, after the last candidate, whether none was left out.
    """

    rising: bool
    exhausted: bool

    def __iter__(self) -> Iterator[Candidate]: ...


Search = Callable[[tuple[int, ...]], Attempt]


def sort_key(schedule: Schedule) -> tuple[int, int, int, tuple[int, ...], tuple[int, ...]]:
    """The total order on counterexamples.

    Calls first: every further call is one more tool to read. Then preemptions, the switches nobody
    asked for; then switches of any kind; then the schedule itself, so that the least is unique.
    """
    return len(schedule.calls), schedule.preemptions, schedule.switches, schedule.calls, schedule.order


@dataclass(slots=True)
class _Best:
    """The least so far of one number of calls; ``whole`` unless something was left out."""

    schedule: Schedule | None = None
    whole: bool = True
    rising: bool = False


def smallest(
    found: Callable[[], Schedule], calls: int, search: Search, least: int = 0
) -> tuple[Schedule, Certificate]:
    """The smallest failing schedule that can be reached, and what is proven of it.

    ``found`` gives one that fails already and runs ``calls`` calls; none has less than ``least`` preemptions.
    """
    proven = True
    for size in range(2, calls + 1):
        best = _Best()
        for positions in combinations(range(calls), size):
            _try(search(positions), best)
            if best.schedule is not None and _least(best.schedule, least):
                break
        proven = proven and best.whole
        if best.schedule is not None and (size < calls or sort_key(best.schedule) <= sort_key(found())):
            return best.schedule, _certificate(best, proven)
    return found(), _certificate(_Best(found()), False)


def _least(schedule: Schedule, preemptions: int) -> bool:
    """Whether no schedule of as many calls can be smaller: each preempted call must be resumed once."""
    fewest = len(schedule.calls) - 1 + preemptions
    return schedule.preemptions <= preemptions and schedule.switches <= fewest


def _try(attempt: Attempt, best: _Best) -> None:
    """Look for something smaller than ``best`` among the candidates of ``attempt``."""
    best.rising = best.rising or attempt.rising
    for candidate in attempt:
        if attempt.rising and best.schedule is not None and _costlier(candidate, best.schedule):
            return
        if candidate.fails:
            schedule = candidate.cheapest()
            if best.schedule is None or sort_key(schedule) < sort_key(best.schedule):
                best.schedule = schedule
    best.whole = best.whole and attempt.exhausted


def _costlier(candidate: Candidate, best: Schedule) -> bool:
    return candidate.cheapest().preemptions > best.preemptions


def _certificate(best: _Best, proven: bool) -> Certificate:
    schedule = best.schedule
    assert schedule is not None
    size = len(schedule.calls)
    if not proven:
        method = "the search for a smaller one ran out of executions"
    else:
        fewer = f"every batch of {size - 1} of the calls was exhausted without it, and " if size > 2 else ""
        method = fewer + _how(best)
    return Certificate(proven, size, schedule.preemptions, schedule.switches, method)


def _how(best: _Best) -> str:
    if best.rising:
        return "every schedule with fewer preemptions was run without it"
    return "no order of any class that fails has fewer preemptions or switches"
