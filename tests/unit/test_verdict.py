"""What may be said of a search: when it is exhausted, how much it covered, why "safe" may not be said."""

from dataclasses import replace
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.access import ANY, Kind, Place
from fuzzharness.finding import Change, Escape
from fuzzharness.search.count import Forecast
from fuzzharness.search.scheduler import Claim
from fuzzharness.verdict import Facts, Stop, coverage, notes, reasons

READ, WRITE = Kind.READ, Kind.WRITE
X, Y = ("ctx", ("x",), WRITE), ("ctx", ("y",), WRITE)
EVERY = Claim(whole=True, level=2)
CLASSES = Claim(whole=True, unit="class")
WHOLE = Facts(fh.Settings(), ("a", "b"), ({X}, {X}), executions=6, stop=Stop.THROUGH, claim=EVERY, orders=2)
RANDOM = fh.Settings(strategy="random")


def test_a_search_that_came_to_its_end_under_full_control_is_exhausted() -> None:
    assert (WHOLE.exhausted, reasons(WHOLE), notes(WHOLE)) == (True, (), ())


BLEMISHES: dict[str, tuple[dict[str, Any], str]] = {
    "max_executions": ({"stop": Stop.LIMIT}, "Raise max_executions to go on"),
    "budget": (
        {"stop": Stop.BUDGET, "settings": fh.Settings(budget=1.5)},
        "The budget of 1.5 seconds was spent: raise budget to go on",
    ),
    "standstill": ({"stop": Stop.STANDSTILL}, "calls that stand still cost call_timeout each"),
    "interrupted": ({"stop": Stop.INTERRUPTED}, "the search was interrupted"),
    "a strategy that samples": (
        {"settings": RANDOM, "claim": Claim()},
        "The strategy random never runs all of them: choose auto or dpor for that",
    ),
    "a strategy of serial orders": (
        {"settings": fh.Settings(strategy="serial"), "claim": Claim()},
        "The strategy serial never runs all of them",
    ),
    "a bound": (
        {"claim": replace(EVERY, cut=True), "settings": fh.Settings(preemptions=2)},
        "More than 2 preemptions were not asked for: raise preemptions to go on",
    ),
    "a call that hung": ({"hung": True}, "What comes after a call that never comes back is not known"),
    "a run that strayed": (
        {"claim": replace(EVERY, strayed=1)},
        "1 run went another way than was planned",
    ),
    "runs that strayed": ({"claim": replace(EVERY, strayed=2)}, "2 runs went another way"),
    "a wait that nothing announced": (
        {"claim": replace(CLASSES, unforeseen=True)},
        "A call waited for something that nothing announced: choose bounded",
    ),
    "another number of classes than was counted": (
        {"claim": replace(CLASSES, expected=7)},
        "7 were counted beforehand: one of the two is wrong, which is an error of fuzzharness",
    ),
    "more classes than may be run": (
        {
            "stop": Stop.LIMIT,
            "claim": Claim(bound="a bound"),
            "forecast": Forecast(((0, 1),), (69_112,), True),
        },
        "samples prove nothing safe: 6 runs, of 69,112 classes (auto); a bound. Raise max_executions to "
        "69,112 to run them all",
    ),
    "a wait outside of control": (
        {"stalled": ("shop.py:3 in wait",)},
        "a call waited outside the harness's control at shop.py:3 in wait",
    ),
    "an escape": (
        {"escapes": (Escape("the file /x was opened for writing", "save", Place("shop.py", 3, "save")),)},
        "outside the world: the file /x was opened for writing by save at shop.py:3",
    ),
    "unstable": (
        {"unstable": (Change(("ctx", "at"), 1, 2), Change(("results", 0), 1, 2)), "stop": None},
        "two runs in recorded order ended differently, at ctx.at, results.0",
    ),
}


@pytest.mark.parametrize(("blemish", "reason"), BLEMISHES.values(), ids=BLEMISHES)
def test_each_blemish_alone_keeps_a_search_from_being_exhausted_and_is_told(
    blemish: dict[str, Any], reason: str
) -> None:
    facts = replace(WHOLE, **blemish)
    assert not facts.exhausted
    assert [text for text in reasons(facts) if reason in text] != []


def test_all_reasons_are_told_at_once() -> None:
    facts = replace(
        WHOLE, stop=Stop.LIMIT, claim=replace(EVERY, strayed=1), stalled=("a", "b"), escapes=(Escape("c"),)
    )
    assert len(reasons(facts)) == 5


def test_tools_that_differ_from_themselves_are_not_reproached_with_an_unfinished_search() -> None:
    facts = replace(WHOLE, unstable=(Change(("ctx", "x"), 1, 2),), stop=None, executions=0)
    (reason,) = reasons(facts)
    assert "Make them so, or leave these places out with `ignore`" in reason


def test_at_most_five_places_that_differ_are_named() -> None:
    facts = replace(WHOLE, unstable=[Change(("ctx", n), 1, 2) for n in range(9)], stop=None)
    assert "at ctx.0, ctx.1, ctx.2, ctx.3, ctx.4: the tools" in reasons(facts)[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "all 6 interleavings"),
        ({"executions": 1}, "all 1 interleaving"),
        ({"stop": Stop.LIMIT}, "6 interleavings, among them every one with at most 2 preemptions"),
        (
            {"stop": Stop.LIMIT, "claim": replace(EVERY, level=1)},
            "6 interleavings, among them every one with at most 1 preemption",
        ),
        ({"stop": Stop.LIMIT, "claim": replace(EVERY, level=-1)}, "6 interleavings (auto)"),
        ({"settings": RANDOM, "claim": Claim()}, "6 runs (random)"),
        ({"claim": CLASSES}, "all 6 classes"),
        ({"claim": replace(CLASSES, expected=6)}, "6 of 6 classes"),
        (
            {"claim": replace(CLASSES, expected=6, parts=2)},
            "6 of 6 classes in 2 independent parts",
        ),
        (
            {"settings": RANDOM, "claim": Claim(), "forecast": Forecast(((0, 1),), (36,), False)},
            "6 runs, of a number of classes that depends on data (random)",
        ),
        (
            {"settings": RANDOM, "claim": Claim(), "forecast": Forecast(((0, 1),), (None,), True)},
            "6 runs, of more classes than were counted (random)",
        ),
    ],
    ids=[
        "all",
        "the only one",
        "some levels",
        "one level",
        "not even the first level",
        "a sample",
        "all classes",
        "all counted classes",
        "parts",
        "a sample of classes",
        "a sample of nobody knows how many",
    ],
)
def test_coverage_claims_no_more_than_was_run(change: dict[str, Any], said: str) -> None:
    assert coverage(replace(WHOLE, **change)) == said


def test_calls_that_touched_nothing_are_no_reason_to_say_safe() -> None:
    (reason,) = reasons(replace(WHOLE, touched=(set(), set())))
    assert "no call touched anything of the world" in reason
    assert "fh.InPlace for a module global" in reason


def test_one_call_that_touched_nothing_is_a_note() -> None:
    facts = replace(WHOLE, touched=({X}, set()))
    assert reasons(facts) == ()
    assert notes(facts)[0] == "b touched nothing of the world: a gate may be missing"


@pytest.mark.parametrize(
    ("mine", "theirs", "noted"),
    [
        ({X}, {Y}, True),
        ({("ctx", ("x",), READ)}, {("ctx", ("x",), READ)}, False),
        ({("db", ("account", ANY), READ)}, {("db", ("account", 7), READ)}, False),
        ({X}, {("db", ("x",), WRITE)}, True),
    ],
    ids=["two keys", "both read one key", "a table and its row", "two resources"],
)
def test_calls_that_never_meet_are_noted(mine: Any, theirs: Any, noted: bool) -> None:
    found = notes(replace(WHOLE, touched=(mine, theirs)))
    assert any("no two calls touched the same thing" in note for note in found) is noted


def test_a_single_call_has_nothing_to_interleave() -> None:
    alone = Facts(fh.Settings(), ("a",), (set(),), 1, Stop.THROUGH, claim=CLASSES)
    assert (reasons(alone), notes(alone)) == ((), ("a batch of one call has nothing to interleave",))


def test_orders_left_out_of_the_comparison_are_noted() -> None:
    (note,) = notes(replace(WHOLE, orders=24, all_orders=False))
    assert "compared with 24 serial orders, not all" in note


def test_nothing_is_noted_of_calls_whose_run_never_ended() -> None:
    assert notes(replace(WHOLE, touched=({X}, set()), hung=True)) == ()
