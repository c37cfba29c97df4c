"""Span: a part of a text that is one piece of data.

Decides which of several that overlap are taken. Knows no text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fuzzharness.privacy.kind import Kind


class Span(NamedTuple):
    """From ``start`` up to ``end``, of a text that goes with it."""

    start: int
    end: int
    kind: Kind


def _precedence(span: Span) -> tuple[bool, int, int, int]:
    return span.kind is not Kind.SECRET, span.start - span.end, span.kind.rank, span.start


def apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Those of ``spans`` that do not overlap, from left to right; a secret goes first, then the widest."""
    taken: list[Span] = []
    for span in sorted(spans, key=_precedence):
        if all(span.end <= other.start or other.end <= span.start for other in taken):
            taken.append(span)
    yield from sorted(taken)
