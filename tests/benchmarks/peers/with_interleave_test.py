"""interleave-test on the case: threads under its depth-first search.

Decides its settings: only the tool's own lines are points to switch at, which is the fewest it can do with;
its defaults (every bytecode of the model too) beside that. It ends at the first failure, so the model
of an exhaustive search notes the ending instead of asserting.
"""

from collections.abc import Callable
from typing import Any

import interleave_test

from tests.benchmarks.peers import case
from tests.benchmarks.peers.case import LIMIT, Bug, Mode, Searched, add, switches, timed

_MAIN = 0
"""The thread of the model itself; the calls are those after it."""


def searched(calls: int, **options: Any) -> Searched:
    endings: set[int] = set()
    result, seconds = timed(lambda: _explore(calls, endings.add, **options))
    why = "" if result.exhausted else f"ended at {LIMIT:,}"
    return Searched(result.schedules_run, seconds, result.exhausted, frozenset(endings), why)


def first_bug(calls: int, **options: Any) -> Bug:
    def check(ending: int) -> None:
        assert ending == calls

    result = _explore(calls, check, **options)
    order = result.failure.schedule.choices
    return Bug(result.schedules_run, switches(thread for thread in order if thread != _MAIN))


def _explore(calls: int, judge: Callable[[int], None], **options: Any) -> Any:
    def model() -> None:
        ctx = {"x": 0}
        tasks = [interleave_test.spawn(add, ctx) for _ in range(calls)]
        for task in tasks:
            task.join()
        judge(ctx["x"])

    return interleave_test.explore(model, strategy="dfs", iterations=LIMIT, raise_on_failure=False, **options)


def _mode(name: str, bound: str, **options: Any) -> Mode:
    return Mode(name, bound, lambda n: searched(n, **options), lambda n: first_bug(n, **options))


_LINES = {"granularity": "line", "include": case.__file__}

MODES = (
    _mode("`dfs`, lines of the tool", "", max_preemptions=1_000_000, **_LINES),
    _mode("`dfs`, lines of the tool", "2 preemptions, its default", **_LINES),
    _mode("`dfs`, bytecodes, its default", "2 preemptions, its default"),
)
