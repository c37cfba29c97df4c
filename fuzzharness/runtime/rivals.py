"""Strands of one call that could go on at once, where their order may matter.

Decides after a run whether the order in which a call's own strands went on, which is always the same, may
have kept an ending from being reached. Searches none.
"""

from __future__ import annotations

from fuzzharness.access import Touch, meet
from fuzzharness.runtime.caller import TIME
from fuzzharness.runtime.run import Run


def rivals(run: Run) -> list[str]:
    """The tools whose calls have two strands that touch the same, or both what other calls touch.

    A thread that a call waits for no longer than a time is a rival of that time: it could be slow.
    """
    found = [caller for caller in run.callers if caller.rivals]
    if not found:
        return []
    touched: dict[tuple[int, int], set[Touch]] = {}
    for call, number, touches in zip(run.trail.order, run.trail.numbers, run.trail.touches, strict=True):
        touched.setdefault((call, number), set()).update(touches)
    return [c.body.name for c in found if any(_matters(c.index, pair, touched) for pair in c.rivals)]


def _matters(call: int, pair: tuple[int, int], touched: dict[tuple[int, int], set[Touch]]) -> bool:
    one, other = (touched.get((call, number), set()) for number in pair)
    if meet(one, other):
        return True
    foreign = {touch for (index, _), touches in touched.items() if index != call for touch in touches}
    return meet(one, foreign) and (pair[1] == TIME or meet(other, foreign))
