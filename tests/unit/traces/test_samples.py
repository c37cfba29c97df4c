"""Recordings made with the vendors' own libraries are read field by field as they were written."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fuzzharness import Call
from fuzzharness.traces import load_trace

SAMPLES = Path(__file__).parent / "samples"
EXPECTED: dict[str, Any] = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))

every_sample = pytest.mark.parametrize("sample", EXPECTED)


def decoded(value: Any) -> Any:
    """The JSON in a text, or the value itself."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def fields(call: Call) -> dict[str, Any]:
    names = ("tool", "args", "id", "error", "started_at", "ended_at")
    return {name: getattr(call, name) for name in names} | {"result": decoded(call.result)}


def wanted(call: dict[str, Any], read: Call) -> dict[str, Any]:
    """The expected call; an error in an envelope of the format has to contain the expected text."""
    times = {key: at and datetime.fromisoformat(at) for key, at in call.items() if key.endswith("_at")}
    wrapped = "result_contains" in call and call["result_contains"] in read.result
    result = decoded(read.result if wrapped else call["result"])
    asked = {key: call[key] for key in ("tool", "args", "id", "error")}
    return asked | times | {"result": result}


@every_sample
def test_format_is_recognised(sample: str) -> None:
    assert load_trace(SAMPLES / sample).format == EXPECTED[sample]["format"]


@every_sample
def test_every_call_has_every_recorded_field(sample: str) -> None:
    read = load_trace(SAMPLES / sample).batches
    assert len(read) == len(EXPECTED[sample]["batches"])
    for batch, expected in zip(read, EXPECTED[sample]["batches"], strict=True):
        found = [fields(call) for call in batch.calls]
        assert found == [wanted(*pair) for pair in zip(expected["calls"], batch.calls, strict=True)]


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
