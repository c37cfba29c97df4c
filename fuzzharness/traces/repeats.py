"""Repeats: a batch that stands in recordings several times is read once.

Decides when two batches are the same one: a later request repeats the history, an export is made
twice, a resumed session begins with a copy of the former. Knows no recording format.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fuzzharness.model import Batch, Call
from fuzzharness.traces.digests import Digests, Numbered
from fuzzharness.traces.document import encoded

HELD: Final = 1000
_COUNTED: Final = 4
_DIGITS: Final = "0123456789"
_SEPARATORS: Final = "_:.-"


@dataclass(slots=True)
class Repeats:
    """The batches read so far, as digests; one is made for all recordings that are read together.

    Two batches are the same where ids, tools, arguments and results are, or where one of them lacks
    results and the rest is the same; the one with more results is kept, in the place of the first.
    Where calls have no ids, or such as another session counts again, all batches before them in their
    conversation must be the same too, since an agent may well ask the same again; so where batches have ids,
    as in a recording of ours, which says nothing twice. One list of messages is one history: it is no repeat
    of itself. A batch that lacks results is held until they come, while at most ``HELD`` batches wait
    behind it.

    A batch goes on from the one before it in its conversation, wherever that was read first: so sessions in
    one file stay apart, and a history that a later request repeats is gone on with. Records behind a list of
    messages are the response to it.
    """

    file: str = ""
    """Where the batch stood that was handed out last."""
    repeated: int = 0
    """How many batches were passed over so far."""
    _seen: Digests = field(default_factory=Digests)
    _line: deque[_Held] = field(default_factory=deque)
    _open: dict[int, _Held] = field(default_factory=dict)
    _numbers: Numbered = field(default_factory=Numbered)
    _count: int = 0
    _request: _Request | None = None

    def pass_over(
        self, conversation: Iterable[Batch], whole: bool = False, file: str = ""
    ) -> Iterator[Batch]:
        """The batches of one conversation that are new, and those that were held before them.

        ``whole``: it is one list of messages. ``file``: where they stand.
        """
        request = self._request if not whole and self._request and self._request.file == file else None
        before, places = (request.before, array("q", [request.place])) if request else (0, array("q"))
        times: Counter[int] = Counter()
        for batch in conversation:
            told_apart, calls = _asked(batch)
            asked = hash((0 if told_apart else before, *calls))
            before = hash((before, asked))
            if whole:
                times[asked] += 1
                asked = hash((asked, times[asked])) if times[asked] > 1 else asked
            earlier = places[-batch.behind] if 0 < batch.behind <= len(places) else -1
            _go_on(batch, self._count, earlier)
            if self._is_new(batch, asked, earlier if whole else None, file):
                self.file = file
                yield batch
            elif self._line:
                yield from self._ready(HELD)
            places.append(self._numbers.get(asked, -1))
        self._request = _Request(file, places[-1] if places else -1, before) if whole else None

    def rest(self) -> Iterator[Batch]:
        """The batches that are still held, when nothing more follows."""
        return self._ready(0)

    def _is_new(self, batch: Batch, asked: int, earlier: int | None, file: str) -> bool:
        """Whether ``batch`` can leave at once; else it is held, or a repeat.

        earlier: the number of the one before it, where a list of messages says so.
        """
        missing = sum(not _is_answered(call) for call in batch.calls)
        full = asked if missing else hash((asked, *map(_hash, batch.calls)))
        held = self._open.get(asked) if self._open else None
        if held is not None and missing < held.missing:
            if earlier is not None and earlier < held.number:
                _go_on(batch, held.number, earlier)
            else:
                object.__setattr__(batch, "behind", held.batch.behind)
            held.batch, held.missing = batch, missing
            self._seen.add(full)
            return False
        if full in self._seen:
            self.repeated += 1
            return False
        self._seen.add(full)
        self._seen.add(asked)
        self._numbers.set(asked, self._count)
        self._count += 1
        if missing or self._line:
            self._hold(_Held(batch, self._count - 1, asked, missing, file))
            return False
        return True

    def _hold(self, held: _Held) -> None:
        self._line.append(held)
        if held.missing:
            self._open[held.asked] = held

    def _ready(self, limit: int) -> Iterator[Batch]:
        while self._line and (not self._line[0].missing or len(self._line) > limit):
            held = self._line.popleft()
            self._open.pop(held.asked, None)
            self.file = held.file
            yield held.batch


class _Request(NamedTuple):
    """A list of messages in ``file``: the number of its last batch, and the digest of them all."""

    file: str
    place: int
    before: int


def _go_on(batch: Batch, number: int, earlier: int) -> None:
    """Let ``batch``, the ``number``-th and nobody's yet, go on from the ``earlier``-th; -1 for none."""
    object.__setattr__(batch, "behind", 0 if earlier < 0 else number - earlier)


@dataclass(slots=True, eq=False)
class _Held:
    batch: Batch
    number: int
    asked: int
    missing: int
    file: str


def is_counted(id: str | int | None) -> bool:
    """Whether an id is one that the next answer may bear again: ``0``, ``call_1``, ``functions.add:2``."""
    if not isinstance(id, str):
        return id is not None
    digits = len(id) - len(id.rstrip(_DIGITS))
    return 0 < digits <= _COUNTED and (digits == len(id) or id[-1 - digits] in _SEPARATORS)


def _is_answered(call: Call) -> bool:
    return call.result is not None or call.error or call.ended_at is not None


def _asked(batch: Batch) -> tuple[bool, list[Any]]:
    """Whether each id, or the time where ids are counted, is that of no other call; and what was asked."""
    told_apart, calls = batch.id is None, []
    for call in batch.calls:
        counted = is_counted(call.id)
        at = call.started_at if counted else None
        told_apart = told_apart and call.id is not None and (not counted or at is not None)
        calls.append((call.id, at, call.tool, call.invalid_args or encoded(call.args)))
    return told_apart, calls


def _hash(call: Call) -> int:
    return hash((call.error, call.result if isinstance(call.result, str) else encoded(call.result)))
