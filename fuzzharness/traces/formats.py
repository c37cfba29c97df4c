"""Formats: the readers there are, and which of them a recording is for.

Decides the format of a recording. Reads no batches: the chosen reader does. A new format is one
module of this folder and one line in :data:`READERS`.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from fuzzharness.errors import TraceError
from fuzzharness.traces import (
    anthropic_messages,
    claude_code,
    gemini,
    langchain_messages,
    langfuse,
    langsmith_runs,
    mcp_jsonrpc,
    native,
    openai_agents,
    openai_chat,
    openai_responses,
    openinference,
    otel_genai,
    vercel_ai,
)
from fuzzharness.traces.conversation import Record
from fuzzharness.traces.inside import conversation_in
from fuzzharness.traces.node import Node, kind
from fuzzharness.traces.place import Place
from fuzzharness.traces.reader import Fit, Reader

PEEKED: Final = 1000

_READ = "What is read is the list of messages itself, or an object with 'messages'"

READERS: tuple[Reader, ...] = (
    openai_chat,
    openai_responses,
    anthropic_messages,
    claude_code,
    gemini,
    langchain_messages,
    vercel_ai,
    openinference,
    otel_genai,
    langsmith_runs,
    langfuse,
    openai_agents,
    mcp_jsonrpc,
    native,
)


def named(name: str, place: Place) -> Reader:
    """The reader called ``name``. Raises :class:`TraceError` about ``place`` if there is none."""
    for reader in READERS:
        if reader.name == name:
            return reader
    near = difflib.get_close_matches(str(name), [reader.name for reader in READERS], 1)
    advice = f"Did you mean {near[0]!r}? " if near else ""
    raise place.error(
        f"there is no format {str(name)[:40]!r} to read it as",
        f"one of {_known()}",
        advice + "Give one of these, or no format to have it recognised from the content.",
    )


def recognise(
    records: Iterator[Record], place: Place, forced: Reader | None = None
) -> tuple[Reader, Iterator[Record]]:
    """The reader of the format of ``records``, ``forced`` or recognised, and the records to give to it.

    The first record that only one format writes decides; without one, the first format that could
    have written all of them. Values that are no objects decide nothing. Until it is decided about
    ``PEEKED`` records are held: those before them, which several formats could have written, hold
    no calls and are left out. Raises :class:`TraceError` with the first record that fits none.
    """
    held: list[Record] = []
    possible = READERS
    for record in records:
        held.append(record)
        if forced:
            return forced, chain(held, records)
        if isinstance(record[1].value, dict):
            fits = [(reader, reader.fit(record[1])) for reader in READERS]
            for reader, fit in fits:
                if fit is Fit.CERTAIN:
                    return reader, chain(held, records)
            possible = tuple(reader for reader, fit in fits if fit is not Fit.NO and reader in possible)
        if len(held) > PEEKED:
            if not possible:
                break
            del held[: PEEKED // 2]
    objects = [record[1] for record in held if isinstance(record[1].value, dict)]
    if not possible or not objects:
        raise _unknown(objects or [node for _, node in held], place)
    return possible[0], iter(held)


def _unknown(records: Sequence[Node], place: Place) -> TraceError:
    strange = [record for record in records if not _fits(record)]
    record = next(iter(strange or records), None)
    seen = "it holds no messages" if record is None else f"found {kind(record.value)}"
    return (record.place if record else place).error(
        seen,
        f"a recording in one of the formats {_known()}",
        f"Export the session in one of these, or name its format with format= if it is one of them. {_READ}"
        f"{'' if record is None else _way_in(record)}.",
    )


def _fits(record: Node) -> bool:
    return any(reader.fit(record) is not Fit.NO for reader in READERS)


def _way_in(record: Node) -> str:
    """The command that takes out of the file what is read of it; an example where that is not known."""
    inside = conversation_in(record, _fits)
    if inside is None:
        return ", as jq -c .data.conversation may take it out of what is around it"
    return f": try what jq -c {shlex.quote(inside)} {shlex.quote(record.place.file)} gives"


def _known() -> str:
    return ", ".join(reader.name for reader in READERS)
