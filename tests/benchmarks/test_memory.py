"""Memory of a long search: flat, whatever the number of runs."""

import gc
import os
from pathlib import Path

import pytest

import fuzzharness as fh

LIMIT_MB = 20


def add_three_times(context: dict[str, int], amount: int) -> None:
    for _ in range(3):
        balance = context["balance"]
        context["balance"] = balance + amount


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.parametrize("strategy", ["random", "bounded"])
def test_a_hundred_thousand_runs_of_a_batch_of_three_add_less_than_20_mb(strategy: str) -> None:
    tools = fh.Toolbox({"add": add_three_times})
    batch = fh.Batch(tuple(fh.Call("add", {"amount": amount}) for amount in (10, 20, 30)))

    def search(runs: int) -> fh.Report:
        world = fh.World(context={"balance": 100})
        return fh.explore(batch, tools, world, fh.Settings(strategy=strategy, max_executions=runs))

    search(1_000)
    before = resident_mb()
    report = search(100_000)
    grown = resident_mb() - before

    print(f"\n{strategy}: {report.executions:,} runs added {grown:.1f} MB (less than {LIMIT_MB})")
    assert report.executions == 100_000
    assert grown < LIMIT_MB
