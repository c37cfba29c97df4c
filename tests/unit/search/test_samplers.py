"""The samplers: what each keeps to, and with which chance it hits what it is for.

Chances are shares of runs on fixed seeds, held against exact ones: worked out by hand, by enumeration of
everything a sampler can draw, or taken from the notes on algorithms.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from statistics import median
from types import ModuleType
from typing import Any

import pytest

from fuzzharness.access import Kind, Touch
from fuzzharness.runtime.trail import Trail
from fuzzharness.search.pct import Pct
from fuzzharness.search.portfolio import Portfolio
from fuzzharness.search.pos import Pos
from fuzzharness.search.profile import Profile
from fuzzharness.search.progress import percent
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.search.scheduler import Scheduler
from fuzzharness.search.surw import Surw
from fuzzharness.search.urw import Urw

Make = Callable[[Profile, int], Scheduler]

SAMPLERS: dict[str, Make] = {
    "pct(2)": lambda profile, seed: Pct(profile, seed, 2),
    "pct(3)": Pct,
    "pos": Pos,
    "urw": Urw,
    "surw": Surw,
    "portfolio": Portfolio,
}
RANDOM: dict[str, Make] = {"random": lambda _profile, seed: RandomWalk(seed)}
samplers = pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS)

RUNS = 4000
NEAR = 0.03

LOST_UPDATE = "read x, write x | read x, write x"
FOUR_UPDATES = " | ".join(["read x, write x"] * 4)
LAST_ZERO = "read a, write b | read b, write c | read c, skip b, read a"
IN_TURN = "read x | read x | write x, write x 1"
"""Hit if call 0 reads between the writes of call 2 and call 1 after both: three pairs of steps in order."""
LOCKED = "lock m, read x, write x, unlock m | lock m, read x, write x, unlock m"
DEADLOCK = "lock m, read x, lock k, unlock k, unlock m | lock k, write x, lock m, unlock m, unlock k"
BY_VALUE = "swap x, write y | swap x, write y | read y, swap x 1"
DEPTH_3 = "read b | skip a, write b 1, write b | write a, write a 2"
"""A: a=1; a=0 · B: if a: b=1; b=0 · C: if b: bad, listed C, B, A."""


class Toy:
    """A program, what its serial runs show, and runs of it under a sampler."""

    def __init__(self, programs: ModuleType, written: str) -> None:
        self.programs = programs
        self.program = tuple(
            tuple(self._op(step) for step in call.split(",")) for call in written.split(" | ")
        )
        trails = [ended.trail for ended in programs.serially(self.program)]
        self.profile = Profile.of(trails, len(self.program))

    def _op(self, step: str) -> Any:
        do, name, number = [*step.split(), "0"][:3]
        return self.programs.Op(do, name, a=int(number))

    def fresh(self) -> Profile:
        """The profile anew: footprints are numbered as they come up."""
        return Toy(self.programs, self.written).profile

    @property
    def written(self) -> str:
        return " | ".join(", ".join(f"{op.do} {op.x} {op.a}" for op in call) for call in self.program)

    def runs(self, make: Make, seed: int = 0) -> Iterator[Any]:
        return self.under(make(self.fresh(), seed))

    def under(self, scheduler: Scheduler) -> Iterator[Any]:
        return self.programs.searched(self.program, scheduler)

    def orders(self, make: Make, seed: int = 0, runs: int = 60) -> list[tuple[int, ...]]:
        return [tuple(ended.trail.order) for ended in islice(self.runs(make, seed), runs)]

    def chance(self, make: Make, hit: Callable[[Any], bool], runs: int = RUNS) -> float:
        """The share of runs that ``hit``."""
        return sum(map(hit, islice(self.runs(make), runs))) / runs


@pytest.fixture
def toy(programs: ModuleType) -> Callable[[str], Toy]:
    return lambda written: Toy(programs, written)


# ---- what every sampler keeps to --------------------------------------------------------------------

ALL = [LOST_UPDATE, LAST_ZERO, IN_TURN, LOCKED, DEADLOCK, BY_VALUE, DEPTH_3]


class Watched:
    """A scheduler whose choices are held against what was ready."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.asked = 0
        self.claim = scheduler.claim

    def begin(self, last: Trail | None) -> bool:
        more = self.scheduler.begin(last)
        assert more, "a sampler is never over by itself"
        return more

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        chosen = self.scheduler.choose(ready, running, trail)
        assert chosen in ready, "only who is ready is chosen, and no run is broken off"
        self.asked += 1
        return chosen


@samplers
@pytest.mark.parametrize("written", ALL)
def test_every_run_is_made_to_its_end_with_calls_that_are_ready(
    toy: Callable[[str], Toy], make: Make, written: str
) -> None:
    batch = toy(written)
    watched = Watched(make(batch.profile, 7))
    ended = list(islice(batch.under(watched), 100))
    assert watched.asked == sum(len(each.trail.order) for each in ended)
    assert not any(each.trail.cut for each in ended)


@samplers
@pytest.mark.parametrize("written", [FOUR_UPDATES, LOCKED, BY_VALUE])
def test_the_same_seed_gives_the_same_runs_and_another_others(
    toy: Callable[[str], Toy], make: Make, written: str
) -> None:
    batch = toy(written)
    assert batch.orders(make, 3) == batch.orders(make, 3)
    assert batch.orders(make, 3) != batch.orders(make, 4)


@samplers
def test_two_searches_do_not_disturb_each_other(toy: Callable[[str], Toy], make: Make) -> None:
    batch = toy(FOUR_UPDATES)
    one, two = batch.under(make(batch.profile, 5)), batch.under(make(batch.profile, 5))
    together = [(next(one).trail.order, next(two).trail.order) for _ in range(60)]
    alone = [list(order) for order in batch.orders(make, 5)]
    assert together == [(order, order) for order in alone]


@samplers
@pytest.mark.parametrize("written", [LOST_UPDATE, LAST_ZERO, LOCKED, DEADLOCK])
def test_every_class_of_a_small_batch_is_reached(
    toy: Callable[[str], Toy], programs: ModuleType, make: Make, written: str
) -> None:
    batch = toy(written)
    classes = {programs.class_of(ended.trail) for ended in programs.every_run(batch.program, 1000)}
    reached = {programs.class_of(ended.trail) for ended in islice(batch.runs(make), 1500)}
    assert reached == classes


@samplers
def test_locks_taken_in_opposite_order_are_met_as_a_deadlock_and_survived(
    toy: Callable[[str], Toy], make: Make
) -> None:
    stood = Counter(ended.trail.deadlock for ended in islice(toy(DEADLOCK).runs(make), 200))
    assert min(stood[True], stood[False]) >= 10


@samplers
def test_asked_again_for_the_same_step_another_call_is_taken(toy: Callable[[str], Toy], make: Make) -> None:
    batch = toy(FOUR_UPDATES)
    sampler, last = make(batch.profile, 1), None
    for _ in range(24):
        assert sampler.begin(last)
        trail, ready = Trail(), [0, 1, 2, 3]
        while ready:
            chosen = sampler.choose(ready, None, trail)
            assert chosen in ready
            ready.remove(chosen)
        last = trail


@samplers
def test_a_batch_of_which_nothing_is_known_is_run_all_the_same(toy: Callable[[str], Toy], make: Make) -> None:
    batch = toy(LOST_UPDATE)
    orders = [ended.trail.order for ended in islice(batch.under(make(Profile.of([], 2), 0)), 100)]
    assert [0, 1, 1, 0] in orders
    assert [1, 0, 0, 1] in orders


# ---- chances ----------------------------------------------------------------------------------------


def lost(ended: Any) -> bool:
    """Whether the counter is 1 in the end, of as many increments as there are calls."""
    value, seen = 0, {}
    for call in ended.trail.order:
        if call in seen:
            value = seen[call] + 1
        else:
            seen[call] = value
    return value == 1


CHANCES = [
    ("urw", LOST_UPDATE, 2 / 3),
    ("surw", LOST_UPDATE, 2 / 3),
    ("random", LOST_UPDATE, 1 / 2),
    ("pos", LOST_UPDATE, 0.34),
    ("pct(2)", LOST_UPDATE, 0.25),
    ("pct(3)", LOST_UPDATE, 6 / 20),
    ("urw", FOUR_UPDATES, 0.46),
    ("surw", FOUR_UPDATES, 0.46),
    ("random", FOUR_UPDATES, 0.25),
    ("pct(2)", FOUR_UPDATES, 0.13),
    ("pos", FOUR_UPDATES, 0.11),
    ("pct(3)", FOUR_UPDATES, 10 / 72),
]


@pytest.mark.parametrize(("sampler", "written", "chance"), CHANCES)
def test_lost_updates_are_hit_as_often_as_they_should_be(
    toy: Callable[[str], Toy], sampler: str, written: str, chance: float
) -> None:
    make = (SAMPLERS | RANDOM)[sampler]
    assert toy(written).chance(make, lost) == pytest.approx(chance, abs=NEAR)


def in_turn(ended: Any) -> bool:
    return bool(ended.ending[1][:2] == (1, 2))


@pytest.mark.parametrize(
    ("written", "depth", "hit"),
    [(LOST_UPDATE, 2, lost), (FOUR_UPDATES, 2, lost), (LOST_UPDATE, 3, lost), (IN_TURN, 3, in_turn)],
    ids=["two updates", "four updates", "a depth more than needed", "in turn"],
)
def test_pct_hits_a_bug_of_its_depth_at_least_as_often_as_it_says(
    toy: Callable[[str], Toy], written: str, depth: int, hit: Callable[[Any], bool]
) -> None:
    batch = toy(written)
    pct = Pct(batch.profile, 0, depth)
    hits = sum(map(hit, islice(batch.under(pct), RUNS)))
    assert hits / RUNS >= 1 / (len(batch.program) * pct.decisions ** (depth - 1))


def test_pct_can_hold_a_call_back_behind_one_that_was_lowered_before_its_first_step(
    toy: Callable[[str], Toy],
) -> None:
    batch = toy(IN_TURN)
    assert batch.chance(lambda profile, seed: Pct(profile, seed, 3), in_turn) == pytest.approx(
        3 / 120, abs=0.01
    )
    assert batch.chance(lambda profile, seed: Pct(profile, seed, 2), in_turn, 500) == 0


def bad(ended: Any) -> bool:
    return bool(ended.ending[1][0] == 1)


DEEP = {name: make for name, make in (SAMPLERS | RANDOM).items() if name != "pct(2)"}


@pytest.mark.parametrize("make", DEEP.values(), ids=DEEP)
def test_a_bug_of_depth_3_that_no_serial_run_hints_at_is_found_within_100_runs(
    toy: Callable[[str], Toy], make: Make
) -> None:
    batch = toy(DEPTH_3)
    needed = [
        next((n for n, ended in enumerate(islice(batch.runs(make, seed), 1000), 1) if bad(ended)), 1000)
        for seed in range(20)
    ]
    assert median(needed) <= 100


def test_urw_is_uniform_over_interleavings(toy: Callable[[str], Toy]) -> None:
    seen = Counter(toy("read x | read x, write x, write y | read y").orders(Urw, runs=RUNS))
    assert len(seen) == 20
    assert [share for share in seen.values() if not RUNS / 20 * 0.7 < share < RUNS / 20 * 1.3] == []


ONE_LONG = "read x, write x | read p, write p, read p, write p, read x, write x, read p, write p, read p"


def test_surw_is_uniform_over_interleavings_of_contended_steps_whatever_else_is_done(
    toy: Callable[[str], Toy],
) -> None:
    def contended(order: Sequence[int]) -> tuple[int, ...]:
        own = [list(order[:at]).count(call) for at, call in enumerate(order)]
        return tuple(call for call, at in zip(order, own, strict=True) if call == 0 or at in (4, 5))

    seen = Counter(map(contended, toy(ONE_LONG).orders(Surw, runs=RUNS)))
    assert len(seen) == 6
    assert [share for share in seen.values() if not RUNS / 6 * 0.85 < share < RUNS / 6 * 1.15] == []


@pytest.mark.parametrize(
    ("written", "chance"),
    [
        ("write p, write p, write p, write p | read x", 1 / 5),
        ("read x, read x, read x, read x | write x", 1 / 16),
    ],
    ids=["independent steps", "steps that depend on it"],
)
def test_pos_draws_anew_only_for_steps_that_depend_on_the_one_taken(
    toy: Callable[[str], Toy], written: str, chance: float
) -> None:
    """A number that stays is the smallest of five with chance 1/5; drawn anew each time, it loses 4 times."""
    assert toy(written).chance(Pos, lambda ended: ended.trail.order == [0, 0, 0, 0, 1]) == pytest.approx(
        chance, abs=0.015
    )


# ---- announcements and forecasts --------------------------------------------------------------------


def touch(name: str, kind: Kind = Kind.WRITE) -> Touch:
    return ("v", (name,), kind)


def announced(calls: Sequence[Sequence[Touch]], scheduler: Scheduler, runs: int) -> list[list[int]]:
    """The orders of runs of calls that announce each step but the first, as under the runtime."""
    orders, last = [], None
    for _ in range(runs):
        assert scheduler.begin(last)
        last = Trail()
        at = [0] * len(calls)
        while ready := [call for call, steps in enumerate(calls) if at[call] < len(steps)]:
            call = scheduler.choose(ready, None, last)
            assert call is not None
            last.order.append(call)
            last.touches.append([calls[call][at[call]]])
            at[call] += 1
            last.pending[call] = [calls[call][min(at[call], len(calls[call]) - 1)]]
        orders.append(last.order)
    return orders


def switches(order: Sequence[int]) -> int:
    return sum(a != b for a, b in pairwise(order))


def test_what_a_call_announces_goes_before_what_was_forecast(toy: Callable[[str], Toy]) -> None:
    profile = toy("write x, write x, write x | write x, write x, write x").profile
    as_forecast = [[touch("x")] * 3] * 2
    others = [[touch("x"), touch("p"), touch("p")], [touch("x"), touch("q"), touch("q")]]
    assert max(map(switches, announced(as_forecast, Pct(profile, 0), 200))) > 1
    orders = announced(others, Pct(profile, 0), 200)
    assert {order[1] for order in orders} == {0, 1}
    assert max(map(switches, orders)) <= 3, "a call is lowered at its contended step only, the first"


def test_surw_lets_a_call_that_announces_nothing_of_interest_go_on(toy: Callable[[str], Toy]) -> None:
    profile = toy("write x, write x | write x, write x").profile
    calls = [[touch("x"), touch("p")], [touch("x"), touch("x")]]
    orders = announced(calls, Surw(profile, 0), 200)
    assert {tuple(order) for order in orders} >= {(0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0), (1, 0, 0, 1)}


@samplers
def test_what_only_some_runs_do_is_reached_though_no_serial_run_did_it(
    toy: Callable[[str], Toy], make: Make
) -> None:
    profile = toy("write p | write x").profile
    calls = [[touch("p"), touch("q"), touch("x")], [touch("x")]]
    orders = announced(calls, make(profile, 0), 200)
    assert {order.index(1) for order in orders} >= {0, 3}


# ---- the portfolio ----------------------------------------------------------------------------------


def test_the_portfolio_takes_turns_and_each_sampler_sees_only_its_own_runs(toy: Callable[[str], Toy]) -> None:
    batch, seed = toy(FOUR_UPDATES), 4
    makes = [SAMPLERS[name] for name in ("pct(2)", "pct(3)", "pos", "surw", "urw")] + [RANDOM["random"]]
    orders = batch.orders(Portfolio, seed, 60)
    alone = [batch.orders(make, 6 * seed + turn, 10) for turn, make in enumerate(makes)]
    assert orders == [alone[n % 6][n // 6] for n in range(60)]


# ---- what the runs bought ---------------------------------------------------------------------------


def bound(batch: Toy, make: Make, runs: int) -> str:
    sampler = make(batch.profile, 0)
    for _ in islice(batch.under(sampler), runs + 1):
        pass
    return sampler.claim().bound


@pytest.mark.parametrize(
    ("sampler", "runs", "says"),
    [
        ("pct(2)", 110, "a bug of depth 2 (4 calls, 8 decisions) was missed with a chance of at most 4 %"),
        ("pct(3)", 500, "a bug of depth 3 (4 calls, 9 decisions) was missed with a chance of at most 22 %"),
        ("urw", 20, "an ending that 1 in 10 interleavings lead to was missed with a chance of at most 13 %"),
        (
            "urw",
            500,
            "an ending that 1 in 100 interleavings lead to was missed with a chance of at most 0.7 %",
        ),
        (
            "surw",
            3000,
            "an ending that 1 in 1,000 interleavings of the contended steps lead to was missed with a "
            "chance of at most 5 %",
        ),
        (
            "portfolio",
            600,
            "a bug of depth 2 (4 calls, 8 decisions) was missed with a chance of at most 5 %, one of depth 3 "
            "(9 decisions) with at most 74 %",
        ),
        ("portfolio", 6, "a bug of depth 2 (4 calls, 8 decisions) was missed with a chance of at most 97 %"),
        ("pos", 100, ""),
        ("random", 100, ""),
        ("pct(2)", 0, ""),
        ("urw", 0, ""),
    ],
)
def test_the_claim_tells_what_the_runs_bought(
    toy: Callable[[str], Toy], sampler: str, runs: int, says: str
) -> None:
    assert bound(toy(FOUR_UPDATES), (SAMPLERS | RANDOM)[sampler], runs) == says


@pytest.mark.parametrize("sampler", ["urw", "surw"])
@pytest.mark.parametrize("written", [LOCKED, BY_VALUE, DEPTH_3], ids=["waits", "by value", "not as forecast"])
def test_uniform_samplers_claim_nothing_where_they_were_not_uniform(
    toy: Callable[[str], Toy], sampler: str, written: str
) -> None:
    assert bound(toy(written), SAMPLERS[sampler], 100) == ""


def test_pct_learns_how_many_decisions_there_are_from_its_runs(toy: Callable[[str], Toy]) -> None:
    batch = toy(LOST_UPDATE)
    pct = Pct(Profile.of([], 2), 0, 2)
    assert pct.decisions == 2
    list(islice(batch.under(pct), 100))
    assert pct.decisions == Pct(batch.profile, 0, 2).decisions == 4


def test_pct_learns_nothing_from_a_run_that_went_round_in_circles() -> None:
    pct = Pct(Profile.of([], 2), 0, 2)
    pct.begin(None)
    for _ in range(50):
        pct.choose([0, 1], None, Trail())
    pct.begin(Trail(stood=(0,)))
    assert pct.decisions == 2


@pytest.mark.parametrize(
    ("share", "says"),
    [(1, "100 %"), (0.031, "4 %"), (0.03, "3 %"), (0.0061, "0.7 %"), (0.00004, "0.004 %"), (0.0, "0.0001 %")],
)
def test_shares_are_rounded_up(share: float, says: str) -> None:
    assert percent(share) == says
