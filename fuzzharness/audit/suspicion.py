"""Suspicion: what a recording alone lets one suspect of two calls of a batch, and why.

Decides the order in which suspicions are told: by the weight of their evidence. Nothing here was
ever run, so that nothing here is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fuzzharness.model import Batch, Call


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that a recording says of two calls, in a sentence; ``mode`` is what it hints at.

    mode: ``shared-state``, ``context`` or ``timing``.
    weight: how much it says, 1 to 6; see :data:`WEIGHTS`.
    """

    mode: str
    weight: int
    text: str


SAME_ROW = 6
SIBLINGS_RESULT = 5
SAME_KEY = 4
SAME_TABLE = EMPTY = 3
SHARED_VALUE = FIXED_ORDER = 2
OVERLAP = FAILED = 1
WEIGHTS = (
    ("statements of both reach one row, one of them writes", SAME_ROW),
    ("an argument is known from nowhere but the other's result", SIBLINGS_RESULT),
    ("one tool, not named like a reader, twice on one key", SAME_KEY),
    ("statements of both reach one table, one of them writes", SAME_TABLE),
    ("an argument is empty that the other's result would fill", EMPTY),
    ("two tools, not both named like readers, on one value", SHARED_VALUE),
    ("tools that otherwise come in a fixed order, turn by turn", FIXED_ORDER),
    ("added to any of these: the calls overlapped in time", OVERLAP),
    ("added to an empty argument: the call failed", FAILED),
)
"""What evidence weighs, the heaviest first."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two calls of a batch by position, the earlier in the message first."""

    batch: Batch
    first: int
    second: int

    @property
    def calls(self) -> tuple[Call, Call]:
        """The two calls."""
        return (self.batch.calls[self.first], self.batch.calls[self.second])

    @property
    def labels(self) -> tuple[str, str]:
        """Their ids."""
        return (self.batch.labels[self.first], self.batch.labels[self.second])


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A suspected conflict of a pair of calls, the heaviest evidence first."""

    pair: Pair
    evidence: tuple[Evidence, ...]

    @property
    def weight(self) -> int:
        """The weights of all its evidence together."""
        return sum(piece.weight for piece in self.evidence)

    @property
    def mode(self) -> str:
        """What its heaviest evidence hints at."""
        return self.evidence[0].mode


def suspicion(pair: Pair, evidence: Iterable[Evidence]) -> Suspicion:
    """The suspicion that ``evidence``, at least one piece, raises."""
    return Suspicion(pair, tuple(sorted(evidence, key=lambda piece: -piece.weight)))


def ranked(suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """``suspicions``, the heaviest first, those that weigh the same in the order of the recording."""
    return tuple(sorted(suspicions, key=lambda found: -found.weight))
