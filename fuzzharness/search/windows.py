"""Which preemption to try first: the one that opens a window between a read and a write.

Decides an order only, so that a finding comes early; every interleaving is run all the same.
"""

from __future__ import annotations

from fuzzharness.access import Kind, Touch, overlap
from fuzzharness.runtime.trail import Trail


def rank(trail: Trail, at: int, other: int) -> int:
    """How promising it is to let ``other`` go before step ``at`` of ``trail``.

    0: the step held back writes what its call has read and the other call will write. 1: the other
    call will touch something of the step held back. 2: neither.
    """
    mine = trail.order[at]
    later = [t for i in range(at, len(trail.order)) if trail.order[i] == other for t in trail.touches[i]]
    held = trail.touches[at]
    if not any(_meet(a, b) for a in held for b in later):
        return 2
    before = [t for i in range(at) if trail.order[i] == mine for t in trail.touches[i]]
    read = [t for t in before if t[2] is not Kind.WRITE]
    writes = [t for t in held if t[2] is Kind.WRITE]
    theirs = [t for t in later if t[2] is Kind.WRITE]
    window = any(_same(w, r) and _same(w, t) for w in writes for r in read for t in theirs)
    return 0 if window else 1


def _same(a: Touch, b: Touch) -> bool:
    return a[0] == b[0] and overlap(a[1], b[1])


def _meet(a: Touch, b: Touch) -> bool:
    return Kind.WRITE in (a[2], b[2]) and _same(a, b)
