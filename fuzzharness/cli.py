"""click commands only: ``run``, ``replay``, ``import`` and ``audit``.

Decides what is run, in which order, what is printed, and the exit code. Leaves exploring to
:mod:`fuzzharness.scenario` and every word of a finding to :mod:`fuzzharness.report`. Importing this
module loads neither: they are imported by the commands, so that Ctrl-C meanwhile ends as it does later.
"""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fuzzharness.errors import FuzzHarnessError, TraceError
from fuzzharness.options import OPTIONS, settled, variable

if TYPE_CHECKING:
    from fuzzharness.events import Event
    from fuzzharness.finding import Finding, Report
    from fuzzharness.importing import Disguising, Selection
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
    needs a recording alone, and suspects. IMPORT makes recordings smaller, alike, and safe to keep.
    """


def _sources(command: Command) -> Command:
    tools = "The tools, where PATH is a recording: FILE.py, FILE.py:NAME or package.module:NAME."
    world = "The world, where PATH is a recording: FILE.py:NAME, a World or a function that returns one."
    command = click.option("--world", metavar="FILE:NAME", help=world)(command)
    return click.option("--tools", metavar="FILE[:NAME]", help=tools)(command)


def _reading(command: Command) -> Command:
    format = "The format of the recordings; else it is recognised."
    lenient = "Leave malformed parts out and count them."
    command = click.option("--lenient", is_flag=True, help=lenient)(command)
    return click.option("--format", metavar="NAME", help=format)(command)


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
        if option.kind is bool:
            command = click.option(flag, is_flag=True, default=None, envvar=variable(name), help=told)(
                command
            )
        else:
            command = click.option(flag, type=option.kind, envvar=variable(name), help=told)(command)
    return command


@main.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_sources
@_reading
@_searching
@_judging
@click.option(
    "--report",
    metavar="DIR",
    type=click.Path(file_okay=False, writable=True, path_type=Path),
    help="Write events.jsonl and summary.md into DIR.",
)
@click.option(
    "--mutate",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Explore N more batches made of each: a call dropped or duplicated, arguments swapped.",
)
def run(
    paths: tuple[str, ...],
    tools: str | None,
    world: str | None,
    report: Path | None,
    mutate: int,
    **options: Any,
) -> int:
    """Explore the batches of scenarios, or of a recording, and print what goes wrong.

    PATH is a scenario file, a folder that is searched for NAME.scenario.toml, or, with --tools and
    --world, a recording. Settings in a scenario file win over the options given here. A scenario
    without [expect] is as expected unless a batch of it is unsafe.

    \b
    fuzzharness run scenarios
    fuzzharness run scenarios/seed-story --report reports
    fuzzharness run session.json --tools tools.py --world world.py:world
    fuzzharness run scenarios --mutate 5
    """
    from fuzzharness.report.folder import ReportFolder
    from fuzzharness.scenario.selection import scenarios_at

    reading = {name: options.pop(name) for name in ("format", "lenient")}
    given = _given(options)
    settings = settled(given)
    folder = ReportFolder(report) if report else None
    if folder is not None:
        folder.check()
    scenarios = list(scenarios_at(paths, tools, world, **reading))
    if not scenarios:
        click.echo(f"fuzzharness: nothing to run: {_nothing(paths)}", err=True)
        return NOTHING
    if not sum(scenario.check() for scenario in scenarios):
        raise _without_calls(scenarios)
    return _Run(settings, given | reading, folder, mutate).all(scenarios)


@main.command(epilog=_EPILOG)
@click.argument("token")
@click.argument("path", metavar="PATH[::BATCH]")
@_sources
@_reading
@_judging
@click.option("--seed", type=int, envvar=variable("seed"), help="The seed a mutated BATCH was made with.")
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
    reading = {name: options.pop(name) for name in ("format", "lenient")}
    given = _given(options)
    found = list(scenarios_at((where,), tools, world, **reading))
    scenario, trial = fitting(schedule, found, name, settled(given))
    settings = scenario.applied(settled(given))
    with scenario.opened() as setup:
        report = trial.replay(schedule, setup.tools, setup.world(), settings, lambda _: None)
    titles = (f"{scenario.path}::{trial.name}", scenario.title)
    _print(report, titles, lambda _: replay_command(scenario, trial, schedule.token, given | reading))
    return FINDINGS if report.verdict is Verdict.UNSAFE else CLEAN


def _disguising(command: Command) -> Command:
    hide = "Replace names, mails, phones, addresses, cards, IBANs and IPs by made-up ones."
    rules = "Rules of your own, as [[rule]] tables with kind and key, pattern or value."
    rule = "One such rule: KIND:key=GLOB, KIND:pattern=REGEX, KIND:value=TEXT; the kind keep leaves alone."
    secret = "What pseudonyms follow from; else FUZZHARNESS_SECRET, else drawn and forgotten."
    file = click.Path(dir_okay=False, path_type=Path)
    command = click.option("--locale", default="en_US", show_default=True, help="Faker's locale.")(command)
    command = click.option("--secret-file", type=file, metavar="FILE", help=secret)(command)
    command = click.option("--rule", multiple=True, metavar="RULE", help=rule)(command)
    command = click.option("--pseudonymise-rules", type=file, metavar="FILE", help=rules)(command)
    return click.option("--pseudonymise", is_flag=True, help=hide)(command)


def _selecting(command: Command) -> Command:
    least = "Keep batches of at least N calls: 2+ for those whose calls could meet. What is left out before "
    least += "one that is kept is written to be run before it, and not explored."
    alike = (
        "Keep one of several batches that call the same tools with arguments of one shape, equal where the "
    )
    alike += "others' are."
    sample = "Keep N batches, drawn by lot."
    command = click.option("--seed", type=int, default=0, show_default=True, help="Of that lot.")(command)
    command = click.option("--sample", type=click.IntRange(1), metavar="N", help=sample)(command)
    command = click.option("--dedupe", is_flag=True, help=alike)(command)
    return click.option("--batches", metavar="N+", help=least)(command)


@main.command("import", epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path)
)
@_reading
@_selecting
@_disguising
@click.option("--scenario", is_flag=True, help="Also write NAME.scenario.toml beside FILE, to be filled in.")
def import_(paths: tuple[Path, ...], output: Path, scenario: bool, **options: Any) -> int:
    """Write the tool calls of recordings to FILE: JSON lines, one batch a line.

    PATH is a recording in any format that RUN takes. Only what a replay needs is kept: tools, arguments,
    ids, results and times. Nothing in a recording is run or resolved. FILE is there whole or not at all.

    Secrets (passwords, tokens, keys) are always masked. With --pseudonymise personal data is replaced as
    well, by values that follow from a secret and the data itself: what was equal stays equal, what was
    distinct stays distinct, so calls conflict as they did. Look at the result before you hand it on: data
    that neither a key nor its form tells is found only by a rule.

    \b
    fuzzharness import session.jsonl -o turns.jsonl --batches 2+ --dedupe
    fuzzharness import logs/*.jsonl -o turns.jsonl --pseudonymise --secret-file .secret
    fuzzharness import a.json -o a.jsonl --pseudonymise --rule 'name:key=member*'
    """
    from rich.console import Console

    from fuzzharness.importing import import_recordings
    from fuzzharness.report.imported import told
    from fuzzharness.report.reading import Reading

    selection, disguising = _selection(options), _disguise(options)
    how = {"format": options["format"], "lenient": options["lenient"], "scenario": scenario}
    with Reading(Console(file=sys.stderr)) as reading:
        summary = import_recordings(paths, output, selection, disguising, **how, listener=reading)
    for line in told(summary):
        click.echo(line)
    if summary.replaced and disguising.secret is None:
        click.echo(
            "fuzzharness: no secret was given, so one was drawn and forgotten: the same import again would "
            "come out otherwise. Give --secret-file or FUZZHARNESS_SECRET for one that does not.",
            err=True,
        )
    return CLEAN if summary.kept else NOTHING


def _selection(options: dict[str, Any]) -> Selection:
    from fuzzharness.importing.selection import Selection, at_least

    least = 1 if options["batches"] is None else at_least(options["batches"])
    return Selection(least, options["dedupe"], options["sample"], options["seed"])


def _disguise(options: dict[str, Any]) -> Disguising:
    import os

    from fuzzharness.importing import Disguising
    from fuzzharness.privacy import secret_from
    from fuzzharness.privacy.rules import rule, rules_from

    file, personal = options["pseudonymise_rules"], options["pseudonymise"]
    rules = (*map(rule, options["rule"]), *(rules_from(file) if file else ()))
    if not personal and any(not rule.always for rule in rules):
        raise click.UsageError("rules for personal data need --pseudonymise; only those for secrets do not")
    return Disguising(personal, secret_from(options["secret_file"], os.environ), rules, options["locale"])


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
        self._undecided = self._alone = 0
        self._progress = Progress(Console(file=sys.stderr))

    def all(self, scenarios: Sequence[Scenario]) -> int:
        """Run the scenarios one after the other; returns the exit code."""
        interrupted = False
        try:
            for scenario in scenarios:
                with scenario.opened() as setup:
                    self._alone += setup.alone
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
        _print(report, (source, scenario.title), command)

    def _conclude(self, interrupted: bool) -> None:
        from fuzzharness.report.text import count, printable
        from fuzzharness.report.words import tallied

        for disappointment in self._missed:
            click.echo(f"NOT AS EXPECTED: {printable(disappointment)}")
        told = "interrupted; " if interrupted else ""
        alone = f"; {count(self._alone, 'batch')} of one call left out" if self._alone else ""
        counted = tallied(self._counted) if self._counted else "no batch finished"
        click.echo(f"{told}{counted}: {self._judged}{alone}")

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


_SPELLED = {" lenient=True ": " --lenient ", " format= ": " --format "}
"""How advice names an argument of the library, and how the command line does."""


def _one_paragraph(error: Exception) -> str:
    from fuzzharness.report.text import paragraph

    text = " ".join(paragraph(str(error)).split())
    for python, option in _SPELLED.items():
        text = text.replace(python, option)
    return text


def _survive_odd_encodings() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
