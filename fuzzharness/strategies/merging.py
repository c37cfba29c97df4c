"""Merging: two JSON schemas that both hold, as one.

Decides what ``allOf``, and keywords that stand beside a reference or a choice, come to. Draws nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]


def merged(one: Schema, other: Schema) -> dict[str, Any]:
    """A schema that allows what both allow; raises :class:`ValueError` where that cannot be written as one.

    What only describes, as ``title``, is taken from ``other``.
    """
    both = {**one, **other}
    for keyword in sorted(one.keys() & other.keys()):
        if keyword in _JOINS:
            both[keyword] = _JOINS[keyword](one[keyword], other[keyword])
        elif keyword in _ALONE and one[keyword] != other[keyword]:
            raise ValueError(f"two keywords {keyword}")
    closed = [side for side in (one, other) if side.get("additionalProperties", True) is not True]
    if any(both.get("properties", {}).keys() - side.get("properties", {}).keys() for side in closed):
        raise ValueError("additionalProperties beside properties of another schema")
    return both


def _properties(one: Any, other: Any) -> Any:
    shared = {name: _schemas(one[name], other[name]) for name in one if name in other}
    return {**one, **other, **shared}


def _types(one: Any, other: Any) -> list[str]:
    mine, theirs = ([kinds] if isinstance(kinds, str) else list(kinds) for kinds in (one, other))
    if "number" in mine and "integer" in theirs:
        mine.append("integer")
    if "number" in theirs and "integer" in mine:
        theirs.append("integer")
    return [kind for kind in mine if kind in theirs]


def _schemas(one: Any, other: Any) -> Any:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return merged(one, other)
    return False if False in (one, other) else other if one is True else one


_ALONE: Final = (
    "const",
    "pattern",
    "format",
    "multipleOf",
    "additionalProperties",
    "prefixItems",
    "anyOf",
    "oneOf",
)
"""Keywords of which two different ones are not put into one."""

_JOINS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "properties": _properties,
    "items": _schemas,
    "type": _types,
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
    "enum": lambda one, other: [value for value in one if value in other],
    "allOf": lambda one, other: [*one, *other],
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}
