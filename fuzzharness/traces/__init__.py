"""Recordings in: a file becomes a :class:`fuzzharness.Trace`.

Decides what a caller may ask for; the work and its order are in :mod:`fuzzharness.traces.reading`.
Never runs a tool, never imports a vendor's library and never evaluates what it reads.
"""

from __future__ import annotations

import os

from fuzzharness.model import Trace
from fuzzharness.traces.reading import Reading

__all__ = ["load_trace", "read_batches"]


def load_trace(path: str | os.PathLike[str], *, format: str | None = None, lenient: bool = False) -> Trace:
    """Read the recording at ``path``, or all recordings in a directory or that a pattern matches.

    A file is JSON (a list of messages, an object with ``messages``, a request with its response) or
    JSON lines (a message or such an object a line), in UTF-8, possibly packed as ``.gz`` or
    ``.zst``; one JSON value has at most 50 MB, JSON lines may have any size. Of a directory the
    files are read that end in ``.json``, ``.jsonl`` or ``.ndjson``, packed or not, in the order of
    their paths. The batches are the tool calls of one assistant message each, in the order of the
    recording, called ``turn-1``, ``turn-2``, …, or as one of fuzzharness' own recordings calls
    them; one that stands there several times is read once.

    format: the name of the format, as in ``openai-chat``; None to recognise it from the content.
    lenient: leave malformed lines, messages and calls out and count them in ``Trace.skipped``; of
        several files also those that are no recording. A file that cannot be read at all, or of
        which nothing is left, is refused all the same.

    Raises :class:`fuzzharness.TraceError`, which names the file and the line or the JSON path.
    """
    reading = read_batches(path, format=format, lenient=lenient)
    batches = tuple(reading)
    return Trace(batches, reading.format, reading.skipped)


def read_batches(*paths: str | os.PathLike[str], format: str | None = None, lenient: bool = False) -> Reading:
    """The batches that :func:`load_trace` would return, one at a time, whatever the size of the files.

    Several ``paths`` are read as one directory is: a batch that stands in two of them is read once.

    Raises :class:`fuzzharness.TraceError` for ``paths`` and ``format`` at once, for content as soon
    as the batches before it have been taken.
    """
    return Reading([os.fspath(path) for path in paths], format, lenient)
