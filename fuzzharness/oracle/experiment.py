"""The experiment that tells context from timing: change what the sibling wrote and look who follows.

Decides nothing about an ending that accesses alone can answer.
"""

from __future__ import annotations

from typing import Any

from fuzzharness.access import ANY, MISSING, Key, Kind, overlap
from fuzzharness.oracle.compare import at
from fuzzharness.runtime.stage import Ran, Stage
from fuzzharness.search.serial import in_order

Spot = tuple[str, Key]


def follows_value(stage: Stage, baseline: Ran, reader: int, writer: int) -> bool | None:
    """Whether ``reader`` ends otherwise when the value that ``writer`` left for it is another one.

    The calls run in recorded order; when ``writer`` has ended, each value it wrote and ``reader``
    reads is replaced by another of its type. True: the reader uses the value (context). False: it
    only needs it to be there, or it is a mere flag (timing). None: no value could be replaced.
    """
    spots = _handed_over(baseline, reader, writer)
    replaced: list[bool] = []
    left: dict[str, Any] = {}

    def between(ended: int) -> None:
        if ended == writer:
            left.update(stage.capture())
            replaced.extend(stage.perturb(*spot) for spot in spots)

    order = tuple(range(len(baseline.positions)))
    ran = stage.run(baseline.positions, in_order(order, between))
    if not any(replaced):
        return False if spots and all(_flag(at(baseline.outcome.state, *spot)) for spot in spots) else None
    label = baseline.labels[reader]
    if ran.outcome.results[label] != baseline.outcome.results[label]:
        return True
    return any(
        _follows(at(left, *spot), at(baseline.outcome.state, *spot), at(ran.outcome.state, *spot))
        for spot in _written(baseline, reader)
    )


def _follows(before: Any, normal: Any, perturbed: Any) -> bool:
    """Whether what was written over ``before`` came out otherwise; of a row, fields that changed."""
    if isinstance(before, dict) and isinstance(normal, dict) and isinstance(perturbed, dict):
        names = [name for name in normal if normal[name] != before.get(name, MISSING)]
        return any(perturbed.get(name, MISSING) != normal[name] for name in names)
    return bool(normal != before and perturbed != normal)


def _flag(value: object) -> bool:
    """Whether a value only says that something holds: a truth value, None, or made of these."""
    if isinstance(value, dict):
        return all(map(_flag, value.values()))
    return isinstance(value, bool) or value is None


def hands_over(baseline: Ran, reader: int, writer: int) -> bool:
    """Whether in recorded order ``reader`` reads a value that ``writer`` wrote, not only looks for it."""
    return bool(_handed_over(baseline, reader, writer))


def _handed_over(baseline: Ran, reader: int, writer: int) -> list[Spot]:
    wanted = [
        (resource, key)
        for call, touches in zip(baseline.trail.order, baseline.trail.touches, strict=True)
        if call == reader
        for resource, key, kind in touches
        if kind is Kind.READ
    ]
    written = _written(baseline, writer)
    return [w for w in written if any(w[0] == s[0] and overlap(w[1], s[1]) for s in wanted)]


def _written(baseline: Ran, call: int) -> list[Spot]:
    spots = {
        (resource, key): None
        for taker, touches in zip(baseline.trail.order, baseline.trail.touches, strict=True)
        if taker == call
        for resource, key, kind in touches
        if kind is Kind.WRITE and ANY not in key
    }
    return list(spots)
