"""Dependence: an argument that only a sibling's result could have told.

Decides by values: one that equals nothing known before but what a sibling gave back, or an empty one
that a sibling's result would fill. Knows of earlier turns what their calls were given and gave back;
what users and system prompts said is not in a batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from typing import Any

from fuzzharness.audit.naming import is_key, words
from fuzzharness.audit.suspicion import EMPTY, FAILED, SIBLINGS_RESULT, Evidence, Pair
from fuzzharness.literal import literal
from fuzzharness.model import Call

_PLACEHOLDER = re.compile(
    r"\s*|<[^<>]*>|\{\{.*\}\}|\$\{.*\}|(?i:null|none|nil|n/?a|tbd|todo|unknown|pending|undefined)"
)


def dependence(pair: Pair, known: Set[Any]) -> Iterator[Evidence]:
    """What either call's arguments need of the other's result.

    known: the values that calls of earlier turns were given or gave back.
    """
    one, other = pair.calls
    yield from _needs(one, other, known)
    yield from _needs(other, one, known)


def values(call: Call) -> Iterator[Any]:
    """All texts and whole numbers in the arguments and the result of ``call``."""
    yield from _leaves(dict(call.args or {}))
    yield from _leaves(_decoded(call.result))


def _needs(late: Call, source: Call, known: Set[Any]) -> Iterator[Evidence]:
    told = frozenset(_leaves(_decoded(source.result))) - frozenset(_leaves(dict(source.args or {})))
    for name, value in () if source.error else (late.args or {}).items():
        if _is_empty(value):
            yield from _filled(late, name, value, source)
        elif is_key(name, value) and value in told and value not in known and len(str(value)) > 1:
            text = f"{late.tool} has {name}={literal(value)}, which no earlier call but {source.tool} told"
            yield Evidence("context", SIBLINGS_RESULT, text)


def _filled(late: Call, name: str, value: Any, source: Call) -> Iterator[Evidence]:
    result = _decoded(source.result)
    named = bool(words(name)) and set(words(name)) <= set(words(source.tool))
    inside = isinstance(result, dict) and name in result and not _is_empty(result[name])
    if source.result is None or not (named or inside):
        return
    failed = f"; {late.tool} failed" if late.error else ""
    text = f"{late.tool} has {name}={literal(value)}, which the result of {source.tool} would fill{failed}"
    yield Evidence("context", EMPTY + (FAILED if late.error else 0), text)


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return _PLACEHOLDER.fullmatch(value) is not None
    return value is None or value in ([], {})


def _decoded(result: Any) -> Any:
    try:
        return json.loads(result) if isinstance(result, str) else result
    except (ValueError, RecursionError):
        return result


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield value
