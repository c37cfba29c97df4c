"""The protocol of a scheduler: two methods.

Decides what a search may know. One strategy per file in this folder; the registry is in the
package's ``__init__``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fuzzharness.runtime.run import Trail


class Scheduler(Protocol):
    """Chooses who goes next, run after run."""

    def begin(self, last: Trail | None) -> bool:
        """Another run begins; ``last`` is the trail of the one before. False: the search is over."""
        ...

    def choose(self, ready: Sequence[int], running: int | None) -> int | None:
        """Who takes the next step: one of ``ready``, or None to cut this run off as redundant.

        ``running`` is the call that ran last, None at the start; it is in ``ready`` if it could go on.
        """
        ...
