"""Crew: the threads and event loops of an exploration, kept from run to run.

Decides which of them are free. Knows nothing of what runs on them.
"""

from __future__ import annotations

from fuzzharness.runtime.asyncio_loop import AsyncioLoop
from fuzzharness.runtime.loops import Loop
from fuzzharness.runtime.workers import Worker


class Crew:
    """Threads that are handed out once a run, and one event loop of each kind."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []
        self._loops: dict[str, Loop] = {}
        self._taken = 0

    def muster(self) -> None:
        """A run begins: every thread is free."""
        self._taken = 0

    def worker(self) -> Worker:
        """A thread that no strand of this run has."""
        if self._taken == len(self._workers):
            self._workers.append(Worker())
        self._taken += 1
        return self._workers[self._taken - 1]

    def loop(self, name: str) -> Loop:
        """The event loop called ``name``."""
        if name not in self._loops:
            self._loops[name] = _make(name)
        return self._loops[name]

    def dismiss(self) -> None:
        """Let all of them end, those that are idle before this returns."""
        for worker in self._workers:
            worker.stop()
        for loop in self._loops.values():
            loop.stop()
        self._workers, self._loops, self._taken = [], {}, 0


def _make(name: str) -> Loop:
    if name == "trio":
        from fuzzharness.runtime.trio_loop import TrioLoop

        return TrioLoop()
    return AsyncioLoop()
