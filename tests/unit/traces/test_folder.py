"""Several files: what of a directory or a pattern is read, in which order, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace, read_batches

SAMPLES = Path(__file__).parent / "samples"


def put(path: Path, id: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    call = {"id": id, "function": {"name": "add", "arguments": "{}"}}
    path.write_text(json.dumps([{"role": "assistant", "tool_calls": [call]}]), encoding="utf-8")
    return path


def named(trace: Trace) -> list[tuple[str | None, str]]:
    return [(batch.id, batch.labels[0]) for batch in trace.batches]


def test_recordings_of_a_directory_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name, id in (("b.json", "b"), ("a.json", "a"), ("below/c.ndjson", "c")):
        put(tmp_path / name, id)
    assert named(load_trace(tmp_path)) == [("turn-1", "a"), ("turn-2", "b"), ("turn-3", "c")]


def test_other_and_hidden_files_of_a_directory_are_no_recordings(tmp_path: Path) -> None:
    put(tmp_path / "a.json", "a")
    put(tmp_path / ".cache" / "b.json", "b")
    put(tmp_path / ".c.json", "c")
    (tmp_path / "README.md").write_text("what this is", encoding="utf-8")
    assert named(load_trace(tmp_path)) == [("turn-1", "a")]


def test_pattern_is_read_whatever_the_names_end_in(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.txt"):
        put(tmp_path / name, name[0])
    assert named(load_trace(f"{tmp_path}/*.log")) == [("turn-1", "a"), ("turn-2", "b")]
    assert len(load_trace(f"{tmp_path}/**/*.log").batches) == 2


def test_name_that_looks_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    put(tmp_path / "a[1].json", "a")
    assert len(load_trace(tmp_path / "a[1].json").batches) == 1


def test_formats_of_several_files_are_all_named(tmp_path: Path) -> None:
    for name in ("anthropic-messages.json", "openai-chat.json"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    assert load_trace(tmp_path).format == "anthropic-messages, openai-chat"


@pytest.mark.parametrize("path", ["", "*.json"])
def test_path_without_recordings_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"Expected files that end in \.json, \.jsonl, \.ndjson"):
        load_trace(tmp_path / path)


def test_file_that_is_no_recording_is_refused_and_left_out_if_lenient(tmp_path: Path) -> None:
    put(tmp_path / "a.json", "a")
    (tmp_path / "package.json").write_text('{"name": "shop"}', encoding="utf-8")
    with pytest.raises(TraceError, match=r"package\.json, \$: found an object with 'name'"):
        load_trace(tmp_path)
    trace = load_trace(tmp_path, lenient=True)
    assert (named(trace), trace.skipped) == ([("turn-1", "a")], 1)


def test_several_files_none_of_which_is_a_recording_are_refused_all_the_same(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(TraceError, match=r"a\.json"):
        load_trace(tmp_path, lenient=True)


def test_progress_is_known_in_bytes_of_all_files(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        put(tmp_path / name, name)
    reading = read_batches(tmp_path)
    assert (reading.consumed, reading.size) == (0, sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert len(list(reading)) == 2
    assert reading.consumed == reading.size
