"""Parts: one run of every class, part by independent part of the batch.

Guarantee: that of ``dpor``, for calls that depend on each other. Calls of different parts never touch the
same thing, so that how one part ends does not depend on how another is interleaved: the parts are gone
through one after another, and their numbers of classes are added, not multiplied. That they are
independent is forecast, and held against everything the runs touch; where it turns out otherwise, the
whole is searched anew as one part.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.count import Part
from fuzzharness.search.dpor import Dpor
from fuzzharness.search.profile import steps_of
from fuzzharness.search.scheduler import Claim
from fuzzharness.search.survey import Survey


class Parts:
    """The classes of each part that ``survey`` tells; the first run serves all of them."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._footprints = survey.profile.footprints
        self._calls = len(survey.profile.steps)
        self._parts = survey.forecast.parts
        self._as_forecast = survey.forecast.exact
        self._runs = self._void = self._strayed = 0
        self._begin()

    def _begin(self) -> None:
        self._left: list[Part] = list(self._parts)
        self._ever = [0] * self._calls
        self._first: Trail | None = None
        self._dpor = self._next_part()

    def _next_part(self) -> Dpor:
        part = self._left.pop(0)
        return Dpor(None if len(self._parts) == 1 else frozenset(part), self._survey.habits)

    def begin(self, last: Trail | None) -> bool:
        if last is None:
            return self._dpor.begin(None)
        self._note(last)
        more = self._dpor.begin(last)
        if self._dpor.unforeseen:
            return False
        while not more and self._left:
            self._strayed += self._dpor.strayed
            self._void += self._dpor.void
            self._dpor = self._next_part()
            more = self._dpor.begin(None) and self._dpor.begin(self._first)
        if not more and self._coupled():
            return self._anew()
        return more

    def choose(self, ready: Sequence[int], running: int | None, trail: Trail) -> int | None:
        return self._dpor.choose(ready, running, trail)

    def claim(self) -> Claim:
        return Claim(
            whole=True,
            unit="class",
            strayed=self._strayed + self._dpor.strayed,
            void=self._void + self._dpor.void,
            expected=self._survey.forecast.runs if self._as_forecast else None,
            unforeseen=self._dpor.unforeseen,
            parts=len(self._parts),
        )

    def _anew(self) -> bool:
        self._parts = (tuple(range(self._calls)),)
        self._void, self._as_forecast = self._runs, False
        self._begin()
        return self._dpor.begin(None)

    def _note(self, trail: Trail) -> None:
        """Take in what a run did: whether it is as forecast, and what each call has touched."""
        if self._first is None:
            self._first = trail
        self._runs += not trail.cut
        if self._as_forecast or len(self._parts) > 1:
            seen = steps_of(trail, self._calls, self._footprints)
            self._as_forecast = self._as_forecast and seen == self._survey.profile.steps
            for call, numbers in enumerate(seen):
                for number in numbers:
                    self._ever[call] |= 1 << number

    def _coupled(self) -> bool:
        """Whether calls of two parts were seen to depend on each other after all."""
        return any(
            self._footprints.depend(self._ever[a], self._ever[b])
            for mine, theirs in combinations(self._parts, 2)
            for a in mine
            for b in theirs
        )
