"""The minimal interleaving as rows: who did what, from top to bottom.

Decides what stands in which row, and which rows of a long run may be folded away: those whose keys
no other call of the run touches. Never renders; every view lays the rows out in its own way.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from fuzzharness.access import ANY, MISSING, OF_LOCKS, Access, Kind, Place, Step, conflict, location, overlap
from fuzzharness.finding import Execution, Finding
from fuzzharness.model import Call
from fuzzharness.report.text import count, printable, shown
from fuzzharness.schedule import letter

FOLD_ABOVE = 24
MOST_ROWS = 120


@dataclass(frozen=True, slots=True)
class Column:
    """One call of the run: its ``sign`` (A, B, …), its label, and the call itself if it is known."""

    sign: str
    label: str
    call: Call | None


@dataclass(frozen=True, slots=True)
class Line:
    """One access in words, and the tool's ``file:line`` it was made at, said once for several in a row."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what}  {self.where}" if self.where else self.what


@dataclass(frozen=True, slots=True)
class Row:
    """One step, counted from 1, of the call in ``column`` (from 0); or several, folded into one."""

    number: str
    column: int
    lines: tuple[Line, ...]


def columns(finding: Finding) -> tuple[Column, ...]:
    """The calls of the finding in the order of the recording, as the notation letters them."""
    known = dict(zip(finding.batch.labels, finding.batch.calls, strict=True))
    labels = [*finding.calls, *_strays(finding)]
    return tuple(Column(letter(n), label, known.get(label)) for n, label in enumerate(labels))


def rows(finding: Finding) -> tuple[Row, ...]:
    """The steps of the minimal run, top to bottom, long ones folded."""
    steps = finding.execution.steps
    telling = [True] * len(steps) if len(steps) <= FOLD_ABOVE else list(_telling(steps))
    found = list(_folded(steps, telling, _Layout.of(finding)))
    return tuple(_shortened(found)) if len(found) > MOST_ROWS else tuple(found)


def ends(execution: Execution) -> tuple[str, ...]:
    """What calls that never came back were doing, one sentence each."""
    verb = "waits for a sibling" if execution.deadlock else "never came back"
    return tuple(f"{printable(label)} {verb} at {printable(where)}" for label, where in execution.stuck)


def in_words(access: Access) -> str:
    """``read context['balance'] = 100``."""
    what = f"{access.kind.value} {printable(location(access.resource, access.key))}"
    if access.value is MISSING:
        return f"{what}: nothing there"
    return what if access.value is None else f"{what} = {shown(access.value)}"


def told(step: Step) -> tuple[Access, ...]:
    """The accesses of a step that tell something: not the check or the lock of what it writes as well."""
    written = [access for access in step.accesses if access.kind is Kind.WRITE]
    return tuple(access for access in step.accesses if not any(_goes_with(access, w) for w in written))


def _goes_with(access: Access, write: Access) -> bool:
    """Whether ``access`` is only how ``write`` is done, as a database announces it."""
    if access.resource != write.resource:
        return False
    return access.kind in OF_LOCKS or (access.kind is Kind.CHECK and overlap(access.key, write.key))


@dataclass(frozen=True, slots=True)
class _Layout:
    """The column of each call, and the files whose last name alone could mean another."""

    columns: Mapping[str, int]
    ambiguous: frozenset[str]

    @classmethod
    def of(cls, finding: Finding) -> _Layout:
        accesses = (access for step in finding.execution.steps for access in step.accesses)
        files = {access.place.file for access in accesses if access.place}
        last = Counter(map(os.path.basename, files))
        twice = frozenset(file for file in files if last[os.path.basename(file)] > 1)
        return cls({column.label: n for n, column in enumerate(columns(finding))}, twice)

    def row(self, number: int, step: Step) -> Row:
        accesses = told(step)
        places = [self._place(access.place) for access in accesses]
        following = [*places, None][1:]
        lines = (
            Line(in_words(access), "" if place == after else place)
            for access, place, after in zip(accesses, places, following, strict=True)
        )
        return Row(str(number), self.columns[step.call], tuple(lines) or (Line("touches nothing", ""),))

    def _place(self, place: Place | None) -> str:
        if place is None:
            return ""
        file = place.file if place.file in self.ambiguous else os.path.basename(place.file)
        return printable(f"{file}:{place.line}")


def _strays(finding: Finding) -> list[str]:
    labels = dict.fromkeys(step.call for step in finding.execution.steps)
    return [label for label in labels if label not in finding.calls]


def _telling(steps: Sequence[Step]) -> Iterator[bool]:
    """Whether each step has an access that another call's access conflicts with."""
    near: dict[str, dict[tuple[str, str, Kind], tuple[str, Access]]] = {}
    for step in steps:
        for access in step.accesses:
            same = near.setdefault(_bucket(access), {})
            same[step.call, repr(access.key), access.kind] = (step.call, access)
    for step in steps:
        yield any(
            call != step.call and conflict(access, other)
            for access in step.accesses
            for bucket in _overlapping(access, near)
            for call, other in near[bucket].values()
        )


def _bucket(access: Access) -> str:
    """Accesses of one bucket may conflict; those with a wildcard share one per resource."""
    return f"{access.resource} {'*' if ANY in access.key else access.key!r}"


def _overlapping(access: Access, near: Mapping[str, object]) -> list[str]:
    if ANY in access.key:
        return [bucket for bucket in near if bucket.startswith(f"{access.resource} ")]
    return [b for b in (_bucket(access), f"{access.resource} *") if b in near]


def _folded(steps: Sequence[Step], telling: Sequence[bool], layout: _Layout) -> Iterator[Row]:
    position = 0
    for (call, keep), group in groupby(
        zip(steps, telling, strict=True), lambda pair: (pair[0].call, pair[1])
    ):
        members = [step for step, _ in group]
        if keep or len(members) < 3:
            yield from (layout.row(position + n, step) for n, step in enumerate(members, 1))
        else:
            span = f"{position + 1}-{position + len(members)}"
            line = Line(f"{count(len(members), 'step')} that touch nothing another call touches", "")
            yield Row(span, layout.columns[call], (line,))
        position += len(members)


def _shortened(found: list[Row]) -> Iterator[Row]:
    half = MOST_ROWS // 2
    yield from found[:half]
    left_out = found[half:-half]
    span = f"{left_out[0].number.split('-')[0]}-{left_out[-1].number.split('-')[-1]}"
    yield Row(span, left_out[0].column, (Line(f"{count(len(left_out), 'row')} left out here", ""),))
    yield from found[-half:]
