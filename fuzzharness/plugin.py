"""pytest hooks only: the fixture ``fuzz``, collected ``*.scenario.toml``, options and summary.

Decides what passes, fails or warns, and which settings win: those of the call (or of the scenario
file), then the marker, the command line, the environment, the ini file. Importing this module loads
nothing heavy: what explores and renders is imported when the first batch is run.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from fuzzharness.errors import (
    FuzzHarnessError,
    NotAsRecorded,
    NotJudged,
    RaceFound,
    ReplayMismatch,
    SettingsError,
)
from fuzzharness.errors import FuzzWarning as FuzzWarning
from fuzzharness.finding import Finding, Report, Verdict
from fuzzharness.model import Batch
from fuzzharness.options import OPTIONS, Option, from_environment, settled
from fuzzharness.report.text import quoted
from fuzzharness.report.words import UNJUDGED, deviations, headline, serious, tallied, tally
from fuzzharness.schedule import Schedule

if TYPE_CHECKING:
    from fuzzharness.report.folder import ReportFolder
    from fuzzharness.report.record import Record
    from fuzzharness.scenario import Scenario, Trial
    from fuzzharness.settings import Settings
    from fuzzharness.tools.toolbox import Toolbox
    from fuzzharness.world import World

    Worlds = World | Callable[[], World]
    Given = tuple[Toolbox, World, Settings]
    Judge = Callable[[Report], tuple[str, ...]]

_OPTIONS = {
    **OPTIONS,
    "replay": Option(str, "replay only this schedule token, on the batch it belongs to"),
    "report": Option(str, "write events.jsonl and summary.md into this folder"),
}
_INI: Mapping[type, Literal["int", "float", "string", "bool"]] = {
    int: "int",
    float: "float",
    str: "string",
    bool: "bool",
}

_CHANGED = "If you changed the tool, this interleaving may no longer be possible: run without --fuzz-replay."

_RECORDS = pytest.StashKey[list["Record"]]()
_PASSED_OVER = pytest.StashKey[bool]()
_TALLY = pytest.StashKey[Counter[str]]()
_BROKEN_OFF = pytest.StashKey[list["Record"]]()
_TOKEN = pytest.StashKey[Schedule | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fuzzharness", "fuzzharness: interleavings of recorded tool calls")
    for name, option in _OPTIONS.items():
        flag, dest = f"--fuzz-{name.replace('_', '-')}", f"fuzz_{name}"
        if option.kind is bool:
            group.addoption(flag, dest=dest, action="store_const", const=True, help=option.help)
        else:
            group.addoption(flag, dest=dest, type=option.kind, default=None, help=option.help)
        parser.addini(dest, option.help, type=_INI[option.kind], default=None)


def pytest_configure(config: pytest.Config) -> None:
    marker = "fuzz(**settings): settings of the fixture fuzz in this test, as max_executions=100"
    config.addinivalue_line("markers", marker)
    config.stash[_TALLY] = Counter()
    config.stash[_BROKEN_OFF] = []
    try:
        _settings(config)
        token = _option(config, "replay")
        config.stash[_TOKEN] = Schedule.from_token(token) if token else None
        if (folder := _option(config, "report")) and not hasattr(config, "workerinput"):
            writer = _Writer(_folder(config.invocation_params.dir / folder))
            config.pluginmanager.register(writer, "fuzzharness-report")
    except FuzzHarnessError as error:
        raise pytest.UsageError(str(error)) from None


def _folder(path: Path) -> ReportFolder:
    from fuzzharness.report.folder import ReportFolder

    folder = ReportFolder(path)
    folder.check()
    return folder


def _option(config: pytest.Config, name: str) -> Any:
    """The command line's value, else the environment's, else the ini file's, else None."""
    given = config.getoption(f"fuzz_{name}")
    if given is None:
        given = from_environment(name, _OPTIONS[name].kind, os.environ)
    return config.getini(f"fuzz_{name}") if given is None else given


def _settings(config: pytest.Config, item: pytest.Item | None = None, **own: Any) -> Settings:
    """The settings of a test: its ``own``, before its markers', before those of the options."""
    marked: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("fuzz")) if item else []):
        if marker.args:
            seen = f"the marker fuzz has {marker.args!r} without a name"
            raise SettingsError(f"{seen}. Expected settings by name. Write fuzz(max_executions=100).")
        marked.update(marker.kwargs)
    return settled({name: _option(config, name) for name in OPTIONS}, marked, own)


class Fuzz:
    """What the fixture ``fuzz`` gives: call it to judge a batch, :meth:`explore` for the report alone."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(self, batch: Batch, tools: Toolbox, world: Worlds, **given: Any) -> Report:
        """The report of ``batch``; raises :class:`fuzzharness.RaceFound` where it is unsafe.

        world: a World, or a function that returns one. given: ``before``, the batches that are run
        first, and fields of :class:`fuzzharness.Settings`. Raises :class:`fuzzharness.NotAsRecorded`
        where ``strict_replay`` asks for it and :class:`fuzzharness.NotJudged` where nothing can be
        said; warns with :class:`FuzzWarning` if the verdict is inconclusive.
        """
        __tracebackhide__ = True
        report = self.explore(batch, tools, world, **given)
        name, reasons = batch.id or "the batch", "; ".join(report.reasons)
        if report.verdict is Verdict.UNSAFE:
            found = headline(serious(report)[0])
            raise RaceFound(f"{name} is unsafe: {found}\n{self._item.stash[_RECORDS][-1].text}", report)
        if self._strict(given) and (apart := deviations(report.fidelity)):
            raise NotAsRecorded(f"{name} is {'; '.join(apart)}", report)
        if report.verdict is Verdict.INCONCLUSIVE and not self._item.config.stash[_TOKEN]:
            if not report.compared:
                raise NotJudged(f"{name} cannot be judged: {reasons}")
            warnings.warn(FuzzWarning(f"{name} is inconclusive: {reasons}"), stacklevel=2)
        return report

    def _strict(self, given: Mapping[str, Any]) -> bool:
        own = {name: value for name, value in given.items() if name != "before"}
        return _settings(self._item.config, self._item, **own).strict_replay

    def explore(
        self, batch: Batch, tools: Toolbox, world: Worlds, *, before: Sequence[Batch] = (), **settings: Any
    ) -> Report:
        """The report of ``batch``, whatever it says; the parameters are those of a call."""
        __tracebackhide__ = True
        from fuzzharness.scenario.trial import Trial

        trial = Trial(batch.id or "batch", batch, tuple(before))
        made = world() if callable(world) else world
        source = f"{self._item.nodeid}::{trial.name}"
        try:
            chosen = _settings(self._item.config, self._item, **settings)
            return _run(self._item, trial, (tools, made, chosen), source)
        except FuzzHarnessError as error:
            raise _unjudged(self._item, error) from None


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """Explore a batch: ``fuzz(batch, tools, world, **settings)`` fails the test if it is unsafe."""
    return Fuzz(request.node)


def _run(item: pytest.Item, trial: Trial, given: Given, source: str, judge: Judge | None = None) -> Report:
    """Explore ``trial``, or replay it if the token is for it; keep the record for the hooks below.

    It is kept of a search that is interrupted as well.
    """
    from fuzzharness.report.record import record
    from fuzzharness.scenario.trial import passed_over

    token = item.config.stash[_TOKEN]
    if token is not None and not trial.fits(token):
        item.stash.setdefault(_PASSED_OVER, True)
        return passed_over(trial.batch)
    item.stash[_PASSED_OVER] = False
    run = partial(trial.explore, *given) if token is None else partial(trial.replay, token, *given)
    return record(run, source, partial(_command, item), partial(_keep, item), judge)


def _keep(item: pytest.Item, made: Record) -> None:
    item.stash.setdefault(_RECORDS, []).append(made)
    for finding in made.report.findings:
        names = {"fuzz_fingerprint": finding.fingerprint, "fuzz_token": finding.schedule.token}
        item.user_properties.extend(names.items())
    item.config.stash[_TALLY].update(tally(made.report))


def _unjudged(item: pytest.Item, error: FuzzHarnessError) -> FuzzHarnessError:
    """``error`` without the frames it came through, which are ours; counts the batch that it ended."""
    item.config.stash[_TALLY].update(UNJUDGED)
    if isinstance(error, ReplayMismatch):
        error = ReplayMismatch(f"{error} {_CHANGED}")
    return error.with_traceback(None)


def _command(item: pytest.Item, finding: Finding) -> str:
    names = str(item.nodeid).split("::")
    names[0] = os.path.relpath(item.path, item.config.invocation_params.dir)
    return f"pytest {quoted('::'.join(names))} --fuzz-replay {finding.schedule.token}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    fits = file_path.name.endswith(".scenario.toml")
    return ScenarioFile.from_parent(parent, path=file_path) if fits else None


class ScenarioFile(pytest.File):
    """A ``*.scenario.toml``: one item for each batch it runs. Collecting imports none of its code."""

    def collect(self) -> Iterator[ScenarioItem]:
        from fuzzharness.scenario import load_scenario

        try:
            scenario = load_scenario(self.path)
            for trial in scenario.trials():
                yield ScenarioItem.from_parent(self, name=trial.name, scenario=scenario)
        except FuzzHarnessError as error:
            raise self.CollectError(str(error)) from None


class ScenarioItem(pytest.Item):
    """One batch of a scenario; passes if the file's ``[expect]`` holds of its report."""

    def __init__(self, *, scenario: Scenario, **given: Any) -> None:
        super().__init__(**given)
        self._scenario = scenario

    def runtest(self) -> None:
        replaying = self.config.stash[_TOKEN] is not None
        try:
            report = self._explored(_differs if replaying else self._disappointments)
        except FuzzHarnessError as error:
            raise pytest.fail.Exception(str(_unjudged(self, error)), pytrace=False) from None
        records = self.stash.get(_RECORDS, [])
        if records and records[-1].missed:
            pytest.fail(records[-1].text, pytrace=False)
        expected = replaying or self._scenario.expect.verdict == report.verdict.value
        if report.verdict is Verdict.INCONCLUSIVE and not expected:
            self.warn(FuzzWarning(f"{self.name} is inconclusive: {'; '.join(report.reasons)}"))

    def _disappointments(self, report: Report) -> tuple[str, ...]:
        apart = deviations(report.fidelity) if self._settings.strict_replay else ()
        return (*self._scenario.disappointments(report), *apart)

    @property
    def _settings(self) -> Settings:
        return _settings(self.config, self, **dict(self._scenario.settings))

    def _explored(self, judge: Judge) -> Report:
        with self._scenario.opened() as setup:
            given = (setup.tools, setup.world(), self._settings)
            trial = setup.trial(self.name)
            return _run(self, trial, given, str(self.nodeid), judge)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self._scenario.title}: {self.name}"


def _differs(report: Report) -> tuple[str, ...]:
    unsafe = report.verdict is Verdict.UNSAFE
    return ("the replayed schedule ends unlike the baseline",) if unsafe else ()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Skip, and say so, a test none of whose batches the schedule to replay is for.

    Of a test that is interrupted pytest makes no report: what it found is kept for the summary.
    """
    try:
        yield
    except KeyboardInterrupt:
        found: list[Record] = item.stash.get(_RECORDS, [])
        item.config.stash[_BROKEN_OFF].extend(found)
        raise
    except (Exception, pytest.fail.Exception):
        if not item.stash.get(_PASSED_OVER, False):
            raise
    if item.stash.get(_PASSED_OVER, False):
        pytest.skip("the schedule given by --fuzz-replay is for another batch")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    records = item.stash.get(_RECORDS, [])
    if call.when != "call" or not records:
        return report
    if call.excinfo is not None and isinstance(call.excinfo.value, RaceFound):
        _move_text(report.longrepr, str(call.excinfo.value).partition("\n")[2])
    commands = [command for made in records for command in made.commands]
    if report.passed:
        report.sections.append(("fuzzharness", "\n\n".join(made.text for made in records)))
    elif report.sections and commands:
        report.sections.append(("fuzzharness", "\n".join(commands)))
    if _option(item.config, "report"):
        vars(report)["fuzzharness"] = [(made.lines, asdict(made.section)) for made in records]
    return report


def _move_text(longrepr: Any, text: str) -> None:
    """Show the text of a finding below the traceback and not, line by line, within it.

    What others add to the error, as Hypothesis its failing example, stays where it is.
    """
    entries = getattr(getattr(longrepr, "reprtraceback", None), "reprentries", ())
    lines = entries[-1].lines if entries else []
    for error in [n for n, line in enumerate(lines) if line.startswith("E  ")][:1]:
        del lines[error + 1 : error + 1 + len(text.splitlines())]
        longrepr.addsection("fuzzharness", text)


@dataclass(frozen=True)
class _Writer:
    """Fills the report folder: on xdist's controller, or in the only process there is."""

    folder: ReportFolder

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for lines, section in getattr(report, "fuzzharness", ()):
            self.folder.take(lines, section)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        for made in session.config.stash[_BROKEN_OFF]:
            self.folder.take(made.lines, asdict(made.section))
        self.folder.close(interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of xdist counted."""
    node.config.stash[_TALLY].update(getattr(node, "workeroutput", {}).get("fuzzharness", {}))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    counted = session.config.stash[_TALLY]
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["fuzzharness"] = dict(counted)
    elif session.config.stash[_TOKEN] and not counted and exitstatus in (0, 5):
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    _show_broken_off(terminalreporter, config.stash[_BROKEN_OFF])
    counted = config.stash[_TALLY]
    if counted or config.stash[_TOKEN] is not None:
        terminalreporter.write_line(f"fuzzharness: {tallied(counted)}")


def _show_broken_off(terminal: pytest.TerminalReporter, records: list[Record]) -> None:
    """What an interrupted test had found in its batches, and what is known of the last one."""
    if records:
        terminal.section("fuzzharness: interrupted")
    for made in records:
        if made.report.findings or made is records[-1]:
            terminal.write_line(made.text)
