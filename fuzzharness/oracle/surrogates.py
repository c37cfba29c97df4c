"""Surrogate ids: endings that are the same but for the numbers that new rows got.

Decides which new rows of two endings answer to each other, and whether all else follows. Rows that were
there from the start keep their ids: two of them that swapped their contents are a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fuzzharness.oracle.compare import frozen

_NUMBER = re.compile(r"\d+")
_NOTHING: Mapping[Any, Any] = {}


def same_but_for_ids(here: Mapping[Any, Any], there: Mapping[Any, Any], start: Mapping[Any, Any]) -> bool:
    """Whether two trees of endings are equal once the new rows of ``here`` bear the ids they have ``there``.

    ``start`` is the state that both began with.
    """
    ids: dict[int, int] = {}
    for old, new in _answering(here, there, start):
        if ids.setdefault(old, new) != new:
            return False
    return bool(ids) and _same(here, there, start, ids, "")


def _answering(here: Any, there: Any, start: Any) -> Iterator[tuple[int, int]]:
    """New rows of equal content, paired in the order of their ids."""
    if not (isinstance(here, Mapping) and isinstance(there, Mapping)):
        return
    before = start if isinstance(start, Mapping) else _NOTHING
    mine, theirs = _new_rows(here, before), _new_rows(there, before)
    for content, ids in mine.items():
        yield from zip(ids, theirs.get(content, ()), strict=False)
    for name in here:
        if name in there and not _is_new(name, here[name], before):
            yield from _answering(here[name], there[name], before.get(name))


def _new_rows(table: Mapping[Any, Any], before: Mapping[Any, Any]) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for key in sorted(key for key, row in table.items() if _is_new(key, row, before)):
        content = {name: v for name, v in table[key].items() if not _names_an_id(name) and v != key}
        found.setdefault(frozen(content, loose=True), []).append(key)
    return found


def _is_new(key: Any, row: Any, before: Mapping[Any, Any]) -> bool:
    return type(key) is int and isinstance(row, Mapping) and key not in before


def _names_an_id(name: object) -> bool:
    return isinstance(name, str) and name.lower().endswith("id")


def _same(here: Any, there: Any, start: Any, ids: Mapping[int, int], name: object) -> bool:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        return _same_mapping(here, there, start, ids, name)
    if type(here) is int and name in (_RESULT, "id"):
        return bool(ids.get(here, here) == there)
    if frozen(here, loose=True) == frozen(there, loose=True):
        return True
    if isinstance(here, (list, tuple)) and isinstance(there, (list, tuple)) and len(here) == len(there):
        return all(_same(a, b, None, ids, name) for a, b in zip(here, there, strict=True))
    if type(here) is int and type(there) is int:
        return _names_an_id(name) and ids.get(here) == there
    if name == _RESULT and isinstance(here, str) and isinstance(there, str):
        return _NUMBER.sub(lambda n: str(ids.get(int(n[0]), n[0])), here) == there
    return False


_RESULT = "(result)"


def _same_mapping(
    here: Mapping[Any, Any], there: Mapping[Any, Any], start: Any, ids: Mapping[int, int], name: object
) -> bool:
    before = start if isinstance(start, Mapping) else _NOTHING
    renamed = {k: ids.get(k, k) if _is_new(k, row, before) else k for k, row in here.items()}
    if set(renamed.values()) != set(there):
        return False
    return all(
        (here[k], there[new]) == (name, ids.get(name, name) if type(name) is int else name)
        or _same(here[k], there[new], before.get(k), ids, _RESULT if name == "results" else k)
        for k, new in renamed.items()
    )
