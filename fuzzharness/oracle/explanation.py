"""A finding in words: which call read what, when its sibling wrote it, what the baseline had.

Decides wording only. Mode, anomaly and witness come from ``judge``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fuzzharness.access import ANY, MISSING, Access, Kind, location
from fuzzharness.finding import Change, Mode
from fuzzharness.literal import literal
from fuzzharness.oracle.anomaly import REFUSED, Event
from fuzzharness.oracle.judge import Diagnosis
from fuzzharness.oracle.standstill import standstill
from fuzzharness.runtime.stage import Ran
from fuzzharness.schedule import letter

_WIDTH = 100


def explain(diagnosis: Diagnosis, ran: Ran, baseline: Ran, changes: Sequence[Change]) -> str:
    """One paragraph about ``ran``; both runs must have been made with values."""
    if diagnosis.mode in (Mode.HANG, Mode.DEADLOCK):
        return standstill(diagnosis.mode, ran)
    told = _Story(ran, baseline)
    events = diagnosis.witness.events if diagnosis.witness is not None else ()
    sentences = [told.sentence(event, first=n == 0) for n, event in enumerate(events)]
    sentences.append(_moral(diagnosis, told, changes))
    sentences.append(told.recorded_order(events))
    sentences.append(_ending(changes))
    sentences.append(_only(diagnosis))
    return " ".join(sentence for sentence in sentences if sentence)


class _Story:
    def __init__(self, ran: Ran, baseline: Ran) -> None:
        self.ran, self.baseline = ran, baseline
        self._introduced: set[int] = set()

    def name(self, call: int) -> str:
        """The letter of a call, at its first mention with tool and arguments."""
        if call in self._introduced:
            return letter(call)
        self._introduced.add(call)
        return f"{letter(call)} {self.ran.batch.calls[self.ran.positions[call]]}"

    def sentence(self, event: Event, first: bool) -> str:
        access = _access(self.ran, event)
        where = location(event.resource, event.key)
        place = f" at {access.place}" if access is not None and access.place is not None else ""
        link = "" if first else "Then "
        value = self._value(event, access)
        before = self._in_baseline(event, access)
        return f"{link}{self.name(event.call)} {_verb(event)} {where}{value}{place}{before}."

    def _value(self, event: Event, access: Access | None) -> str:
        if access is None or access.value is None:
            return ""
        if event.kind is Kind.CHECK:
            found = "it" if _is_there(access) else "nothing"
            return "" if ANY in event.key else f" and found {found}"
        accesses = [a for step in self.ran.steps for a in step.accesses]
        others = [a.value for a in accesses if (a.resource, a.key) == (access.resource, access.key)]
        return f" {'=' if event.writes else 'as'} {brief(access.value, others)}"

    def _in_baseline(self, event: Event, access: Access | None) -> str:
        """What the same read of the same call gave in the recorded order, where that is another value."""
        if event.writes or access is None:
            return ""
        there = _nth(self.baseline, self.ran, event)
        if there is None or there.value == access.value or there.value is None:
            return ""
        if event.kind is Kind.CHECK:
            found = _is_there(there)
            if ANY in event.key or found == _is_there(access):
                return ""
            return " (in the recorded order it is there)" if found else " (not so before)"
        return f" (in the recorded order it reads {brief(there.value, [access.value])})"

    def recorded_order(self, events: Sequence[Event]) -> str:
        """What reads beside those of the witness give in the recorded order, where it is another value."""
        told: dict[str, None] = {}
        for step, done in enumerate(self.ran.steps):
            for access in done.accesses:
                call = self.ran.labels.index(done.call)
                event = Event(step, call, access.resource, access.key, access.kind)
                told_of = event in events or not any(event.same(e) for e in events)
                known = access.kind is not Kind.READ or told_of
                there = None if known else _nth(self.baseline, self.ran, event)
                if there is not None and there.value is not None and there.value != access.value:
                    seen = brief(there.value, [access.value])
                    here = brief(access.value, [there.value])
                    told[f"{self.name(event.call)} reads {seen} there, here {here}"] = None
        return f"In the recorded order {'; '.join(list(told)[:2])}." if told else ""


def _verb(event: Event) -> str:
    return {Kind.READ: "read", Kind.CHECK: "looked for", Kind.WRITE: "wrote"}.get(event.kind, "took")


def _access(ran: Ran, event: Event) -> Access | None:
    if event.step >= len(ran.steps):
        return None
    for access in ran.steps[event.step].accesses:
        if (access.resource, access.kind) == (event.resource, event.kind) and access.key == event.key:
            return access
    return None


def _is_there(access: Access) -> bool:
    return access.value is not MISSING and access.value is not False


def _nth(baseline: Ran, ran: Ran, event: Event) -> Access | None:
    """The access in ``baseline`` that answers to ``event``: same call, key and kind, same turn."""
    label = ran.labels[event.call]
    turn = sum(_like(event, a) for s in ran.steps[: event.step] if s.call == label for a in s.accesses)
    found = [a for s in baseline.steps if s.call == label for a in s.accesses if _like(event, a)]
    return found[turn] if turn < len(found) else None


def _like(event: Event, access: Access) -> bool:
    return (access.resource, access.key, access.kind) == (event.resource, event.key, event.kind)


def brief(value: Any, others: Sequence[Any] = ()) -> str:
    """A value in short; of rows only what differs from one of ``others``."""
    rows = [other for other in others if type(other) is type(value)]
    if isinstance(value, dict):
        return _short(_fields(value, rows))
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        telling = [
            _row(item, n, rows) for n, item in enumerate(value) if not all(item in row for row in rows)
        ]
        return _short(f"[{'; '.join(telling)}]" if telling else literal(value))
    return _short(literal(value))


def _row(item: Any, place: int, lists: Sequence[Sequence[Any]]) -> str:
    """One row of several: its first field, by which it is known, and the fields that differ."""
    if not isinstance(item, dict):
        return literal(item)
    there = [rows[place] for rows in lists if place < len(rows) and isinstance(rows[place], dict)]
    first = next(iter(item.items()), None)
    rest = _fields({k: v for k, v in item.items() if first is None or k != first[0]}, there)
    return rest if first is None else f"{first[0]} {literal(first[1])}: {rest}"


def _fields(value: dict[Any, Any], others: Sequence[dict[Any, Any]]) -> str:
    differing = {k: v for k, v in value.items() if any(other.get(k, MISSING) != v for other in others)}
    shown = differing or value
    if len(shown) == 1 and all(isinstance(k, str) for k in shown):
        ((name, inner),) = shown.items()
        return f"{name} {literal(inner)}"
    return literal(shown)


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _moral(diagnosis: Diagnosis, told: _Story, changes: Sequence[Change]) -> str:
    witness = diagnosis.witness
    if diagnosis.anomaly == REFUSED:
        return (
            "The database lets a call fail rather than break its isolation, and the tool does not try again."
        )
    if witness is None:
        return "No serial order ends like this, and no known pattern of reads and writes accounts for it."
    a, b = (told.name(call) for call in witness.calls)
    if diagnosis.anomaly == "last-writer-wins":
        kept = _kept(told.ran, witness.events, changes)
        if kept:
            return f"Both are kept, each behind what was there: what differs is the order of the {kept}."
    text = _MORALS.get(diagnosis.anomaly)
    return text.format(a=a, b=b) if text else f"The order in which {a} and {b} meet there decides the ending."


def _kept(ran: Ran, events: Sequence[Event], changes: Sequence[Change]) -> str:
    """Of what the ending holds the same, in another order, if two calls append; nothing if they do not."""
    texts = [getattr(_access(ran, event), "value", None) for event in events]
    where = (events[0].resource, *events[0].key)
    texts += next(([c.here, c.baseline] for c in changes if c.path == where), [None])
    if not all(isinstance(text, str) for text in texts):
        return ""
    early, late, here, before = (str(text) for text in texts)
    if not early or not late.startswith(early) or sorted(here) != sorted(before):
        return ""
    return "lines" if sorted(here.splitlines()) == sorted(before.splitlines()) else "parts"


_MORALS = {
    "lost-update": "{a} wrote from what it had read before {b} changed it, so that change is lost.",
    "dirty-read": "{a} saw {b} half done: what it read was never meant to last.",
    "non-repeatable-read": "{a} read the same thing twice and got two answers, since {b} changed it between.",
    "read-skew": "{a} saw one part from before {b} and another from after it; the two never stood together.",
    "write-skew": "Each decided on what the other was about to change, and neither saw the other's write.",
    "dirty-write": "What is left is part {a} and part {b}; neither of them wrote it whole.",
    "circular-information-flow": (
        "{a} does not read back what it wrote itself, but what {b} has put there since."
    ),
    "last-writer-wins": "Neither looks at what was there: whoever comes last decides, and here that is {b}.",
    "stale-read": "{a} uses the value that {b} should have put there before.",
    "future-read": "{b} uses a value that {a}, later in the recorded order, has already changed.",
    "missing-precondition": "{a} needs what {b} does to have happened, whatever its value.",
    "premature-effect": "{b} needs {a} not to have happened yet.",
}


def _ending(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    shown = "; ".join(_change(change) for change in changes[:3])
    more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
    return f"Instead of the recorded order's ending: {shown}{more}."


def _only(diagnosis: Diagnosis) -> str:
    """What a benign difference comes to."""
    if not diagnosis.mapping:
        return ""
    return f"Up to names and order that is the recorded order's: {'; '.join(map(str, diagnosis.mapping))}."


def _change(change: Change) -> str:
    path = ".".join(str(part) for part in change.path if part is not ANY)
    here, before = _apart(change.here, change.baseline)
    return f"{path} is {brief(here)}, not {brief(before)}"


def _apart(here: Any, before: Any) -> tuple[Any, Any]:
    """Two long texts from shortly before the place where they part."""
    if not (isinstance(here, str) and isinstance(before, str)) or max(len(here), len(before)) < _WIDTH:
        return here, before
    same = next((n for n, (a, b) in enumerate(zip(here, before, strict=False)) if a != b), len(before))
    return (f"…{here[same - 20 :]}", f"…{before[same - 20 :]}") if same > 30 else (here, before)
