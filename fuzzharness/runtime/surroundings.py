"""State that tools can change and that can be neither watched nor brought back.

Decides nothing of what there is. Watches no single access; it only tells, after runs, which of it is no
longer what it was, so that nobody takes an uncovered batch for a safe one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from fuzzharness.runtime.picture import picture
from fuzzharness.runtime.watchable import is_covered


class Surroundings:
    """The values that ``reads`` tell by name, as they were when this was made.

    ``ignore`` holds patterns of names, ``module.NAME``, that may change.
    """

    def __init__(self, reads: Mapping[str, Callable[[], Any]], ignore: Iterable[str] = ()) -> None:
        patterns = tuple(ignore)
        self._reads = {
            name: read
            for name, read in reads.items()
            if not any(fnmatchcase(name, pattern) for pattern in patterns)
        }
        self._before = {name: picture(read()) for name, read in self._reads.items()}

    def changed(self) -> list[str]:
        """The names whose values are not what they were."""
        return [
            name
            for name, read in self._reads.items()
            if not is_covered(value := read()) and picture(value) != self._before[name]
        ]
