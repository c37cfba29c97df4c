"""The smallest counterexample: fewer calls first, then fewer preemptions, then fewer switches.

Decides which counterexample is the smaller one and what is proven about it. Takes a search, not a
runtime: anything that yields candidates by rising preemptions can be shrunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

from fuzzharness.finding import Certificate
from fuzzharness.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Candidate:
    """One run of a search: its schedule, and whether it fails the way that is looked for."""

    schedule: Schedule
    fails: bool


class Attempt(Protocol):
    """The interleavings of some calls by rising number of preemptions.

    ``exhausted`` tells, after the last candidate, whether none was left out.
    """

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
    schedule: Schedule | None = None
    whole: bool = True


def smallest(
    found: Schedule, calls: int, hint: Sequence[int], search: Search, least: int = 0
) -> tuple[Schedule, Certificate]:
    """The smallest failing schedule that can be reached, and what is proven of it.

    ``found`` fails already and runs ``calls`` calls; ``hint`` are the calls to try first; no failing
    schedule has less than ``least`` preemptions.
    """
    proven = True
    for size in range(2, calls + 1):
        best = _Best()
        for positions in _subsets(calls, size, hint):
            _try(search(positions), best)
            if best.schedule is not None and _least(best.schedule, least):
                break
        proven = proven and best.whole
        if best.schedule is not None:
            return best.schedule, _certificate(best.schedule, proven)
    return found, _certificate(found, False)


def _least(schedule: Schedule, preemptions: int) -> bool:
    """Whether no schedule of as many calls can be smaller: each preempted call must be resumed once."""
    fewest = len(schedule.calls) - 1 + preemptions
    return schedule.preemptions <= preemptions and schedule.switches <= fewest


def _subsets(calls: int, size: int, hint: Sequence[int]) -> Iterator[tuple[int, ...]]:
    first = tuple(sorted(hint))
    if len(first) == size:
        yield first
    for positions in combinations(range(calls), size):
        if positions != first:
            yield positions


def _try(attempt: Attempt, best: _Best) -> None:
    """Look for something smaller than ``best`` among the candidates of ``attempt``."""
    for candidate in attempt:
        schedule = candidate.schedule
        if best.schedule is not None and schedule.preemptions > best.schedule.preemptions:
            return
        if candidate.fails and (best.schedule is None or sort_key(schedule) < sort_key(best.schedule)):
            best.schedule = schedule
    best.whole = best.whole and attempt.exhausted


def _certificate(schedule: Schedule, proven: bool) -> Certificate:
    size = len(schedule.calls)
    if proven:
        fewer = f"every batch of {size - 1} of the calls was exhausted without it, and " if size > 2 else ""
        method = f"{fewer}every schedule with fewer preemptions was run without it"
    else:
        method = "the search for a smaller one ran out of executions"
    return Certificate(proven, size, schedule.preemptions, schedule.switches, method)
