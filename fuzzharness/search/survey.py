"""Survey: what is known of a batch before its interleavings are searched.

Decides nothing: it holds together what the serial runs tell a strategy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fuzzharness.runtime.trail import Trail
from fuzzharness.search.count import Forecast, forecast
from fuzzharness.search.habits import Habits
from fuzzharness.search.profile import Profile


@dataclass(frozen=True)
class Survey:
    """The steps of each call, the classes they will have, and what steps touch beyond what they announce."""

    profile: Profile
    forecast: Forecast
    habits: Habits

    @classmethod
    def of(cls, trails: Sequence[Trail], calls: int) -> Survey:
        """What the serial runs ``trails`` of ``calls`` calls show; the first is in recorded order."""
        profile, habits = Profile.of(trails, calls), Habits()
        for trail in trails:
            habits.note(trail)
        return cls(profile, forecast(profile), habits)
