"""Formats: the readers there are, and which of them a recording is for.

Decides the format of a recording. Reads no batches: the chosen reader does. A new format is one
module of this folder and one line in :data:`READERS`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from fuzzharness.errors import TraceError
from fuzzharness.traces import (
    anthropic_messages,
    langfuse,
    langsmith_runs,
    mcp_jsonrpc,
    openai_agents,
    openai_chat,
    openinference,
    otel_genai,
)
from fuzzharness.traces.node import Node, kind
from fuzzharness.traces.place import Place
from fuzzharness.traces.reader import Fit, Reader

READERS: tuple[Reader, ...] = (
    openai_chat,
    anthropic_messages,
    openinference,
    otel_genai,
    langsmith_runs,
    langfuse,
    openai_agents,
    mcp_jsonrpc,
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


def recognise(records: Sequence[Node], place: Place) -> Reader:
    """The reader of the format that ``records`` are in.

    The first record that only one format writes decides; without one, the first format that could
    have written all of them. Values that are no objects decide nothing. Raises :class:`TraceError`
    with the first record that fits none of the formats.
    """
    objects = [record for record in records if isinstance(record.value, dict)]
    reader = _certain(objects) or _possible(objects)
    if reader is None:
        raise _unknown(objects or records, place)
    return reader


def _certain(records: Sequence[Node]) -> Reader | None:
    fits = ((record, reader) for record in records for reader in READERS)
    return next((reader for record, reader in fits if reader.fit(record) is Fit.CERTAIN), None)


def _possible(records: Sequence[Node]) -> Reader | None:
    if not records:
        return None
    return next((reader for reader in READERS if _could_be(reader, records)), None)


def _could_be(reader: Reader, records: Sequence[Node]) -> bool:
    return all(reader.fit(record) is not Fit.NO for record in records)


def _unknown(records: Sequence[Node], place: Place) -> TraceError:
    strange = [record for record in records if not any(_could_be(reader, [record]) for reader in READERS)]
    record = next(iter(strange or records), None)
    seen = "it holds no messages" if record is None else f"found {kind(record.value)}"
    return (record.place if record else place).error(
        seen,
        f"a recording in one of the formats {_known()}",
        "Export the session in one of these, or name its format with format= if it is one of them.",
    )


def _known() -> str:
    return ", ".join(reader.name for reader in READERS)
