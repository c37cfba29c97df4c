"""Reading recordings: its time beside that of parsing the same file, and its memory.

``FUZZ_BENCH_MB=1000 tox -e bench -- -k recordings`` makes the recordings that large.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fuzzharness.traces import read_batches

SIZE_MB = int(os.environ.get("FUZZ_BENCH_MB", "30"))
LIMIT_MB = 300
PLAIN = ["account", "balance", "credit", "refund", "order", "the", "of", "7"]
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


Make = Callable[[Random, int], Iterator[Any]]

SPANS = {
    "otel-genai.jsonl": 5.4,
    "otel-genai-legacy.jsonl": 7.5,
    "openinference.jsonl": 4.8,
    "langsmith-runs-create-agent.json": 2.4,
    "langfuse-observations.json": 7.7,
    "openai-agents-trace.jsonl": 4.4,
    "mcp-jsonrpc.jsonl": 3.5,
}
"""Samples of formats of spans, and how many times the time of parsing they may take."""

DENSE = {
    "adk-events.jsonl": 4.3,
    "anthropic-messages.json": 3.8,
    "claude-code-session.jsonl": 2.1,
    "gemini.json": 6.9,
    "langchain-messages.json": 3.7,
    "openai-chat.json": 3.8,
    "openai-responses.json": 4.5,
    "vercel-ai.json": 5.8,
}
"""Likewise of formats of messages: samples of nothing but calls, a call or a result every 200 bytes."""

SAMPLES = Path(__file__).parents[1] / "unit" / "traces" / "samples"
ID = re.compile(
    r"\b((?:call|span|trace)_[0-9A-Za-z]{12,}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32})\b"
)
PROMPT = "tell me the balance"
BALANCE = re.compile(r"""(\\*["'])balance\1: ?\d+""")


def copies(sample: str) -> Make:
    """The recording ``sample`` again and again, the same conversation in traces and calls of other ids.

    The prompt and each result get up to ``most`` words more, which later requests repeat as they do the rest.
    """

    def make(random: Random, most: int) -> Iterator[str]:
        whole = (SAMPLES / sample).read_text(encoding="utf-8")
        several = json.loads(whole) if sample.endswith(".json") else map(json.loads, whole.splitlines())
        parts = ID.split("\n".join(map(json.dumps, several)))
        for number in count():
            prompt, note = (" ".join(random.choices(PLAIN, k=random.randint(0, most))) for _ in "ab")
            ids = [_renamed(id, number) for id in parts[1::2]]
            text = "".join(chain.from_iterable(zip(parts[::2], [*ids, ""], strict=True)))
            text = BALANCE.sub(rf"\g<0>, \g<1>note\g<1>: \g<1>{note}\g<1>", text).replace(
                PROMPT, f"{PROMPT} {prompt}"
            )
            yield from text.splitlines()

    make.__name__ = sample.partition(".")[0]
    return make


def growing(random: Random, most: int) -> Iterator[dict[str, Any]]:
    """OpenTelemetry GenAI, conversations of thirty turns: each request repeats what was said before it."""

    def span(trace: int, turn: int, operation: str, **told: Any) -> dict[str, Any]:
        start = 1_795_351_408_000_000_000 + (trace * 100 + turn) * 1_000_000_000
        found = {"gen_ai.operation.name": operation, "gen_ai.request.model": "gpt-5.1"}
        found |= {"gen_ai." + name.replace("__", "."): value for name, value in told.items()}
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in found.items()]
        times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 1000)}
        ids = {"traceId": f"{trace:032x}", "spanId": f"{random.getrandbits(64):016x}", "parentSpanId": "1"}
        spans = [ids | times | {"name": operation, "kind": 1, "attributes": attributes}]
        return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "demo"}, "spans": spans}]}]}

    for trace in count(1):
        said: list[Any] = [{"role": "user", "parts": [{"type": "text", "content": text(random, 80)}]}]
        for turn in range(30):
            id, result = f"call_{trace:08x}{turn:016x}", text(random, most)
            arguments = {"account": trace % 99, "amount": 10, "note": text(random, 10)}
            call = {"type": "tool_call", "id": id, "name": "add_credit", "arguments": arguments}
            asked = {"role": "assistant", "parts": [call]}
            told = {"input__messages": json.dumps(said), "output__messages": json.dumps([asked])}
            yield span(trace, 2 * turn, "chat", **told)
            run = {"tool__name": "add_credit", "tool__call__id": id, "tool__call__result": result}
            yield span(trace, 2 * turn + 1, "execute_tool", **run)
            answer = {"type": "tool_call_response", "id": id, "result": result}
            said = [*said, asked, {"role": "tool", "parts": [answer]}]


def _renamed(id: str, number: int) -> str:
    return id[:-12] + sha256(f"{id} {number}".encode()).hexdigest()[:12]


def written(path: Path, records: Iterator[Any], size: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        while size > 0:
            record = next(records)
            size -= file.write((record if isinstance(record, str) else json.dumps(record)) + "\n")
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
    make: Make, most: int, limit: float, tmp_path: Path
) -> None:
    compare(written(tmp_path / "recording.jsonl", make(Random(1), most), 20_000_000), make, most, limit)


@pytest.mark.parametrize(("most", "limit"), [(120, 5), (1000, 2.5)], ids=["0.4 kB", "3.5 kB"])
def test_reading_conversations_that_grow_takes_a_few_times_as_long_as_parsing_them(
    most: int, limit: float, tmp_path: Path
) -> None:
    path = written(tmp_path / "recording.jsonl", growing(Random(1), most), 20_000_000)
    compare(path, growing, most, limit)


@pytest.mark.parametrize(("sample", "limit"), DENSE.items())
def test_reading_messages_that_are_calls_alone_takes_a_few_times_as_long_as_parsing_them(
    sample: str, limit: float, tmp_path: Path
) -> None:
    make = copies(sample)
    compare(written(tmp_path / "recording.jsonl", make(Random(1), 0), 10_000_000), make, 0, limit)


@pytest.mark.parametrize("most", [0, 1000], ids=["0.1 kB", "3.5 kB"])
@pytest.mark.parametrize(("sample", "limit"), SPANS.items())
def test_reading_spans_takes_a_few_times_as_long_as_parsing_them(
    sample: str, limit: float, most: int, tmp_path: Path
) -> None:
    make = copies(sample)
    compare(written(tmp_path / "recording.jsonl", make(Random(1), most), 10_000_000), make, most, limit)


def compare(path: Path, make: Make, most: int, limit: float) -> None:

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
import sys
from pathlib import Path
from fuzzharness.traces import read_batches
batches = sum(1 for _ in read_batches(sys.argv[1]))
(peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
print(batches, peak)
"""


@pytest.mark.parametrize("make", [chat, claude, *map(copies, SPANS)], ids=lambda make: make.__name__)
def test_reading_recordings_of_any_size_takes_less_than_300_mb(make: Make, tmp_path: Path) -> None:
    path = written(tmp_path / "recording.jsonl", make(Random(1), 600), SIZE_MB * 1_000_000)
    found = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=True)
    batches, kilobytes = map(int, found.stdout.split())
    print(f"\n{make.__name__}, {SIZE_MB} MB: {batches:,} batches, {kilobytes / 1024:.0f} MB of memory")
    assert kilobytes < LIMIT_MB * 1024
