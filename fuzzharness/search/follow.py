"""Follow: take exactly the steps of a schedule, or say where that is not possible."""

from __future__ import annotations

from collections.abc import Sequence

from fuzzharness.errors import ReplayMismatch
from fuzzharness.runtime.trail import Trail
from fuzzharness.schedule import Schedule, letter
from fuzzharness.search.scheduler import Claim


class Follow:
    """One run along ``schedule``; ``names`` are the calls, for messages."""

    def __init__(self, schedule: Schedule, names: Sequence[str]) -> None:
        self._order = schedule.order
        self._names = names

    def begin(self, last: Trail | None) -> bool:
        return last is None

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        step = len(trail.order)
        if step >= len(self._order):  # calls may have to come to their end yet, without a further step
            return running if running in ready else ready[0]
        if self._order[step] not in ready:
            raise self._differs(step, f"{self._name(self._order[step])} takes this step", ready)
        return self._order[step]

    def claim(self) -> Claim:
        return Claim()

    def check(self, trail: Trail) -> None:
        """Raise :class:`ReplayMismatch` unless ``trail`` took the steps of the schedule."""
        for step, (planned, taken) in enumerate(zip(self._order, trail.order, strict=False)):
            if planned != taken:
                raise self._differs(step, f"{self._name(planned)} takes this step", [taken])
        if len(trail.order) > len(self._order):
            raise self._differs(len(self._order), "the schedule ends here", [trail.order[len(self._order)]])
        if len(trail.order) < len(self._order) and not trail.deadlock:
            step = len(trail.order)
            raise self._differs(step, f"{self._name(self._order[step])} takes this step", [])

    def _name(self, call: int) -> str:
        return f"{letter(call)} ({self._names[call]})"

    def _differs(self, step: int, expected: str, ready: Sequence[int]) -> ReplayMismatch:
        seen = ", ".join(map(self._name, ready)) or "nobody: every call has ended"
        return ReplayMismatch(
            f"the replay differs at step {step + 1} of {len(self._order)}: expected that {expected}, but "
            f"ready to go on: {seen}. The tools or the world are not those the schedule was made with, or "
            "they are not deterministic. Run the search again to get a schedule that fits them."
        )
