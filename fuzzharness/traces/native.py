"""fuzzharness' own recordings: JSON lines that the recorder appends and ``fuzzharness import`` writes.

Decides what in such a recording is a batch. ``native.schema.json`` beside this file describes every line:

- ``{"fuzzharness": "recording", "version": 1}`` comes first, and again wherever another process went on;
- ``{"batch": ID, "calls": [...]}`` is a whole batch; with ``"before": true`` it is only to be run before
  those behind it; ``"behind": N`` says how many batches before it the one stands that it goes on from;
- ``{"open": ID, "calls": [...]}``, then ``{"call": {...}, "of": ID}``, ``{"start": CALL, "of": ID}`` and
  ``{"end": CALL, "of": ID, "result": ...}``, then ``{"close": ID}`` are a batch as it happens, so that a file
  that breaks off has all but what was in flight.

A batch stands where it was opened. :mod:`fuzzharness.traces.native_lines` writes what is read here.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fuzzharness.model import Batch, Call
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.reader import Fit
from fuzzharness.traces.times import moment

name = "fuzzharness"

KIND: Final = "recording"
VERSION: Final = 1
START: Final = f'{{"fuzzharness": "{KIND}"'.encode()
"""How the bytes of such a file begin."""

_LINES: Final = ("batch", "open", "call", "start", "end", "close")


def fit(record: Node) -> Fit:
    """Certain by the first line alone, which says what the file is."""
    return Fit.CERTAIN if record.get("fuzzharness").value == KIND else Fit.NO


def batches(records: Iterable[Node], leniency: Leniency) -> Iterator[Batch]:
    """The batches of one file, in the order they were opened; see :class:`fuzzharness.traces.reader.Reader`.

    Unlike those of other formats they bear ids. A version that is not known is refused even if lenient.
    """
    session = _Session(leniency)
    for number, record in enumerate(records):
        if number == 0 or fit(record) is Fit.CERTAIN:
            _check_header(record)
            yield from session.rest()
        else:
            for _ in leniency.each(session.read, (record,)):
                yield from session.ready()
    yield from session.rest()


def _check_header(record: Node) -> None:
    version = record.get("version")
    if fit(record) is not Fit.CERTAIN:
        raise record.refuse(
            f'the line {{"fuzzharness": "{KIND}", "version": {VERSION}}} first',
            "Put it there if the rest is such a recording, or give no format to have it recognised.",
        )
    if type(version.value) is not int or version.value != VERSION:
        raise version.refuse(
            f"version {VERSION} of fuzzharness' recordings",
            "Read it with the fuzzharness that wrote it, or install a newer one.",
        )


@dataclass(slots=True)
class _Building:
    """A batch whose lines are still being read; its calls by their labels."""

    id: str
    place: int
    calls: dict[str | int, Call]
    ended: set[str | int] = field(default_factory=set)
    closed: bool = False
    before: bool = False
    behind: int = 1


class _Session:
    """What one process wrote: the batches that are not handed out yet, in the order they were opened."""

    def __init__(self, leniency: Leniency) -> None:
        self._leniency = leniency
        self._building: dict[str, _Building] = {}
        self._places = array("q")
        self._given = 0

    def ready(self) -> Iterator[Batch]:
        """The batches that are closed and have no open one before them."""
        while (first := next(iter(self._building.values()), None)) is not None and first.closed:
            yield from self._take(first)

    def rest(self) -> Iterator[Batch]:
        """All that are left: nothing more comes."""
        for building in list(self._building.values()):
            yield from self._take(building)

    def _take(self, building: _Building) -> Iterator[Batch]:
        del self._building[building.id]
        place = self._stands(building.place, building.behind)
        if building.calls:
            behind = 0 if place < 0 else self._given - place
            place, self._given = self._given, self._given + 1
            yield Batch(tuple(building.calls.values()), building.id, building.before, behind)
        self._places[building.place] = place

    def _stands(self, place: int, behind: int) -> int:
        """Which of the batches that were handed out the one ``behind`` goes on from: -1 for none.

        One that was left out, or has no calls, stands for what it went on from itself.
        """
        return self._places[place - behind] if 0 < behind <= place else -1

    def read(self, record: Node) -> None:
        """Take in one line. Raises :class:`TraceError`."""
        record.object("a line of the recording, an object")
        line = next((word for word in _LINES if record.get(word).value is not MISSING), None)
        match line:
            case "batch" | "open":
                self._begin(record, record.get(line), closed=line == "batch")
            case "call":
                self._add(record)
            case "start" | "end":
                building, label = self._call(record, record.get(line))
                change = _ending(record) if line == "end" else {"started_at": _started(record)}
                building.calls[label] = replace(building.calls[label], **change)
                building.ended |= {label} if line == "end" else set()
            case "close":
                self._open(record.get("close")).closed = True
            case _:
                raise record.refuse(f"a line with one of {', '.join(_LINES)}")

    def _begin(self, record: Node, id: Node, *, closed: bool) -> None:
        place = len(self._places)
        self._places.append(self._stands(place, 1))  # as long as it is not known, or if it is refused
        batch = id.name("the id of the batch")
        if batch in self._building:
            raise id.refuse("an id that no other open batch has")
        before = record.get("before").flag("whether the batch is only to be run before those behind it")
        behind = _behind(record.get("behind"))
        building = _Building(batch, place, {}, closed=closed, before=before, behind=behind)
        calls = record.get("calls").items("the list of the calls of the batch")
        for _ in self._leniency.each(lambda node: _append(building, node), calls):
            pass
        self._building[batch] = building

    def _add(self, record: Node) -> None:
        building = self._open(record.get("of"))
        record.get("call").get("id").label("the id of the call")
        _append(building, record.get("call"))

    def _call(self, record: Node, label: Node) -> tuple[_Building, str | int]:
        building = self._open(record.get("of"))
        id = label.label("the id of the call")
        if id not in building.calls or id in building.ended:
            raise label.refuse("the id of a call of the batch that has not ended")
        return building, id

    def _open(self, id: Node) -> _Building:
        building = self._building.get(id.name("the id of the batch"))
        if building is None or building.closed:
            raise id.refuse("the id of a batch that is open")
        return building


def _behind(node: Node) -> int:
    if node.absent:
        return 1
    if type(node.value) is not int or node.value < 0:
        raise node.refuse("how many batches before this one it goes on from, 0 for none")
    return node.value


def _append(building: _Building, node: Node) -> None:
    call = _read(node)
    label = f"call-{len(building.calls) + 1}" if call.id is None else call.id
    if label in building.calls:
        raise node.get("id").refuse("an id that no other call of the batch has")
    building.calls[label] = call


def _read(node: Node) -> Call:
    tool = node.object("a call, an object").get("tool").name("the name of the tool")
    id = node.get("id")
    args, invalid = node.get("args"), node.get("invalid_args")
    valid = invalid.value is MISSING
    return Call(
        tool,
        args.object("the arguments of the call, an object").value if valid else None,
        None if id.absent else id.label("the id of the call"),
        started_at=_started(node),
        invalid_args=None if valid else invalid.text("the arguments as they stood there, a string"),
        **_ending(node),
    )


def _started(node: Node) -> Any:
    return moment(node.get("started_at"), "the time at which the call began")


def _ending(node: Node) -> dict[str, Any]:
    result = node.get("result").value
    return {
        "result": None if result is MISSING else result,
        "error": node.get("error").flag("whether the call failed"),
        "ended_at": moment(node.get("ended_at"), "the time at which the call ended"),
        "opaque": node.get("opaque").flag("whether the result is only the text of a value that is not JSON"),
    }
