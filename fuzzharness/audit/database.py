"""Database: statements of two calls that reach one table or one row, one of them writing.

Decides from the statements that spans below the calls recorded. Two inserts alone are not suspected:
they add rows of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fuzzharness.audit.suspicion import SAME_ROW, SAME_TABLE, Evidence
from fuzzharness.audit.touched import Touched, touched
from fuzzharness.traces.statements import Statement

Made = tuple[Touched, str]


def shared_tables(one: Iterable[Statement], other: Iterable[Statement]) -> Iterator[Evidence]:
    """What statements of two calls have in common, the closest for each table."""
    found: dict[str, Evidence] = {}
    others = list(_made(other))
    for mine, text in _made(one):
        for theirs, their_text in others:
            evidence = _met(mine, theirs, text, their_text)
            known = found.get(mine.table)
            if evidence and (known is None or evidence.weight > known.weight):
                found[mine.table] = evidence
    yield from found.values()


def _made(statements: Iterable[Statement]) -> Iterator[Made]:
    for statement in statements:
        for part in touched(statement.text, statement.system):
            yield part, " ".join(statement.text.split())


def _met(one: Touched, other: Touched, text: str, other_text: str) -> Evidence | None:
    if one.table != other.table or not (one.writes or other.writes) or (one.adds and other.adds):
        return None
    pins, others = dict(one.pins), dict(other.pins)
    both = [column for column in pins if column in others]
    if any(pins[column] != others[column] for column in both):
        return None
    said = f"{text[:80]!r} and {other_text[:80]!r}"
    if both:
        row = ", ".join(f"{column} = {pins[column]}" for column in both)
        return Evidence("shared-state", SAME_ROW, f"both reach {one.table} where {row}: {said}")
    return Evidence("shared-state", SAME_TABLE, f"both reach the table {one.table}: {said}")
