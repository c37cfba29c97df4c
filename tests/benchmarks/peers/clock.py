"""Wall time by section: what a section spends inside another counts for that other alone.

Decides no figure. Sections may be entered from any thread, since only one call runs at a time.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

Path = tuple[str, ...]


class Clock:
    """``seconds`` and ``times`` by path, the names of the sections that were open, outermost first."""

    def __init__(self) -> None:
        self.seconds: Counter[Path] = Counter()
        self.times: Counter[Path] = Counter()
        self._open: Path = ()
        self._since = time.perf_counter()

    def of(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """``work`` as a section of that name."""

        @functools.wraps(work)
        def section(*args: Any, **options: Any) -> Any:
            outer = self._open
            self._enter((*outer, name))
            self.times[self._open] += 1
            try:
                return work(*args, **options)
            finally:
                self._enter(outer)

        return section

    def within(self, *path: str) -> float:
        """The seconds of a section and of all that it contains."""
        return sum(spent for at, spent in self.seconds.items() if at[: len(path)] == path)

    def _enter(self, path: Path) -> None:
        now = time.perf_counter()
        self.seconds[self._open] += now - self._since
        self._open, self._since = path, now
