"""Document: the text of one JSON value, read within bounds.

Decides what counts as JSON: nesting, length of numbers and range of numbers are bounded, NaN and
Infinity are no JSON. Never opens a file and knows no recording format.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from fuzzharness.errors import TraceError
from fuzzharness.traces.node import Node
from fuzzharness.traces.place import Place

DEPTH_LIMIT = 100
DIGIT_LIMIT = 4000

# The closing quote is optional so that an unterminated string is passed over once, not once a quote.
_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_BRACKET = re.compile(rf"{_STRING}|([\[{{])|([\]}}])", re.DOTALL)

_REPAIR = (
    "If the recording was cut while it was written, record it again or repair it there; "
    "lenient=True leaves such a line of a JSON-lines file out."
)


class _Refused(ValueError):
    """A number that is JSON to Python but not to us; its text is the first argument."""


def parse(text: str, file: str, line: int | None = None) -> Node:
    """The JSON value that ``text`` holds, at its place in ``file``.

    ``line`` is the line of the file that ``text`` is, or None if it is the whole file. Raises
    :class:`TraceError` with line and column where the text is not JSON within bounds.
    """
    _check_depth(text, file, line)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _broken(error, text, file, line) from None
    except _Refused as error:
        raise _refused(error, text, file, line) from None
    return Node(value, Place(file, line, path="$"))


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` holds, or None where it is anything else."""
    try:
        value = parse(text, "").value
    except TraceError:
        return None
    return value if isinstance(value, dict) else None


def _no_number(text: str) -> NoReturn:
    raise _Refused(text, f"{text} is not JSON")


def _whole(text: str) -> int:
    if len(text) > DIGIT_LIMIT:
        raise _Refused(text, f"a number has {len(text):,} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text) if len(text) <= DIGIT_LIMIT else math.inf
    if math.isinf(number):
        raise _Refused(text, "a number is out of range")
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_int=_whole, parse_float=_finite)


def _check_depth(text: str, file: str, line: int | None) -> None:
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return
    depth = 0
    for token in _BRACKET.finditer(text):
        depth += {1: 1, 2: -1}.get(token.lastindex or 0, 0)
        if depth > DEPTH_LIMIT:
            raise _too_deep(_place(text, token.start(), file, line))


def _place(text: str, offset: int, file: str, line: int | None) -> Place:
    before = text.count("\n", 0, offset)
    return Place(file, (line or 1) + before, offset - text.rfind("\n", 0, offset))


def _too_deep(place: Place) -> TraceError:
    return place.error(
        "lists and objects are nested too deeply",
        f"at most {DEPTH_LIMIT} levels",
        "No tool takes such arguments: look for what repeats itself there and take it out.",
    )


def _broken(error: json.JSONDecodeError, text: str, file: str, line: int | None) -> TraceError:
    cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
    seen = f"the JSON breaks off ({error.msg})" if cut else f"this is not JSON ({error.msg})"
    offset = min(error.pos, len(text.rstrip()))
    return _place(text, offset, file, line).error(seen, "a whole JSON value", _REPAIR)


def _refused(error: _Refused, text: str, file: str, line: int | None) -> TraceError:
    number, seen = error.args
    return _place(text, _offset(number, text), file, line).error(
        seen,
        f"finite numbers of at most {DIGIT_LIMIT:,} digits",
        "Write null or a string there, as what recorded it should have.",
    )


def _offset(number: str, text: str) -> int:
    start, rest = number[:64], len(number[64:DIGIT_LIMIT])
    pattern = rf"{_STRING}|(?<![\w.+-])({re.escape(start)}[\d.eE+-]{{{rest}}})"
    found = re.compile(pattern, re.DOTALL).finditer(text)
    return next((match.start() for match in found if match[1]), 0)
