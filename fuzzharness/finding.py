"""What a search says: Execution, Finding, Certificate, Report, and their enumerations.

Decides nothing: values only. They are made by the runtime, the oracle, the shrinker and explore,
and read by the views.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from fuzzharness.access import MISSING as MISSING
from fuzzharness.access import Place, Step
from fuzzharness.model import Batch, Outcome, Raised
from fuzzharness.schedule import Schedule


class Verdict(Enum):
    """SAFE: every interleaving is covered and none differs. UNSAFE: one differs. Else INCONCLUSIVE."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    INCONCLUSIVE = "inconclusive"


class Mode(Enum):
    """How a batch fails; see the README, "How to read a finding"."""

    SHARED_STATE = "shared-state"
    CONTEXT = "context"
    TIMING = "timing"
    DEADLOCK = "deadlock"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class Execution:
    """One complete run: the schedule it took, what each step did, how it ended.

    ``stuck`` holds the labels of calls that never came back with the line they stood on; with
    ``deadlock`` they waited for each other. ``stalled`` names places where a call waited for
    something outside the control of the harness, so that the run may not repeat.
    """

    schedule: Schedule
    steps: tuple[Step, ...]
    outcome: Outcome
    stuck: tuple[tuple[str, str], ...] = ()
    deadlock: bool = False
    stalled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Escape:
    """Something a tool touched outside the world: ``what``, by which ``tool``, at which ``place``.

    ``remedy`` says how it becomes part of the world, where that is known.
    """

    what: str
    tool: str | None = None
    place: Place | None = None
    remedy: str = ""

    def __str__(self) -> str:
        by = f" by {self.tool}" if self.tool else ""
        at = f" at {self.place}" if self.place else ""
        return f"{self.what}{by}{at}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """How far a counterexample is known to be the smallest.

    ``calls``, ``preemptions`` and ``switches`` are its size; ``proven`` is True only if nothing
    smaller fails the same way, and ``method`` says how that is known, or how far the search went.
    """

    proven: bool
    calls: int
    preemptions: int
    switches: int
    method: str


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two endings differ: its dotted ``path``, the value in the baseline and here.

    :data:`fuzzharness.access.MISSING` stands for "not there".
    """

    path: tuple[object, ...]
    baseline: object
    here: object


@dataclass(frozen=True, slots=True)
class Renamed:
    """What has other names here than in the baseline, and is the same otherwise.

    ``what`` is ``id`` (of a row of the table at ``where``), ``key``, ``uuid`` or ``time``, or ``entry``,
    ``line`` or ``row``: then the names are places, from 1. ``pairs`` are (baseline, here).
    """

    where: str
    what: str
    pairs: tuple[tuple[object, object], ...]

    def __str__(self) -> str:
        """In a few words; of many names the first ones."""
        pairs = self.pairs[:_TOLD]
        told = self._moved(pairs) if self.what in _PLURALS else self._called(pairs)
        more = f", and {len(self.pairs) - _TOLD} more" if len(self.pairs) > _TOLD else ""
        return f"{self.where or self.what}: {told}{more}"

    def _called(self, pairs: tuple[tuple[object, object], ...]) -> str:
        there = dict(pairs)
        swapped = {before for before, here in pairs if there.get(here) == before}
        known: set[object] = set()
        told = []
        for before, here in pairs:
            if before not in swapped:
                told.append(f"{before} is {here} here")
            elif here not in known:
                told.append(f"{before} ↔ {here}")
                known.add(before)
        return ", ".join(told)

    def _moved(self, pairs: tuple[tuple[object, object], ...]) -> str:
        before, here = zip(*pairs, strict=True)
        several = _PLURALS[self.what]
        if len(before) == 1:
            return f"{self.what} {before[0]} stands here as {here[0]}"
        if len(before) == 2 and set(before) == set(here):
            return f"{several} {before[0]} and {before[1]} in the other order"
        return f"{several} {', '.join(map(str, before))} stand here as {', '.join(map(str, here))}"


_PLURALS = {"entry": "entries", "line": "lines", "row": "rows"}
_TOLD = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """A divergence from the baseline, shrunk and explained.

    ``execution`` is the run of the minimal schedule with the values read and written, ``baseline``
    the serial run of the same calls that it is compared with. ``calls`` holds their ids. Where the
    finding is benign, ``mapping`` says what has other names here or stands in another order.
    """

    mode: Mode
    anomaly: str
    benign: bool
    calls: tuple[str, ...]
    schedule: Schedule
    certificate: Certificate
    outcome: Outcome
    diff: tuple[Change, ...]
    explanation: str
    fingerprint: str
    execution: Execution
    baseline: Execution
    batch: Batch
    mapping: tuple[Renamed, ...] = ()


class Match(Enum):
    """How a call's replayed result compares with the recorded one."""

    SAME = "same"
    RENAMED = "same up to generated values"
    DIFFERS = "differs"
    ERROR_THEN = "error then and not now"
    ERROR_NOW = "error now and not then"
    UNRECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One place where a replayed result is not the recorded one: the ``path`` to it within the result.

    :data:`fuzzharness.access.MISSING` stands for "not there".
    """

    path: tuple[object, ...]
    recorded: object
    replayed: object


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of one ``call``, by label, as replayed in recorded order beside the recorded one.

    ``deviations`` says where they differ; ``mapping`` what the tools generated anew, with pairs of
    (recorded, replayed).
    """

    call: str
    tool: str
    match: Match
    deviations: tuple[Deviation, ...] = ()
    mapping: tuple[Renamed, ...] = ()


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How far the sequential replay of a batch gives the results that were recorded, call by call.

    Where some differ, and all that were recorded are those of an ending that the search came to,
    ``happened`` is the finding of that ending, the gravest of several: the recording holds the race.
    """

    calls: tuple[Comparison, ...] = ()
    happened: Finding | None = None

    @property
    def compared(self) -> int:
        """How many calls have a recorded result."""
        return sum(call.match is not Match.UNRECORDED for call in self.calls)

    @property
    def same(self) -> int:
        """How many of these came to the same, generated values aside."""
        return self.compared - len(self.differing)

    @property
    def rate(self) -> float | None:
        """``same`` over ``compared``, from 0 to 1; None where nothing is recorded."""
        return self.same / self.compared if self.compared else None

    def tells_failed(self, call: str) -> bool:
        """Of a ``call`` that fails now, whether the recording says that it failed."""
        unlike = (Match.ERROR_NOW, Match.UNRECORDED)
        return any(found.call == call and found.match not in unlike for found in self.calls)

    @property
    def differing(self) -> tuple[Comparison, ...]:
        """The calls whose result is another one than recorded."""
        alike = (Match.SAME, Match.RENAMED, Match.UNRECORDED)
        return tuple(call for call in self.calls if call.match not in alike)


@dataclass(frozen=True, slots=True)
class Report:
    """What the exploration of one batch says.

    ``executions`` counts complete runs of the search itself (not the serial runs, not shrinking),
    ``blocked`` runs cut off as redundant, or made again. ``exhausted`` is True only if an interleaving of
    every class was run and nothing was touched that the world does not cover. ``reasons`` says why a
    verdict is inconclusive, ``notes`` what a reader should know beside it; ``fidelity`` compares the
    baseline's results with the recorded ones.
    """

    batch: Batch
    verdict: Verdict
    exhausted: bool
    executions: int
    blocked: int
    baseline: Outcome
    outcomes: tuple[Outcome, ...]
    findings: tuple[Finding, ...]
    escapes: tuple[Escape, ...] = ()
    strategy: str = "auto"
    coverage: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    serial_orders: int = field(default=0)
    fidelity: Fidelity = field(default_factory=Fidelity)

    def __str__(self) -> str:
        """In one line; :func:`fuzzharness.render` tells it whole."""
        found = f"{len(self.findings)} finding{'s' * (len(self.findings) != 1)}"
        whole = "print(fuzzharness.render(report)) shows it whole"
        return f"{self.batch.id or 'batch'!r} is {self.verdict.value}: {found}, {self.coverage}; {whole}"

    @property
    def compared(self) -> bool:
        """Whether endings were compared: not if nothing was run, nor if every call fails in the recorded
        order and the recording does not say that they did.
        """
        return self.executions > 0 and not broken(self.baseline, self.fidelity)

    @property
    def verified(self) -> bool:
        """Whether "verified" may be said: safe, exhausted, and nothing escaped."""
        return self.verdict is Verdict.SAFE and self.exhausted and not self.escapes


def broken(baseline: Outcome, fidelity: Fidelity) -> bool:
    """Whether every call of ``baseline`` fails, and not all of them as the recording says."""
    results = baseline.results
    failing = bool(results) and all(isinstance(result, Raised) for result in results.values())
    return failing and not all(map(fidelity.tells_failed, results))
