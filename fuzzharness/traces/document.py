"""Document: the text of one JSON value, read within bounds.

Decides what counts as JSON: nesting, length of integers and range of numbers are bounded, NaN and
Infinity are no JSON. Never opens a file and knows no recording format.

msgspec reads what is sound, several times as fast as the standard library and with the same values:
integers of any size stay exact, of two members with one name the later counts. What it refuses the
standard library reads again, to keep lone surrogates, and to say what is wrong and where.
"""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, NoReturn

import msgspec

from fuzzharness.errors import TraceError
from fuzzharness.traces.node import Node
from fuzzharness.traces.place import Place

DEPTH_LIMIT: Final = 100
DIGIT_LIMIT: Final = 4300  # Python's own, and msgspec's

_UTF16 = (BOM_UTF16_LE, BOM_UTF16_BE)

# The closing quote is optional so that an unterminated string is passed over once, not once a quote.
_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_BRACKET = re.compile(rf"{_STRING}|([\[{{])|([\]}}])", re.DOTALL)

_REPAIR = (
    "If the recording was cut while it was written, record it again or repair it there; "
    "lenient=True leaves such a line of a JSON-lines file out."
)

_LEVELS: Final = 13  # those of a list in an attribute of a span in OTLP
_Scalar = str | int | float | bool | None

_decode_fast = msgspec.json.Decoder().decode
_encode_fast = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode


class _Refused(ValueError):
    """A number that is JSON to Python but not to us; its text is the first argument."""


def parse(data: bytes, file: str, line: int | None = None) -> Node:
    """The JSON value that ``data`` holds in UTF-8, at its place in ``file``.

    ``line`` is the line of the file that ``data`` is, or None if it is the whole file. Raises
    :class:`TraceError` with line and column where it is not JSON within bounds.
    """
    try:
        value = _decoded_fast(data)
    except (ValueError, RecursionError):
        value = _parse_text(_decoded(data, file, line or 1), file, line)
    return Node(value, (file, line))


def parse_text(text: str) -> Any:
    """The JSON value that ``text`` holds. Raises :class:`TraceError`, without a place, as :func:`parse`."""
    try:
        value = _decoded_fast(text)
    except (ValueError, RecursionError):
        value = _parse_text(text, "", None)
    return value


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` holds, or None where it is anything else."""
    try:
        value = parse_text(text)
    except TraceError:
        return None
    return value if isinstance(value, dict) else None


def encoded(value: Any) -> bytes:
    """The text of ``value``, which :func:`parse` reads as it is: UTF-8 on one line, without blanks.

    In ASCII where the value has what msgspec does not write: lone surrogates, whole numbers of more than 64
    bits.
    """
    try:
        return _encode_fast(value)
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def canonical(value: Any) -> bytes:
    """The text of ``value``, as :func:`encoded`, in which the order of members makes no difference."""
    try:
        return _encode_sorted(value)
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
        return json.dumps(value, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def _decoded_fast(data: bytes | str) -> Any:
    """The value in ``data``. Raises RecursionError where it is too deep."""
    try:
        return _shallow()(data)
    except msgspec.ValidationError:
        value = _decode_fast(data)
        if _brackets(data) > DEPTH_LIMIT and _is_deep(value):
            raise RecursionError from None
        return value


def _brackets(data: bytes | str) -> int:
    if isinstance(data, bytes):
        return data.count(b"[") + data.count(b"{")
    return data.count("[") + data.count("{")


@cache
def _shallow() -> Callable[[bytes | str], Any]:
    """A decoder of values of few levels, which takes no time to check that. Lists in lists are left out:
    the types of one level would be twice as many as those of the level below."""
    object: Any = dict[str, _Scalar]
    items: Any = list[_Scalar]
    for _ in range(_LEVELS - 1):
        object, items = dict[str, _Scalar | object | items], list[_Scalar | object]
    return msgspec.json.Decoder(_Scalar | object | items).decode


def _is_deep(value: Any) -> bool:
    level: list[Iterable[Any]] = [[value]]
    for _ in range(DEPTH_LIMIT + 1):
        level = [
            part.values() if type(part) is dict else part
            for parts in level
            for part in parts
            if type(part) is dict or type(part) is list
        ]
        if not level:
            return False
    return True


def _parse_text(text: str, file: str, line: int | None) -> Any:
    _check_depth(text, file, line)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _broken(error, text, file, line) from None
    except _Refused as error:
        raise _refused(error, text, file, line) from None


def _decoded(data: bytes, file: str, line: int) -> str:
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


def _no_number(text: str) -> NoReturn:
    raise _Refused(text, f"{text} is not JSON")


def _whole(text: str) -> int:
    if len(text.removeprefix("-")) > DIGIT_LIMIT:
        raise _Refused(text, f"a number has {len(text):,} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Refused(text, "a number is out of range")
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_int=_whole, parse_float=_finite)


def _check_depth(text: str, file: str, line: int | None) -> None:
    if _brackets(text) <= DEPTH_LIMIT:
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
