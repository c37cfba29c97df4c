"""Reader: the protocol of a recording format.

Decides what the loader asks of a format. Holds no format: each is a module of this folder, named
in :mod:`fuzzharness.traces.formats`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Protocol

from fuzzharness.model import Batch
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node


class Fit(Enum):
    """How much a record looks like one of a format."""

    NO = "no record of this format is like that"
    POSSIBLE = "this format has such records, and so may others"
    CERTAIN = "only this format writes such a record"


class Reader(Protocol):
    """A format: a module with a name and two functions."""

    @property
    def name(self) -> str:
        """The name by which ``load_trace(format=...)`` and ``Trace.format`` know it."""
        ...

    def fit(self, record: Node) -> Fit:
        """How much ``record``, an object, looks like this format. Never raises."""
        ...

    def batches(self, records: Iterable[Node], leniency: Leniency) -> Iterable[Batch]:
        """The batches of one conversation, in order, without ids.

        Raises :class:`TraceError` at the first malformed part, or has ``leniency`` leave it out.
        """
        ...
