"""``fuzzharness audit``: what is printed, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fuzzharness.audit.suspicion import WEIGHTS
from fuzzharness.cli import main
from tests.unit.traces.spans import chat, export, lines, ran, span

SAMPLES = Path(__file__).parents[1] / "traces" / "samples"


def audit(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", *map(str, args)])


def query(id: str, at: int, parent: str, text: str, key: str = "db.query.text") -> dict[str, Any]:
    return span(id, at, parent, attributes={key: text, "db.system.name": "postgresql"})


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two calls whose names and arguments tell nothing, and whose statements meet in one row."""
    spans = [
        chat("m", 0, ("a", "get_quote", {"v": 1}), ("b", "get_offer", {"v": 2})),
        ran("r1", 20, "a", "get_quote"),
        ran("r2", 25, "b", "get_offer"),
        span("inner", 21, "r1"),
        query("q1", 22, "inner", "SELECT price FROM quotes WHERE id = 5"),
        query("q2", 26, "r2", "UPDATE quotes SET price = 2 WHERE id = 5", "db.statement"),
        query("q3", 99, "elsewhere", "DELETE FROM quotes"),
    ]
    path = tmp_path / "session.jsonl"
    path.write_text(lines([export(one) for one in spans[::-1]]))
    return path


def test_statements_below_the_calls_are_evidence(recording: Path) -> None:
    found = audit(recording)
    assert found.exit_code == 1
    assert "suspected shared-state, weight 7" in found.output
    assert "both reach quotes where id = 5" in found.output
    last = found.output.splitlines()[-1]
    assert last.startswith("1 batch of two calls or more (otel-genai): 1 suspected conflict, none of them")


def test_json_has_the_same(recording: Path) -> None:
    told = json.loads(audit(recording, "--json").output)
    assert (told["version"], told["format"], told["batches"]) == (1, "otel-genai", 1)
    (suspicion,) = told["suspected"]
    assert [call["tool"] for call in suspicion["calls"]] == ["get_quote", "get_offer"]
    assert [piece["weight"] for piece in suspicion["evidence"]] == [6, 1]


def test_sample_is_told_with_its_evidence() -> None:
    found = audit(SAMPLES / "otel-genai.jsonl", "--format", "otel-genai")
    assert found.exit_code == 1
    first = found.output.split("\n\n")[0]
    assert "1. " in first
    assert "add_credit(account=7, amount=20)  call_f9bdeaccd2b7be19c81db7Lx" in first
    assert "found" not in found.output.replace("none of them found by running", "")


def test_exit_codes(tmp_path: Path) -> None:
    reads = [("a", "get_balance", {"account": 7}), ("b", "get_balance", {"account": 8})]
    for calls, code in ((reads, 0), (reads[:1], 5)):
        path = tmp_path / f"{code}.jsonl"
        path.write_text(lines([export(chat("m", 0, *calls))]))
        assert audit(path).exit_code == code
    assert audit(tmp_path / "none.jsonl").exit_code == 4
    broken = tmp_path / "broken.jsonl"
    broken.write_text((tmp_path / "0.jsonl").read_text() + "{\n")
    assert audit(broken).exit_code == 4
    lenient = audit(broken, "--lenient")
    assert (lenient.exit_code, "1 malformed part left out" in lenient.output) == (0, True)


def test_help_explains_each_weight() -> None:
    told = " ".join(audit("--help").output.split())
    for text, weight in WEIGHTS:
        assert f" {weight} {text} " in told


def test_output_is_the_same_each_time(recording: Path) -> None:
    assert audit(recording).output == audit(recording).output
