"""A standstill in words: which call waits where, for what, and who could have helped.

Decides wording only; that it is one was decided in ``judge``.
"""

from __future__ import annotations

from fuzzharness.access import (
    BARRIER,
    CHANNEL,
    CONDITION,
    EVENT,
    FILE_LOCK,
    QUEUE,
    SEMAPHORE,
    TASK_LOCK,
    Key,
    location,
)
from fuzzharness.finding import Mode
from fuzzharness.model import Raised
from fuzzharness.oracle.judge import awaited_by, holders
from fuzzharness.runtime.stage import Ran
from fuzzharness.schedule import letter

_WAITS = {
    EVENT: "the event {name}, which nobody sets",
    SEMAPHORE: "the semaphore {name}, which nobody releases",
    CONDITION: "the condition {name}, which nobody notifies",
    BARRIER: "the barrier {name}, where not enough calls arrive",
    TASK_LOCK: "the lock {name}, which nobody releases",
    CHANNEL: "the channel {name}, where nobody is at the other end",
    QUEUE: "the queue {name}, where nobody helps",
    FILE_LOCK: "the lock on the file {name}, which nobody gives back",
    "items": "an item in the queue {name}, which nobody puts there",
    "room": "room in the queue {name}, from which nobody takes",
    "tasks": "the queue {name} to be worked off, which nobody does",
}
"""What a call waits for, by resource, or by the last part of the key where there are several."""


def standstill(mode: Mode, ran: Ran) -> str:
    """A sentence or two on the calls of ``ran`` that never came back, or of which a server let one fail."""
    if mode is Mode.DEADLOCK and ran.trail.cycles and not ran.unfinished:
        return _broken(ran)
    labels = dict(zip(ran.labels, range(len(ran.labels)), strict=True))
    waits = "; ".join(
        f"{letter(labels[label])} {ran.batch.calls[ran.positions[labels[label]]]} stands at {where}"
        f"{_for_what(ran, labels[label]) if mode is Mode.DEADLOCK else ''}"
        for label, where in ran.unfinished
    )
    if mode is Mode.DEADLOCK:
        lead = "" if ran.trail.awaits else ", each waits for a lock that another holds"
        return f"No call can go on{lead}: {waits}."
    told = f"A call never reached a gate again and never came back: {waits}."
    if list(ran.trail.order) == sorted(ran.trail.order):
        return f"{told} It does so in the recorded order already: no sibling is needed for it."
    return f"{told} The others were let go on first."


def _broken(ran: Ran) -> str:
    (cycle, *_) = ran.trail.cycles
    holders = [call for call, *_ in (*cycle[1:], cycle[0])]
    waits = "; ".join(
        f"{letter(call)} {ran.batch.calls[ran.positions[call]]} waits for {location(resource, key)}, "
        f"which {letter(holder)} holds"
        for (call, resource, key), holder in zip(cycle, holders, strict=True)
    )
    failed = [label for label, result in ran.outcome.results.items() if isinstance(result, Raised)]
    told = f", and {', '.join(failed)} ends with an error" if failed else ""
    return f"A deadlock: {waits}. The database breaks it by letting a statement fail{told}."


def _for_what(ran: Ran, call: int) -> str:
    spot = awaited_by(ran, call)
    if spot is None or not spot[1]:
        return ""
    words = (_WAITS.get(str(spot[1][-1])) if len(spot[1]) > 1 else None) or _WAITS.get(spot[0])
    if words is not None:
        return f" and waits for {words.format(name=spot[1][0])}"
    return f" and waits for the {_named(*spot)}{_held(ran, call)}"


def _named(resource: str, key: Key) -> str:
    return f"lock {key[0]}" if resource == "lock" else f"lock of {resource}"


def _held(ran: Ran, call: int) -> str:
    spot = awaited_by(ran, call)
    holder = None if spot is None else holders(ran).get(spot)
    if holder is None:
        return ""
    return ", which it holds itself" if holder == call else f", which {letter(holder)} holds"
