"""Readings: the values that a recorded result, or one that a tool returned, can stand for.

Decides which forms of a value count as that value: what runners make of it for the model, which is JSON,
``str`` or ``repr``, in content blocks or under one name. Never compares, and evaluates nothing: text is
parsed, as JSON or as a Python literal.
"""

from __future__ import annotations

import ast
import datetime
import enum
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fuzzharness.literal import described, literal, without_addresses

_DEEPEST: Final = 3
"""So often something is taken out of what it is wrapped in."""

_LONGEST: Final = 100_000
"""Longer text is not parsed as a Python literal."""

_BRACKETS: Final = 200
"""Nor is text with more opening brackets."""

_WRAPS: Final = ("output", "result", "content", "response")
_CLASS: Final = "__class__"


def readings(value: Any) -> list[Any]:
    """The values that ``value`` can stand for, itself first."""
    found = [value]
    layer = [value]
    for _ in range(_DEEPEST):
        layer = [inner for outer in layer for inner in _within(outer)]
        found += layer
    return found


def texts(value: Any) -> set[str]:
    """The texts that a runner may have made of ``value``, which is as :func:`plain` keeps it."""
    try:
        found = {str(value), literal(value)}
    except ValueError:  # a whole number of more digits than Python writes
        return set()
    if isinstance(value, enum.Enum):
        found.update({str(value.value), value.name})
    if isinstance(value, datetime.date | datetime.time):
        found.update({value.isoformat(), value.isoformat().replace("+00:00", "Z")})
    if isinstance(value, bytes):
        found.add(value.decode("utf-8", "replace"))
    if value is None:
        found.update({"", "null"})
    if isinstance(value, Mapping) and _CLASS in value:
        found.update(_of_object(value))
    return found


def writes(text: str, value: Any) -> bool:
    """Whether ``text`` is what ``repr`` makes of ``value``, whose objects are as :func:`plain` keeps them.

    Of an object without a ``__repr__`` of its own such a text has the class alone.
    """
    text = without_addresses(text)
    return len(text) <= _LONGEST and re.fullmatch(_repr(value), text) is not None


def fields(value: Mapping[Any, Any]) -> dict[str, Any]:
    """The items of a mapping under names as JSON has them, less the name of its class."""
    return {_name(key): item for key, item in value.items() if key != _CLASS}


def said(text: Any) -> Any:
    """The object or array that ``text`` is in JSON; None if it is none."""
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _within(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield from _parsed(value)
    elif isinstance(value, Mapping):
        own = fields(value)
        if len(own) == 1:
            yield from (item for name, item in own.items() if name in _WRAPS)
        if own.get("type") == "text" and isinstance(own.get("text"), str):
            yield own["text"]
    elif isinstance(value, list | tuple) and value:
        yield from _joined(value)


def _parsed(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        yield from _literal(text)


def _literal(text: str) -> Iterator[Any]:
    """The container that ``text`` is in Python."""
    opening = sum(map(text.count, "([{"))
    if len(text) > _LONGEST or opening > _BRACKETS or not text.startswith(("(", "[", "{")):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return


def _joined(blocks: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    """The text of content blocks, if all of them are text."""
    parts = [fields(block) if isinstance(block, Mapping) else {} for block in blocks]
    if all(part.get("type") == "text" and isinstance(part.get("text"), str) for part in parts):
        yield "".join(part["text"] for part in parts)


def _of_object(value: Mapping[Any, Any]) -> tuple[str, str]:
    """``Order(id=1)`` as dataclasses and pydantic write it, and without the class as pydantic's ``str``."""
    own = fields(value)
    named = [f"{name}={literal(item)}" for name, item in own.items()]
    return f"{value[_CLASS]}({', '.join(named)})", " ".join(named)


def _repr(value: Any) -> str:
    """A pattern of the texts that ``repr`` makes of ``value``."""
    kind = type(value)
    if kind is dict and isinstance(value.get(_CLASS), str):
        name = re.escape(value[_CLASS].rpartition(".")[2])
        own = ", ".join(f"{re.escape(key)}={_repr(item)}" for key, item in fields(value).items())
        return rf"(?:[\w.<>]*?\b{name}\({own}\)|<[\w.<>]*?\b{name} object>)"
    if kind is dict:
        return r"\{" + ", ".join(f"{_repr(key)}: {_repr(item)}" for key, item in value.items()) + r"\}"
    if kind is list:
        return r"\[" + ", ".join(map(_repr, value)) + r"\]"
    if kind is tuple:
        return r"\(" + ", ".join(map(_repr, value)) + (r",\)" if len(value) == 1 else r"\)")
    return re.escape(described(value))


def _name(key: Any) -> str:
    """A key as ``json.dumps`` writes it."""
    if isinstance(key, bool) or key is None:
        return json.dumps(key)
    return key if isinstance(key, str) else str(key)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
