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


def credit(*ids: str) -> dict[str, Any]:
    function = {"name": "add_credit", "arguments": '{"account": 7}'}
    calls = [{"id": id, "type": "function", "function": function} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


@pytest.fixture
def sessions(tmp_path: Path, recording: Path) -> Path:
    """A directory of the recording above, two sessions of a suspected turn each, and a file of both."""
    folder = tmp_path / "sessions"
    (folder / "more").mkdir(parents=True)
    recording.rename(folder / "more" / "spans.jsonl")
    one, other = [credit("a1", "b1")], [credit("c1"), credit("a2", "b2")]
    for name, messages in {"a.json": one, "b.json": other, "c.json": [*one, *other]}.items():
        (folder / name).write_text(json.dumps(messages))
    return folder


def test_each_suspicion_in_several_files_has_the_name_that_its_batch_has_there(sessions: Path) -> None:
    found = audit(sessions)
    assert found.exit_code == 1
    named = [line.split()[1] for line in found.output.splitlines() if ". " in line[:4]]
    assert named == [
        f"{sessions}/{place}" for place in ("more/spans.jsonl::turn-1", "a.json::turn-1", "b.json::turn-2")
    ]
    last = found.output.splitlines()[-1]
    assert last.startswith("3 batches of two calls or more in 4 files (openai-chat, otel-genai): 3 suspected")


def test_paths_directories_and_patterns_are_read_as_one_directory_is(sessions: Path) -> None:
    told = audit(sessions).output
    assert audit(sessions / "*.json", sessions / "more").output == told
    assert audit(sessions / "a.json", sessions).output == told


def test_statements_are_evidence_in_whichever_file_they_stand(sessions: Path) -> None:
    assert "both reach quotes where id = 5" in audit(sessions).output
    assert "both reach quotes where id = 5" in audit(sessions, "--lenient").output


def test_json_of_several_paths_lists_them_and_names_files(sessions: Path) -> None:
    paths = [str(sessions / "a.json"), str(sessions / "b.json")]
    told = json.loads(audit(*paths, "--json").output)
    assert (told["sources"], "source" in told) == (paths, False)
    assert [(one["file"], one["batch"]) for one in told["suspected"]] == [
        (paths[0], "turn-1"),
        (paths[1], "turn-2"),
    ]


def test_json_of_one_path_has_the_members_it_had(sessions: Path) -> None:
    told = json.loads(audit(sessions / "b.json", "--json").output)
    assert list(told) == ["version", "source", "format", "skipped", "batches", "suspected"]
    assert list(told["suspected"][0]) == ["batch", "mode", "weight", "calls", "evidence"]
    assert told["source"] == str(sessions / "b.json")


def test_what_is_no_recording_stops_an_audit_unless_it_is_lenient(sessions: Path) -> None:
    (sessions / "notes.json").write_text('{"note": 1}')
    assert audit(sessions).exit_code == 4
    lenient = audit(sessions, "--lenient")
    assert (lenient.exit_code, "1 malformed part left out" in lenient.output) == (1, True)


def test_help_explains_each_weight() -> None:
    told = " ".join(audit("--help").output.split())
    for text, weight in WEIGHTS:
        assert f" {weight} {text} " in told


def test_output_is_the_same_each_time(recording: Path) -> None:
    assert audit(recording).output == audit(recording).output
