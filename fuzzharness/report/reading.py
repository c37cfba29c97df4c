"""How far an import is: one live line on a terminal, a line per half minute elsewhere.

Decides when something is said. Writes only to the console it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from fuzzharness.report.progress import ELSEWHERE, TERMINAL
from fuzzharness.report.text import count, printable


class Reading:
    """A listener of an import of ``files``, for the length of a ``with`` block; nothing of it stays."""

    def __init__(
        self, files: Sequence[Path], console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._clock = clock
        self._told = clock()
        self._before = {file: sum(map(_size, files[:n])) for n, file in enumerate(files)}
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("reading", total=sum(map(_size, files)) or None)

    def __call__(self, file: Path, read: int) -> None:
        """``read`` batches so far, the last of them in ``file``; says so only if enough time has passed."""
        terminal = self._console.is_terminal
        if self._clock() - self._told < (TERMINAL if terminal else ELSEWHERE):
            return
        self._told = self._clock()
        line = f"{printable(str(file))}: {count(read, 'batch')} read"
        if terminal:
            self._progress.update(self._task, description=line, completed=self._before.get(file, 0))
        else:
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def __enter__(self) -> Reading:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
