"""Source: the bytes of a file, and the JSON documents in them.

Decides what may be read at all (size, encoding) and whether a file is one JSON document or JSON
lines. Knows no recording format.
"""

from __future__ import annotations

import os
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from fuzzharness.errors import TraceError
from fuzzharness.traces.document import parse
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.native_lines import whole_lines
from fuzzharness.traces.node import Node
from fuzzharness.traces.place import Place

SIZE_LIMIT = 50_000_000

_UTF16 = (BOM_UTF16_LE, BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    number: int
    data: bytes

    def parse(self) -> Node:
        return parse(_decode(self.data, self.file, self.number), self.file, self.number)


def documents(path: str | os.PathLike[str], leniency: Leniency) -> Iterator[Node]:
    """The JSON documents in the file at ``path``, in order, each at its place.

    A file whose first line is a JSON value and that goes on after it is JSON lines, one document a
    line; blank lines do not count. Anything else is one document. Lenient reading also takes a file
    whose first line is broken for JSON lines where another line holds an object. Raises
    :class:`TraceError`.
    """
    file = os.fspath(path)
    data = whole_lines(_read(Path(path), Place(file)))
    lines = _lines(data, file)
    first, several = next(lines, None), next(lines, None) is not None
    if first is None:
        raise _empty(Place(file))
    if several and _parses(first):
        return leniency.each(_Line.parse, _lines(data, file))
    try:
        return iter([parse(_decode(data, file, 1), file)])
    except TraceError:
        found = _salvage(data, file, leniency) if several and leniency.lenient else []
        if not found:
            raise
        return iter(found)


def _read(path: Path, place: Place) -> bytes:
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(SIZE_LIMIT + 1) if size <= SIZE_LIMIT else b""
    except (OSError, ValueError) as error:
        raise _unreadable(error, place) from None
    if max(size, len(data)) > SIZE_LIMIT:
        raise _too_large(max(size, len(data)), place)
    return data


def _unreadable(error: OSError | ValueError, place: Place) -> TraceError:
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, FileNotFoundError):
        seen, advice = "there is no such file", "Check the path."
    elif isinstance(error, IsADirectoryError):
        seen, advice = "this is a directory", "Give the path of one recording in it."
    else:
        seen, advice = f"the file cannot be read ({reason})", "Check the path and its permissions."
    return place.error(seen, "a recording as JSON or JSON lines", advice)


def _too_large(size: int, place: Place) -> TraceError:
    return place.error(
        f"the file has {size:,} bytes ({size / 1e6:,.1f} MB)",
        f"at most {SIZE_LIMIT / 1e6:,.0f} MB",
        "Split the recording, one session a file, and load the part with the batch in question.",
    )


def _empty(place: Place) -> TraceError:
    return place.error("the file is empty", "a recording as JSON or JSON lines", "Record the session again.")


def _lines(data: bytes, file: str) -> Iterator[_Line]:
    for number, line in enumerate(BytesIO(data), 1):
        if line.strip().removeprefix(BOM_UTF8):
            yield _Line(file, number, line)


def _decode(data: bytes, file: str, line: int) -> str:
    if data.startswith(_UTF16) or b"\0" in data:
        raise _not_text(data, Place(file, line + data.count(b"\n", 0, max(data.find(b"\0"), 0))))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # error.start counts from behind a byte order mark, error.object likewise
        broken = error.object
        number = line + broken.count(b"\n", 0, error.start)
        raise Place(file, number).error(
            f"the byte 0x{broken[error.start]:02x} is not UTF-8",
            "text in UTF-8",
            "Convert the file to UTF-8, as with iconv -t utf-8 -f and the encoding it was written in.",
        ) from None


def _not_text(data: bytes, place: Place) -> TraceError:
    seen = "this looks like UTF-16" if data.startswith(_UTF16) else "there is a NUL byte"
    advice = (
        "Convert a UTF-16 file with iconv -f utf-16 -t utf-8; otherwise it is no text file, or was "
        "damaged while it was written: record it again."
    )
    return place.error(seen, "text in UTF-8", advice)


def _parses(line: _Line) -> bool:
    try:
        line.parse()
    except TraceError:
        return False
    return True


def _salvage(data: bytes, file: str, leniency: Leniency) -> list[Node]:
    attempt = Leniency(lenient=True)
    found = list(attempt.each(_Line.parse, _lines(data, file)))
    if not any(isinstance(node.value, dict) and node.value for node in found):
        return []
    leniency.skipped += attempt.skipped
    return found
