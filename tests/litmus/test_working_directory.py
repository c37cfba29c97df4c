"""Calls that use relative paths beside one that goes elsewhere: the working directory is what they share.

A step into the folder ``a`` writes the working directory, a relative path reads it. Opening for writing
empties a file in one step, the text arrives in the next one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.model import Raised


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[fh.World]:
    """A directory that the calls begin in, and their environment."""
    files = fh.Directory({"a/": "", "out.txt": "as it was"})
    monkeypatch.chdir(files.path)
    yield fh.World(env=fh.Environment(), files=files)
    assert os.getcwd() == str(files.path)


def goes(files: Path) -> None:
    os.chdir(files / "a")
    Path("out.txt").write_text("goes")


def stays() -> None:
    Path("out.txt").write_text("stays")


def goes_and_returns() -> None:
    with contextlib.chdir("a"):
        Path("out.txt").write_text("goes")


def returns_at_once() -> None:
    with fh.atomic():
        goes_and_returns()


def names_all_of_a(files: Path) -> None:
    (files / "a" / "out.txt").write_text("goes")


def names_all(files: Path) -> None:
    (files / "out.txt").write_text("stays")


def written(report: fh.Report) -> set[tuple[str, str | None]]:
    """What the two files hold in the endings."""
    states = [outcome.state["files"] for outcome in report.outcomes]
    return {(state["out.txt"], state.get("a/out.txt")) for state in states}


def errors(report: fh.Report) -> set[str]:
    """The types of what calls raised."""
    results = [result for outcome in report.outcomes for result in outcome.results.values()]
    return {result.type for result in results if isinstance(result, Raised)}


def findings(report: fh.Report) -> set[tuple[fh.Mode, str]]:
    return {(finding.mode, finding.anomaly) for finding in report.findings}


def test_a_call_that_goes_elsewhere_takes_its_sibling_along(exhaust: Any, world: fh.World) -> None:
    report = exhaust([goes, stays], strategy="auto", world=world)
    assert written(report) == {
        ("as it was", "stays"),
        ("as it was", "goes"),
        ("as it was", "goess"),  # the longer text, and the shorter one over its beginning
        ("stays", "goes"),
    }
    # stays before goes leaves: 1; else both write a/out.txt, two steps each: 6
    assert (report.verdict, report.executions, report.escapes) == (fh.Verdict.UNSAFE, 7, ())
    (stale,) = [finding for finding in report.findings if finding.anomaly == "stale-read"]
    assert "B stays() read env['(working directory)']" in stale.explanation
    assert "Then A goes() wrote env['(working directory)']" in stale.explanation
    assert "test_working_directory.py" in stale.explanation


def test_a_call_that_returns_may_take_its_sibling_along_meanwhile(exhaust: Any, world: fh.World) -> None:
    report = exhaust([goes_and_returns, stays], strategy="auto", world=world)
    assert written(report) == {
        ("stays", "goes"),
        ("as it was", "stays"),
        ("as it was", "goes"),
        ("as it was", "goess"),
    }
    # stays before goes has left: 1, after it is back: 1; else both write a/out.txt, two steps each: 6
    assert (report.verdict, report.executions, report.escapes) == (fh.Verdict.UNSAFE, 8, ())
    assert findings(report) == {(fh.Mode.SHARED_STATE, "dirty-read")}


def test_two_calls_that_return_may_not_find_where_they_go(exhaust: Any, world: fh.World) -> None:
    report = exhaust([goes_and_returns] * 2, strategy="auto", world=world)
    assert errors(report) == {"FileNotFoundError"}  # a/a
    assert {"(working directory)" in outcome.state["env"] for outcome in report.outcomes} == {True, False}
    assert (report.verdict, report.escapes) == (fh.Verdict.UNSAFE, ())


@pytest.mark.parametrize(
    ("calls", "executions"),
    [
        ((names_all_of_a, names_all), 1),
        ((returns_at_once, stays), 2),
        ((names_all_of_a, goes_and_returns), 6),
        ((stays, stays), 6),
    ],
    ids=["absolute paths", "in one step", "the same file", "nobody goes"],
)
def test_calls_that_cannot_go_wrong_are_verified(
    exhaust: Any, world: fh.World, calls: tuple[Callable[..., Any], ...], executions: int
) -> None:
    report = exhaust(calls, strategy="auto", world=world)
    assert (report.verdict, report.verified, report.escapes) == (fh.Verdict.SAFE, True, ())
    assert (report.executions, len(written(report))) == (executions, 1)


@pytest.mark.parametrize(
    "calls",
    [(goes, stays), (goes_and_returns, stays), (goes_and_returns, goes_and_returns), (goes, goes)],
    ids=lambda calls: "-".join(tool.__name__ for tool in calls),
)
def test_classes_come_to_every_ending_of_all_interleavings(
    exhaust: Any, world: fh.World, calls: tuple[Callable[..., Any], ...]
) -> None:
    def endings(strategy: str) -> set[str]:
        report = exhaust(calls, strategy=strategy, world=world)
        return {repr((dict(o.state["files"]), o.state["env"], o.results)) for o in report.outcomes}

    assert endings("dpor") == endings("bounded")


def asks_the_system() -> str:
    return os.path.basename(os.readlink("/proc/self/cwd"))


def only_goes(files: Path) -> None:
    os.chdir(files / "a")


@pytest.mark.skipif(not os.path.exists("/proc/self/cwd"), reason="Linux has it")
def test_the_link_to_the_working_directory_reads_it(world: fh.World) -> None:
    batch = fh.Batch((fh.Call("only_goes", {}, "goes"), fh.Call("asks_the_system", {}, "asks")))
    tools = fh.Toolbox({"only_goes": only_goes, "asks_the_system": asks_the_system})
    report = fh.explore(batch, tools, world)
    assert len(report.outcomes) == 2
    assert report.verdict is fh.Verdict.UNSAFE
