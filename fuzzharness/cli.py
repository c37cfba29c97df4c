"""click commands only: ``fuzzharness run``, ``fuzzharness replay`` and ``fuzzharness audit``.

Decides what is run, in which order, what is printed, and the exit code. Leaves exploring to
:mod:`fuzzharness.scenario` and every word of a finding to :mod:`fuzzharness.report`. Importing this
module loads neither: they are imported by the commands, so that Ctrl-C meanwhile ends as it does later.
"""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fuzzharness.errors import FuzzHarnessError, TraceError
from fuzzharness.options import OPTIONS, settled, variable

if TYPE_CHECKING:
    from fuzzharness.events import Event
    from fuzzharness.finding import Finding, Report
    from fuzzharness.report.folder import ReportFolder
    from fuzzharness.scenario import Scenario, Setup, Trial
    from fuzzharness.settings import Settings

CLEAN, FINDINGS, INTERRUPTED, INTERNAL, USAGE, NOTHING = range(6)
"""Exit codes, those of pytest."""

_EPILOG = """\b
Exit codes: 0 everything as expected, 1 something not, 2 interrupted, 3 internal
error, 4 bad usage or bad input (nothing is written then), 5 nothing to run.
"""

Command = TypeVar("Command", bound=Callable[..., Any])


class _Verbs(click.Group):
    """A group that ends with our exit codes: click's own 2 for bad usage means "interrupted" here."""

    def main(self, args: Sequence[str] | None = None, *given: Any, **named: Any) -> Any:
        """Run the command of ``args`` and exit; the parameters are those of :meth:`click.Command.main`."""
        named["standalone_mode"] = False
        _survive_odd_encodings()
        try:
            code = super().main(args, *given, **named)
        except click.ClickException as error:
            error.show()
            code = USAGE
        except FuzzHarnessError as error:
            click.echo(f"fuzzharness: {_one_paragraph(error)}", err=True)
            code = USAGE
        except (click.Abort, KeyboardInterrupt):
            click.echo("fuzzharness: interrupted", err=True)
            code = INTERRUPTED
        except Exception:
            traceback.print_exc()
            click.echo("fuzzharness: this is an error in fuzzharness itself; please report it", err=True)
            code = INTERNAL
        sys.exit(code or CLEAN)


@click.group(cls=_Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fuzzharness", prog_name="fuzzharness")
def main() -> None:
    """Replay recorded tool-call batches of an LLM agent under every interleaving that matters.

    A scenario file (NAME.scenario.toml) names a recording, the tools and the world they share, and
    may say what is expected. RUN explores; REPLAY repeats one interleaving that RUN printed. AUDIT
    needs a recording alone, and suspects.
    """


def _sources(command: Command) -> Command:
    tools = "The tools, where PATH is a recording: FILE.py, FILE.py:NAME or package.module:NAME."
    world = "The world, where PATH is a recording: FILE.py:NAME, a World or a function that returns one."
    command = click.option("--world", metavar="FILE:NAME", help=world)(command)
    return click.option("--tools", metavar="FILE[:NAME]", help=tools)(command)


def _judging(command: Command) -> Command:
    ignore = "A dotted pattern of places that may differ, as db.orders.*.created_at; may be repeated."
    strict = "Let a different order of a collection or other generated ids fail too."
    timeout = "Seconds after which a call that neither ends nor reaches a gate counts as stuck."
    command = click.option("--ignore", multiple=True, metavar="PATTERN", help=ignore)(command)
    command = click.option("--strict-order", is_flag=True, default=None, help=strict)(command)
    return click.option("--call-timeout", type=float, metavar="SECONDS", help=timeout)(command)


def _searching(command: Command) -> Command:
    bound = "The most preemptions that the search tries."
    command = click.option("--preemptions", type=int, metavar="N", help=bound)(command)
    for name, option in reversed(list(OPTIONS.items())):
        flag = "--" + name.replace("_", "-")
        told = f"{option.help[0].upper()}{option.help[1:]}."
        command = click.option(flag, type=option.kind, envvar=variable(name), help=told)(command)
    return command


@main.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_sources
@_searching
@_judging
@click.option(
    "--report",
    metavar="DIR",
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Write events.jsonl and summary.md into DIR.",
)
def run(
    paths: tuple[str, ...], tools: str | None, world: str | None, report: Path | None, **options: Any
) -> int:
    """Explore the batches of scenarios, or of a recording, and print what goes wrong.

    PATH is a scenario file, a folder that is searched for NAME.scenario.toml, or, with --tools and
    --world, a recording. Settings in a scenario file win over the options given here. A scenario
    without [expect] is as expected unless a batch of it is unsafe.

    \b
    fuzzharness run scenarios
    fuzzharness run scenarios/seed-story --report reports
    fuzzharness run session.json --tools tools.py --world world.py:world
    """
    from fuzzharness.report.folder import ReportFolder
    from fuzzharness.scenario.selection import scenarios_at

    given = _given(options)
    settings = settled(given)
    folder = ReportFolder(report) if report else None
    if folder is not None:
        folder.check()
    scenarios = list(scenarios_at(paths, tools, world))
    if not scenarios:
        click.echo(f"fuzzharness: nothing to run: {_nothing(paths)}", err=True)
        return NOTHING
    if not sum(scenario.check() for scenario in scenarios):
        raise _without_calls(scenarios)
    return _Run(settings, given, folder).all(scenarios)


@main.command(epilog=_EPILOG)
@click.argument("token")
@click.argument("path", metavar="PATH[::BATCH]")
@_sources
@_judging
def replay(token: str, path: str, tools: str | None, world: str | None, **options: Any) -> int:
    """Run one interleaving again: TOKEN as a report printed it, on the PATH it was found in.

    Exits with 1 if the batch is unsafe: it ends unlike its calls in recorded order, and not only in
    the order of a collection or in generated ids. Else with 0. What the tools print is shown.
    """
    from fuzzharness.finding import Verdict
    from fuzzharness.scenario.selection import fitting, replay_command, scenarios_at
    from fuzzharness.schedule import Schedule

    schedule = Schedule.from_token(token)
    where, _, name = path.partition("::")
    scenario, trial = fitting(schedule, list(scenarios_at((where,), tools, world)), name)
    given = _given(options)
    settings = scenario.applied(settled(given))
    with scenario.opened() as setup:
        report = trial.replay(schedule, setup.tools, setup.world(), settings, lambda _: None)
    titles = (f"{scenario.path}::{trial.name}", scenario.title)
    _print(report, titles, lambda _: replay_command(scenario, trial, schedule.token, given))
    return FINDINGS if report.verdict is Verdict.UNSAFE else CLEAN


_AUDIT_EPILOG = """\b
Evidence, and what it weighs:
  6  statements of both reach one row, one of them writes
  5  an argument is known from nowhere but the other's result
  4  one tool, not named like a reader, twice on one key
  3  statements of both reach one table, one of them writes
  3  an argument is empty that the other's result would fill
  2  two tools, not both named like readers, on one value
  2  tools that otherwise come in a fixed order, turn by turn
  1  added to any of these: the calls overlapped in time
  1  added to an empty argument: the call failed
The weights of a pair of calls are added up; the heaviest pair comes first, pairs of
one weight in the order of the recording.

\b
Exit codes: 0 nothing suspected, 1 something suspected, 2 interrupted, 3 internal
error, 4 bad usage or bad input, 5 no batch has two calls.
"""


@main.command(epilog=_AUDIT_EPILOG)
@click.argument("path", metavar="TRACE")
@click.option("--format", "format_", metavar="NAME", help="The format of the recording; else recognised.")
@click.option("--lenient", is_flag=True, help="Leave malformed parts out and count them.")
@click.option("--json", "as_data", is_flag=True, help="Print one JSON object instead of text.")
def audit(path: str, format_: str | None, lenient: bool, as_data: bool) -> int:
    """List the conflicts that a recording alone lets one suspect, without running any tool.

    Looks at each two calls of a batch: their arguments, results and times, the order of tools in the
    rest of the session, and the statements of databases in spans below the calls (OTLP). What is
    listed is suspected, never found, and what is not listed is not thereby safe: explore with RUN.
    """
    import json

    from fuzzharness.audit import audit as suspected
    from fuzzharness.report.suspicions import as_json, tally, told
    from fuzzharness.traces import load_trace
    from fuzzharness.traces.statements import statements

    trace = load_trace(path, format=format_, lenient=lenient)
    suspicions = suspected(trace, statements(path, trace, lenient=lenient))
    if as_data:
        click.echo(json.dumps(as_json(path, trace, suspicions)))
    else:
        for line in [*told(path, suspicions), tally(trace, suspicions)]:
            click.echo(line)
    if all(len(batch.calls) < 2 for batch in trace.batches):
        return NOTHING
    return FINDINGS if suspicions else CLEAN


class _Run:
    """One ``fuzzharness run``: what was counted, what was not as expected, where it is written.

    options: what was given on the command line, for the commands that replay.
    """

    def __init__(self, settings: Settings, options: dict[str, Any], folder: ReportFolder | None) -> None:
        from rich.console import Console

        from fuzzharness.report.progress import Progress

        self._settings = settings
        self._options = options
        self._folder = folder
        self._counted: Counter[str] = Counter()
        self._missed: list[str] = []
        self._undecided = 0
        self._progress = Progress(Console(file=sys.stderr))

    def all(self, scenarios: Sequence[Scenario]) -> int:
        """Run the scenarios one after the other; returns the exit code."""
        interrupted = False
        try:
            for scenario in scenarios:
                with scenario.opened() as setup:
                    for trial in setup.trials:
                        self._explore(scenario, setup, trial)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._leave_folder(interrupted)
        self._conclude(interrupted)
        return INTERRUPTED if interrupted else FINDINGS if self._missed else CLEAN

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
        from fuzzharness.report.words import tally
        from fuzzharness.scenario.selection import replay_command

        source = f"{scenario.path}::{trial.name}"
        missed = scenario.disappointments(report)
        self._missed += [f"{source}: {disappointment}" for disappointment in missed]
        if report.verdict is Verdict.INCONCLUSIVE and not missed:
            self._undecided += scenario.expect.verdict is None
        self._counted.update(tally(report))

        def command(finding: Finding) -> str:
            return replay_command(scenario, trial, finding.schedule.token, self._options)

        if self._folder is not None:
            self._folder.add(section(report, source, command, missed))
        _print(report, (source, scenario.title), command)

    def _conclude(self, interrupted: bool) -> None:
        from fuzzharness.report.text import printable
        from fuzzharness.report.words import tallied

        for disappointment in self._missed:
            click.echo(f"NOT AS EXPECTED: {printable(disappointment)}")
        told = "interrupted; " if interrupted else ""
        click.echo(
            f"{told}{tallied(self._counted) if self._counted else 'no batch finished'}: {self._judged}"
        )

    @property
    def _judged(self) -> str:
        if self._missed:
            return f"{len(self._missed)} not as expected"
        return f"all as expected, {self._undecided} inconclusive" if self._undecided else "all as expected"


def _print(report: Report, titles: tuple[str, ...], command: Callable[[Finding], str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from fuzzharness.report.terminal import compose, plain, show, width_for

    console = Console(markup=False, highlight=False, emoji=False)
    if console.is_terminal:
        show(console, [*compose(report, titles, command, console.width), Text()])
    else:
        width = width_for()
        click.echo(plain(compose(report, titles, command, width), width) + "\n")


def _nothing(paths: Sequence[str]) -> str:
    """Why there is no batch: no scenario at ``paths``."""
    from fuzzharness.report.text import printable
    from fuzzharness.scenario import SUFFIX

    return f"there is no *{SUFFIX} in {printable(', '.join(paths))}"


def _without_calls(scenarios: Sequence[Scenario]) -> TraceError:
    from fuzzharness.report.text import printable

    recordings = dict.fromkeys(str(scenario.recording) for scenario in scenarios)
    return TraceError(
        f"there is no tool call in {printable(', '.join(recordings))}. Expected an assistant message with at "
        "least one. Give a recording of a turn that calls tools, or leave this one out."
    )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, ())}


def _one_paragraph(error: Exception) -> str:
    from fuzzharness.report.text import paragraph

    return " ".join(paragraph(str(error)).split())


def _survive_odd_encodings() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
