"""One run of every class, held against brute force on small random programs."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.count import forecast
from fuzzharness.search.dpor import Dpor
from fuzzharness.search.habits import Habits
from fuzzharness.search.parts import Parts
from fuzzharness.search.profile import Profile
from fuzzharness.search.survey import Survey

MOST = 600
PROPERTY = settings(deadline=None, max_examples=50, derandomize=True, database=None)
seeds = st.integers(0, 2**32)


def checked(programs: Any, program: Any, scheduler: Any) -> tuple[Counter[Any], set[Any], int]:
    """The classes that a search runs, the endings, and how many runs were cut off."""
    classes: Counter[Any] = Counter()
    endings, cut, void = set(), 0, 0
    for ended in programs.searched(program, scheduler):
        if scheduler.claim().void != void:  # it began anew, and makes the runs before again
            void, cut = scheduler.claim().void, 0
            classes.clear()
        if ended.trail.cut:
            cut += 1
        else:
            classes[programs.class_of(ended.trail)] += 1
            endings.add(ended.ending)
    return classes, endings, cut


def compare(programs: Any, program: Any, scheduler: Any) -> int:
    """Hold a search against all interleavings; returns how many runs were cut off."""
    every = programs.every_run(program, MOST)
    if every is None:
        return 0
    classes, endings, cut = checked(programs, program, scheduler)
    assert set(classes) == {programs.class_of(ended.trail) for ended in every}
    assert endings == {ended.ending for ended in every}
    assert set(classes.values()) == {1}, "a class was run twice"
    assert scheduler.claim().strayed == 0
    return cut


@PROPERTY
@given(seed=seeds)
def test_every_class_once_and_no_run_cut_off_where_accesses_follow_from_the_call(
    programs: Any, seed: int
) -> None:
    program = programs.random_program(random.Random(seed))
    assert compare(programs, program, Dpor()) == 0


@pytest.mark.long
@PROPERTY
@given(seed=seeds)
def test_every_class_once_with_locks_deadlocks_and_locks_that_are_only_tried(
    programs: Any, seed: int
) -> None:
    program = programs.random_program(random.Random(seed), locks=0.8)
    assert compare(programs, program, Dpor()) == 0


@PROPERTY
@given(seed=seeds)
def test_every_class_once_where_values_decide_what_one_step_touches(programs: Any, seed: int) -> None:
    program = programs.random_program(random.Random(seed), by_value=0.3)
    habits = Habits()
    for ended in programs.serially(program):
        habits.note(ended.trail)
    compare(programs, program, Dpor(habits=habits))


@PROPERTY
@given(seed=seeds)
def test_it_is_found_in_the_midst_of_the_search_that_values_decide(programs: Any, seed: int) -> None:
    program = programs.random_program(random.Random(seed), by_value=0.3, locks=0.3)
    compare(programs, program, Dpor())


@PROPERTY
@given(seed=seeds, locks=st.sampled_from([0.0, 0.8]))
def test_the_number_of_classes_is_known_before_where_nothing_depends_on_data(
    programs: Any, seed: int, locks: float
) -> None:
    program = programs.without_choices(programs.random_program(random.Random(seed), locks=locks))
    every = programs.every_run(program, MOST)
    if every is None:
        return
    trails = [ended.trail for ended in programs.serially(program)]
    counted = forecast(Profile.of(trails, len(program)))
    if not counted.exact:
        return  # a lock that is only tried: what follows depends on whether it was free
    product = 1
    for count in counted.counts:
        product *= count or 0
    assert product == len({programs.class_of(ended.trail) for ended in every})


@PROPERTY
@given(seed=seeds)
def test_parts_that_never_meet_are_each_searched_and_together_take_the_sum(programs: Any, seed: int) -> None:
    chance = random.Random(seed)
    one, other = (programs.without_choices(programs.random_program(chance)[:2]) for _ in range(2))
    other = programs.renamed(other)
    program = (*one, *other)
    trails = [ended.trail for ended in programs.serially(program)]
    alone = [len(checked(programs, part, Dpor())[0]) for part in (one, other)]
    if max(alone) > 100:
        return
    parts = Parts(Survey.of(trails, len(program)))
    classes, _, cut = checked(programs, program, parts)
    assert cut == 0
    assert set(classes.values()) == {1}
    assert len(classes) == alone[0] + alone[1] - 1


def test_parts_that_meet_after_all_are_searched_as_one(programs: Any) -> None:
    """The forecast is made from runs in which the second call does not come to its write."""
    op = programs.Op
    program = (
        (op("write", "x"), op("write", "x")),
        (op("skip", "x", a=0), op("write", "y")),
        (op("read", "y"),),
    )
    some = [programs.execute(program, lambda ready, *_: ready[-1]).trail]
    survey = Survey.of(some, len(program))
    assert len(survey.forecast.parts) == 2
    classes, _, _ = checked(programs, program, Parts(survey))
    every = programs.every_run(program, MOST)
    assert set(classes) == {programs.class_of(ended.trail) for ended in every}


def test_a_search_that_cannot_repeat_its_beginning_says_so(programs: Any) -> None:
    op = programs.Op
    program = ((op("read"), op("write")), (op("read"), op("write")))
    dpor = Dpor()
    dpor.begin(None)
    assert dpor.begin(programs.execute(program, dpor.choose).trail)
    other = ((op("write"), op("write")), (op("read"), op("write")))
    dpor.begin(programs.execute(other, dpor.choose).trail)
    assert dpor.claim().strayed == 1


def test_memory_grows_with_the_length_of_a_run_not_with_their_number(programs: Any) -> None:
    op = programs.Op
    program = tuple((op("read"), op("write"), op("read"), op("write")) for _ in range(2))
    dpor, sizes = Dpor(), []
    for _ in programs.searched(program, dpor):
        sizes.append(planned(dpor))
    assert len(sizes) == 34
    assert max(sizes) <= 4 * 8


def planned(dpor: Dpor) -> int:
    """How many steps of runs to come are kept."""

    def count(branches: Sequence[Any]) -> int:
        return sum(1 + count(branch.after) for branch in branches)

    return sum(map(count, dpor._trees)) + sum(map(count, dpor._ahead))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_conflict_is_reversed_in_the_second_run(programs: Any, steps: int) -> None:
    op = programs.Op
    private = tuple(op("read", f"p{n}") for n in range(steps))
    program = ((*private, op("read"), op("write")), (*private, op("read"), op("write")))
    runs: list[Trail] = [ended.trail for ended in programs.searched(program, Dpor())]
    order = [
        (call, touches[0][2].value) for call, touches in zip(runs[1].order, runs[1].touches, strict=True)
    ]
    first_write = next(i for i, (_, kind) in enumerate(order) if kind == "write")
    assert {call for call, _ in order[:first_write]} == {0, 1}, "both read before one writes"


@PROPERTY
@given(seed=seeds)
def test_every_class_once_where_calls_wait_until_others_wake_them(programs: Any, seed: int) -> None:
    program = programs.waiting_program(random.Random(seed))
    compare(programs, program, Dpor())
