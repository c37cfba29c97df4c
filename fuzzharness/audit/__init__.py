"""Audit: suspected conflicts of the calls of each batch, from a recording alone.

Decides which pairs of calls are suspected and in which order they are told. Runs nothing, so that it
finds nothing: every conflict here is suspected, and a batch without one is not thereby safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from itertools import combinations
from typing import Any

from fuzzharness.audit.database import shared_tables
from fuzzharness.audit.dependence import dependence, values
from fuzzharness.audit.sequence import Sequences
from fuzzharness.audit.sharing import overlap, shared_keys
from fuzzharness.audit.suspicion import Evidence, Pair, Suspicion, ranked, suspicion
from fuzzharness.model import Batch, Trace
from fuzzharness.traces.statements import Run, Statement, run_of

__all__ = ["Evidence", "Pair", "Suspicion", "audit"]


def audit(
    trace: Trace, statements: Mapping[Run, tuple[Statement, ...]] | None = None
) -> tuple[Suspicion, ...]:
    """The suspected conflicts in the batches of ``trace``, those with the heaviest evidence first.

    statements: what runs of its calls asked databases for, as
        :func:`fuzzharness.traces.statements.statements` reads it.
    """
    found: list[Suspicion] = []
    sessions: list[set[Any]] = []
    sequences = Sequences(trace.batches)
    for number, batch in enumerate(trace.batches):
        known = sessions[number - batch.behind] if 0 < batch.behind <= number else set()
        sessions.append(known)
        for pair in _pairs(batch):
            evidence = [*_evidence(pair, known, statements or {}), *sequences.fixed_order(pair)]
            if evidence:
                hinted = max(evidence, key=lambda piece: piece.weight).mode
                found.append(suspicion(pair, [*evidence, *overlap(pair, hinted)]))
        known.update(value for call in batch.calls for value in values(call))
    return ranked(found)


def _pairs(batch: Batch) -> Iterator[Pair]:
    for first, second in combinations(range(len(batch.calls)), 2):
        yield Pair(batch, first, second)


def _evidence(
    pair: Pair, known: Set[Any], statements: Mapping[Run, tuple[Statement, ...]]
) -> Iterator[Evidence]:
    one, other = pair.calls
    yield from shared_tables(statements.get(run_of(one), ()), statements.get(run_of(other), ()))
    yield from dependence(pair, known)
    yield from shared_keys(pair)
