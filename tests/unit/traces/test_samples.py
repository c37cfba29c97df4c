"""Recordings made with the vendors' own libraries are read field by field as they were written."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fuzzharness import Call
from fuzzharness.traces import load_trace
from fuzzharness.traces.formats import READERS

SAMPLES = Path(__file__).parent / "samples"
EXPECTED: dict[str, Any] = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))

KNOWN = {reader.name for reader in READERS}

every_sample = pytest.mark.parametrize(
    "sample", [sample for sample, expected in EXPECTED.items() if expected["format"] in KNOWN]
)


def decoded(value: Any) -> Any:
    """The JSON in a text, or the value itself."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def assert_read(call: Call, wanted: dict[str, Any]) -> None:
    assert (call.tool, call.args, call.id) == (wanted["tool"], wanted["args"], wanted["id"])
    assert call.error is wanted["error"] or (call.error and wanted.get("error_is_text"))
    assert_same_time(call.started_at, wanted["started_at"])
    assert_same_time(call.ended_at, wanted["ended_at"])
    if "result_contains" in wanted:
        assert wanted["result_contains"] in str(call.result)
    else:
        assert call.result == wanted["result"] or decoded(call.result) == decoded(wanted["result"])


def assert_same_time(read: datetime | None, wanted: str | None) -> None:
    if read is None or wanted is None:
        assert read is wanted
    else:
        assert abs(read - datetime.fromisoformat(wanted)) <= timedelta(milliseconds=1)


@every_sample
def test_format_is_recognised(sample: str) -> None:
    assert load_trace(SAMPLES / sample).format == EXPECTED[sample]["format"]


@every_sample
def test_every_call_has_every_recorded_field(sample: str) -> None:
    read, wanted = load_trace(SAMPLES / sample).batches, EXPECTED[sample]["batches"]
    assert [len(batch.calls) for batch in read] == [len(batch["calls"]) for batch in wanted]
    for batch, expected in zip(read, wanted, strict=True):
        for call, fields in zip(batch.calls, expected["calls"], strict=True):
            assert_read(call, fields)


@every_sample
def test_batches_are_named_by_turn(sample: str) -> None:
    assert [batch.id for batch in load_trace(SAMPLES / sample).batches] == ["turn-1", "turn-2", "turn-3"]


@every_sample
def test_lenient_reading_of_a_sound_recording_leaves_nothing_out(sample: str) -> None:
    assert load_trace(SAMPLES / sample, lenient=True) == load_trace(SAMPLES / sample)


@every_sample
def test_forcing_the_right_format_changes_nothing(sample: str) -> None:
    forced = load_trace(SAMPLES / sample, format=EXPECTED[sample]["format"])
    assert forced == load_trace(SAMPLES / sample)


def test_all_wrappings_of_one_conversation_read_alike() -> None:
    plain, wrapped, lines = (
        load_trace(SAMPLES / name)
        for name in ("openai-chat.json", "openai-chat-wrapped.json", "openai-chat.jsonl")
    )
    assert plain == wrapped == lines
