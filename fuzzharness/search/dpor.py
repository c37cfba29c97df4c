"""Dpor: one run of every class of interleavings (optimal dynamic partial order reduction).

Guarantee: when it is through, every class has been run exactly once: runs that only swap independent
neighbours are one class (Abdulla, Aronis, Jonsson and Sagonas, JACM 2017, algorithm 2). No run is broken
off, as long as what a step touches follows from what its call has done so far. Where that is seen to
depend on values that others write (compare-and-set in one step), nothing is concluded from what a step
touched in another order: still every class exactly once, but some runs are found redundant on the way and
cut off. A run that waits for something nothing announced ends the search: it claims nothing then. Memory
grows with the length of a run, not with their number.

Departures from the paper: a lock that is waited for is reversed by the step that took it, and a call
that waits at the end of a run (a deadlock) is reversed as if it had gone on; only races of steps that
the run does not share with the one before are looked at, since the others were.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.causality import Causality
from fuzzharness.search.footprint import Footprints
from fuzzharness.search.habits import Habits
from fuzzharness.search.scheduler import Claim
from fuzzharness.search.wakeup import UNKNOWN, Branch, Planned, insert, sleeps

Asleep = dict[int, int]
"""Call -> footprint of its next step: what begins with it has been explored."""


_BEFORE_STANDSTILL = 200
"""What goes round in circles could be left at every turn: only its first turns are looked at."""


def _length(trail: Trail) -> int:
    """How many steps of a run are looked at."""
    endless = trail.left or (trail.stood and not trail.deadlock)
    return min(len(trail.order), _BEFORE_STANDSTILL) if endless else len(trail.order)


class Dpor:
    """Every class of interleavings of the calls in ``active`` (None: of all calls), each once.

    The steps of the other calls are left where they are. ``habits`` is what is known of the calls already.
    ``vary`` tells whether accesses depend on values. Where that is first seen in the midst of the search, it
    begins anew: ``void`` counts the runs before. ``strayed`` counts runs that could not go the way that was
    planned, ``unforeseen`` is True after a wait that nothing announced.
    """

    def __init__(self, active: Collection[int] | None = None, habits: Habits | None = None) -> None:
        self.habits = habits or Habits()
        self.strayed = self.void = 0
        self.unforeseen = False
        self._runs = 0
        self._active = active
        self._footprints = Footprints()
        self._forget()

    def _forget(self) -> None:
        self.vary = self.habits.vary
        self._past = Causality(self._footprints)
        self._asleep: list[Asleep] = [{}]
        self._trees: list[list[Branch]] = []
        self._plan: list[int] = []
        self._ahead: list[list[Branch]] = []
        self._known = 0
        self._lost = False

    def begin(self, last: Trail | None) -> bool:
        if last is None:
            return True
        self._runs += not last.cut
        if last.unforeseen:
            self.unforeseen = True
            return False
        self.habits.note(last, self._known)
        if self.habits.vary and not self.vary:
            self.void = self._runs
            self._forget()
            return True
        self._learn(last)
        return self._branch_off()

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        step = len(trail.order)
        if step < len(self._plan):
            planned = self._plan[step]
            if step <= self._known or planned not in self._sleeping(step, trail):
                if planned in ready:
                    return planned
                self._lost = True  # the run is let go on to its end: threads may hold what others need
            del self._plan[step:], self._ahead[step - self._known :]
        asleep = {} if self._lost else self._sleeping(step, trail)
        if not asleep:
            return running if running in ready else ready[0]
        if running in ready and running not in asleep:
            return running
        return next((call for call in ready if call not in asleep), None)

    def claim(self) -> Claim:
        return Claim(
            whole=True, unit="class", strayed=self.strayed, void=self.void, unforeseen=self.unforeseen
        )

    def _sleeping(self, step: int, trail: Trail) -> Asleep:
        """The calls that sleep before ``step``: those from before that nothing since depended on."""
        asleep = self._asleep
        while len(asleep) <= step:
            done = len(asleep) - 1
            still: Asleep = {}
            if asleep[done]:
                against = self._footprints.against[self._footprints.number(trail.touches[done])]
                taken = trail.order[done]
                still = {c: f for c, f in asleep[done].items() if c != taken and not against >> f & 1}
            asleep.append(still)
        return asleep[step]

    def _learn(self, trail: Trail) -> None:
        """Take in a run: its steps, and a branch for each race that no other run covers."""
        steps, past = _length(trail), self._past
        if self._lost or not self._repeated(trail):
            self.strayed += 1
            self._lost = False
            return
        self._sleeping(steps, trail)
        self._trees += self._ahead[: max(0, steps - len(self._trees))]
        self._trees += [[] for _ in range(steps - len(self._trees))]
        races = []
        for step in range(self._known, steps):
            call, footprint = trail.order[step], self._footprints.number(trail.touches[step])
            races += [(first, call, footprint) for first in past.add(call, footprint)]
        for call in trail.stood if trail.deadlock else ():
            footprint = self._footprints.number(trail.pending.get(call, ()))
            races += [(first, call, footprint) for first in past.awaited(call, footprint)]
        for first, call, footprint in races:
            if self._active is None or (call in self._active and past.calls[first] in self._active):
                self._reverse(first, call, footprint)

    def _repeated(self, trail: Trail) -> bool:
        """Whether a run did again what it shares with the run it leaves."""
        past, number = self._past, self._footprints.number
        if trail.order[: self._known] != past.calls:
            return False
        return all(map(int.__eq__, map(number, trail.touches[: self._known]), past.prints))

    def _reverse(self, first: int, call: int, footprint: int) -> None:
        """Plan a run in which a step of ``call`` comes before step ``first`` and what hangs on that one."""
        past = self._past
        sequence: list[Planned] = [
            (past.calls[step], past.prints[step])
            for step in range(first + 1, len(past))
            if not past.before[step] >> first & 1
        ]
        sequence.append((call, UNKNOWN if self.vary else footprint))
        if not sleeps(self._footprints, self._asleep[first], sequence):
            insert(self._footprints, self._trees[first], sequence)

    def _branch_off(self) -> bool:
        """Plan the next run: it leaves the last one at its latest point with a branch. False: none."""
        past = self._past
        while len(past):
            step = len(past) - 1
            self._asleep[step][past.calls[step]] = past.prints[step]
            branch = self._next_branch(step)
            past.cut(step)
            if branch is not None:
                del self._asleep[step + 1 :], self._trees[step + 1 :]
                self._follow(step, branch)
                return True
        return False

    def _next_branch(self, step: int) -> Branch | None:
        branches = self._trees[step]
        while branches:
            branch = branches.pop(0)
            if branch.call not in self._asleep[step]:
                return branch
        return None

    def _follow(self, step: int, branch: Branch) -> None:
        """Plan a run along the past and the first steps of ``branch``; keep the rest for later runs."""
        self._known = step
        self._plan, self._ahead = [*self._past.calls, branch.call], []
        while branch.after:
            following = branch.after.pop(0)
            self._ahead.append(branch.after)
            branch = following
            self._plan.append(branch.call)
