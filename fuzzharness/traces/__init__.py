"""Recordings in: a file becomes a :class:`fuzzharness.Trace`.

Decides the order of the work: source (bytes to JSON documents that know their place), conversation
(documents to records), formats (which reader), reader (records to batches). Never runs a tool,
never imports a vendor's library and never evaluates what it reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, count

from fuzzharness.model import Batch, Trace
from fuzzharness.traces.conversation import conversations
from fuzzharness.traces.formats import named, recognise
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.place import Place
from fuzzharness.traces.source import documents

__all__ = ["load_trace"]


def load_trace(path: str | os.PathLike[str], *, format: str | None = None, lenient: bool = False) -> Trace:
    """Read the recorded session at ``path``.

    The file is JSON (a list of messages, or an object with ``messages``) or JSON lines (a message
    or such an object a line), in UTF-8, of at most 50 MB. Its batches are the tool calls of one
    assistant message each, in the order of the recording; they are called ``turn-1``, ``turn-2``, …,
    or as one of fuzzharness' own recordings calls them.

    format: the name of the format, as ``openai-chat``, ``anthropic-messages`` or ``fuzzharness``; None to
        recognise it from the content.
    lenient: leave malformed lines, messages and calls out and count them in ``Trace.skipped``. A
        file that cannot be read at all, or of which nothing is left, is refused all the same.

    Raises :class:`fuzzharness.TraceError`, which names the file and the line or the JSON path.
    """
    place = Place(os.fspath(path))
    forced = None if format is None else named(format, place)
    leniency = Leniency(lenient)
    talks = list(conversations(documents(path, leniency), leniency))
    records = [record for talk in talks for record in talk]
    reader = forced if forced and records else recognise(records, place)
    found = (batch for talk in talks for batch in reader.batches(talk, leniency))
    return Trace(_numbered(found), reader.name, leniency.skipped)


def _numbered(batches: Iterable[Batch]) -> tuple[Batch, ...]:
    """``batches``, each under its own id if no other before it has that, else ``turn-N``."""
    taken: set[str] = set()
    return tuple(replace(batch, id=_free(batch.id, n, taken)) for n, batch in enumerate(batches, 1))


def _free(id: str | None, number: int, taken: set[str]) -> str:
    names = chain([id] if id else [], (f"turn-{n}" for n in count(number)))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name
