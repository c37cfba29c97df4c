"""Values of a type: such as a recording can hold, wherever the type leaves that open.

Decides what a parameter annotated so is given. What is no plain data is left to Hypothesis.
"""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Collection, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.strategies import SearchStrategy

ITEMS = 3
WHOLE = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exact."""

_NONE = type(None)
TEXT = st.text(max_size=20)
_NUMBER = st.integers(-WHOLE, WHOLE)
_FLOAT = st.floats(allow_nan=False, allow_infinity=False)
JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBER | _FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=ITEMS) | st.dictionaries(TEXT, inner, max_size=ITEMS),
    max_leaves=4,
)

_PLAIN: tuple[tuple[Any, SearchStrategy[Any]], ...] = (
    (Any, JSON),
    (object, JSON),
    (str, TEXT),
    (int, _NUMBER),
    (float, _FLOAT),
)
_LISTS = (list, Sequence, MutableSequence, Collection, Iterable)
_DICTS = (dict, Mapping, MutableMapping)


def values_of(hint: Any) -> SearchStrategy[Any]:
    """Values of the type ``hint``, an annotation with its names resolved.

    Raises the errors of Hypothesis where it has none, and its warnings where it would have to guess.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", HypothesisWarning)
        values = _of(hint)
        values.validate()
    return values


def _of(hint: Any) -> SearchStrategy[Any]:
    plain = [values for known, values in _PLAIN if hint is known]
    if plain:
        return plain[0]
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if origin is Annotated and all(isinstance(note, str) for note in hint.__metadata__):
        return _of(inner[0])
    if origin in (Union, types.UnionType):
        return st.one_of([_of(each) for each in sorted(inner, key=lambda each: each is not _NONE)])
    if origin in _LISTS:
        return st.lists(_of(inner[0] if inner else Any), max_size=ITEMS)
    if origin in _DICTS:
        key, value = inner or (str, Any)
        return st.dictionaries(_of(key), _of(value), max_size=ITEMS)
    return st.from_type(hint).filter(_finite)


def _finite(value: object) -> bool:
    """Whether no number in ``value`` is one that JSON lacks."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    return not isinstance(value, list | tuple | set | frozenset) or all(map(_finite, value))
