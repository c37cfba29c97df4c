"""How far a search is, while it goes on: one live line on a terminal, a line per half minute elsewhere.

Decides when something is said, not what the search does. Writes only to the console it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fuzzharness.events import Event, Progressed, SerialProgressed
from fuzzharness.report.text import count, printable

TERMINAL, ELSEWHERE = 0.2, 30.0
"""Seconds between two signs of life."""


class Progress:
    """A listener that tells of one exploration after the other."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._pause = TERMINAL if console.is_terminal else ELSEWHERE
        self._told = clock()
        self._source = ""
        self._live: Live | None = None

    @contextmanager
    def over(self, source: str) -> Iterator[None]:
        """Tell of ``source`` until the ``with`` block ends; then nothing of it stays on a terminal."""
        self._source = source
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        try:
            yield
        finally:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def __call__(self, event: Event) -> None:
        """Take notice of ``event``; says something only if enough time has passed."""
        if not isinstance(event, Progressed | SerialProgressed):
            return
        if self._clock() - self._told < self._pause:
            return
        self._told = self._clock()
        line = Text(f"{printable(self._source)}: {_done(event)}")
        if self._live is None:
            self._console.print(line, soft_wrap=True)
        else:
            self._live.update(line, refresh=True)


def _done(event: Progressed | SerialProgressed) -> str:
    if isinstance(event, SerialProgressed):
        orders = count(event.limit, "serial order")
        return f"{event.orders:,} of at most {orders} of {count(event.calls, 'call')}"
    runs = f"{event.executions:,} of at most {count(event.limit, 'run')}"
    return f"{runs}, {count(event.endings, 'ending')}"
