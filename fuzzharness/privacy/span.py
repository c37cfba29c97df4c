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


def apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Those of ``spans`` that do not overlap, from left to right; of those that do the widest goes first."""
    taken: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.kind.rank, s.start)):
        if all(span.end <= other.start or other.end <= span.start for other in taken):
            taken.append(span)
    yield from sorted(taken)
