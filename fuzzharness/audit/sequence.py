"""Sequence: tools that a session otherwise calls one after the other, turn by turn.

Decides that an order is fixed: at least twice, in other turns, the second came right after the first
of the two, and never without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fuzzharness.audit.suspicion import FIXED_ORDER, Evidence, Pair
from fuzzharness.model import Batch

LEAST = 2
"""How often two tools must have come in one order for it to be called fixed."""


class Sequences:
    """The orders in which the tools of ``batches`` come, remembered by pair of tools."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self._known: dict[tuple[str, str], tuple[Evidence, ...]] = {}

    def fixed_order(self, pair: Pair) -> tuple[Evidence, ...]:
        """Whether the tools of ``pair`` come in one order only, apart from where they share a batch."""
        one, other = sorted(call.tool for call in pair.calls)
        if (one, other) not in self._known:
            self._known[one, other] = tuple(_fixed_order(one, other, self._batches))
        return self._known[one, other]


def _fixed_order(one: str, other: str, batches: Sequence[Batch]) -> Iterator[Evidence]:
    seen = [tool for batch in batches for tool in _alone(batch, one, other)] if one != other else []
    times = len(seen) // 2
    for first, second in ((one, other), (other, one)):
        if times >= LEAST and seen == [first, second] * times:
            text = f"in other turns {second} came {times} times, each time after {first}"
            yield Evidence("timing", FIXED_ORDER, text)


def _alone(batch: Batch, one: str, other: str) -> list[str]:
    """Which of the two tools ``batch`` has, where it does not have both."""
    tools = {call.tool for call in batch.calls} & {one, other}
    return list(tools) if len(tools) == 1 else []
