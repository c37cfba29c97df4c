"""Benign endings: those that differ from the baseline by order of entries or by generated ids alone.

Decides when a difference is none. In doubt it is one: only what was added to the end of a list may stand
in another order, never a tuple, never a returned list; only primary keys of new rows may be others, and
returned values that name them, no other column. Asked only of endings that some serial order reaches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import islice, permutations
from typing import Any

from fuzzharness.access import MISSING
from fuzzharness.oracle.compare import frozen

_MOST_ALIKE = 5
_MOST_CHOICES = 1_000
_NOTHING: Mapping[Any, Any] = {}

Ids = dict[int, int]


def is_benign(here: Mapping[str, Any], there: Mapping[str, Any], start: Mapping[str, Any]) -> bool:
    """Whether two trees of endings, state and ``results``, differ in nothing that counts.

    ``start`` is the state that both began with.
    """
    mine, theirs = ({name: v for name, v in tree.items() if name != "results"} for tree in (here, there))
    tables: dict[tuple[Any, ...], list[Ids]] = {}
    if not _same(mine, theirs, start, (), tables):
        return False
    choices = islice(_choices(tables), _MOST_CHOICES)
    return any(_same_results(here["results"], there["results"], ids) for ids in choices)


def _same(here: Any, there: Any, start: Any, path: tuple[Any, ...], tables: dict[Any, list[Ids]]) -> bool:
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        before = start if isinstance(start, Mapping) else _NOTHING
        if _is_table(here, before) and _is_table(there, before):
            tables[path] = _renamings(here, there, before)
            return bool(tables[path])
        return here.keys() == there.keys() and all(
            _same(here[k], there[k], before.get(k, MISSING), (*path, k), tables) for k in here
        )
    if isinstance(here, list) and isinstance(there, list):
        return _added_alike(here, there, start if isinstance(start, list) else [])
    return frozen(here) == frozen(there)


def _added_alike(here: Sequence[Any], there: Sequence[Any], start: Sequence[Any]) -> bool:
    """Whether both lists are ``start`` and the same further entries, in whatever order."""
    kept = len(start)
    if frozen(here[:kept]) != frozen(list(start)) or frozen(there[:kept]) != frozen(list(start)):
        return False
    return _bag(here[kept:]) == _bag(there[kept:])


def _bag(items: Sequence[Any]) -> Counter[Hashable]:
    return Counter(map(frozen, items))


# ---- ids of new rows -----------------------------------------------------------------------------


def _is_table(value: Mapping[Any, Any], before: Mapping[Any, Any]) -> bool:
    """Whether a mapping looks like rows by number, the old ones untouched."""
    rows = all(type(key) is int and isinstance(row, Mapping) for key, row in value.items())
    return (
        bool(value)
        and rows
        and all(key in value and frozen(value[key]) == frozen(row) for key, row in before.items())
    )


def _renamings(here: Mapping[int, Any], there: Mapping[int, Any], before: Mapping[int, Any]) -> list[Ids]:
    """Every way in which the new rows of ``here`` answer to those of ``there``; few, or none at all."""
    column = _key_column([*here.items(), *there.items()])
    mine, theirs = (_by_content(rows, before, column) for rows in (here, there))
    if {c: len(ids) for c, ids in mine.items()} != {c: len(ids) for c, ids in theirs.items()}:
        return []
    ways: list[Ids] = [{}]
    for content, ids in mine.items():
        if len(ids) > _MOST_ALIKE:
            return []
        ways = [
            {**way, **dict(zip(ids, p, strict=True))} for way in ways for p in permutations(theirs[content])
        ]
    return ways


def _key_column(rows: Sequence[tuple[int, Mapping[Any, Any]]]) -> Any:
    """The first column that holds the row's number in every row."""
    columns = rows[0][1] if rows else ()
    return next((c for c in columns if all(row.get(c, MISSING) == key for key, row in rows)), MISSING)


def _by_content(rows: Mapping[int, Any], before: Mapping[int, Any], column: Any) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for key in sorted(rows.keys() - before.keys()):
        content = {name: value for name, value in rows[key].items() if name != column}
        found.setdefault(frozen(content), []).append(key)
    return found


def _choices(tables: Mapping[tuple[Any, ...], list[Ids]]) -> Iterator[Mapping[str, Ids]]:
    """One renaming for each table, by the table's name, in every combination."""
    if not tables:
        yield {}
        return
    (path, ways), *rest = tables.items()
    for way in ways:
        for others in _choices(dict(rest)):
            yield {str(path[-1]) if path else "": way, **others}


def _same_results(here: Mapping[str, Any], there: Mapping[str, Any], tables: Mapping[str, Ids]) -> bool:
    return here.keys() == there.keys() and all(_same_result(here[k], there[k], tables) for k in here)


def _same_result(here: Any, there: Any, tables: Mapping[str, Ids]) -> bool:
    if type(here) is int and type(there) is int:
        return _answers(here, there, list(tables.values()))
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        return here.keys() == there.keys() and all(
            _answers(here[k], there[k], list(_named(k, tables))) for k in here
        )
    return frozen(here) == frozen(there)


def _answers(here: Any, there: Any, renamings: Sequence[Ids]) -> bool:
    """Whether two returned values say the same: an id of a new row its answer, all else itself."""
    known = [ids for ids in renamings if type(here) is int and here in ids]
    return any(ids[here] == there for ids in known) if known else frozen(here) == frozen(there)


def _named(field: Any, tables: Mapping[str, Ids]) -> Iterator[Ids]:
    """The renamings of the tables that a returned field, by its name, can hold an id of."""
    for table, ids in tables.items():
        if field in {"id", f"{table}_id", f"{table.removesuffix('s')}_id"}:
            yield ids
