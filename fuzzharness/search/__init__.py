"""Who goes next: the strategies by name.

To add one: a file here with a class that has the two methods of ``scheduler.Scheduler``, a line in
``REGISTRY``, its name in ``settings.STRATEGIES``, a row in the contract test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Final

from fuzzharness.search.auto import Auto
from fuzzharness.search.bounded import Bounded
from fuzzharness.search.parts import Parts
from fuzzharness.search.pct import Pct
from fuzzharness.search.pos import Pos
from fuzzharness.search.random_walk import RandomWalk
from fuzzharness.search.scheduler import Scheduler
from fuzzharness.search.serial import Serial
from fuzzharness.search.survey import Survey
from fuzzharness.search.surw import Surw
from fuzzharness.search.urw import Urw
from fuzzharness.settings import Settings

Make = Callable[[Settings, Survey], Scheduler]


def _bounded(settings: Settings, survey: Survey) -> Scheduler:
    return Bounded(len(survey.profile.steps), settings.preemptions)


def _auto(settings: Settings, survey: Survey) -> Scheduler:
    if settings.preemptions is not None:
        return _bounded(settings, survey)
    return Auto(survey, settings.max_executions, settings.seed)


REGISTRY: Final[Mapping[str, Make]] = {
    "auto": _auto,
    "dpor": lambda _, survey: Parts(survey),
    "random": lambda settings, _: RandomWalk(settings.seed),
    "urw": lambda settings, survey: Urw(survey.profile, settings.seed),
    "surw": lambda settings, survey: Surw(survey.profile, settings.seed),
    "pct": lambda settings, survey: Pct(survey.profile, settings.seed),
    "pos": lambda settings, survey: Pos(survey.profile, settings.seed),
    "bounded": _bounded,
    "serial": lambda _, survey: Serial(permutations(range(len(survey.profile.steps)))),
}
"""How each strategy of ``settings.STRATEGIES`` is made."""


def scheduler_for(settings: Settings, survey: Survey) -> Scheduler:
    """The scheduler that ``settings.strategy`` names, for the batch that was surveyed."""
    return REGISTRY[settings.strategy](settings, survey)
