"""fuzzharness on the case: the whole of ``explore``, and its search alone."""

from collections.abc import Callable
from unittest import mock

import fuzzharness as fh
from fuzzharness.events import Event, OutcomeReached
from fuzzharness.exploration import explore
from fuzzharness.oracle.judge import Judge
from fuzzharness.runtime.stage import Stage
from fuzzharness.schedule import Schedule
from fuzzharness.search import scheduler_for
from fuzzharness.search.scheduler import Scheduler
from tests.benchmarks.peers.case import Bug, Mode, Searched, add, timed

STRATEGY = "dpor"

EXHAUSTIVE = fh.Settings(strategy=STRATEGY, max_executions=200_000)
BOUNDED = fh.Settings(strategy="bounded", preemptions=2, max_executions=200_000)
TOOLS = fh.Toolbox({"add": add})


def batch(calls: int) -> fh.Batch:
    return fh.Batch(tuple(fh.Call("add", {}) for _ in range(calls)))


def world() -> fh.World:
    return fh.World(ctx={"x": 0})


def searched(calls: int, settings: fh.Settings = EXHAUSTIVE) -> Searched:
    """``fh.explore`` as users call it: serial orders, search, judging, shrinking, explaining."""
    report, seconds = timed(lambda: fh.explore(batch(calls), TOOLS, world(), settings))
    endings = frozenset(outcome.state["ctx"]["x"] for outcome in report.outcomes)
    within = settings.preemptions is not None and report.executions < settings.max_executions
    why = "; ".join(report.reasons)
    return Searched(report.executions, seconds, report.exhausted or within, endings, why)


def search_alone(calls: int) -> Searched:
    """The runs of the search and nothing else: no set-up, no serial orders, no judging, no shrinking."""
    positions = tuple(range(calls))
    with Stage(batch(calls), TOOLS, world(), EXHAUSTIVE) as stage:
        scheduler = scheduler_for(EXHAUSTIVE, Judge(stage, positions).survey)
        (runs, endings), seconds = timed(lambda: _through(stage, scheduler, positions))
    return Searched(runs, seconds, True, frozenset(endings))


def _through(stage: Stage, scheduler: Scheduler, positions: tuple[int, ...]) -> tuple[int, set[int]]:
    runs, endings, last = 0, set[int](), None
    while scheduler.begin(last):
        ran = stage.run(positions, scheduler.choose)
        runs, last = runs + 1, ran.trail
        if not last.cut:
            endings.add(ran.outcome.state["ctx"]["x"])
    return runs, endings


def first_bug(calls: int, settings: fh.Settings = EXHAUSTIVE) -> Bug:
    """Every serial order ends alike here, so the first ending unlike the baseline is the bug."""
    seen: list[tuple[OutcomeReached, int]] = []
    runs, counted = _counted(Stage.run)

    def listen(event: Event) -> None:
        if isinstance(event, OutcomeReached):
            seen.append((event, runs[0]))

    with mock.patch.object(Stage, "run", counted):
        report = explore(batch(calls), TOOLS, world(), settings, on_event=listen)
    first, made = seen[0]
    found = Schedule.from_token(first.token, batch(calls)).switches
    before = f"after {made - first.execution} in serial order"
    return Bug(first.execution, found, report.findings[0].schedule.switches, before)


def _counted(run: Callable[..., object]) -> tuple[list[int], Callable[..., object]]:
    made = [0]

    def counted(*args: object, **options: object) -> object:
        made[0] += 1
        return run(*args, **options)

    return made, counted


MODES = (
    Mode(f"`{STRATEGY}`", "", searched, first_bug),
    Mode("`bounded`", "2 preemptions", lambda n: searched(n, BOUNDED), lambda n: first_bug(n, BOUNDED)),
)
