"""Bytes: packed files, lines without end, damage."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace
from fuzzharness.traces.stream import SIZE_LIMIT

zstandard = pytest.importorskip("zstandard")

Load = Callable[..., Trace]
Refusal = Callable[..., str]

SAMPLES = Path(__file__).parent / "samples"
LINES = (SAMPLES / "openai-chat.jsonl").read_bytes()

packed = pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])


@packed
@pytest.mark.parametrize("name", ["openai-chat.json", "claude-code-session.jsonl"])
def test_packed_recording_reads_like_the_plain_one(pack: Any, name: str, load: Load) -> None:
    content = (SAMPLES / name).read_bytes()
    assert load(pack(content)) == load(content)


@packed
def test_parts_packed_one_after_another_are_one_file(pack: Any, load: Load) -> None:
    assert load(pack(LINES[:500]) + pack(LINES[500:])) == load(LINES)


@packed
def test_packed_file_that_breaks_off_is_refused_or_read_so_far(
    pack: Any, refusal: Refusal, load: Load
) -> None:
    random = Random(1)
    talk = [{"role": "user", "content": f"{random.getrandbits(4000):x}"} for _ in range(1000)]
    content = pack(LINES + "".join(json.dumps(message) + "\n" for message in talk).encode())
    cut = content[: len(content) * 3 // 4]
    assert "breaks off or is damaged here" in refusal(cut)
    trace = load(cut, lenient=True)
    assert (trace.batches, trace.skipped) == (load(LINES).batches, 1)


@packed
def test_damaged_packing_is_refused(pack: Any, refusal: Refusal) -> None:
    content = bytearray(pack(LINES))
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    refusal(bytes(content))


def test_zstd_without_its_package_is_refused_with_what_to_install(
    refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    monkeypatch.setitem(__import__("sys").modules, "compression.zstd", None)
    assert 'pip install "fuzzharness[zstd]"' in refusal(zstandard.compress(LINES))


def bomb(pack: Any) -> bytes:
    """Some kilobytes that unpack to 400 MB without a line end."""
    out = io.BytesIO()
    with pack(out) as stream:
        for _ in range(400):
            stream.write(b" " * 1_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    "pack",
    [
        lambda out: gzip.GzipFile(fileobj=out, mode="wb"),
        lambda out: zstandard.ZstdCompressor().stream_writer(out, closefd=False),
    ],
    ids=["gzip", "zstd"],
)
def test_bomb_is_refused_at_the_limit(pack: Any, refusal: Refusal) -> None:
    assert "one JSON value has more than 50 MB" in refusal(bomb(pack))


def test_line_over_the_limit_is_refused_by_number_and_left_out_if_lenient(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    with path.open("wb") as file:
        file.write(LINES + b'{"role": "user", "content": "' + b"x" * (SIZE_LIMIT + 10_000_000) + b'"}\n')
        file.write(LINES.replace(b'"call_', b'"later_'))
    with pytest.raises(TraceError, match="line 13: one JSON value has more than 50 MB"):
        load_trace(path)
    trace = load_trace(path, lenient=True)
    assert (len(trace.batches), trace.skipped) == (6, 1)


def test_first_line_over_the_limit_is_left_out_if_lenient(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b'"' + b"x" * (SIZE_LIMIT + 10) + b'"\n' + LINES)
    trace = load_trace(path, lenient=True)
    assert (len(trace.batches), trace.skipped) == (3, 1)
