"""Whereabouts: in which of several recordings a batch stands, and what it is called there.

Decides the name: the one that the batch bears where its file is read alone, since that is how it is run.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from fuzzharness.model import Batch, Trace
from fuzzharness.traces import load_trace, read_batches


class Whereabouts(NamedTuple):
    """A file, and the name of a batch in it."""

    file: str
    batch: str

    def __str__(self) -> str:
        return f"{self.file}::{self.batch}"


class Recordings:
    """Recordings that are read as one, ``trace``, see :func:`fuzzharness.traces.read_batches`.

    Raises :class:`TraceError` when it is made.
    """

    def __init__(
        self, paths: Sequence[str | os.PathLike[str]], format: str | None = None, lenient: bool = False
    ) -> None:
        reading = read_batches(*paths, format=format, lenient=lenient)
        self._alone = partial(load_trace, format=format, lenient=lenient)
        self._files: dict[str | None, str] = {}
        batches = []
        for batch in reading:
            self._files[batch.id] = reading.file
            batches.append(batch)
        self.files = tuple(reading.files)
        self.trace = Trace(tuple(batches), reading.format, reading.skipped)
        self._names: dict[str, dict[str | None, str]] = {}

    def where(self, batch: Batch) -> Whereabouts:
        """Where ``batch``, one of those in ``trace``, stands."""
        file = self._files[batch.id]
        if len(self.files) > 1 and file not in self._names:
            self._names[file] = self._named(file)
        return Whereabouts(file, self._names.get(file, {}).get(batch.id) or batch.id or "a batch")

    def _named(self, file: str) -> dict[str | None, str]:
        """What the batches of ``file`` are called in it, by their ids in the trace."""
        own: dict[object, deque[str]] = {}
        for batch in self._alone(file).batches:
            own.setdefault(_asked(batch), deque()).append(batch.id or "")
        here = [batch for batch in self.trace.batches if self._files[batch.id] == file]
        return {batch.id: own[_asked(batch)].popleft() for batch in here if own.get(_asked(batch))}


def _asked(batch: Batch) -> tuple[tuple[str, ...], str]:
    return batch.labels, batch.fingerprint
