"""Trial: one batch of a recording, explored or replayed.

Decides what a single replay may claim: a finding is a finding, anything else proves nothing. Leaves
the exploring to :mod:`fuzzharness.exploration`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace

from fuzzharness.events import Event, Finished, Found, Listener, Started
from fuzzharness.exploration import explore, judge_replay
from fuzzharness.finding import Finding, Report, Verdict
from fuzzharness.model import Batch, Outcome
from fuzzharness.mutation import mutation, mutations
from fuzzharness.scenario.runnable import NOTHING, Missing
from fuzzharness.schedule import Schedule
from fuzzharness.settings import Settings
from fuzzharness.tools.toolbox import Toolbox
from fuzzharness.world import World


@dataclass(frozen=True, slots=True)
class Trial:
    """One batch under its ``name``, and the batches that are run ``before`` it, one by one.

    ``recorded`` is False for one that was made of a recorded one. ``missing`` counts the calls that the
    recorded batches have besides, which cannot be run.
    """

    name: str
    batch: Batch
    before: tuple[Batch, ...] = ()
    recorded: bool = True
    missing: Missing = NOTHING

    def mutants(self, count: int, seed: int) -> tuple[Trial, ...]:
        """The first ``count`` batches made of this one, see :func:`fuzzharness.mutations`; maybe fewer."""
        return tuple(map(self._mutant, mutations(replace(self.batch, id=self.name), count, seed)))

    def mutant(self, name: str, seed: int) -> Trial | None:
        """The one of these that is called ``name``; None if none is."""
        found = mutation(replace(self.batch, id=self.name), name, seed)
        return None if found is None else self._mutant(found)

    def _mutant(self, batch: Batch) -> Trial:
        return replace(self, name=batch.id or self.name, batch=batch, recorded=False)

    def fits(self, schedule: Schedule) -> bool:
        """Whether ``schedule`` was made for this batch."""
        return schedule.batch == self.batch.fingerprint

    def explore(self, tools: Toolbox, world: World, settings: Settings, listener: Listener) -> Report:
        """Explore the batch; see :func:`fuzzharness.explore`.

        What the tools print meanwhile is dropped, or a thousand runs would print it a thousand
        times; :meth:`replay` lets it through.
        """

        def told(event: Event) -> None:
            listener(Finished(self._noted(event.report)) if isinstance(event, Finished) else event)

        with _muted():
            return self._noted(explore(self.batch, tools, world, settings, self.before, told))

    @property
    def incomplete(self) -> str:
        """That what is run is not all that the model asked for, in words; empty where it is."""
        counts = [(self.missing.here, "of it"), (self.missing.before, "before it")]
        parts = [f"{n} {'call' if n == 1 else 'calls'} {where}" for n, where in counts if n]
        return f"{' and '.join(parts)} left out, whose arguments are no JSON object" if parts else ""

    def _noted(self, report: Report) -> Report:
        """``report`` with what is missing; nothing is safe that was not run as it was recorded."""
        if not self.incomplete:
            return report
        if report.verdict is Verdict.SAFE:
            return replace(report, verdict=Verdict.INCONCLUSIVE, reasons=(*report.reasons, self.incomplete))
        return replace(report, notes=(*report.notes, self.incomplete))

    def replay(
        self, schedule: Schedule, tools: Toolbox, world: World, settings: Settings, listener: Listener
    ) -> Report:
        """Run ``schedule`` alone and report how its ending differs from the recorded order's.

        Raises :class:`TokenError` or :class:`ReplayMismatch`.
        """
        listener(Started(self.batch, settings))
        finding = judge_replay(schedule, self.batch, tools, world, settings, self.before)
        if finding is not None:
            listener(Found(finding))
        report = _of_replay(self.batch, finding, settings.strict_order)
        listener(Finished(report))
        return report


@contextmanager
def _muted() -> Iterator[None]:
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        yield


def _of_replay(batch: Batch, finding: Finding | None, strict: bool) -> Report:
    if finding is None:
        return _undecided(batch, 1, "the replayed schedule ends as the baseline does; no other was run")
    grave = strict or not finding.benign
    return Report(
        batch=batch,
        verdict=Verdict.UNSAFE if grave else Verdict.INCONCLUSIVE,
        exhausted=False,
        executions=1,
        blocked=0,
        baseline=finding.baseline.outcome,
        outcomes=(finding.baseline.outcome, finding.outcome),
        findings=(finding,),
        strategy="replay",
        reasons=() if grave else ("one schedule was replayed; no other was run",),
    )


def passed_over(batch: Batch) -> Report:
    """The report of a batch that the schedule to replay is not for: nothing was run."""
    return _undecided(batch, 0, "the schedule to replay is of another batch; nothing was run")


def _undecided(batch: Batch, executions: int, reason: str) -> Report:
    return Report(
        batch=batch,
        verdict=Verdict.INCONCLUSIVE,
        exhausted=False,
        executions=executions,
        blocked=0,
        baseline=Outcome({}, {}),
        outcomes=(),
        findings=(),
        strategy="replay",
        reasons=(reason,),
    )
