"""The case that every tool gets, and what is asked of it: calls that read a shared value and write it back.

Decides what counts as a run, as exhausted and as a switch, alike for all.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

LIMIT = 20_000
"""After so many runs a search counts as not coming to its end; four times fuzzharness's own default."""


def add(ctx: dict[str, int]) -> None:
    value = ctx["x"]
    ctx["x"] = value + 1


async def add_async(ctx: dict[str, int]) -> None:
    value = ctx["x"]
    await asyncio.sleep(0)
    ctx["x"] = value + 1


@dataclass(frozen=True)
class Searched:
    """A search that went on past failures: its runs, and what ``x`` was at their ends.

    ``through`` is what the tool itself says of having come to the end of its bound, ``why`` its reason for
    a no.
    """

    runs: int
    seconds: float
    through: bool
    endings: frozenset[int]
    why: str = ""


@dataclass(frozen=True)
class Bug:
    """The first failure: in which run, and how often one call follows another in its counterexample.

    ``handed_back`` is that number once the tool has shrunk it, None where it does not shrink; ``before``
    says what was run before the search.
    """

    run: float
    switches: float
    handed_back: float | None = None
    before: str = ""


@dataclass(frozen=True)
class Mode:
    """One way to search, in the words of the tool, and its bound. ``search`` is None where it only finds."""

    name: str
    bound: str
    search: Callable[[int], Searched] | None
    first_bug: Callable[[int], Bug]


def switches(order: Iterable[Any]) -> int:
    """How often one call follows another."""
    return sum(a != b for a, b in pairwise(order))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What ``work`` returns, and the seconds it took; what others left to collect is not its own."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
