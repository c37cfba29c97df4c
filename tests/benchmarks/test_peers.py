"""fuzzharness beside the published tools for the same purpose, on one case, in one process.

Decides what is compared: how fast a search comes to its end, how soon it finds, how small what it hands
back is. `tox -e bench` prints the tables as Markdown. A tool that this Python cannot have is skipped, and
its row says why. Every tool has one core; figures that are divided by each other are taken in turn.
"""

import gc
import importlib
import math
import statistics
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import pytest

from fuzzharness import exploration
from fuzzharness.oracle.judge import Judge
from fuzzharness.runtime.affinity import one_core
from fuzzharness.runtime.stage import Stage
from fuzzharness.search import scheduler_for
from fuzzharness.search.scheduler import Scheduler
from tests.benchmarks.peers import ours
from tests.benchmarks.peers.case import LIMIT, Bug, Mode, Searched
from tests.benchmarks.peers.clock import Clock

AT_LEAST = 50
"""So many times faster than frontrun must ``explore`` be through with four calls."""

ASSERTED = (3, 12)
"""On this Python, the first that all peers have. On others the ratio is printed: tracing bytecode costs
frontrun a third as much on 3.11."""

ROUNDS = {3: 9, 4: 3}
PROFILED = 5
SHORT = 1.0
"""Searches of less than so many seconds are made five times."""

LEAST_PYTHON = {"frontrun": (3, 10), "interleave-test": (3, 12), "simloom": (3, 12)}
PEERS = ("fuzzharness", *LEAST_PYTHON)


def module_of(name: str) -> ModuleType:
    """The module that runs a tool; skips, with the reason, where it is not there."""
    if name == "fuzzharness":
        return ours
    try:
        version(name)
    except PackageNotFoundError:
        least = LEAST_PYTHON[name]
        needs = f"needs Python {least[0]}.{least[1]}" if sys.version_info < least else "not installed"
        pytest.skip(f"{name}: {needs}")
    return importlib.import_module(f"tests.benchmarks.peers.with_{name.replace('-', '_')}")


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def python() -> str:
    return f"CPython {sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(autouse=True)
def best_for_every_tool() -> Iterator[None]:
    """One core for all, as fuzzharness takes it itself: threads that take turns are faster on one.

    And what the process holds already is nothing that a tool's garbage collections must walk.
    """
    gc.collect()
    gc.freeze()
    with one_core():
        yield
    gc.unfreeze()


# -- exhausting, in turn ---------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [3, 4])
def test_exhausting_calls_that_read_and_write_back_one_key_is_faster_than_frontrun(calls: int) -> None:
    frontrun = module_of("frontrun")
    if version("frontrun") != "0.7.0":
        pytest.skip(f"frontrun {version('frontrun')} is there, the comparison is with 0.7.0")
    searches = {
        "fuzzharness, `explore` as a whole": ours.searched,
        "fuzzharness, its search alone": ours.search_alone,
        "frontrun 0.7.0, `dpor`, unbounded": lambda n: frontrun.searched(n, preemption_bound=None),
    }
    rounds = [{name: search(calls) for name, search in searches.items()} for _ in range(1 + ROUNDS[calls])]
    medians = {name: statistics.median(r[name].seconds for r in rounds[1:]) for name in searches}
    whole, alone, theirs = medians.values()

    rows = [
        [name, f"{rounds[-1][name].runs:,}", f"{spent:.4f}", f"{rounds[-1][name].runs / spent:,.0f}"]
        for name, spent in medians.items()
    ]
    print(f"\n{calls} calls, exhausted, {python()}, medians of {ROUNDS[calls]} rounds in turn\n")
    print(markdown(["search", "runs", "seconds", "runs per second"], rows))
    print(f"\nratio: {theirs / whole:.0f} (explore as a whole), {theirs / alone:.0f} (search alone)")
    for searched in (searched for r in rounds for searched in r.values()):
        assert_exhausted(searched, calls)
    if calls == 4 and sys.version_info[:2] == ASSERTED:
        assert theirs / whole >= AT_LEAST


def assert_exhausted(searched: Searched, calls: int) -> None:
    """Calls of one read and one write of the same key have (calls!)² inequivalent interleavings."""
    assert searched.through, searched.why
    assert searched.runs >= math.factorial(calls) ** 2
    assert searched.endings == frozenset(range(1, calls + 1))


# -- every tool ------------------------------------------------------------------------------------

HEAD = [
    "tool, search",
    "bound",
    "calls",
    "runs",
    "seconds",
    "runs per second",
    "first bug in run",
    "switches in it",
]


@pytest.fixture(scope="module")
def rows() -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    yield rows
    print(f"\n\none key, read and written back, {python()}\n\n{markdown(HEAD, rows)}")


@pytest.mark.parametrize("name", PEERS)
def test_runs_per_second_runs_to_the_first_bug_and_its_switches(name: str, rows: list[list[str]]) -> None:
    try:
        peer = module_of(name)
    except pytest.skip.Exception as skipped:
        rows.append([f"**{name}**: {skipped.msg}", *["-"] * (len(HEAD) - 1)])
        raise
    label = f"**{name} {version(name)}**"
    for mode in peer.MODES:
        for calls in (2, 3):
            rows.append([f"{label} {mode.name}", mode.bound or "-", str(calls), *measured(mode, calls)])


def measured(mode: Mode, calls: int) -> list[str]:
    bug = mode.first_bug(calls)
    assert 1 <= bug.run <= LIMIT
    assert bug.switches >= 2, "two calls cannot lose an update with fewer switches than A B A"
    if mode.search is None:
        return ["-", "-", "-", *of_bug(bug)]
    first = mode.search(calls)
    again = [mode.search(calls) for _ in range(5)] if first.seconds < SHORT else [first]
    spent = statistics.median(searched.seconds for searched in again)
    return [of_runs(first), f"{spent:.3f}", f"{first.runs / spent:,.0f}", *of_bug(bug)]


def of_runs(searched: Searched) -> str:
    return f"{searched.runs:,} ({'all' if searched.through else searched.why})"


def of_bug(bug: Bug) -> list[str]:
    run = f"{bug.run:g} {bug.before}".strip()
    shrunk = "does not shrink" if bug.handed_back is None else f"shrunk to {bug.handed_back:g}"
    return [run, f"{bug.switches:g}, {shrunk}"]


# -- where the time goes ---------------------------------------------------------------------------


def profiled(monkeypatch: pytest.MonkeyPatch, calls: int) -> Clock:
    """One ``explore``, with the sections of the table below as a clock's."""
    clock = Clock()

    def make(*known: Any) -> Scheduler:
        scheduler = scheduler_for(*known)
        for method in ("begin", "choose"):
            setattr(scheduler, method, clock.of("scheduler", getattr(scheduler, method)))
        return scheduler

    parts = {
        "serial orders": [(Judge, "__init__")],
        "search": [(exploration._Search, "_explore")],
        "shrinking": [(exploration._Search, "_conclude")],
        "run": [(Stage, "run")],
        "judging": [(Judge, "key"), (Judge, "diagnose")],
    }
    with monkeypatch.context() as patch:
        patch.setattr(exploration, "scheduler_for", make)
        for name, methods in parts.items():
            for owner, method in methods:
                patch.setattr(owner, method, clock.of(name, getattr(owner, method)))
        clock.of("explore", ours.searched)(calls)
    return clock


def test_share_of_the_search_spent_outside_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ours.searched(4)
    clocks = [profiled(monkeypatch, 4) for _ in range(PROFILED)]

    def share(*path: str, of: tuple[str, ...] = ("explore", "search")) -> float:
        return statistics.median(clock.within(*path) / clock.within(*of) for clock in clocks)

    search = ("explore", "search")
    runs = statistics.median(clock.seconds[(*search, "run")] / clock.within(*search) for clock in clocks)
    scheduler = share(*search, "scheduler") + share(*search, "run", "scheduler")
    judging, shrinking = share(*search, "judging"), share(*search, "shrinking")
    made = clocks[-1].times[(*search, "run")]
    rows = [
        ["the runs themselves", f"{runs:.0%}"],
        ["the scheduler: `begin`, `choose`", f"{scheduler:.0%}"],
        ["judging", f"{judging:.0%}"],
        ["shrinking and explaining the finding", f"{shrinking:.0%}"],
        ["the rest", f"{1 - runs - scheduler - judging - shrinking:.0%}"],
    ]
    parts = ("serial orders", "search")
    whole = {part: share("explore", part, of=("explore",)) for part in parts}
    print(f"\n4 calls, exhausted: the search makes {made:,} runs, {python()}\n")
    print(markdown(["of the search's time", "share"], rows))
    whole["set-up and the rest"] = 1 - sum(whole.values())
    print("\nof the time of `explore`: " + ", ".join(f"{part} {of:.0%}" for part, of in whole.items()))
    assert runs >= 0.5
