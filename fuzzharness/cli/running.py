"""Running: scenarios one after the other, their batches explored and counted.

Decides the order, what is kept on Ctrl-C, and the line at the end. Words of findings are those of
:mod:`fuzzharness.report`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from fuzzharness.cli.printing import show
from fuzzharness.cli.verbs import CLEAN, FINDINGS, INTERRUPTED

if TYPE_CHECKING:
    from fuzzharness.events import Event
    from fuzzharness.finding import Finding, Report
    from fuzzharness.report.folder import ReportFolder
    from fuzzharness.scenario import Scenario, Setup, Trial
    from fuzzharness.settings import Settings


class Running:
    """One ``fuzzharness run``: what was counted, what was not as expected, where it is written.

    options: what was given on the command line, for the commands that replay. mutate: how many batches are
    made of each recorded one.
    """

    def __init__(
        self, settings: Settings, options: dict[str, Any], folder: ReportFolder | None, mutate: int = 0
    ) -> None:
        from rich.console import Console

        from fuzzharness.report.progress import Progress

        self._settings = settings
        self._options = options
        self._folder = folder
        self._mutate = mutate
        self._counted: Counter[str] = Counter()
        self._missed: list[str] = []
        self._undecided = self._alone = self._left_out = 0
        self._progress = Progress(Console(file=sys.stderr))

    def all(self, scenarios: Sequence[Scenario]) -> int:
        """Run the scenarios one after the other; returns the exit code."""
        interrupted = False
        try:
            for scenario in scenarios:
                with scenario.opened() as setup:
                    self._alone += setup.alone
                    self._left_out += scenario.left_out()
                    for trial in self._with_mutants(scenario, setup.trials):
                        self._explore(scenario, setup, trial)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._leave_folder(interrupted)
        self._conclude(interrupted)
        return INTERRUPTED if interrupted else FINDINGS if self._missed else CLEAN

    def _with_mutants(self, scenario: Scenario, trials: Sequence[Trial]) -> Iterator[Trial]:
        """The recorded batches, each before those made of it."""
        for trial in trials:
            yield trial
            made = trial.mutants(self._mutate, scenario.applied(self._settings).seed)
            yield from made
            if len(made) < self._mutate:
                told = f"{self._mutate} mutations were asked for, there are {len(made)}"
                click.echo(f"fuzzharness: {scenario.path}::{trial.name}: {told}", err=True)

    def _leave_folder(self, interrupted: bool) -> None:
        """Keep what was written, unless an error came before the first batch was through."""
        if self._folder is not None and (self._counted or interrupted):
            self._folder.close(interrupted or sys.exc_info()[0] is not None)
        elif self._folder is not None:
            self._folder.discard()

    def _explore(self, scenario: Scenario, setup: Setup, trial: Trial) -> None:
        """Explore one batch; what is known of it is printed and written even if it is interrupted."""
        from fuzzharness.events import Finished
        from fuzzharness.report.jsonl import line

        source = f"{scenario.path}::{trial.name}"
        reports: list[Report] = []

        def listen(event: Event) -> None:
            self._progress(event)
            if isinstance(event, Finished):
                reports.append(event.report)
            if self._folder is not None:
                self._folder.write(line(event, source))

        settings = scenario.applied(self._settings)
        try:
            with self._progress.over(source):
                trial.explore(setup.tools, setup.world(), settings, listen)
        finally:
            for report in reports:
                self._take(scenario, trial, report)

    def _take(self, scenario: Scenario, trial: Trial, report: Report) -> None:
        from fuzzharness.finding import Verdict
        from fuzzharness.report.markdown import section
        from fuzzharness.report.words import deviations, tally
        from fuzzharness.scenario.selection import replay_command

        source = f"{scenario.path}::{trial.name}"
        missed = scenario.disappointments(report, trial.recorded)
        if scenario.applied(self._settings).strict_replay:
            missed += deviations(report.fidelity)
        self._missed += [f"{source}: {disappointment}" for disappointment in missed]
        if report.verdict is Verdict.INCONCLUSIVE and not missed:
            self._undecided += scenario.expect.verdict is None
        self._counted.update(tally(report))

        def command(finding: Finding) -> str:
            return replay_command(scenario, trial, finding.schedule.token, self._options)

        if self._folder is not None:
            self._folder.add(section(report, source, command, missed))
        show(report, (source, scenario.title), command)

    def _conclude(self, interrupted: bool) -> None:
        from fuzzharness.report.text import count, printable
        from fuzzharness.report.words import tallied

        for disappointment in self._missed:
            click.echo(f"NOT AS EXPECTED: {printable(disappointment)}")
        told = "interrupted; " if interrupted else ""
        alone = f"; {count(self._alone, 'batch')} of one call left out" if self._alone else ""
        counted = tallied(self._counted) if self._counted else "no batch finished"
        not_run = (
            f"; {count(self._left_out, 'call')} without usable arguments left out" if self._left_out else ""
        )
        click.echo(f"{told}{counted}: {self._judged}{alone}{not_run}")

    @property
    def _judged(self) -> str:
        if self._missed:
            return f"{len(self._missed)} not as expected"
        return f"all as expected, {self._undecided} inconclusive" if self._undecided else "all as expected"
