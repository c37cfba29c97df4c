"""What a run on files costs: by what it touches, not by the size of the directory.

Before, every run read every file twice and told its ending from others by all of them: that is what runs cost
still where something has escaped, and what is compared with here.
"""

import gc
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.random_walk import RandomWalk

SIZES = (10, 10_000)


def edit(d: Path, text: str) -> None:
    file = d / "folder-3/3.txt"
    file.write_text(file.read_text() + text)


@contextmanager
def staged(files: int) -> Iterator[Stage]:
    """Two calls that edit one file, in a directory of so many."""
    content = {f"folder-{n % 100}/{n}.txt": f"content {n}\n" for n in range(files)}
    batch = fh.Batch((fh.Call("edit", {"text": "a"}), fh.Call("edit", {"text": "b"})))
    world = fh.World(d=fh.Directory(content))
    with Stage(batch, fh.Toolbox({"edit": edit}), world, fh.Settings()) as stage:
        yield stage


def seconds(stage: Stage, runs: int) -> float:
    """One run as the search makes it: reset, interleave, capture, tell the ending from others."""
    scheduler = RandomWalk(seed=7)
    gc.collect()
    start = time.perf_counter()
    for _ in range(runs):
        key_of(stage.run((0, 1), scheduler.choose).outcome)
    return (time.perf_counter() - start) / runs


def test_cost_of_a_run_on_ten_and_on_ten_thousand_files() -> None:
    touched, whole = {}, {}
    for files in SIZES:
        with staged(files) as stage:
            seconds(stage, 20)
            touched[files] = statistics.median(seconds(stage, 100) for _ in range(7))
            stage._gate.escape("from here on everything is compared")
            whole[files] = statistics.median(seconds(stage, 3) for _ in range(5))
    few, many = SIZES
    for what, cost in (("by what was touched", touched), ("all of it", whole)):
        told = ", ".join(f"{cost[files] * 1e3:.2f} ms on {files:,} files" for files in SIZES)
        print(f"\n{what}: {told}, {cost[many] / cost[few]:.1f} times as much", end="")
    print(f"\non {many:,} files {whole[many] / touched[many]:.0f} times as fast (at least 20)")
    assert touched[many] / touched[few] <= 3
    assert whole[many] / touched[many] >= 20


@pytest.mark.parametrize("files", SIZES)
def test_memory_of_a_thousand_endings(files: int) -> None:
    with staged(files) as stage:
        ran = [stage.run((0, 1), RandomWalk(seed).choose).outcome.state["d"] for seed in range(1_000)]
    kept = sum(len(state._changes) for state in ran)  # what an ending keeps for itself
    print(f"\n{files:,} files: a thousand endings keep {kept:,} names of their own")
    assert kept <= 1_000
