"""Reports are the same in every process, whatever hashes it draws."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fuzzharness

ROOT = Path(fuzzharness.__file__).parents[1]
SCENARIOS = Path(__file__).parents[2] / "scenarios"
SEEDS = ("0", "1", "2", "3", "4", "5", "6", "7", "42", "4294967295")

EVERYWHERE = Path(__file__).with_name("scenarios.sha256")
"""What the scenarios' reports come to on every Python; to be replaced where findings are meant to change."""

TOOLS = '''
import datetime, os, random, secrets, tempfile, time, uuid

def tag(tags, labels, name):
    """Reads and changes sets of strings."""
    seen = set(tags)
    labels[name] = frozenset(seen | {name, f"{name}-old", f"{name}-new"})
    tags.update({name, f"{name}!", f"{name}?"})
    return {"seen": seen, "error": str(uuid.uuid4())}

def stamp(tags, labels, name):
    """Returns what time and chance show."""
    time.sleep(60)
    tags.add(name)
    return [datetime.datetime.now(datetime.UTC).isoformat(), str(uuid.uuid1()), random.random(),
            secrets.token_hex(4), next(tempfile._get_candidate_names()), time.monotonic(), os.urandom(2)]

def fail(tags, name):
    """Fails for want of a sibling that comes first."""
    if name in tags:
        raise KeyError(name)
    tags.add(name)
'''
WORLD = """
import fuzzharness as fh

def world():
    return fh.World(tags={"one", "two", "three"}, labels={})
"""


def call(number: int, tool: str, name: str) -> dict[str, object]:
    arguments = json.dumps({"name": name})
    return {"id": f"call_{number}", "type": "function", "function": {"name": tool, "arguments": arguments}}


@pytest.fixture
def recording(tmp_path: Path) -> list[str]:
    calls = [call(1, "tag", "red"), call(2, "tag", "blue"), call(3, "stamp", "now"), call(4, "fail", "red")]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    (tmp_path / "session.json").write_text(json.dumps({"messages": [message]}))
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "world.py").write_text(WORLD)
    return ["session.json", "--tools", "tools.py", "--world", "world.py:world", "--max-executions", "300"]


def report(folder: Path, words: list[str], seed: str, home: Path | None = None) -> dict[str, str]:
    """The files of the report of one process, started in ``home``; written into ``folder``."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    target = folder / f"report-{seed}"
    command = [sys.executable, "-m", "fuzzharness", "run", *words, "--report", str(target)]
    ran = subprocess.run(
        command, cwd=home or folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    shown = ran.stdout.replace(str(target), "reports")
    return {"stdout": shown, **{file.name: file.read_text() for file in sorted(target.iterdir())}}


def test_the_scenarios_give_the_same_report_on_every_python(tmp_path: Path) -> None:
    found = report(tmp_path, ["scenarios"], "random", SCENARIOS.parent)
    assert set(found) == {"stdout", "events.jsonl", "summary.md"}
    assert sums(found) == EVERYWHERE.read_text()


@pytest.mark.long
def test_the_scenarios_give_the_same_report_in_every_process(tmp_path: Path) -> None:
    first, *others = [report(tmp_path, ["scenarios"], seed, SCENARIOS.parent) for seed in SEEDS]
    for other in others:
        assert other["events.jsonl"] == first["events.jsonl"]
        assert other["summary.md"] == first["summary.md"]
        assert other["stdout"] == first["stdout"]


def sums(files: dict[str, str]) -> str:
    """A line for each file: the sum of its text, and its name."""
    return "".join(f"{hashlib.sha256(t.encode()).hexdigest()}  {n}\n" for n, t in sorted(files.items()))


def test_tools_that_work_with_sets_time_and_chance_give_the_same_report(
    tmp_path: Path, recording: list[str]
) -> None:
    first, *others = [report(tmp_path, recording, seed) for seed in SEEDS[-3:]]

    assert "UNSAFE" in first["stdout"]
    for other in others:
        assert other["events.jsonl"].splitlines() == first["events.jsonl"].splitlines()
        assert other["summary.md"] == first["summary.md"]
        assert other["stdout"] == first["stdout"]
