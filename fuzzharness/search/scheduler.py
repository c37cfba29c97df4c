"""The protocol of a scheduler: two methods, and a word on what its runs are worth.

Decides what a search may know. One strategy per file in this folder; the registry is in the
package's ``__init__``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fuzzharness.runtime.trail import Trail


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be said of the runs a scheduler has made.

    whole: once :meth:`Scheduler.begin` has returned False, nothing was left out.
    unit: what each run is one of, "class" or "interleaving".
    level: the number of preemptions up to which every interleaving was run, or None where that is not
        counted.
    cut: whether interleavings with more preemptions were not asked for.
    strayed: runs that could not go the way that was planned, so that what follows is not known.
    void: runs that do not count, since the search began anew and made them again.
    expected: the number of classes that were counted before, where that must be the number of runs.
    unforeseen: whether a run met a wait that nothing announced, which the search cannot reckon with.
    parts: how many independent parts of the batch were searched one after another.
    bound: for samples, the chance they bought, in a phrase.
    """

    whole: bool = False
    unit: str = "interleaving"
    level: int | None = None
    cut: bool = False
    strayed: int = 0
    void: int = 0
    expected: int | None = None
    unforeseen: bool = False
    parts: int = 1
    bound: str = ""

    @property
    def every_interleaving(self) -> bool:
        """Whether every interleaving is run, not one of each class."""
        return self.whole and self.unit == "interleaving"


class Scheduler(Protocol):
    """Chooses who goes next, run after run."""

    def begin(self, last: Trail | None) -> bool:
        """Another run begins; ``last`` is the trail of the one before. False: the search is over."""
        ...

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        """Who takes the next step: one of ``ready``, or None to cut this run off as redundant.

        ``running`` is the call that ran last, None at the start; it is in ``ready`` if it could go on.
        ``trail`` is what the run did so far; its steps are complete. Asked twice for the same step, the
        call chosen first could not take it after all.
        """
        ...

    def claim(self) -> Claim:
        """What the runs so far are worth."""
        ...
