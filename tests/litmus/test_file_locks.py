"""Locks on files are part of the schedule where a sibling holds them, however they are given back."""

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh


def bump(ctx: Any) -> None:
    ctx["x"] = ctx["x"] + 1


def unlocks(files: Path, ctx: Any) -> None:
    with open(files / "lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        bump(ctx)
        fcntl.flock(file, fcntl.LOCK_UN)


def closes(files: Path, ctx: Any) -> None:
    with open(files / "lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        bump(ctx)


def closes_by_number(files: Path, ctx: Any) -> None:
    with open(files / "lock") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        bump(ctx)


def closes_descriptor(files: Path, ctx: Any) -> None:
    number = os.open(files / "lock", os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    bump(ctx)
    os.close(number)


def forgets(files: Path, ctx: Any) -> None:
    file = open(files / "lock")  # noqa: SIM115  # what is tested: it is closed when nobody holds it any more
    fcntl.flock(file, fcntl.LOCK_EX)
    bump(ctx)


def hidden(files: Path, ctx: Any) -> None:
    held = [open(files / "lock")]  # noqa: SIM115  # what is tested: nobody sees which file is closed
    fcntl.flock(held[0].fileno(), fcntl.LOCK_EX)
    bump(ctx)
    held[0].close()


def tries(files: Path, ctx: Any) -> bool:
    with open(files / "lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        bump(ctx)
        return True


def shares(files: Path, ctx: Any) -> None:
    with open(files / "lock") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        bump(ctx)


def of_the_process(files: Path, ctx: Any) -> None:
    with open(files / "lock", "r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        bump(ctx)


def explored(*tools: Any, strategy: str = "auto") -> fh.Report:
    named = {tool.__name__: tool for tool in tools}
    world = fh.World(ctx={"x": 0}, files=fh.Directory({"lock": "", "other": ""}))
    batch = fh.Batch(tuple(fh.Call(tool.__name__) for tool in tools))
    settings = fh.Settings(strategy=strategy, call_timeout=2)
    return fh.explore(batch, fh.Toolbox(named), world, settings)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore:Exception ignored in")
@pytest.mark.parametrize("strategy", ["bounded", "dpor", "auto"])
@pytest.mark.parametrize("tool", [unlocks, closes, closes_by_number, closes_descriptor, forgets])
def test_a_lock_on_a_file_keeps_calls_apart(tool: Any, strategy: str) -> None:
    report = explored(tool, tool, strategy=strategy)
    assert (report.verdict, report.exhausted) == (fh.Verdict.SAFE, True), report.reasons
    assert [outcome.state["ctx"]["x"] for outcome in report.outcomes] == [2]


def test_a_close_that_is_not_seen_costs_every_interleaving_but_no_ending() -> None:
    report = explored(hidden, hidden)
    assert (report.verdict, report.exhausted) == (fh.Verdict.SAFE, True), report.reasons
    assert "interleavings" in report.coverage


@pytest.mark.parametrize("strategy", ["bounded", "dpor"])
def test_a_lock_that_is_only_tried_is_an_outcome_either_way(strategy: str) -> None:
    report = explored(tries, tries, strategy=strategy)
    returned = {tuple(r.value for r in o.results.values()) for o in report.outcomes}  # type: ignore[union-attr]
    assert returned == {(True, True), (True, False), (False, True)}


@pytest.mark.parametrize("tool", [shares, of_the_process])
def test_locks_that_do_not_exclude_siblings_lose_updates(tool: Any) -> None:
    report = explored(tool, tool)
    assert {outcome.state["ctx"]["x"] for outcome in report.outcomes} == {1, 2}


def locks_twice(files: Path, ctx: Any) -> None:
    ctx["x"] = 1
    with open(files / "lock") as one, open(files / "lock") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_EX)


def test_a_call_that_waits_for_its_own_file_lock_is_a_deadlock() -> None:
    (finding,) = explored(locks_twice).findings
    assert finding.mode is fh.Mode.DEADLOCK
    assert "waits for the lock on the file lock, which nobody gives back" in finding.explanation


def test_the_real_functions_are_back_afterwards() -> None:
    before = fcntl.flock, os.close
    explored(unlocks, closes)
    assert (fcntl.flock, os.close) == before
