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
from fuzzharness.traces.document import DEPTH_LIMIT, DIGIT_LIMIT
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
    told = {"source": source} if source else {}
    return _line({"batch": id, "calls": [as_json(call) for call in batch.calls], **told})


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
    return _line({"end": call.id, "of": id, **_ending(call)})


def closed(id: str) -> str:
    """No further line is about the batch ``id``."""
    return _line({"close": id})


def as_json(call: Call) -> dict[str, Any]:
    """``call`` as a line has it: what says nothing is left out."""
    found: dict[str, Any] = {"tool": call.tool}
    found |= {} if call.id is None else {"id": call.id}
    found |= {"args": call.args} if call.invalid_args is None else {"invalid_args": call.invalid_args}
    found |= {} if call.started_at is None else {"started_at": call.started_at.isoformat()}
    return found | _ending(call)


def _ending(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {} if call.result is None else {"result": call.result}
    found |= {name: True for name in ("error", "opaque") if getattr(call, name)}
    return found | ({} if call.ended_at is None else {"ended_at": call.ended_at.isoformat()})


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
