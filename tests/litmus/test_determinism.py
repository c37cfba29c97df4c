"""Tools that ask for the time and for chance: explored like any others, always alike."""

import contextvars
import datetime
import os
import random
import secrets
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.model import Returned

LOCAL = threading.local()
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


def order(ctx: dict[str, Any], item: str) -> dict[str, Any]:
    """Writes under keys of its own, made of all that is not controlled elsewhere."""
    number = str(uuid.uuid4())
    ctx[number] = {"item": item, "at": datetime.datetime.now(datetime.UTC).isoformat()}
    time.sleep(3_600)
    ctx[f"{number}/{random.random()}"] = time.time()
    with tempfile.SpooledTemporaryFile() as file:
        file.write(secrets.token_bytes(8))
    return {
        "number": number,
        "code": "".join(random.choice("abcdef") for _ in range(8)),
        "secret": secrets.token_urlsafe(8),
        "name": next(tempfile._get_candidate_names()),  # type: ignore[attr-defined]  # names without a file
        "waited": time.monotonic(),
        "done": datetime.datetime.now().isoformat(),
        "stamp": str(uuid.uuid1()),
    }


def counted(ctx: dict[str, Any], item: str) -> dict[str, Any]:
    """As ``order``, and counts it under a key that all share."""
    found = order(ctx, item)
    ctx["count"] = ctx.get("count", 0) + 1
    return found


def explore(tool: Callable[..., Any], **settings: Any) -> fh.Report:
    batch = fh.Batch((fh.Call("tool", {"item": "tea"}, id="a"), fh.Call("tool", {"item": "jam"}, id="b")))
    return fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(ctx={}), fh.Settings(**settings))


def test_calls_whose_keys_are_made_by_chance_are_exhausted_and_safe() -> None:
    report = explore(order)

    assert report.verdict is fh.Verdict.SAFE
    assert report.exhausted
    assert len(report.outcomes) == 1


def test_every_run_has_the_same_values_whatever_the_interleaving() -> None:
    report = explore(counted, strategy="bounded")

    assert report.exhausted
    assert report.verdict is fh.Verdict.UNSAFE
    assert len(report.outcomes) > 1
    assert all(outcome.results == report.baseline.results for outcome in report.outcomes)


def test_ten_explorations_are_one() -> None:
    first, *others = [explore(counted) for _ in range(10)]

    assert all(repr(other) == repr(first) for other in others)
    assert all(other == first for other in others)


def remembering(ctx: dict[str, Any], item: str) -> list[str]:
    seen = [VARIABLE.get(), getattr(LOCAL, "item", "nothing")]
    VARIABLE.set(item)
    LOCAL.item = item
    ctx[item] = 1
    return [*seen, VARIABLE.get(), LOCAL.item]


def test_context_variables_and_thread_locals_are_of_one_call_in_one_run() -> None:
    report = explore(remembering, strategy="bounded")

    assert report.verdict is fh.Verdict.SAFE
    assert report.executions > 1
    assert report.baseline.results == {
        "a": Returned(["nothing", "nothing", "tea", "tea"]),
        "b": Returned(["nothing", "nothing", "jam", "jam"]),
    }
    assert VARIABLE.get() == "nothing"


def test_a_context_variable_that_the_test_has_set_is_seen_by_every_call() -> None:
    token = VARIABLE.set("of the test")
    try:
        results = explore(remembering).baseline.results
    finally:
        VARIABLE.reset(token)
    assert [result.value[0] for result in results.values()] == ["of the test"] * 2  # type: ignore[union-attr]


COUNT = iter(range(10**9))
DICE = random.Random()
KERNEL = os.open("/dev/urandom", os.O_RDONLY)

UNCONTROLLED: dict[str, Callable[[], Any]] = {
    "a clock of the system": lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC),
    "times of the process": lambda: os.times().elapsed + next(COUNT),
    "an address": lambda: id(object()) + next(COUNT),
    "a generator made before": lambda: DICE.random(),
    "bytes of the kernel": lambda: os.pread(KERNEL, 8, 0).hex(),
}


@pytest.mark.parametrize("name", UNCONTROLLED)
def test_what_is_not_controlled_is_named_by_call_and_field_and_never_called_unsafe(name: str) -> None:
    def tool(ctx: dict[str, Any], item: str) -> dict[str, Any]:
        ctx["count"] = ctx.get("count", 0) + 1
        return {"item": item, "drawn": UNCONTROLLED[name]()}

    report = explore(tool)

    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert "results.a.drawn" in report.reasons[0]
    assert "results.b.drawn" in report.reasons[0]
    assert "not deterministic" in report.reasons[0]
    assert not report.findings
