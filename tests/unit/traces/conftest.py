"""What the tests of recordings share: loading content, and the message of a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace


def as_bytes(content: Any) -> bytes:
    """Bytes stay, text is encoded, any other value is written as JSON."""
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Trace]:
    """``load(content, **options)``: what ``load_trace`` makes of a file with that content."""

    def load(content: Any, **options: Any) -> Trace:
        path = tmp_path / "recording.json"
        path.write_bytes(as_bytes(content))
        return load_trace(path, **options)

    return load


@pytest.fixture
def refusal(load: Callable[..., Trace]) -> Callable[..., str]:
    """``refusal(content, **options)``: the message with which ``load_trace`` refuses it."""

    def refusal(content: Any, **options: Any) -> str:
        with pytest.raises(TraceError) as caught:
            load(content, **options)
        message = str(caught.value)
        assert "recording.json" in message
        assert "Expected" in message
        assert "\n" not in message
        return message

    return refusal
