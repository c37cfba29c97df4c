"""Source: the JSON documents in a file.

Decides whether a file is one JSON document or JSON lines, and how large one JSON value may be.
Holds one document at a time. Knows no recording format, only that those of ours may break off.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from fuzzharness.errors import TraceError
from fuzzharness.traces.document import parse
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.native import START
from fuzzharness.traces.node import Node
from fuzzharness.traces.place import Place
from fuzzharness.traces.stream import SIZE_LIMIT, Line, Stream, opened

_SALVAGE = 1000


def documents(stream: Stream, leniency: Leniency) -> Iterator[Node]:
    """The JSON documents in ``stream``, in order, each at its place.

    A file whose first line is a JSON value and that goes on after it is JSON lines, one document a
    line; blank lines do not count. Anything else is one document. Lenient reading also takes a file
    whose first line is broken for JSON lines where another line holds an object. Raises
    :class:`TraceError`.
    """
    file = stream.file
    lines = _sound(stream, leniency)
    head, filled = _head(lines)
    if not filled and len(head) <= SIZE_LIMIT:
        raise _empty(Place(file))
    several = len(filled) > 1 or len(head) > SIZE_LIMIT
    if len(filled) > 1 and _parses(filled[0], file):
        every = chain(filled, lines)
        ours = filled[0][1].startswith(START)
        return _values(_unbroken(every, file, leniency) if ours else every, file, leniency)
    try:
        return iter([parse(_rest(head, lines, file), file)])
    except TraceError:
        if not (several and leniency.lenient):
            raise
        found = _salvaged(file, leniency)
        if found is None:
            raise
        return found


def _sound(stream: Stream, leniency: Leniency) -> Iterator[Line]:
    try:
        yield from stream.lines()
    except TraceError:
        leniency.leave_out()


def _head(lines: Iterator[Line]) -> tuple[bytearray, list[Line]]:
    """The bytes up to the end of the second line that is not blank, and those lines."""
    head, filled = bytearray(), list[Line]()
    for number, data in lines:
        head += data
        if not _is_blank(data if number > 1 else data.removeprefix(BOM_UTF8)):
            filled.append((number, data))
        if len(filled) == 2 or len(head) > SIZE_LIMIT:
            break
    return head, filled


def _rest(head: bytearray, lines: Iterator[Line], file: str) -> bytes:
    while len(head) <= SIZE_LIMIT:
        line = next(lines, None)
        if line is None:
            return bytes(head)
        head += line[1]
    raise _too_large(Place(file))


def _values(lines: Iterable[Line], file: str, leniency: Leniency) -> Iterator[Node]:
    for number, data in lines:
        if data.isspace():
            continue
        try:
            if len(data) > SIZE_LIMIT:
                raise _too_large(Place(file, number))
            yield parse(data, file, number)
        except TraceError:
            leniency.leave_out()


def _unbroken(lines: Iterable[Line], file: str, leniency: Leniency) -> Iterator[Line]:
    """``lines`` without half a line at the end, which a recorder leaves whose process is killed.

    That is no error, and is counted as left out.
    """
    for line in lines:
        if line[1].endswith(b"\n") or _parses(line, file):
            yield line
        else:
            leniency.skipped += 1


def _is_blank(data: bytes) -> bool:
    return not data or data.isspace()


def _parses(line: Line, file: str) -> bool:
    return next(_values([line], file, Leniency(lenient=True)), None) is not None


def _salvaged(file: str, leniency: Leniency) -> Iterator[Node] | None:
    """The documents on the lines that hold one, if one of the first is an object; else None."""
    stream = opened(file)
    attempt = Leniency(lenient=True)
    found = _values(_sound(stream, attempt), file, attempt)
    held: list[Node] = []
    for node in islice(found, _SALVAGE):
        held.append(node)
        if isinstance(node.value, dict) and node.value:
            return _counted(chain(held, found), attempt, leniency, stream)
    stream.close()
    return None


def _counted(found: Iterator[Node], attempt: Leniency, leniency: Leniency, stream: Stream) -> Iterator[Node]:
    try:
        yield from found
    finally:
        leniency.take(attempt)
        stream.close()


def _empty(place: Place) -> TraceError:
    return place.error("the file is empty", "a recording as JSON or JSON lines", "Record the session again.")


def _too_large(place: Place) -> TraceError:
    size = f"{SIZE_LIMIT / 1e6:,.0f} MB"
    return place.error(
        f"one JSON value has more than {size}",
        f"at most {size} a value; a file of JSON lines may have any size",
        "Write the recording as JSON lines, one message or session a line, as jq -c '.[]' does with a list.",
    )
