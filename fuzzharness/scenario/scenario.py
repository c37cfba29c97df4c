"""Scenario: a ``*.scenario.toml`` file, read and checked.

Decides which keys there are and what they may hold. Imports the user's code only when the scenario
is opened, and explores nothing.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from fuzzharness.errors import FuzzHarnessError, ScenarioError, SettingsError
from fuzzharness.finding import Mode, Report, Verdict
from fuzzharness.model import Trace
from fuzzharness.oracle.anomaly import ANOMALIES
from fuzzharness.scenario.expectation import Expectation
from fuzzharness.scenario.modules import Source, isolated
from fuzzharness.scenario.runnable import NOTHING, left_out, runnable
from fuzzharness.scenario.setup import Setup, toolbox, trials, world_maker
from fuzzharness.scenario.trial import Trial
from fuzzharness.settings import Settings
from fuzzharness.traces import load_trace

SUFFIX: Final = ".scenario.toml"

_KEYS: Final[dict[str, type]] = {
    "title": str,
    "recording": str,
    "format": str,
    "lenient": bool,
    "tools": str,
    "world": str,
    "batches": list,
    "before": str,
    "expect": dict,
    "settings": dict,
}
_EXPECT: Final[dict[str, type]] = {
    "verdict": str,
    "mode": str,
    "anomaly": str,
    "calls": int,
    "preemptions": int,
}
_CHOICES: Final = {
    "before": ("recorded", "nothing"),
    "verdict": tuple(verdict.value for verdict in Verdict),
    "mode": tuple(mode.value for mode in Mode),
    "anomaly": ANOMALIES,
}
_KINDS: Final = {
    bool: "true or false",
    str: "a text",
    list: "a list of texts",
    dict: "a table",
    int: "a whole number from 0",
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file. ``path`` is as the user gave it; ``recording`` and the sources are found from it."""

    path: Path
    title: str
    recording: Path
    tools: Source
    world: Source
    format: str | None = None
    batches: tuple[str, ...] = ()
    before: bool = True
    expect: Expectation = field(default_factory=Expectation)
    settings: tuple[tuple[str, Any], ...] = ()
    lenient: bool = False

    @classmethod
    def of_recording(cls, recording: Path, tools: str, world: str) -> Scenario:
        """A scenario without a file: ``tools`` and ``world`` are relative to the working directory."""
        here = Path.cwd()
        sources = Source.parse(tools, here, "--tools"), Source.parse(world, here, "--world")
        return cls(recording, recording.name, recording, *sources)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that are first on ``sys.path`` while the scenario is open."""
        files = [source.file for source in (self.tools, self.world)]
        found = [self.path.resolve().parent, *(file.parent for file in files if file is not None)]
        return tuple(dict.fromkeys(found))

    def trials(self) -> tuple[Trial, ...]:
        """The batches it runs, read from the recording; imports none of the user's code.

        If it is ``lenient``, without the calls whose arguments are no JSON object.
        Raises :class:`TraceError`, or :class:`ScenarioError` if ``batches`` names one that is not there.
        """
        return self._trials(self._trace())

    def _trace(self) -> Trace:
        return load_trace(self.recording, format=self.format, lenient=self.lenient)

    def left_out(self) -> int:
        """How many calls of the recording cannot be run, and so are left out."""
        return sum(missing.here for missing in left_out(self._trace()).values()) if self.lenient else 0

    def _trials(self, trace: Trace) -> tuple[Trial, ...]:
        origin = f"{self.path}: batches: {self.recording.name}"
        if not self.lenient:
            return trials(trace, self.batches, self.before, origin)
        missing = left_out(trace)
        found = trials(runnable(trace), self.batches, self.before, origin)
        return tuple(replace(trial, missing=missing.get(trial.batch.id, NOTHING)) for trial in found)

    @contextmanager
    def opened(self) -> Iterator[Setup]:
        """Import the tools and the world and hold them until the ``with`` block ends.

        Meanwhile the scenario's folder is first on ``sys.path``; afterwards its modules are
        forgotten. Raises :class:`ScenarioError` or :class:`TraceError`.
        """
        trace = self._trace()
        found = self._trials(trace)
        kept = len(runnable(trace).batches if self.lenient else trace.batches)
        alone = 0 if self.batches else kept - len(found)
        with self._named(), isolated(self.folders):
            tools = toolbox(self.tools, self.folders)
            yield Setup(tools, world_maker(self.world, self.folders), found, alone)

    def check(self) -> int:
        """Raise unless every call fits its tool; returns how many batches there are to run."""
        with self.opened() as setup:
            setup.check()
            return len(setup.trials)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let every error say which scenario it is about."""
        try:
            yield
        except FuzzHarnessError as error:
            if str(self.path) in str(error):
                raise
            raise type(error)(f"{self.path}: {error}") from None

    def applied(self, settings: Settings) -> Settings:
        """``settings`` with those of the scenario's own ``[settings]`` table."""
        return settings.but(**dict(self.settings))

    def disappointments(self, report: Report, recorded: bool = True) -> tuple[str, ...]:
        """What ``[expect]`` asks and ``report`` does not say, one line each.

        ``[expect]`` speaks of ``recorded`` batches. One made of them may not be unsafe, unless they are
        expected to be: then it may be anything. Nor need any call of it succeed.
        """
        if recorded:
            return self.expect.disappointments(report)
        unsafe = self.expect.verdict == Verdict.UNSAFE.value or self.expect.of_finding
        failing = report.executions > 0 and report.verdict is Verdict.INCONCLUSIVE
        return () if unsafe or failing else Expectation().disappointments(report)


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read and check the scenario file ``path``; raise :class:`ScenarioError` naming the file and key."""
    file = Path(path)
    table = _parsed(file)
    _check_table(table, _KEYS, str(file), required=("recording", "tools", "world"))
    _check_choice(table, "before", str(file))
    folder = file.resolve().parent
    return Scenario(
        path=file,
        title=table.get("title", file.name.removesuffix(SUFFIX)),
        recording=_recording(file, table["recording"]),
        tools=Source.parse(table["tools"], folder, f"{file}: tools"),
        world=Source.parse(table["world"], folder, f"{file}: world"),
        format=table.get("format"),
        lenient=table.get("lenient", False),
        batches=tuple(table.get("batches", ())),
        before=table.get("before", "recorded") == "recorded",
        expect=_expectation(table.get("expect", {}), f"{file}: [expect]"),
        settings=_settings(table.get("settings", {}), f"{file}: [settings]"),
    )


def _parsed(file: Path) -> dict[str, Any]:
    advice = "Correct the file, or give the path of another."
    try:
        with open(file, "rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ScenarioError(
            f"{file} cannot be read: {error.strerror}. Expected a scenario file. {advice}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file} is not TOML: {error}. Expected a TOML file in UTF-8. {advice}") from None


def _check_table(
    table: Mapping[str, Any], known: Mapping[str, type], where: str, required: tuple[str, ...] = ()
) -> None:
    for key, value in table.items():
        if key not in known:
            raise _unknown(key, list(known), where)
        if not _fits(value, known[key]):
            raise ScenarioError(
                f"{where}: {key} is {value!r}. Expected {_KINDS[known[key]]}. Change the value there."
            )
    for key in required:
        if key not in table:
            raise ScenarioError(
                f"{where}: the key {key!r} is missing. Expected {', '.join(required)} in every scenario. "
                f"Add the line: {key} = …"
            )


def _fits(value: object, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    if kind is int:
        return type(value) is int and value >= 0
    return isinstance(value, kind)


def _unknown(key: str, known: list[str], where: str) -> ScenarioError:
    near = get_close_matches(key, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return ScenarioError(
        f"{where}: there is no key {key!r}.{hint} Expected one of: {', '.join(known)}. "
        "Rename the key or take it out."
    )


def _check_choice(table: Mapping[str, Any], key: str, where: str) -> None:
    if key in table and table[key] not in _CHOICES[key]:
        near = get_close_matches(table[key], _CHOICES[key], 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ScenarioError(
            f"{where}: {key} is {table[key]!r}.{hint} Expected one of: {', '.join(_CHOICES[key])}. "
            "Change the value there."
        )


def _recording(file: Path, name: str) -> Path:
    recording = file.parent / name
    if not recording.is_file():
        raise ScenarioError(
            f"{file}: recording is {name!r}, but there is no file {recording}. Expected the recording, "
            f"relative to {file.parent}. Correct the path or add the file."
        )
    return recording


def _expectation(table: dict[str, Any], where: str) -> Expectation:
    _check_table(table, _EXPECT, where)
    for key in ("verdict", "mode", "anomaly"):
        _check_choice(table, key, where)
    if table.get("calls") == 0:
        raise ScenarioError(f"{where}: calls is 0. Expected a whole number from 1. Change the value there.")
    expectation = Expectation(**table)
    if expectation.verdict not in (None, Verdict.UNSAFE.value) and expectation.of_finding:
        raise ScenarioError(
            f"{where}: verdict is {expectation.verdict!r}, and yet a finding is described by "
            f"{', '.join(expectation.of_finding)}. Expected that only of an unsafe verdict. Change the "
            "verdict or take the others out."
        )
    return expectation


def _settings(table: dict[str, Any], where: str) -> tuple[tuple[str, Any], ...]:
    for key in table:
        known = [f.name for f in fields(Settings)]
        if key not in known:
            raise _unknown(key, known, where)
    try:
        Settings().but(**table)
    except (SettingsError, TypeError) as error:
        raise ScenarioError(f"{where}: {error}") from None
    return tuple(table.items())
