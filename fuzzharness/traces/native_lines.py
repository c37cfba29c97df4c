"""The lines of fuzzharness' own recordings, as text.

Decides how values become such lines, and which values are JSON at all. Opens no file;
:mod:`fuzzharness.traces.native` reads what is written here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from fuzzharness.model import Batch, Call
from fuzzharness.traces.document import DEPTH_LIMIT, DIGIT_LIMIT, encoded
from fuzzharness.traces.native import KIND, VERSION

_DEEPEST: Final = DEPTH_LIMIT - 20
"""How deeply a value may be nested: a line adds a few levels, and other formats may yet embed it."""

_WIDEST: Final = int(DIGIT_LIMIT * 3.32)
"""Bits of the largest whole number, which then has no more digits than may be read."""


def header() -> str:
    """The first line of a recording."""
    return _line({"fuzzharness": KIND, "version": VERSION})


def whole(batch: Batch, id: str, source: Mapping[str, Any] | None = None) -> str:
    """A whole batch; ``source`` says where it comes from, for whoever reads the file."""
    return around(calls(batch), id, source, batch.before, batch.behind).decode()


def calls(batch: Batch) -> bytes:
    """What is between the brackets of the list of calls of ``batch``, in UTF-8; it has to be JSON.

    Much is written so, by imports: it takes a fifth of the time of :func:`_line`.
    """
    return encoded([as_json(call) for call in batch.calls])[1:-1]


def around(
    calls: bytes, id: str, source: Mapping[str, Any] | None = None, before: bool = False, behind: int = 1
) -> bytes:
    """The line of the whole batch ``id`` that has these ``calls``, to be run ``before`` others alone.

    It goes on from the batch that stands so many places ``behind`` it.
    """
    told = b',"before":true' if before else b""
    told += b"" if behind == 1 else b',"behind":%d' % behind
    told += b',"source":' + encoded(source) if source else b""
    return b'{"batch":' + encoded(id) + b',"calls":[' + calls + b"]" + told + b"}\n"


def opened(id: str, calls: Iterable[Call], *, inferred: bool = False) -> str:
    """A batch begins; ``calls`` are those of its message, as far as they are known.

    inferred: the runner did not say so, but calls were in flight together.
    """
    told = {"inferred": True} if inferred else {}
    return _line({"open": id, "calls": [as_json(call) for call in calls], **told})


def called(id: str, call: Call) -> str:
    """A further call of the open batch ``id``."""
    return _line({"call": as_json(call), "of": id})


def started(id: str, call: str | int, at: datetime) -> str:
    """A call that the open batch ``id`` has already begins."""
    return _line({"start": call, "of": id, "started_at": at.isoformat()})


def ended(id: str, call: Call) -> str:
    """A call of the open batch ``id`` is over."""
    return _line(_with_ending({"end": call.id, "of": id}, call))


def closed(id: str) -> str:
    """No further line is about the batch ``id``."""
    return _line({"close": id})


def as_json(call: Call) -> dict[str, Any]:
    """``call`` as a line has it: what says nothing is left out."""
    found: dict[str, Any] = {"tool": call.tool}
    if call.id is not None:
        found["id"] = call.id
    if call.invalid_args is None:
        found["args"] = call.args
    else:
        found["invalid_args"] = call.invalid_args
    if call.started_at is not None:
        found["started_at"] = call.started_at.isoformat()
    return _with_ending(found, call)


def _with_ending(found: dict[str, Any], call: Call) -> dict[str, Any]:
    if call.result is not None:
        found["result"] = call.result
    if call.error:
        found["error"] = True
    if call.opaque:
        found["opaque"] = True
    if call.ended_at is not None:
        found["ended_at"] = call.ended_at.isoformat()
    return found


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, allow_nan=False, separators=(", ", ": ")) + "\n"


def recordable(value: Any) -> bool:
    """Whether ``value`` can stand in a line as it is: plain JSON, lists for tuples, within bounds."""
    return _plain(value, _DEEPEST)


def _plain(value: Any, depth: int) -> bool:
    if value is None or value is True or value is False:
        return True
    match value:
        case str():
            return type(value) is str
        case int():
            return type(value) is int and value.bit_length() <= _WIDEST
        case float():
            return type(value) is float and math.isfinite(value)
        case list() | tuple():
            return depth > 0 and all(_plain(part, depth - 1) for part in value)
        case dict():
            return depth > 0 and all(type(k) is str and _plain(v, depth - 1) for k, v in value.items())
    return False
