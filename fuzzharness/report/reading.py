"""How far an import is: one live line on a terminal, a line per half minute elsewhere.

Decides when something is said. Writes only to the console it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from fuzzharness.importing import Progress as Read
from fuzzharness.report.progress import ELSEWHERE, TERMINAL
from fuzzharness.report.text import count, printable


class Reading:
    """A listener of an import, for the length of a ``with`` block; on a terminal nothing of it stays."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._told = clock()
        text = TextColumn("{task.description}", markup=False)
        columns = (text, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        live = console.is_terminal
        self._progress = Progress(*columns, console=console, transient=True, disable=not live)
        self._task = self._progress.add_task("reading")

    def __call__(self, read: Read) -> None:
        """Take notice of a batch that was read; says something only if enough time has passed."""
        terminal = self._console.is_terminal
        if self._clock() - self._told < (TERMINAL if terminal else ELSEWHERE):
            return
        self._told = self._clock()
        line = f"{printable(str(read.path))}: {count(read.batches, 'batch')} read"
        if terminal:
            self._progress.update(self._task, description=line, completed=read.consumed, total=read.size)
        else:
            percent = f", {read.consumed / read.size:.0%}" if read.size else ""
            self._console.print(line + percent, soft_wrap=True, markup=False, highlight=False)

    def __enter__(self) -> Reading:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
