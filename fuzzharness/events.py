"""The event stream of an exploration; every view and every file derives from it.

Decides the names and fields of events. Never prints and never writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fuzzharness.finding import Finding, Report
from fuzzharness.model import Batch, Outcome
from fuzzharness.settings import Settings

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Started:
    """An exploration of ``batch`` begins."""

    batch: Batch
    settings: Settings


@dataclass(frozen=True, slots=True)
class SerialProgressed:
    """``orders`` serial orders of ``calls`` calls are run, of at most ``limit``; before the search, and
    while a failure is shrunk to fewer calls.
    """

    calls: int
    orders: int
    limit: int


@dataclass(frozen=True, slots=True)
class BaselineReached:
    """The calls were run serially; ``orders`` serial orders gave ``endings`` distinct endings."""

    outcome: Outcome
    orders: int
    endings: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """``executions`` runs are done, of at most ``limit``; so far ``endings`` distinct endings."""

    executions: int
    limit: int
    endings: int


@dataclass(frozen=True, slots=True)
class OutcomeReached:
    """An ending that no earlier run had, in run ``execution`` under schedule ``token``."""

    outcome: Outcome
    execution: int
    token: str


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, shrunk and explained."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class Finished:
    """The exploration is over."""

    report: Report


Event = Started | SerialProgressed | BaselineReached | Progressed | OutcomeReached | Found | Finished
Listener = Callable[[Event], None]
