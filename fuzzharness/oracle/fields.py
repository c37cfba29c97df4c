"""What a field can hold, by its name: the key of a row of some table, or the time at which it was made.

Decides only what a name suggests. Where a database says what a column refers to, nobody asks here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

Kind = tuple[Any, ...]
"""Of what a name is one: the path to a table, or ``("uuid",)`` and its like."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_TIMES = re.compile(
    r"(created|updated|modified|changed|inserted|logged|recorded|registered|added|saved)_(at|on|time|date)"
    r"|timestamp|ts"
)


@lru_cache(4_096)
def words(name: str) -> tuple[str, ...]:
    """``order_id`` and ``orderId`` as ``("order", "id")``."""
    return tuple(word.lower() for word in _WORDS.findall(name))


def is_time(field: str) -> bool:
    """Whether a field says when its row or entry was made or changed."""
    return _TIMES.fullmatch("_".join(words(field))) is not None


def is_id(field: str) -> bool:
    """Whether a field is an id of it does not say what."""
    return words(field) in (("id",), ("ids",))


def subject(field: str) -> str:
    """What a field is about, whether it holds that or an id of it."""
    told = words(field)
    return " ".join(told[:-1] if len(told) > 1 and told[-1] == "id" else told)


def told_by(field: str, kinds: Iterable[Kind], bare: bool) -> list[Kind]:
    """The kinds that a field can hold ids of; ``bare``: also where it only bears the name of one row."""
    told = words(field)
    of_ids = told[-1:] in (("id",), ("ids",))
    rest = told[:-1] if of_ids else told
    if not rest or not (of_ids or bare):
        return []
    return [kind for kind in kinds if any(_ends(rest, form, of_ids) for form in forms(kind, plural=of_ids))]


def named_in(name: str, kinds: Sequence[Kind]) -> list[Kind]:
    """The kinds of which a row is named somewhere in ``name``; all of them where none is."""
    told = f" {' '.join(words(name))} "
    found = [
        kind for kind in kinds if any(f" {' '.join(form)} " in told for form in forms(kind, plural=True))
    ]
    return found or list(kinds)


def forms(kind: Kind, plural: bool) -> list[tuple[str, ...]]:
    """The words for one row of a table, and with ``plural`` the name of the table."""
    told = words(str(kind[-1]))
    if not told:
        return []
    last = told[-1]
    ends = [last[:-3] + "y"] * last.endswith("ies") + [last[:-2]] * last.endswith("es")
    ends += [last[:-1]] * (last.endswith("s") and not last.endswith("ss"))
    return [(*told[:-1], end) for end in (*ends, *[last] * plural)]


def _ends(told: tuple[str, ...], form: tuple[str, ...], may_follow: bool) -> bool:
    """Whether ``told`` is ``form``; ``parent_order_id`` is an id of an order too."""
    return told == form or (may_follow and told[-len(form) :] == form)
