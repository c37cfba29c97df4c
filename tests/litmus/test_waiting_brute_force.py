"""One run of each class against all interleavings, where calls wait for each other: random small tools."""

import queue
import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of

PROPERTY = settings(deadline=None, max_examples=40, derandomize=True, database=None)
MOST = 400
EVENTS = {"e": threading.Event(), "f": threading.Event()}
SEMAPHORE, QUEUE, SMALL = threading.Semaphore(1), queue.Queue[int](), queue.Queue[int](1)
CONDITION, LOCK = threading.Condition(), threading.Lock()


def tries(taken: Any) -> Any:
    try:
        return taken()
    except queue.Empty:
        return "empty"


def notified(timeout: float | None = None) -> bool:
    with CONDITION:
        return CONDITION.wait(timeout)


def notify() -> None:
    with CONDITION:
        CONDITION.notify()


def swap(ctx: Any) -> bool:
    with fh.atomic():
        if ctx["x"] == 0:
            ctx["x"] = 5
            return True
        return bool(ctx["y"])


DO: dict[str, Any] = {
    "r": lambda ctx: ctx["x"],
    "a": lambda ctx: ctx.__setitem__("x", ctx["x"] + 1),
    "c": swap,
    "w": lambda _ctx: EVENTS["e"].wait(),
    "W": lambda _ctx: EVENTS["f"].wait(1),
    "s": lambda _ctx: EVENTS["e"].set(),
    "S": lambda _ctx: EVENTS["f"].set(),
    "u": lambda _ctx: EVENTS["e"].clear(),
    "i": lambda _ctx: EVENTS["f"].is_set(),
    "(": lambda _ctx: SEMAPHORE.acquire(),
    ")": lambda _ctx: SEMAPHORE.release(),
    "T": lambda _ctx: SEMAPHORE.acquire(timeout=1),
    "p": lambda _ctx: QUEUE.put(1),
    "g": lambda _ctx: QUEUE.get(),
    "G": lambda _ctx: tries(QUEUE.get_nowait),
    "P": lambda _ctx: SMALL.put(2),
    "m": lambda _ctx: SMALL.get(),
    "n": lambda _ctx: notify(),
    "o": lambda _ctx: notified(),
    "O": lambda _ctx: notified(1),
    "[": lambda _ctx: LOCK.acquire(timeout=1),
    "l": lambda _ctx: LOCK.locked(),
}


def follow(ctx: dict[str, int], line: str) -> list[Any]:
    """Do what ``line`` says, letter by letter; returns what was seen."""
    return [DO[letter](ctx) for letter in line]


def lines(chance: random.Random) -> list[str]:
    """Two or three calls of a few letters, most of them of one or two kinds of thing to wait for."""
    kinds = ["wsuWSi", "()()T", "pgG", "PmPm", "noOn", "[l"]
    letters = "".join(chance.sample(kinds, 2)) + "rac"
    calls = chance.choice([2, 2, 3])
    sizes = {2: 3, 3: 2}
    return ["".join(chance.choices(letters, k=chance.randint(1, sizes[calls]))) for _ in range(calls)]


def explored(calls: list[str], strategy: str) -> fh.Report:
    batch = fh.Batch(tuple(fh.Call("follow", {"line": line}) for line in calls))
    chosen = fh.Settings(strategy=strategy, max_executions=MOST)
    return fh.explore(batch, fh.Toolbox({"follow": follow}), fh.World(ctx={"x": 0, "y": 1}), chosen)


@pytest.mark.long
@PROPERTY
@given(seed=st.integers(0, 2**32))
def test_classes_reach_exactly_the_endings_and_findings_of_all_interleavings(seed: int) -> None:
    calls = lines(random.Random(seed))
    every = explored(calls, "bounded")
    if not every.exhausted:
        return
    classes = explored(calls, "dpor")
    assert classes.exhausted, (calls, classes.reasons)
    assert classes.executions <= every.executions
    assert set(map(key_of, classes.outcomes)) == set(map(key_of, every.outcomes)), calls
    assert classes.verdict is every.verdict
    assert {kind(f) for f in classes.findings} == {kind(f) for f in every.findings}, calls


def kind(finding: fh.Finding) -> tuple[str, str, tuple[int, int]]:
    certificate = finding.certificate
    return finding.mode.value, finding.anomaly, (certificate.calls, certificate.preemptions)
