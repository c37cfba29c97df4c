"""A bug of depth three: three calls have to meet in one order, at two preemptions."""

from statistics import median
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.events import Event, OutcomeReached
from fuzzharness.exploration import explore
from fuzzharness.oracle.judge import Judge
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.portfolio import Portfolio


def first(ctx: Any) -> None:
    ctx["a"] = 1
    ctx["a"] = 0


def second(ctx: Any) -> None:
    if ctx["a"]:
        ctx["b"] = 1
        ctx["b"] = 0


def third(ctx: Any) -> str:
    return "bad" if ctx["b"] else "fine"


TOOLS = fh.Toolbox({"first": first, "second": second, "third": third})
BATCH = fh.Batch((fh.Call("third"), fh.Call("second"), fh.Call("first")))
BAD = fh.Returned("bad")
SEEDS = range(20)
LIMIT = 100


def search(strategy: str, seed: int = 0, runs: int = 400) -> tuple[fh.Report, int]:
    """The report, and the number of the first run that shows the bug."""
    found: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, OutcomeReached) and event.outcome.results["call-1"] == BAD:
            found.append(event.execution)

    settings = fh.Settings(strategy=strategy, seed=seed, max_executions=runs)
    report = explore(BATCH, TOOLS, fh.World(ctx={"a": 0, "b": 0}), settings, on_event=listen)
    return report, min(found, default=runs + 1)


@pytest.mark.parametrize("strategy", ["auto", "dpor", "bounded"])
def test_an_exhaustive_search_finds_it_and_proves_the_smallest(strategy: str) -> None:
    report, run = search(strategy)
    assert run <= LIMIT
    assert report.exhausted
    assert smallest(report) == (3, 2, True, "211012")


def test_it_replays_ten_times_of_ten() -> None:
    (finding,) = filter(is_bad, search("auto")[0].findings)
    for _ in range(10):
        again = fh.replay(finding.schedule.token, BATCH, TOOLS, fh.World(ctx={"a": 0, "b": 0}))
        assert (again.outcome, again.schedule) == (finding.outcome, finding.schedule)


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["random", "urw", "surw", "pct", "pos"])
def test_a_sampler_finds_it_within_a_hundred_runs_at_the_median(strategy: str) -> None:
    assert median(search(strategy, seed)[1] for seed in SEEDS) <= LIMIT


@pytest.mark.parametrize("strategy", ["random", "urw", "surw", "pct", "pos"])
def test_what_a_sampler_finds_is_shrunk_to_the_same_proven_optimum(strategy: str) -> None:
    reports = (search(strategy, seed)[0] for seed in SEEDS)
    report = next(r for r in reports if any(map(is_bad, r.findings)))
    assert smallest(report) == smallest(search("dpor")[0])


def test_the_portfolio_finds_it_within_a_hundred_runs_at_the_median() -> None:
    with Stage(BATCH, TOOLS, fh.World(ctx={"a": 0, "b": 0}), fh.Settings()) as stage:
        profile = Judge(stage, (0, 1, 2)).survey.profile
        assert median(runs_of(stage, Portfolio(profile, seed)) for seed in SEEDS) <= LIMIT


def runs_of(stage: Stage, scheduler: Portfolio) -> int:
    """How many runs it takes to show the bug."""
    last, runs = None, 0
    while scheduler.begin(last):
        ran, runs = stage.run((0, 1, 2), scheduler.choose), runs + 1
        last = ran.trail
        if ran.outcome.results["call-1"] == BAD:
            return runs
    raise AssertionError("a sampler never ends by itself")


def is_bad(finding: fh.Finding) -> bool:
    return finding.outcome.results.get("call-1") == BAD


def smallest(report: fh.Report) -> tuple[int, int, bool, str]:
    found = min(filter(is_bad, report.findings), key=lambda f: f.certificate.calls)
    certificate = found.certificate
    return certificate.calls, certificate.preemptions, certificate.proven, found.schedule.digits
