"""Importing recordings: its time beside that of parsing the same file, in turn within one process.

The texts of the session are this project's own files, as an agent reads, greps and edits them; that some of
them are about secrets makes it a hard case. ``tox -e bench -- -k import`` prints the figures.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

import fuzzharness
from fuzzharness.importing import Disguising, Selection, import_recordings
from fuzzharness.privacy import rough, sieve
from fuzzharness.traces import read_batches

SOURCES = sorted(Path(fuzzharness.__file__).parent.rglob("*.py"))
TEXTS = [path.read_text(encoding="utf-8") for path in SOURCES]
PROSE = [" ".join(text.split('"""')[1].split()) for text in TEXTS if '"""' in text]


def session(random: Random) -> Iterator[dict[str, Any]]:
    """Claude Code: thoughts, text, and calls whose results stand there twice, as that writes them."""
    context = {
        "cwd": "/home/dev/project",
        "sessionId": "e88b7591-31db-4a2e-9f0b-2c5b0a3f2f11",
        "version": "2.1.300",
    }
    context |= {"timestamp": "2026-11-22T12:00:01.302Z", "gitBranch": "main", "userType": "external"}

    def line(type: str, block: dict[str, Any], **more: Any) -> dict[str, Any]:
        ids = {name: f"{random.getrandbits(128):032x}" for name in ("uuid", "parentUuid")}
        return context | ids | {"type": type, "message": {"role": type, "content": [block]} | more}

    for number in count():
        message = {"id": f"msg_{number:020x}", "model": "claude-opus-4-5", "usage": {"output_tokens": 20}}
        signature = f"{random.getrandbits(2400):0600x}"
        yield line(
            "assistant",
            {"type": "thinking", "thinking": random.choice(PROSE), "signature": signature},
            **message,
        )
        yield line("assistant", {"type": "text", "text": random.choice(PROSE)}, **message)
        for _ in range(random.randint(1, 3)):
            id = f"toolu_01{random.getrandbits(88):022x}"
            name, given, result = random.choice([read, read, grep, edit, run])(random)
            yield line("assistant", {"type": "tool_use", "id": id, "name": name, "input": given}, **message)
            block = {"type": "tool_result", "tool_use_id": id, "content": result}
            yield line("user", block) | {"toolUseResult": {"content": result, "given": given}}


Use = tuple[str, dict[str, Any], str]


def read(random: Random) -> Use:
    path, lines = excerpt(random, 150)
    return "Read", {"file_path": path}, "\n".join(f"{n:>6}\t{line}" for n, line in enumerate(lines, 1))


def grep(random: Random) -> Use:
    found = [excerpt(random, 1) for _ in range(random.randint(3, 30))]
    return "Grep", {"pattern": "def"}, "\n".join(f"{path}:7:{''.join(lines)}" for path, lines in found)


def edit(random: Random) -> Use:
    path, lines = excerpt(random, 20)
    old, new = "\n".join(lines), "\n".join(lines[::-1])
    return (
        "Edit",
        {"file_path": path, "old_string": old, "new_string": new},
        f"The file {path} was updated.\n{new}",
    )


def run(random: Random) -> Use:
    return "Bash", {"command": "tox -q", "description": "Run the tests"}, random.choice(PROSE)


def excerpt(random: Random, most: int) -> tuple[str, list[str]]:
    number = random.randrange(len(SOURCES))
    lines = TEXTS[number].split("\n")
    start = random.randrange(len(lines))
    return f"/home/dev/project/{SOURCES[number].name}", lines[start : start + random.randint(1, most)]


def calls(random: Random) -> Iterator[dict[str, Any]]:
    """OpenAI Chat of an agent in a shop: nothing but calls, and results that are JSON in text."""
    while True:
        ids = [f"call_{random.getrandbits(96):024x}" for _ in range(random.randint(1, 3))]
        given = {"order_id": f"#W{random.randrange(10**7):07}", "reason": "no longer needed"}
        given |= {
            "amount": random.randrange(10**4) / 100,
            "note": random.choice(PROSE)[: random.randint(10, 90)],
        }
        function = {
            "name": random.choice(["get_order", "add_credit", "cancel_order"]),
            "arguments": json.dumps(given),
        }
        yield {"role": "assistant", "tool_calls": [{"id": id, "function": function} for id in ids]}
        yield from ({"role": "tool", "tool_call_id": id, "content": json.dumps(order(random))} for id in ids)


def order(random: Random) -> dict[str, Any]:
    options = {"size": "11", "material": "leather", "waterproof": "yes"}
    items = [
        {"name": "Hiking Boots", "item_id": str(random.randrange(10**10)), "price": 47.11, "options": options}
        for _ in range(random.randint(1, 4))
    ]
    address = {"address1": "476 Maple Drive", "city": "New York", "state": "NY", "zip": "10001"}
    known = {
        "order_id": f"#W{random.randrange(10**7):07}",
        "user_id": f"anna_quill_{random.randrange(9999):04}",
    }
    return known | {"status": "pending", "items": items, "address": address}


def written(path: Path, records: Iterator[dict[str, Any]], size: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        while size > 0:
            size -= file.write(json.dumps(next(records)) + "\n")
    return path


def quickest(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The processor's time of the quickest of three runs of each, taken in turn."""
    found = dict.fromkeys(works, float("inf"))
    for name, work in [*works.items()] * 3:
        start = time.process_time()
        work()
        found[name] = min(found[name], time.process_time() - start)
    return found


@pytest.fixture(params=["re2", "re"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With the extra ``fast``, and without."""
    if request.param == "re2":
        pytest.importorskip("re2")
    else:
        monkeypatch.setitem(sys.modules, "re2", None)
    sieve._caught.cache_clear()
    rough.scanners.cache_clear()
    yield request.param
    sieve._caught.cache_clear()
    rough.scanners.cache_clear()


Limits = dict[str, tuple[int, int]]


@pytest.mark.parametrize(
    ("make", "limits"),
    [(session, {"re2": (8, 12), "re": (12, 19)}), (calls, {"re2": (8, 50), "re": (13, 58)})],
)
def test_importing_recordings_takes_a_few_times_as_long_as_parsing_them(
    make: Callable[[Random], Iterator[dict[str, Any]]], limits: Limits, engine: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "recording.jsonl", make(Random(1)), 10_000_000)

    def parse() -> None:
        with path.open("rb") as file:
            for line in file:
                json.loads(line)

    def bring_in(disguising: Disguising) -> None:
        import_recordings([path], tmp_path / "out.jsonl", Selection(), disguising)

    works: dict[str, Callable[[], object]] = {"json.loads": parse}
    works["reading"] = lambda: sum(1 for _ in read_batches(path))
    works["masking secrets"] = lambda: bring_in(Disguising(secret=b"of this test"))
    works["--pseudonymise"] = lambda: bring_in(Disguising(secret=b"of this test", personal=True))
    found = quickest(works)
    ratios = {name: taken / found["json.loads"] for name, taken in found.items()}
    print(
        f"\n{make.__name__}, {engine}:",
        ", ".join(f"{name} {ratio:.1f} times" for name, ratio in ratios.items()),
    )
    masking, pseudonymising = limits[engine]
    assert ratios["masking secrets"] < masking
    assert ratios["--pseudonymise"] < pseudonymising
