"""Selection: which scenarios a path stands for, and which batch a token belongs to.

Decides what is found where, and the command line that finds it again. Runs nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fuzzharness.errors import ScenarioError, TokenError, TraceError
from fuzzharness.mutation import MARK
from fuzzharness.scenario.scenario import SUFFIX, Scenario, load_scenario
from fuzzharness.scenario.setup import no_batch
from fuzzharness.scenario.trial import Trial
from fuzzharness.schedule import Schedule
from fuzzharness.settings import Settings
from fuzzharness.traces.folder import files


def scenarios_at(
    paths: Sequence[str],
    tools: str | None,
    world: str | None,
    format: str | None = None,
    lenient: bool = False,
) -> Iterator[Scenario]:
    """The scenarios at ``paths``, each file once; all are read and checked, none is imported.

    A path is a scenario file, a folder of them, or, with ``tools`` and ``world``, a recording.
    format, lenient: how their recordings are read, see :func:`fuzzharness.load_trace`; what a scenario
        file says wins. Raises :class:`ScenarioError`.
    """
    seen: set[Path] = set()
    for path in (found for text in paths for found in _files(Path(text))):
        if path.resolve() not in seen:
            seen.add(path.resolve())
            found = _scenario(path, tools, world)
            yield replace(found, format=found.format or format, lenient=found.lenient or lenient)


def nothing_at(paths: Sequence[str]) -> str:
    """That there is no scenario at ``paths``, which are folders, and what to do with recordings there."""
    missing = f"there is no *{SUFFIX} in {', '.join(paths)}"
    held = [found for found in map(_recordings, paths) if found]
    if not held:
        return f"{missing}. Give the path of one, or of a recording with --tools and --world."
    count = sum(map(len, held))
    told = "1 file that may be a recording" if count == 1 else f"{count:,} files that may be recordings"
    folders = shlex.join(path for path in paths if _recordings(path))
    return (
        f"{missing}, but {told}, such as {held[0][0]}. Give the files themselves with --tools and --world, "
        f"or import them into one: fuzzharness import {folders} -o turns.jsonl --scenario"
    )


def _recordings(folder: str) -> list[str]:
    try:
        return files(folder)
    except TraceError:
        return []


def fitting(
    schedule: Schedule, scenarios: Sequence[Scenario], name: str = "", settings: Settings | None = None
) -> tuple[Scenario, Trial]:
    """The one batch that ``schedule`` was made for, called ``name`` if that is not empty.

    A batch that was made of a recorded one (``turn-1~swap-2``) is made again, by the seed of ``settings``.
    Raises :class:`TokenError` where there is none, or more than one; :class:`ScenarioError` where no
    batch is called ``name``.
    """
    every = [(s, t) for s in scenarios for t in s.trials()]
    found = [(s, t) for s, t in every if name in ("", t.name)]
    found = found or list(_mutants(every, name, settings or Settings()))
    if name and not found:
        origin = ", ".join(str(s.path) for s in scenarios)
        raise no_batch(name, list(dict.fromkeys(t.name for _, t in every)), origin)
    fit = [(s, t) for s, t in found if t.fits(schedule)]
    if len(fit) == 1:
        return fit[0]
    where = ", ".join(f"{s.path}::{t.name}" for s, t in fit or found) or "no batch at all"
    if fit:
        raise TokenError(f"the token fits several batches: {where}. Expected one. Give one of these as PATH.")
    if len(found) == 1 and not found[0][1].recorded:
        raise TokenError(
            f"the token was made for another batch than {name} of {found[0][0].path} as this seed makes it. "
            "Expected the seed that it was found with. Give that one by --seed."
        )
    if len(found) == 1:
        Schedule.from_token(schedule.token, found[0][1].batch)
    raise TokenError(
        f"the token was made for the batch {schedule.batch}, and there is no such batch here, only: {where}. "
        "Expected the PATH it was found in. Give that one, or run the search again on this one."
    )


def _mutants(
    every: Sequence[tuple[Scenario, Trial]], name: str, settings: Settings
) -> Iterator[tuple[Scenario, Trial]]:
    """The batches called ``name`` that are made of one of ``every``."""
    origin = name.rpartition(MARK)[0]
    for scenario, trial in every:
        made = trial.mutant(name, scenario.applied(settings).seed) if trial.name == origin else None
        if made is not None:
            yield scenario, made


def replay_command(
    scenario: Scenario, trial: Trial, token: str, options: Mapping[str, Any] | None = None
) -> str:
    """The command line that replays ``token``; it names the batch where the token alone is not enough.

    options: settings given on the command line; those that a replay heeds too are given again.
    """
    twins = [t for t in scenario.trials() if t.batch.fingerprint == trial.batch.fingerprint]
    named = len(twins) > 1 or not trial.recorded
    path = f"{scenario.path}::{trial.name}" if named else str(scenario.path)
    words = ["fuzzharness", "replay", token, path]
    if scenario.path == scenario.recording:
        words += ["--tools", scenario.tools.text, "--world", scenario.world.text]
    words += [*_reading(options or {}), *_judging(options or {})]
    if not trial.recorded and (options or {}).get("seed") is not None:
        words += ["--seed", str((options or {})["seed"])]
    return shlex.join(words)


def _reading(options: Mapping[str, Any]) -> Iterator[str]:
    """The words that say again how the recording is read."""
    if options.get("format"):
        yield from ("--format", options["format"])
    if options.get("lenient"):
        yield "--lenient"


def _judging(options: Mapping[str, Any]) -> Iterator[str]:
    """The words that say again how endings are judged and when a call counts as stuck."""
    for pattern in options.get("ignore") or ():
        yield from ("--ignore", pattern)
    if options.get("strict_order"):
        yield "--strict-order"
    if options.get("call_timeout") is not None:
        yield from ("--call-timeout", str(options["call_timeout"]))


def _scenario(path: Path, tools: str | None, world: str | None) -> Scenario:
    if path.suffix == ".toml":
        if tools is not None or world is not None:
            raise ScenarioError(
                f"{path} is a scenario file, which names its tools and world itself. Expected --tools and "
                "--world only with a recording. Leave them out, or change the scenario file."
            )
        return load_scenario(path)
    if tools is None or world is None:
        raise ScenarioError(
            f"{path} is not a scenario file, so it is taken for a recording. Expected --tools FILE.py and "
            f"--world FILE.py:NAME with a recording. Give both, or a file called NAME{SUFFIX}."
        )
    return Scenario.of_recording(path, tools, world)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise ScenarioError(
            f"there is no file or folder {path}. Expected a scenario file, a folder of them, or a recording. "
            "Give the path of one that exists."
        )
    if not path.is_dir():
        return [path]
    found = (file for file in path.rglob("*" + SUFFIX) if file.is_file())
    return sorted(file for file in found if not any(p.startswith(".") for p in file.relative_to(path).parts))
