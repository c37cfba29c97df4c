"""frontrun on the case: threads and async tasks under its DPOR, bytecode by bytecode.

Decides its settings: ``preemption_bound=None`` and no end to the number of runs for an exhaustive search,
as its documentation asks for; what it has by default (two preemptions) beside it. An invariant that always
holds lets it go on past failures, so that no time goes into replaying them, and notes the ending.

It wants to be started by its command, which sets the variable below and preloads a library that watches
input and output of C code, of which there is none here.
"""

import asyncio
import os
from typing import Any
from unittest import mock

import frontrun

from tests.benchmarks.peers.case import Bug, Mode, Searched, add, add_async, switches, timed


def searched(calls: int, worker: Any = add, **options: Any) -> Searched:
    endings: set[int] = set()

    def note(ctx: dict[str, int]) -> bool:
        endings.add(ctx["x"])
        return True

    result, seconds = timed(lambda: _explore(calls, worker, note, **options))
    why = "inconclusive: it says that runs timed out" if result.inconclusive_reason else ""
    return Searched(result.num_explored, seconds, result.property_holds is True, frozenset(endings), why)


def first_bug(calls: int, worker: Any = add, **options: Any) -> Bug:
    result = _explore(calls, worker, lambda ctx: ctx["x"] == calls, **options)
    return Bug(result.num_explored, switches(result.counterexample))


def _explore(calls: int, worker: Any, invariant: Any, **options: Any) -> Any:
    with mock.patch.dict(os.environ, FRONTRUN_ACTIVE="1"):
        result = frontrun.explore(
            setup=lambda: {"x": 0}, workers=worker, count=calls, invariant=invariant, **options
        )
        return asyncio.run(result) if asyncio.iscoroutine(result) else result


def _mode(name: str, bound: str, **options: Any) -> Mode:
    return Mode(name, bound, lambda n: searched(n, **options), lambda n: first_bug(n, **options))


MODES = (
    _mode("`dpor`, threads", "", preemption_bound=None),
    _mode("`dpor`, threads", "2 preemptions, its default"),
    _mode("`dpor`, async tasks", "", worker=add_async, preemption_bound=None),
)
