"""What may be said of a search: verdict, reasons, notes, coverage.

Decides when a batch is safe and when that is only not known. Takes facts; runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import combinations

from fuzzharness.access import UNTOLD, Access, Kind, Touch, conflict
from fuzzharness.finding import Change, Escape
from fuzzharness.search.count import Forecast
from fuzzharness.search.scheduler import Claim
from fuzzharness.settings import Settings


class Stop(Enum):
    """Why a search ended: by itself, or by what."""

    THROUGH = "through"
    LIMIT = "max_executions"
    BUDGET = "budget"
    STANDSTILL = "standstill"
    INTERRUPTED = "interrupted"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a search came to know.

    ``stop`` says why the search ended, None if there was none; ``claim`` is what the scheduler says of its
    runs, ``forecast`` what was counted before them; ``missed`` is True if the search did not come to an
    ending that serial runs have. ``touched`` holds what each call touched; ``unstable`` where two runs in
    recorded order differ; ``raised`` the calls that fail already in recorded order, with their error;
    ``hidden`` the calls whose arguments bear the name of a resource, with that name; ``rivals`` the tools
    that do several things at once, the order of which was kept; ``recorded`` is False if no result is;
    ``broken`` is True if every call fails in recorded order, and not as the recording says.
    ``ordered`` is False if the ``orders`` serial orders are not all that were to be run: what the calls
    touch is not known then, and nothing was searched.
    """

    settings: Settings
    labels: Sequence[str]
    touched: Sequence[set[Touch]]
    executions: int = 0
    stop: Stop | None = None
    claim: Claim = field(default_factory=Claim)
    forecast: Forecast | None = None
    missed: bool = False
    unstable: Sequence[Change] = ()
    stalled: Sequence[str] = ()
    escapes: Sequence[Escape] = ()
    hung: bool = False
    orders: int = 0
    ordered: bool = True
    all_orders: bool = True
    raised: Sequence[tuple[str, str]] = ()
    hidden: Sequence[tuple[str, str]] = ()
    rivals: Sequence[str] = ()
    recorded: bool = True
    broken: bool = False

    @property
    def through(self) -> bool:
        """Whether the search ended by itself with nothing left out."""
        claim = self.claim
        left_out = (
            claim.cut or claim.strayed or claim.unforeseen or self.hung or self.miscounted or self.missed
        )
        return claim.whole and not left_out and self.stop is Stop.THROUGH

    @property
    def miscounted(self) -> bool:
        """Whether the search ended by itself with other than the number of classes counted before."""
        expected = self.claim.expected
        return self.stop is Stop.THROUGH and expected is not None and expected != self.executions

    @property
    def untouched(self) -> bool:
        """Whether several calls ran and none touched anything of the world."""
        return self.ordered and len(self.labels) > 1 and not any(self.touched)

    @property
    def exhausted(self) -> bool:
        """Whether every interleaving is covered, under full control, and nothing escaped."""
        blemish = self.stalled or self.rivals or self.escapes or self.unstable or self.untouched
        return self.through and not blemish


def coverage(facts: Facts) -> str:
    """How much of the interleavings was run, in a phrase."""
    claim = facts.claim
    unit = claim.unit if claim.whole else "run"
    runs = f"{facts.executions:,} {_plural(unit, facts.executions)}"
    if facts.through:
        return f"{_of_all(facts, runs)}{_in_parts(facts)}"
    if claim.level is not None and claim.level >= 0:
        least = f"{claim.level} preemption{'s' * (claim.level != 1)}"
        return f"{runs}, among them every one with at most {least}"
    bound = f"; {claim.bound}" if claim.bound else ""
    return f"{runs}{_of_about(facts)} ({facts.settings.strategy}){bound}"


def _of_all(facts: Facts, runs: str) -> str:
    if facts.claim.expected is None:
        return f"all {runs}"
    return f"{facts.executions:,} of {facts.claim.expected:,} {_plural(facts.claim.unit, facts.executions)}"


def _in_parts(facts: Facts) -> str:
    parts = facts.claim.parts
    return f" in {parts} independent parts" if parts > 1 and facts.executions > 1 else ""


def _of_about(facts: Facts) -> str:
    """The number of classes there are, where it was counted."""
    forecast = facts.forecast
    if forecast is None or facts.claim.every_interleaving:
        return ""
    if not forecast.exact:
        return ", of a number of classes that depends on data"
    if forecast.runs is None:
        return ", of more classes than were counted"
    return f", of {forecast.runs:,} {_plural('class', forecast.runs)}"


def _plural(word: str, number: int) -> str:
    return word if number == 1 else word + ("es" if word.endswith("s") else "s")


def reasons(facts: Facts) -> tuple[str, ...]:
    """Why "safe" may not be said; empty where it may."""
    found = []
    if facts.unstable:
        places = ", ".join(".".join(map(str, change.path)) for change in facts.unstable[:5])
        found.append(
            f"two runs in recorded order ended differently, at {places}: the tools are not deterministic "
            "there, so nothing can be compared. Make them so, or leave these places out with `ignore`."
        )
    if facts.labels and len(facts.raised) == len(facts.labels):
        found.append(f"every call fails in the recorded order ({_error(facts.raised[0])}), {_failing(facts)}")
    if facts.stop is Stop.INTERRUPTED:
        found.append("the search was interrupted" if facts.ordered else _interrupted_early(facts))
    elif not facts.through and not facts.unstable and facts.stop is not None:
        lead = "not every interleaving is covered" if facts.claim.whole else "samples prove nothing safe"
        found.append(f"{lead}: {coverage(facts)}. {_way_on(facts)}")
    if facts.claim.strayed:
        runs = f"{facts.claim.strayed} run{'s' * (facts.claim.strayed != 1)}"
        found.append(
            f"{runs} went another way than was planned: the tools are not deterministic, or they wait for "
            "each other in a way that nothing announced"
        )
    found += [f"a call waited outside the harness's control at {where}" for where in facts.stalled]
    found += [f"outside the world: {_with_remedy(escape)}" for escape in facts.escapes]
    found += [
        f"{tool} does several things at once that touch what others touch, or waits for such a thing no "
        "longer than a time. Their order among themselves was kept as it came (no thread is too slow for its "
        "own call), only the order of calls was explored"
        for tool in facts.rivals
    ]
    if facts.untouched:
        found.append(
            "no call touched anything of the world, so nothing could be interleaved. Give what the tools "
            "share as a resource of the World: a parameter of its name, fh.InPlace for a module global that "
            "their code does not show (what it shows is watched anyway; fh.instrument adds a whole module)"
        )
    return tuple(found)


def _failing(facts: Facts) -> str:
    if not facts.broken:
        return "as in the recording, so little of the tools was run"
    return (
        "so the tools or what the World starts from are hardly those of the recording, and nothing was "
        "compared. Look at the setup of the World: its tables, rows and files"
    )


def notes(facts: Facts) -> tuple[str, ...]:
    """What a reader should know beside the verdict."""
    found: list[str] = []
    if facts.hung:
        return ()
    if len(facts.labels) == 1:
        found.append("a batch of one call has nothing to interleave")
    elif any(facts.touched):
        found += _unshared(facts)
    if len(facts.raised) < len(facts.labels):
        found += [f"{raised[0]} {_error(raised)} already in the recorded order" for raised in facts.raised]
    found += [
        f"an argument of {label} is named {name} and takes the place of that resource"
        for label, name in facts.hidden
    ]
    if not facts.all_orders:
        found.append(
            f"compared with {facts.orders} serial orders, not all: an ending that only another order reaches "
            "counts as a race"
        )
    if facts.settings.strict_replay and not facts.recorded:
        found.append("no result of this batch is recorded, so strict_replay had nothing to compare")
    return tuple(found)


def _with_remedy(escape: Escape) -> str:
    return f"{escape}. {escape.remedy}" if escape.remedy else str(escape)


def _interrupted_early(facts: Facts) -> str:
    done = f"{facts.orders} serial order{'s' * (facts.orders != 1)}"
    return f"the search was interrupted after {done}, before any interleaving was run"


def _error(raised: tuple[str, str]) -> str:
    text = raised[1]
    return text if len(text) <= 120 else f"{text[:119]}…"


def _way_on(facts: Facts) -> str:
    """What to change so that more is run."""
    settings = facts.settings
    if facts.stop is Stop.BUDGET:
        return f"The budget of {settings.budget:g} seconds was spent: raise budget to go on"
    if facts.stop is Stop.STANDSTILL:
        return "It was stopped, since calls that stand still cost call_timeout each"
    if facts.hung:
        return "What comes after a call that never comes back is not known"
    if not facts.claim.whole and settings.strategy != "auto":
        return f"The strategy {settings.strategy} never runs all of them: choose auto or dpor for that"
    if facts.claim.cut:
        return f"More than {settings.preemptions} preemptions were not asked for: raise preemptions to go on"
    if facts.claim.strayed:
        return "What comes after a run that cannot be repeated is not known"
    if facts.claim.unforeseen:
        return "A call waited for something that nothing announced: choose bounded, which reckons with that"
    if facts.miscounted:
        return (
            f"{facts.claim.expected} were counted beforehand: one of the two is wrong, which is an error of "
            "fuzzharness. Choose bounded instead, and please report it"
        )
    if facts.missed:
        return (
            "The search by class missed an ending of the serial orders: choose bounded, and please report it"
        )
    return _more_runs(facts)


def _more_runs(facts: Facts) -> str:
    known = facts.forecast is not None and facts.forecast.exact and not facts.claim.every_interleaving
    runs = facts.forecast.runs if known and facts.forecast is not None else None
    if runs is None or runs <= facts.settings.max_executions:
        return "Raise max_executions to go on"
    return f"Raise max_executions to {runs:,} to run them all"


def _unshared(facts: Facts) -> list[str]:
    idle = [label for label, touches in zip(facts.labels, facts.touched, strict=True) if not touches]
    found = [f"{label} touched nothing of the world: a gate may be missing" for label in idle]
    if not _shared(facts.touched):
        found.append(
            "no two calls touched the same thing, so no order could matter. If they do share something, it "
            "is not in the World"
        )
    return found


def _shared(touched: Sequence[set[Touch]]) -> bool:
    """Whether some key is touched by two calls, reading included."""
    told = [{touch for touch in touches if touch[2] not in UNTOLD} for touches in touched]
    for mine, theirs in combinations(told, 2):
        for a in mine:
            for b in theirs:
                if conflict(Access(a[0], a[1], Kind.WRITE), Access(b[0], b[1], Kind.WRITE)):
                    return True
    return False
