"""Reading recordings: its time beside that of parsing the same file, and its memory.

``FUZZ_BENCH_MB=1000 tox -e bench -- -k recordings`` makes the recordings that large.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fuzzharness.traces import read_batches

SIZE_MB = int(os.environ.get("FUZZ_BENCH_MB", "30"))
LIMIT_MB = 300
WORDS = ["account", "balance", "credit", "refund", "order", "the", "of", '"quoted"', "new\nline", "für", "7"]


def text(random: Random, most: int) -> str:
    return " ".join(random.choices(WORDS, k=random.randint(most // 10, most)))


def chat(random: Random, most: int) -> Iterator[dict[str, Any]]:
    """OpenAI Chat, a message a line: batches of one to three, with results of up to ``most`` words."""
    for number in count():
        ids = [f"call_{number:08x}{position:016x}" for position in range(random.randint(1, 3))]
        arguments = json.dumps({"account": number % 99, "amount": 10, "note": text(random, 10)})
        function = {"name": "add_credit", "arguments": arguments}
        yield {"role": "user", "content": text(random, 80)}
        yield {"role": "assistant", "tool_calls": [{"id": id, "function": function} for id in ids]}
        yield from ({"role": "tool", "tool_call_id": id, "content": text(random, most)} for id in ids)
        yield {"role": "assistant", "content": text(random, 60)}


def claude(random: Random, most: int) -> Iterator[dict[str, Any]]:
    """Claude Code, a content block a line, results between the calls."""
    context = {"isSidechain": False, "userType": "external", "cwd": "demo", "sessionId": "e88b7591-31db"}
    context |= {"version": "2.1.300", "gitBranch": "main", "timestamp": "2026-11-22T12:00:01.302Z"}
    usage = {"input_tokens": 100, "cache_read_input_tokens": 0, "output_tokens": 20}

    def line(type: str, content: Any, **more: Any) -> dict[str, Any]:
        ids = {name: f"{random.getrandbits(128):032x}" for name in ("uuid", "parentUuid")}
        return context | ids | {"type": type, "message": {"role": type, "content": [content]} | more}

    for number in count():
        message = {"id": f"msg_{number:020x}", "model": "claude-opus-4-5", "usage": usage}
        yield line("assistant", {"type": "text", "text": text(random, 40)}, **message)
        for position in range(random.randint(1, 3)):
            id, result = f"toolu_{number:08x}{position:016x}", text(random, most)
            given = {"command": text(random, 20), "description": text(random, 10)}
            yield line("assistant", {"type": "tool_use", "id": id, "name": "Bash", "input": given}, **message)
            block = {"type": "tool_result", "tool_use_id": id, "content": result}
            yield line("user", block) | {"toolUseResult": {"stdout": result, "stderr": ""}}


def written(path: Path, records: Iterator[dict[str, Any]], size: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        while size > 0:
            size -= file.write(json.dumps(next(records)) + "\n")
    return path


def seconds(work: Callable[[], object]) -> float:
    """The processor's time of the quickest of three runs: other processes do not count."""
    found = []
    for _ in range(3):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


@pytest.mark.parametrize("make", [chat, claude])
@pytest.mark.parametrize(("most", "limit"), [(120, 2.5), (1000, 2)], ids=["0.4 kB", "3.5 kB"])
def test_reading_recordings_takes_about_twice_the_time_of_parsing_them(
    make: Callable[[Random, int], Iterator[dict[str, Any]]], most: int, limit: float, tmp_path: Path
) -> None:
    path = written(tmp_path / "recording.jsonl", make(Random(1), most), 20_000_000)

    def parse() -> None:
        with path.open("rb") as file:
            for line in file:
                json.loads(line)

    parsing, reading = seconds(parse), seconds(lambda: sum(1 for _ in read_batches(path)))
    print(
        f"\n{make.__name__}, up to {most} words: json.loads {parsing:.2f} s, reading {reading:.2f} s,", end=""
    )
    print(f" {reading / parsing:.2f} times (at most {limit})")
    assert reading < limit * parsing


CHILD = """
import resource, sys
from fuzzharness.traces import read_batches
print(sum(1 for _ in read_batches(sys.argv[1])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("make", [chat, claude])
def test_reading_recordings_of_any_size_takes_less_than_300_mb(
    make: Callable[[Random, int], Iterator[dict[str, Any]]], tmp_path: Path
) -> None:
    path = written(tmp_path / "recording.jsonl", make(Random(1), 600), SIZE_MB * 1_000_000)
    found = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=True)
    batches, kilobytes = map(int, found.stdout.split())
    print(f"\n{make.__name__}, {SIZE_MB} MB: {batches:,} batches, {kilobytes / 1024:.0f} MB of memory")
    assert kilobytes < LIMIT_MB * 1024
