"""Strand: one line of execution of a call, and what is known of it during a run.

Decides nothing; ``run`` does. Holds the book of which thread is which strand.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fuzzharness.model import Result
from fuzzharness.runtime.workers import Aborted as Aborted
from fuzzharness.runtime.workers import Worker

if TYPE_CHECKING:
    from fuzzharness.runtime.run import Run


class Strand:
    """The state of one call in one run.

    ``fresh`` until its first gate; ``blocked`` answers whether what it waits for is still taken;
    ``stuck`` while it was set aside, with the line it ``stood`` on; ``spins`` once it took too many
    steps; ``deaf`` while it must pass gates unseen; ``foreseen`` if its wait is for a lock known to be
    taken. ``later`` holds what is to be
    called at its next gate, ``place`` is that of its call in the batch, ``draws`` counts the random bytes it
    asked for, ``last`` is its latest step, ``looks`` how to read again what that step read,
    ``polls`` how often it has waited in vain for what.
    """

    __slots__ = (
        "atomic",
        "baton",
        "blocked",
        "deaf",
        "done",
        "draws",
        "foreseen",
        "fresh",
        "given_up",
        "index",
        "last",
        "later",
        "looks",
        "owed",
        "place",
        "polls",
        "result",
        "run",
        "spins",
        "started",
        "steps",
        "stood",
        "stuck",
        "waits_for",
        "worker",
    )

    def __init__(self, run: Run, index: int, worker: Worker, place: int) -> None:
        self.run = run
        self.index = index
        self.worker = worker
        self.baton = worker.baton
        self.steps = self.atomic = self.last = self.draws = 0
        self.place = place
        self.started = self.done = self.stuck = self.deaf = self.given_up = self.spins = False
        self.foreseen = False
        self.stood = ""
        self.fresh = True
        self.blocked: Callable[[], bool] | None = None
        self.waits_for: str | None = None
        self.result: Result | None = None
        self.owed: list[tuple[int, int, Callable[[], Any]]] = []
        self.looks: list[tuple[int, Callable[[], Any]]] = []
        self.later: list[Callable[[], None]] = []
        self.polls: dict[object, int] = {}


RUNNING: dict[int, Strand] = {}
"""Thread identifier -> the strand that runs on it."""


def current() -> Strand | None:
    """The strand of the running thread, or None outside calls and while it passes gates unseen."""
    strand = RUNNING.get(_thread.get_ident())
    return None if strand is None or strand.deaf else strand
