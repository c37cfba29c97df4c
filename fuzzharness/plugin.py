"""pytest hooks only: the fixture ``fuzz``, collected ``*.scenario.toml``, options and summary.

Decides what passes, fails or warns, and which settings win: those of the call (or of the scenario
file), then the marker, the command line, the environment, the ini file. Importing this module loads
nothing heavy; what explores and renders is imported when the first batch is run.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fuzzharness.errors import FuzzHarnessError, NotJudged, RaceFound
from fuzzharness.finding import Finding, Report, Verdict
from fuzzharness.model import Batch
from fuzzharness.schedule import Schedule
from fuzzharness.settings import STRATEGIES, Settings

if TYPE_CHECKING:
    from fuzzharness.report.folder import ReportFolder
    from fuzzharness.scenario import Scenario
    from fuzzharness.tools.toolbox import Toolbox
    from fuzzharness.world import World

Parser = Callable[[str], Any]
_SETTINGS: Mapping[str, tuple[Parser, str]] = {
    "seed": (int, "all chance is drawn from it: same seed, same findings"),
    "budget": (float, "seconds the search of one batch may take"),
    "max_executions": (int, "runs of one batch at most"),
    "strategy": (str, "one of " + ", ".join(STRATEGIES)),
}
_ACTIONS: Mapping[str, tuple[Parser, str]] = {
    "replay": (str, "replay only this schedule token, on the batch it belongs to"),
    "report": (str, "write events.jsonl and summary.md into this folder"),
}


class FuzzWarning(pytest.PytestWarning):
    """A batch was not judged to the end; the message says why."""


@dataclass(frozen=True, slots=True)
class Done:
    """A batch that was run in a test: its report, its text, and its part of the report folder."""

    report: Report
    text: str
    commands: tuple[str, ...]
    written: Mapping[str, Any] | None


_DONE = pytest.StashKey[list[Done]]()
_TALLY = pytest.StashKey[Counter[str]]()
_TOKEN = pytest.StashKey[Schedule | None]()
_FOLDER = pytest.StashKey["ReportFolder | None"]()


# --- options ---------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fuzzharness", "fuzzharness: interleavings of recorded tool calls")
    for name, (kind, help) in {**_SETTINGS, **_ACTIONS}.items():
        group.addoption(
            f"--fuzz-{name.replace('_', '-')}", dest=f"fuzz_{name}", type=kind, default=None, help=help
        )
        parser.addini(f"fuzz_{name}", help, type="string", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "fuzz(seed, budget, max_executions, strategy, ...): settings for the fuzz fixture in this test",
    )
    config.stash[_TALLY] = Counter()
    try:
        Settings().but(**_configured(config))
        token = _option(config, "replay")
        config.stash[_TOKEN] = Schedule.from_token(token) if token else None
    except FuzzHarnessError as error:
        raise pytest.UsageError(str(error)) from None
    folder = _option(config, "report")
    config.stash[_FOLDER] = _report_folder(folder) if folder and not _is_worker(config) else None


def _option(config: pytest.Config, name: str) -> Any:
    """The command line's value, else the environment's, else the ini file's, else None."""
    given = config.getoption(f"fuzz_{name}")
    if given is not None:
        return given
    variable, key = f"FUZZ_{name.upper()}", f"fuzz_{name}"
    for origin, text in ((variable, os.environ.get(variable)), (key, config.getini(key))):
        if text:
            return _parsed({**_SETTINGS, **_ACTIONS}[name][0], text, origin)
    return None


def _parsed(kind: Parser, text: str, origin: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise pytest.UsageError(f"{origin} is {text!r}. Expected {expected}. Change it there.") from None


def _configured(config: pytest.Config) -> dict[str, Any]:
    found = {name: _option(config, name) for name in _SETTINGS}
    return {name: value for name, value in found.items() if value is not None}


def _settings(item: pytest.Item, own: Mapping[str, Any]) -> Settings:
    marked: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("fuzz"))):
        if marker.args:
            raise pytest.UsageError(
                f"{item.nodeid}: the marker fuzz has {marker.args!r} without a name. Expected settings "
                "by name, as @pytest.mark.fuzz(max_executions=100). Name it."
            )
        marked.update(marker.kwargs)
    return Settings().but(**{**_configured(item.config), **marked, **own})


# --- running one batch -----------------------------------------------------------------------------


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """Explore a batch: ``fuzz(batch, tools, world, **settings)`` fails the test if it is unsafe."""
    return Fuzz(request.node)


class Fuzz:
    """What the fixture ``fuzz`` gives: call it to judge a batch, :meth:`explore` for the report alone."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(
        self,
        batch: Batch,
        tools: Toolbox,
        world: World | Callable[[], World],
        *,
        before: Sequence[Batch] = (),
        **settings: Any,
    ) -> Report:
        """The report of ``batch``; raises :class:`fuzzharness.RaceFound` where it is unsafe.

        before: batches run first, one by one. settings: fields of :class:`fuzzharness.Settings`.
        Raises :class:`fuzzharness.NotJudged` if nothing can be said; warns with
        :class:`FuzzWarning` if the verdict is inconclusive.
        """
        __tracebackhide__ = True
        report = self.explore(batch, tools, world, before=before, **settings)
        done = self._item.stash[_DONE][-1]
        if report.verdict is Verdict.UNSAFE:
            raise RaceFound(f"{_name(batch)} is unsafe\n{done.text}", report)
        if report.verdict is Verdict.INCONCLUSIVE and not self._item.config.stash[_TOKEN]:
            reasons = "; ".join(report.reasons) or "the search did not reach its end"
            if not report.executions:
                raise NotJudged(f"{_name(batch)} cannot be judged: {reasons}")
            warnings.warn(FuzzWarning(f"{_name(batch)} is inconclusive: {reasons}"), stacklevel=2)
        return report

    def explore(
        self,
        batch: Batch,
        tools: Toolbox,
        world: World | Callable[[], World],
        *,
        before: Sequence[Batch] = (),
        **settings: Any,
    ) -> Report:
        """The report of ``batch``, whatever it says."""
        __tracebackhide__ = True
        chosen = _settings(self._item, settings)
        return _run(self._item, (batch, tools, world, chosen, tuple(before)))


def _run(item: pytest.Item, trial: tuple[Any, ...]) -> Report:
    """Explore or replay one batch and keep what it says for the hooks below."""
    from fuzzharness.report.jsonl import line

    source = _source(item, trial[0])
    lines: list[str] = []
    token = item.config.stash[_TOKEN]
    if token is None:
        report = _explored(trial, lambda event: lines.append(line(event, source)))
    else:
        report = _replayed(trial, token)
    _keep(item, report, source, lines)
    return report
