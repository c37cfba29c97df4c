"""One run of each class against all interleavings, on real threads: random small tools on a shared dict."""

import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.oracle.compare import key_of

PROPERTY = settings(deadline=None, max_examples=30, derandomize=True, database=None)
MOST = 600
LOCKS = {"m": threading.Lock(), "k": threading.Lock()}
KEYS = "xyz"


def follow(ctx: dict[str, int], line: str) -> list[Any]:
    """Do what ``line`` says, word by word; returns what was seen."""
    seen: list[Any] = []
    words = iter(line.split())
    for word in words:
        do, key = word[0], word[1:]
        if do == "(":
            LOCKS[key].acquire()
        elif do == ")":
            LOCKS[key].release()
        elif do == "?":
            if key in ctx:
                next(words, None)
        else:
            seen.append(DO[do](ctx, key))
    return seen


def swap(ctx: dict[str, int], key: str) -> bool:
    with fh.atomic():
        if ctx.get(key, 0) == 0:
            ctx[key] = 5
            return True
        return "y" in ctx


DO: dict[str, Any] = {
    "r": lambda ctx, key: ctx.get(key),
    "w": lambda ctx, key: ctx.__setitem__(key, 2),
    "a": lambda ctx, key: ctx.__setitem__(key, ctx.get(key, 0) + 1),
    "i": lambda ctx, key: key in ctx,
    "p": lambda ctx, key: ctx.pop(key, None),
    "s": lambda ctx, key: ctx.setdefault(key, 7),
    "l": lambda ctx, _key: sorted(ctx),
    "c": swap,
}


def lines(chance: random.Random) -> list[str]:
    """Two or three calls of a few words, some of them around a lock."""
    calls = chance.choice([2, 2, 3])
    found = []
    for _ in range(calls):
        words = [
            chance.choice("rrwwaaipslc") + chance.choice(KEYS) for _ in range(chance.randint(1, 5 - calls))
        ]
        if chance.random() < 0.4:
            words = [f"({(lock := chance.choice('mk'))}", *words, f"){lock}"]
        elif chance.random() < 0.3:
            words.insert(0, f"?{chance.choice(KEYS)}")
        found.append(" ".join(words))
    return found


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
    classes = explored(calls, "auto")
    assert classes.exhausted, classes.reasons
    assert classes.executions <= every.executions
    assert set(map(key_of, classes.outcomes)) == set(map(key_of, every.outcomes)), calls
    assert classes.verdict is every.verdict
    assert {kind(f) for f in classes.findings} == {kind(f) for f in every.findings}


def kind(finding: fh.Finding) -> tuple[str, str, tuple[int, int]]:
    certificate = finding.certificate
    return finding.mode.value, finding.anomaly, (certificate.calls, certificate.preemptions)
