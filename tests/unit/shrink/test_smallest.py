"""Shrinking on toys: a predicate on interleavings, no runtime."""

from collections.abc import Callable, Iterator
from itertools import permutations

from fuzzharness.schedule import Schedule
from fuzzharness.shrink.smallest import Candidate, smallest, sort_key

Fails = Callable[[tuple[int, ...], tuple[int, ...]], bool]
STEPS = 2


class Toy:
    """Every interleaving of calls of two steps each, by rising preemptions, up to ``limit`` of them."""

    def __init__(self, calls: tuple[int, ...], fails: Fails, limit: int | None) -> None:
        self.exhausted = False
        self.rising = True
        self._calls, self._fails, self._limit = calls, fails, limit

    def __iter__(self) -> Iterator[Candidate]:
        orders = set(permutations([c for c in range(len(self._calls)) for _ in range(STEPS)]))
        schedules = sorted((Schedule.from_order("00000000", self._calls, o) for o in orders), key=sort_key)
        for schedule in schedules[: self._limit]:
            yield Candidate(self._fails(self._calls, schedule.order), lambda shown=schedule: shown)  # type: ignore[misc]  # mypy cannot infer a default's type
        self.exhausted = self._limit is None or self._limit >= len(schedules)


def shrunk(calls: int, fails: Fails, limit: int | None = None) -> tuple[Schedule, bool]:
    found = Schedule.from_order("00000000", range(calls), [c for _ in range(STEPS) for c in range(calls)])
    schedule, certificate = smallest(lambda: found, calls, lambda positions: Toy(positions, fails, limit))
    assert (certificate.calls, certificate.preemptions) == (len(schedule.calls), schedule.preemptions)
    return schedule, certificate.proven


def broken_window(calls: tuple[int, ...], order: tuple[int, ...]) -> bool:
    """Some call is interrupted between its two steps."""
    return any(order.index(c) + 1 != len(order) - 1 - order[::-1].index(c) for c in range(len(calls)))


def test_two_calls_and_one_preemption_are_enough() -> None:
    schedule, proven = shrunk(3, broken_window)
    assert (schedule.calls, schedule.digits, proven) == ((0, 1), "0110", True)


def test_calls_that_are_needed_stay() -> None:
    schedule, proven = shrunk(3, lambda calls, order: set(calls) >= {0, 2} and order[0] == len(calls) - 1)
    assert (schedule.calls, schedule.digits, proven) == ((0, 2), "1100", True)


def test_three_calls_where_two_do_not_fail() -> None:
    schedule, proven = shrunk(3, lambda calls, order: len(calls) == 3 and broken_window(calls, order))
    assert (len(schedule.calls), schedule.preemptions, proven) == (3, 1, True)


def test_a_search_that_was_cut_short_proves_nothing() -> None:
    schedule, proven = shrunk(
        3, lambda calls, order: len(calls) == 3 and broken_window(calls, order), limit=20
    )
    assert (len(schedule.calls), proven) == (3, False)


def test_what_cannot_be_found_again_is_kept_as_it_was() -> None:
    schedule, proven = shrunk(2, lambda _calls, _order: False)
    assert (schedule.digits, proven) == ("0101", False)
