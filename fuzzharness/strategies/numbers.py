"""Numbers that a JSON schema allows: between bounds, multiples of a step.

Decides which there are. Exact where floats would not be: steps and bounds are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fuzzharness.strategies.values import WHOLE

Schema = Mapping[str, Any]


def bounds(schema: Schema) -> tuple[Any, Any, bool, bool]:
    """The least and the largest number, None where there is none, and whether each is itself left out."""
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(over, bool) or isinstance(under, bool):  # as draft 4 and OpenAPI 3.0 have it
        return low, high, over is True, under is True
    left_out = over is not None and (low is None or over >= low)
    right_out = under is not None and (high is None or under <= high)
    return over if left_out else low, under if right_out else high, left_out, right_out


def integer(schema: Schema) -> SearchStrategy[Any]:
    """Whole numbers; within 2**53 where there is no bound."""
    low, high, over, under = bounds(schema)
    step = _step(schema)
    step *= step.denominator
    least = -WHOLE if low is None else math.floor(low) + 1 if over else math.ceil(low)
    most = max(WHOLE, least) if high is None else math.ceil(high) - 1 if under else math.floor(high)
    least = min(least, most) if low is None else least
    first, last = math.ceil(Fraction(least) / step), math.floor(Fraction(most) / step)
    return st.integers(first, last).map(lambda n: int(n * step)) if first <= last else st.nothing()


def number(schema: Schema) -> SearchStrategy[Any]:
    """Numbers that JSON has."""
    low, high, over, under = bounds(schema)
    if "multipleOf" in schema:
        return _multiples(_step(schema), low, high, over, under)
    return st.floats(
        low, high, allow_nan=False, allow_infinity=False, exclude_min=over, exclude_max=under
    ).map(lambda x: x + 0.0)


def _step(schema: Schema) -> Fraction:
    step = Fraction(str(schema.get("multipleOf", 1)))
    if step <= 0:
        raise ValueError("multipleOf is not above 0")
    return step


def _multiples(step: Fraction, low: Any, high: Any, over: bool, under: bool) -> SearchStrategy[Any]:
    least = -WHOLE if low is None else Fraction(str(low)) / step
    most = WHOLE if high is None else Fraction(str(high)) / step
    first = math.floor(least) + 1 if over else math.ceil(least)
    last = math.ceil(most) - 1 if under else math.floor(most)
    if first > last:
        return st.nothing()
    return st.integers(first, last).map(lambda n: float(n * step)).filter(partial(_is_multiple, float(step)))


def _is_multiple(step: float, value: float) -> bool:
    """Whether a validator that divides floats agrees: 0.07 is no multiple of 0.01 then."""
    return (value / step).is_integer()
