"""Choices: which of the values that ``enum`` or ``const`` lists the keywords beside it allow.

Decides it for what is told of a value as a whole. Draws nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from fuzzharness.strategies.numbers import bounds

Schema = Mapping[str, Any]

_SIZES = (("Length", str), ("Items", list), ("Properties", Mapping))


def allowed(values: Sequence[Any], kinds: Sequence[str], schema: Schema) -> list[Any]:
    """Those of ``values`` that are of one of the types ``kinds``, if there are any, and within the bounds."""
    of_type = [value for value in values if not kinds or any(_is(value, kind) for kind in kinds)]
    return [value for value in of_type if _fits(value, schema)]


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    types = {"object": Mapping, "array": list, "string": str, "number": (int, float), "null": type(None)}
    return kind in types and isinstance(value, types[kind])  # type: ignore[arg-type]  # classes, or a tuple of them


def _fits(value: Any, schema: Schema) -> bool:
    for word, kind in _SIZES:
        if isinstance(value, kind):
            least, most = schema.get(f"min{word}", 0), schema.get(f"max{word}", len(value))
            if not least <= len(value) <= most:
                return False
    if isinstance(value, str) and "pattern" in schema:
        return re.search(schema["pattern"], value) is not None
    if isinstance(value, Mapping):
        return all(name in value for name in schema.get("required", ()))
    return not _is(value, "number") or _is_within(value, schema)


def _is_within(value: Any, schema: Schema) -> bool:
    low, high, over, under = bounds(schema)
    left = low is None or (value > low if over else value >= low)
    right = high is None or (value < high if under else value <= high)
    step = Fraction(str(schema.get("multipleOf", 0)))
    return left and right and (not step or (Fraction(str(value)) / step).denominator == 1)
