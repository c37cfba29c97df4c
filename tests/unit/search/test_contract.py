"""What every strategy keeps to. A new one adds a row to ROWS."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.access import Kind, Touch
from fuzzharness.runtime.stage import Stage
from fuzzharness.runtime.trail import Trail
from fuzzharness.schedule import Schedule
from fuzzharness.search import scheduler_for
from fuzzharness.search.auto import Auto
from fuzzharness.search.bounded import Bounded
from fuzzharness.search.dpor import Dpor
from fuzzharness.search.follow import Follow
from fuzzharness.search.parts import Parts
from fuzzharness.search.pct import Pct
from fuzzharness.search.portfolio import Portfolio
from fuzzharness.search.pos import Pos
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.search.scheduler import Scheduler
from fuzzharness.search.serial import Serial, in_order
from fuzzharness.search.survey import Survey
from fuzzharness.search.surw import Surw
from fuzzharness.search.urw import Urw
from fuzzharness.settings import STRATEGIES

CALLS, STEPS = 3, 2
WRITES: list[Touch] = [("ctx", ("x",), Kind.WRITE)]
PLAN = Schedule.from_order("00000000", range(CALLS), (1, 0, 0, 2, 1, 2))


@dataclass(frozen=True)
class Row:
    """One strategy: how it is made from a seed, its runs of CALLS calls of STEPS steps (None: endless)."""

    name: str
    make: Callable[[int], Scheduler]
    runs: int | None
    seeded: bool = False


SERIALLY = [i for i in range(CALLS) for _ in range(STEPS)]
SURVEY = Survey.of(
    [Trail(order=SERIALLY, touches=[WRITES] * len(SERIALLY), announced=[WRITES] * len(SERIALLY))], CALLS
)
ROWS = [
    Row("serial", lambda _seed: Serial([(0, 1, 2), (2, 1, 0)]), 2),
    Row("random", RandomWalk, None, seeded=True),
    Row("bounded", lambda _seed: Bounded(CALLS), 90),
    Row("bounded to one preemption", lambda _seed: Bounded(CALLS, 1), 24),
    Row("dpor", lambda _seed: Dpor(), 90),
    Row("parts", lambda _seed: Parts(SURVEY), 90),
    Row("auto", lambda seed: Auto(SURVEY, 90, seed), 90),
    Row("pct", lambda seed: Pct(SURVEY.profile, seed), None, seeded=True),
    Row("pos", lambda seed: Pos(SURVEY.profile, seed), None, seeded=True),
    Row("urw", lambda seed: Urw(SURVEY.profile, seed), None, seeded=True),
    Row("surw", lambda seed: Surw(SURVEY.profile, seed), None, seeded=True),
    Row("portfolio", lambda seed: Portfolio(SURVEY.profile, seed), None, seeded=True),
    Row("auto, too many classes", lambda seed: Auto(SURVEY, 89, seed), None, seeded=True),
    Row("follow", lambda _seed: Follow(PLAN, "abc"), 1),
]
ENOUGH = 100
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


class Calls:
    """Calls that write one key STEPS times each: what a strategy is asked, without threads."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.asked: list[tuple[tuple[int, ...], int | None, int | None]] = []

    def run(self) -> Trail:
        trail, left, running = Trail(), [STEPS] * CALLS, None
        while ready := [call for call in range(CALLS) if left[call]]:
            chosen = self.scheduler.choose(ready, running, trail)
            self.asked.append((tuple(ready), running, chosen))
            if chosen is None:
                trail.cut = True
                break
            left[chosen] -= 1
            running = chosen
            trail.order.append(chosen)
            trail.touches.append(WRITES)
            trail.announced.append(WRITES)
        return trail

    def all(self) -> list[tuple[int, ...]]:
        """The order of steps of each run, ENOUGH runs at most."""
        found, last = [], None
        while len(found) < ENOUGH and self.scheduler.begin(last):
            last = self.run()
            found.append(tuple(last.order))
        return found


@rows
def test_the_same_seed_gives_the_same_runs(row: Row) -> None:
    assert Calls(row.make(3)).all() == Calls(row.make(3)).all()


@rows
def test_another_seed_gives_other_runs_only_where_chance_decides(row: Row) -> None:
    assert (Calls(row.make(3)).all() != Calls(row.make(4)).all()) is row.seeded


@rows
def test_only_calls_that_are_ready_are_chosen(row: Row) -> None:
    calls = Calls(row.make(0))
    calls.all()
    assert [asked for asked in calls.asked if asked[2] not in asked[0]] == []


@rows
def test_it_says_itself_when_it_is_through(row: Row) -> None:
    assert len(Calls(row.make(0)).all()) == (row.runs or ENOUGH)


@rows
def test_two_searches_do_not_disturb_each_other(row: Row) -> None:
    alone = Calls(row.make(5)).all()
    one, two = Calls(row.make(5)), Calls(row.make(5))
    together: list[tuple[int, ...]] = []
    last: Trail | None = None
    other: Trail | None = None
    while len(together) < ENOUGH and one.scheduler.begin(last):
        assert two.scheduler.begin(other)
        last, other = one.run(), two.run()
        together.append(tuple(last.order))
    assert together == alone


# ---- on real calls --------------------------------------------------------------------------------

LOCK = threading.Lock()


def locked(ctx: Any) -> None:
    with LOCK:
        ctx["x"] = ctx["x"] + 1


def driven(make: Callable[[int], Scheduler]) -> list[tuple[tuple[int, ...], bool]]:
    """The order of each run of two calls around one lock, and whether it was broken off."""
    batch = fh.Batch((fh.Call("locked"), fh.Call("locked")))
    scheduler, last, found = make(7), None, []
    with Stage(batch, fh.Toolbox({"locked": locked}), fh.World(ctx={"x": 0}), fh.Settings()) as stage:
        while len(found) < 20 and scheduler.begin(last):
            ran = stage.run((0, 1), scheduler.choose)
            last = ran.trail
            found.append((tuple(last.order), last.cut))
            assert ran.outcome.state == {"ctx": {"x": 2}}
    return found


ON_TWO_CALLS = {
    "serial": lambda _seed: Serial(permutations(range(2))),
    "random": RandomWalk,
    "bounded": lambda _seed: Bounded(2),
    "dpor": lambda _seed: Dpor(),
    "follow": lambda _seed: Follow(Schedule.from_order("00000000", (0, 1), (0, 0, 0, 1, 1, 1)), "ab"),
}


@pytest.mark.parametrize("make", ON_TWO_CALLS.values(), ids=ON_TWO_CALLS)
def test_calls_that_wait_for_a_lock_are_never_chosen_and_runs_repeat(make: Any) -> None:
    assert driven(make) == driven(make)
    assert not any(cut for _, cut in driven(make))


# ---- the registry ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_of_the_settings_has_a_scheduler(strategy: str) -> None:
    runs = len(Calls(scheduler_for(fh.Settings(strategy=strategy), SURVEY)).all())
    samplers = {"random", "urw", "surw", "pct", "pos"}
    assert runs == (6 if strategy == "serial" else ENOUGH if strategy in samplers else 90)


def test_the_settings_reach_the_scheduler() -> None:
    assert len(Calls(scheduler_for(fh.Settings(preemptions=0), SURVEY)).all()) == 6
    runs = [Calls(scheduler_for(fh.Settings(strategy="random", seed=n), SURVEY)).all() for n in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


# ---- what each is for -----------------------------------------------------------------------------


def test_serial_runs_each_call_to_its_end_in_the_orders_given() -> None:
    assert Calls(Serial([(0, 1, 2), (2, 0, 1)])).all() == [(0, 0, 1, 1, 2, 2), (2, 2, 0, 0, 1, 1)]


def test_serial_lets_another_go_while_a_call_cannot_and_comes_back_in_order() -> None:
    serial = Serial([(1, 0, 2)])
    serial.begin(None)
    asked: list[Any] = [((0, 1, 2), None), ((0, 2), 1), ((0, 1, 2), 0)]
    assert [serial.choose(*each, Trail()) for each in asked] == [1, 0, 0]


def test_what_goes_between_serial_calls_is_told_once_of_each_that_ended() -> None:
    told: list[int] = []
    choose = in_order((1, 0, 2), told.append)
    for ready, running in [((0, 1, 2), None), ((0, 1, 2), 1), ((0, 2), 1), ((2,), 0), ((2,), 2)]:
        choose(ready, running, Trail())
    assert told == [1, 0]


def test_random_reaches_every_interleaving() -> None:
    assert len({order for order in Calls(RandomWalk(0)).all() if order[:2] == (0, 0)}) == 6


@pytest.mark.parametrize(
    ("bound", "runs", "complete", "cut"),
    [(0, 6, 0, True), (1, 24, 1, True), (2, 60, 2, True), (3, 90, 3, False), (None, 90, 3, False)],
    ids=["none", "one", "two", "as many as there are", "no bound"],
)
def test_bounded_knows_how_far_it_came_and_whether_the_bound_left_something_out(
    bound: int | None, runs: int, complete: int, cut: bool
) -> None:
    bounded = Bounded(CALLS, bound)
    orders = Calls(bounded).all()
    assert len(orders) == len(set(orders)) == runs
    assert (bounded.complete, bounded.cut, bounded.strayed) == (complete, cut, 0)


def test_bounded_breaks_off_a_run_that_cannot_repeat_its_beginning_and_counts_it() -> None:
    bounded = Bounded(2)
    bounded.begin(None)
    asked: list[Any] = [((0, 1), None), ((0, 1), 0), ((1,), 0), ((1,), 1)]
    order = [bounded.choose(*each, Trail()) for each in asked]
    assert bounded.begin(Trail(order=order, touches=[[]] * 4))
    assert bounded.choose((0,), None, Trail()) is None, "this run was to begin with the other call"
    bounded.begin(Trail(cut=True))
    assert bounded.strayed == 1


def test_follow_takes_the_steps_of_its_schedule() -> None:
    follow = Follow(PLAN, "abc")
    assert Calls(follow).all() == [PLAN.order]
    follow.check(Trail(order=list(PLAN.order)))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([((0, 2), None)], ["at step 1 of 6", "B (book) takes this step", "go on: A (add), C (cut)"]),
        ([((1,), None), ((2,), 1)], ["at step 2 of 6", "A (add) takes this step", "ready to go on: C (cut)"]),
    ],
    ids=["at once", "later"],
)
def test_follow_names_the_first_step_that_is_not_as_planned(asked: Any, says: list[str]) -> None:
    follow = Follow(PLAN, ("add", "book", "cut"))
    follow.begin(None)
    trail = Trail()
    for before in asked[:-1]:
        trail.order.append(follow.choose(*before, trail) or 0)
    with pytest.raises(fh.ReplayMismatch) as caught:
        follow.choose(*asked[-1], trail)
    assert [part for part in [*says, "Run the search again"] if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ([1, 0, 2], ["at step 3 of 6", "A (add) takes this step", "ready to go on: C (cut)"]),
        ([1, 0, 0, 2], ["at step 5 of 6", "B (book) takes this step", "nobody: every call has ended"]),
        ([*PLAN.order, 0], ["at step 7 of 6", "the schedule ends here", "ready to go on: A (add)"]),
    ],
    ids=["another call", "too few steps", "one step more"],
)
def test_follow_sees_afterwards_that_a_run_took_other_steps(order: list[int], says: list[str]) -> None:
    with pytest.raises(fh.ReplayMismatch) as caught:
        Follow(PLAN, ("add", "book", "cut")).check(Trail(order=order))
    assert [part for part in says if part not in str(caught.value)] == []


def test_a_deadlock_may_end_before_its_schedule_does() -> None:
    Follow(PLAN, "abc").check(Trail(order=[1, 0], deadlock=True))
