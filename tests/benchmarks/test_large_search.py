"""A search of 69,112 classes: every class once, in flat memory, as fast at the end as at the start."""

import gc
import os
import statistics
import time
from pathlib import Path
from typing import Any

import fuzzharness as fh
from fuzzharness.oracle.judge import Judge
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.parts import Parts

CLASSES = 69_112
LINES = (
    "Ra Wa Wb Wa Rb Rc Wa Rc",
    "Wb Wb Rc Rp Rp",
    "Rb Wb Ra Rd Wc",
    "Rq Wa Wa Rq Rb",
)
"""Four calls, 23 steps in all: reads and writes of a key each; p and q belong to one call alone."""

LIMIT_MB = 200


def follow(ctx: dict[str, int], line: str) -> int:
    """Read and write as ``line`` says; a write adds to what was read last."""
    seen = 0
    for kind, key in map(tuple, line.split()):
        if kind == "R":
            seen = ctx[key]
        else:
            ctx[key] = (seen + 1) % 7
    return seen


def resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def exhausted() -> tuple[int, int, list[float], float]:
    """Runs, runs cut off, the seconds of every thousand runs, and the most memory at any of them."""
    batch = fh.Batch(tuple(fh.Call("follow", {"line": line}) for line in LINES))
    world: Any = fh.World(ctx=dict.fromkeys("abcdpq", 0))
    positions, seconds, most = tuple(range(len(LINES))), [], 0.0
    with Stage(batch, fh.Toolbox({"follow": follow}), world, fh.Settings()) as stage:
        judge = Judge(stage, positions)
        assert judge.survey.forecast.runs == CLASSES
        scheduler, last, runs, cut = Parts(judge.survey), None, 0, 0
        start = time.perf_counter()
        while scheduler.begin(last):
            ran = stage.run(positions, scheduler.choose)
            judge.key(ran)
            last, runs, cut = ran.trail, runs + 1, cut + ran.trail.cut
            if runs % 1_000 == 0:
                now = time.perf_counter()
                seconds.append(now - start)
                if runs % 10_000 == 0:
                    most = max(most, resident_mb())
                start = time.perf_counter()
    return runs, cut, seconds, most


def test_69112_classes_are_exhausted_in_flat_memory_and_at_an_even_pace() -> None:
    runs, cut, seconds, most = exhausted()
    tenth = len(seconds) // 10
    first, final = (statistics.median(part) for part in (seconds[:tenth], seconds[-tenth:]))
    print(
        f"\n{runs:,} classes, {cut} runs cut off: {1_000 / first:,.0f} runs per second at the start, "
        f"{1_000 / final:,.0f} at the end ({first / final:.2f}, at least 0.8); {most:.0f} MB of memory "
        f"(less than {LIMIT_MB})"
    )
    assert (runs, cut) == (CLASSES, 0)
    assert most < LIMIT_MB
    assert first / final >= 0.8
