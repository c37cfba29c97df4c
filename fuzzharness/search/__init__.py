"""Who goes next: the strategies by name.

To add one: a file here with a class that has the two methods of ``scheduler.Scheduler``, a line in
:func:`scheduler_for`, its name in ``settings.STRATEGIES``, a row in the contract test.
"""

from __future__ import annotations

from itertools import permutations

from fuzzharness.search.bounded import Bounded
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.search.scheduler import Scheduler
from fuzzharness.search.serial import Serial
from fuzzharness.settings import Settings


def scheduler_for(settings: Settings, calls: int) -> Scheduler:
    """The scheduler that ``settings.strategy`` names, for a batch of ``calls`` calls."""
    if settings.strategy == "random":
        return RandomWalk(settings.seed)
    if settings.strategy == "serial":
        return Serial(permutations(range(calls)))
    return Bounded(calls, settings.preemptions)
