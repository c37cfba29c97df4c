"""The cheapest order of a class, held against all orders of it."""

import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzharness.runtime.trail import Trail
from fuzzharness.schedule import Schedule
from fuzzharness.shrink.cheapest import cheapest

PROPERTY = settings(deadline=None, max_examples=60, derandomize=True, database=None)


def schedule_of(programs: Any, program: Any, order: Any) -> Schedule:
    """The schedule of one run, with the waits that the run itself shows."""
    waits, asked = set(), iter(order)

    def choose(ready: Any, running: int | None, trail: Trail) -> int:
        if running is not None and running not in ready and running not in ended(trail):
            waits.add(len(trail.order))
        return next(asked)

    def ended(trail: Trail) -> set[int]:
        return {c for c in range(len(program)) if lengths[c] == trail.order.count(c) and c not in stood}

    trail = programs.execute(program, lambda _ready, _running, trail: order[len(trail.order)]).trail
    lengths, stood = [order.count(c) for c in range(len(program))], trail.stood
    programs.execute(program, choose)
    return Schedule.from_order("00000000", range(len(program)), order, frozenset(waits), stood)


def size(schedule: Schedule) -> tuple[int, int, tuple[int, ...]]:
    return schedule.preemptions, schedule.switches, schedule.order


@pytest.mark.long
@PROPERTY
@given(seed=st.integers(0, 2**32), locks=st.sampled_from([0.0, 0.7]))
def test_no_order_of_the_class_has_fewer_preemptions_or_switches_or_comes_before(
    programs: Any, seed: int, locks: float
) -> None:
    program = programs.random_program(random.Random(seed), locks=locks)
    every = programs.every_run(program, 400)
    if every is None:
        return
    classes = defaultdict(list)
    for ended in every:
        classes[programs.class_of(ended.trail)].append(ended.trail)
    for trails in classes.values():
        found = cheapest(trails[-1], len(program))
        assert found is not None
        shown = Schedule.from_order("00000000", range(len(program)), *found, trails[-1].stood)
        best = min(size(schedule_of(programs, program, tuple(trail.order))) for trail in trails)
        assert size(shown) == best


def test_a_run_whose_calls_can_stand_in_too_many_ways_is_left_as_it_is() -> None:
    touch = [("v", ("x",), None)]
    order = [call for call in range(6) for _ in range(9)]
    trail = Trail(order=order, touches=[touch for _ in order])  # type: ignore[list-item]  # kinds do not matter here
    assert cheapest(trail, 6) is None
