"""Sharing: two calls of a batch on one key, and whether they overlapped.

Decides by arguments, and by times where they were recorded. A batch needs no overlap to be suspected:
that its calls did not overlap once says nothing of the next time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fuzzharness.audit.naming import is_key, reads_by_name
from fuzzharness.audit.suspicion import OVERLAP, SAME_KEY, SHARED_VALUE, Evidence, Pair
from fuzzharness.literal import literal
from fuzzharness.model import Call


def shared_keys(pair: Pair) -> Iterator[Evidence]:
    """Keys among the arguments of both calls, unless both tools are named like readers."""
    one, other = pair.calls
    writers = [tool for tool in dict.fromkeys((one.tool, other.tool)) if not reads_by_name(tool)]
    if not writers:
        return
    told = f"{' and '.join(writers)} {'is' if len(writers) == 1 else 'are'} not named like a reader"
    keys, others = _keys(one), _keys(other)
    same = [name for name, value in keys.items() if name in others and _equal(others[name], value)]
    if one.tool == other.tool and same:
        shown = ", ".join(f"{name}={literal(keys[name])}" for name in same)
        yield Evidence("shared-state", SAME_KEY, f"both are {one.tool} on {shown}; {told}")
        return
    for name, value in keys.items():
        for as_name in (as_name for as_name, found in others.items() if _equal(found, value)):
            places = name if name == as_name else f"{name} and {as_name}"
            yield Evidence("shared-state", SHARED_VALUE, f"both have {literal(value)} as {places}; {told}")
            return


def overlap(pair: Pair, mode: str) -> Iterator[Evidence]:
    """Whether the recorded times of the calls overlap, which adds to other evidence for ``mode``.

    Nothing where they were not recorded.
    """
    one, other = pair.calls
    if not (one.started_at and one.ended_at and other.started_at and other.ended_at):
        return
    together = min(one.ended_at, other.ended_at) - max(one.started_at, other.started_at)
    if together.total_seconds() > 0:
        milliseconds = together.total_seconds() * 1000
        text = f"they overlapped for {milliseconds:,.1f} ms, by the recorded times"
        yield Evidence(mode, OVERLAP, text)


def _keys(call: Call) -> dict[str, Any]:
    return {name: value for name, value in (call.args or {}).items() if is_key(name, value)}


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
