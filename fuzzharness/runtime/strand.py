"""Strand: one line of execution of a call, a thread or a task of an event loop.

Decides nothing; ``run`` does. Holds the book of which thread is which strand.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from fuzzharness.access import Touch
from fuzzharness.runtime.workers import Aborted as Aborted

if TYPE_CHECKING:
    from fuzzharness.runtime.caller import Caller
    from fuzzharness.runtime.loops import Loop
    from fuzzharness.runtime.run import Run


class Home(Protocol):
    """Where a strand runs: a thread that sleeps on ``baton`` until it is handed on to it."""

    baton: _thread.LockType
    ident: int


class Strand:
    """The state of one line of execution in one run.

    ``aside`` while it makes an operation that is broken off where it would wait; ``fresh`` until it begins a
    step after it was chosen; ``blocked`` answers whether what it waits for is
    still taken; ``timer`` is when it gives up waiting, in the time of its call; ``stuck`` while it was set
    aside, with the line it ``stood`` on; ``spins`` once it took too many steps; ``deaf`` while it must pass
    gates unseen; ``merged`` while everything it does belongs to its last step; ``foreseen`` if its wait is
    for a lock known to be taken. ``later`` holds what is to be called at its next gate, ``last`` is its
    latest step, ``looks`` how to read again what that step read, ``debts`` what its next step touches
    because another call let it go on, ``polls`` how often it has waited in vain for what. Of a task,
    ``resume`` goes on with it, or is None while it waits; ``since`` orders the strands of one call that can
    go on.
    """

    __slots__ = (
        "aside",
        "atomic",
        "baton",
        "blocked",
        "body",
        "caller",
        "deaf",
        "debts",
        "done",
        "foreseen",
        "fresh",
        "given_up",
        "home",
        "index",
        "last",
        "later",
        "looks",
        "loop",
        "merged",
        "number",
        "owed",
        "polls",
        "resume",
        "run",
        "since",
        "spins",
        "started",
        "steps",
        "stood",
        "stuck",
        "task",
        "timed_out",
        "timer",
        "turns",
        "waits_for",
    )

    def __init__(self, caller: Caller, home: Home, loop: Loop | None, body: Callable[[], Any] | None) -> None:
        self.caller = caller
        self.run: Run = caller.run
        self.index = caller.index
        self.number = len(caller.strands)
        self.home, self.loop, self.body = home, loop, body
        self.baton = home.baton
        self.steps = self.atomic = self.last = self.since = self.turns = 0
        self.started = self.done = self.stuck = self.deaf = self.given_up = self.spins = False
        self.foreseen = self.timed_out = self.aside = False
        self.merged = loop is not None
        self.stood = ""
        self.fresh = True
        self.blocked: Callable[[], bool] | None = None
        self.timer: float | None = None
        self.waits_for: str | None = None
        self.resume: Any = None
        self.task: Any = None
        self.owed: list[tuple[int, int, Callable[[], Any]]] = []
        self.looks: list[tuple[int, Callable[[], Any]]] = []
        self.later: list[Callable[[], None]] = []
        self.debts: list[Touch] = []
        self.polls: dict[object, int] = {}
        caller.only = None if caller.strands else self
        caller.strands.append(self)

    @property
    def able(self) -> bool:
        """Whether it could go on now."""
        if self.done or self.stuck or self.spins:
            return False
        loop = self.loop
        if loop is not None and loop.inside is not self:
            able = loop.inside is None and (self.resume is not None or not self.started)
            return able and (self.blocked is None or not self.blocked())
        return self.blocked is None or not self.blocked()

    @property
    def place(self) -> int:
        """The place of its call in the batch."""
        return self.caller.place

    @property
    def draws(self) -> int:
        """How many random bytes its call has asked for."""
        return self.caller.draws

    @draws.setter
    def draws(self, number: int) -> None:
        self.caller.draws = number

    @property
    def elapsed(self) -> float:
        """The seconds that its call has slept so far."""
        return self.caller.elapsed

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        self.caller.elapsed = seconds


RUNNING: dict[int, Strand] = {}
"""Thread identifier -> the strand that runs on it."""


def current() -> Strand | None:
    """The strand of the running thread, or None outside calls and while it passes gates unseen."""
    strand = RUNNING.get(_thread.get_ident())
    return None if strand is None or strand.deaf else strand
