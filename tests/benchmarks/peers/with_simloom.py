"""simloom on the case: async tasks on its event loop, under its systematic and its random search.

Decides its settings: a bound on delays that no run reaches for an exhaustive search, its default (two
delays) beside that. What it hands back is what ``simloom.shrink`` makes of the first failure. Switches are
counted between the accesses of the tasks, since its schedules name picks and not tasks.

It collects garbage in every run, so what else the process holds must be frozen for its rate to be its own.
"""

import asyncio
import statistics
from typing import Any

import simloom

from tests.benchmarks.peers.case import LIMIT, Bug, Mode, Searched, add_async, switches, timed

SEEDS = range(0, 25_000, 1_000)


class _Noted(dict[str, int]):
    """The shared value; it notes which task comes by. Tasks change over at an ``await`` only."""

    def __init__(self) -> None:
        super().__init__(x=0)
        self.order: list[Any] = []

    def __getitem__(self, key: str) -> int:
        self.order.append(asyncio.current_task())
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: int) -> None:
        self.order.append(asyncio.current_task())
        super().__setitem__(key, value)


class _Program:
    """A main coroutine for simloom: ``calls`` tasks at once; ``last`` is the value of its last run."""

    def __init__(self, calls: int, fails: bool) -> None:
        self.calls, self.fails = calls, fails
        self.last = _Noted()
        self.endings: set[int] = set()

    async def main(self) -> None:
        ctx = self.last = _Noted()
        await asyncio.gather(*(add_async(ctx) for _ in range(self.calls)))
        ending = dict.__getitem__(ctx, "x")
        self.endings.add(ending)
        assert not self.fails or ending == self.calls


def searched(calls: int, **options: Any) -> Searched:
    program = _Program(calls, fails=False)
    result, seconds = timed(
        lambda: simloom.explore_systematic(
            program.main, stop_on_failure=False, max_schedules=LIMIT, **options
        )
    )
    why = "" if result.exhaustive else f"ended at {LIMIT:,}"
    return Searched(result.schedules, seconds, result.exhaustive, frozenset(program.endings), why)


def first_bug(calls: int, **options: Any) -> Bug:
    program = _Program(calls, fails=True)
    result = simloom.explore_systematic(program.main, max_schedules=LIMIT, **options)
    return Bug(result.schedules, switches(program.last.order), _shrunk(program, result.first))


def first_bug_at_random(calls: int) -> Bug:
    """The median of several seeds."""
    bugs = [_at_random(calls, seed) for seed in SEEDS]
    return Bug(
        statistics.median(bug.run for bug in bugs),
        statistics.median(bug.switches for bug in bugs),
        statistics.median(bug.handed_back or 0 for bug in bugs),
    )


def _at_random(calls: int, seed: int) -> Bug:
    program = _Program(calls, fails=True)
    result = simloom.explore(program.main, runs=LIMIT, start_seed=seed)
    return Bug(result.runs, switches(program.last.order), _shrunk(program, result.first_failure))


def _shrunk(program: _Program, failure: Any) -> int:
    """The switches of the schedule that simloom's shrinking ends with."""
    smallest = simloom.shrink(program.main, failure)
    simloom.replay(program.main, tape=smallest.tape, scheduler=failure.scheduler, raise_on_error=False)
    return switches(program.last.order)


def _mode(name: str, bound: str, **options: Any) -> Mode:
    return Mode(name, bound, lambda n: searched(n, **options), lambda n: first_bug(n, **options))


MODES = (
    _mode("`systematic`, async tasks", "", max_delays=1_000_000),
    _mode("`systematic`, async tasks", "2 delays, its default"),
    Mode("random, async tasks, median of 25 seeds", "", None, first_bug_at_random),
)
