"""Spool: batches that wait for the second pass, on disk rather than in memory.

Decides how they are kept: as lines of our own format, in a file without a name, which is gone with the
process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from fuzzharness.model import Batch
from fuzzharness.traces import native_lines
from fuzzharness.traces.document import parse
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.native import batches
from fuzzharness.traces.node import Node


class Kept(NamedTuple):
    """A batch, the name of the recording it comes from, and which of them all that is."""

    batch: Batch
    file: str
    recording: int = 0


class Spool:
    """Put batches in, then take them out in that order. ``beside``: a folder whose disk has room for them."""

    def __init__(self, beside: Path) -> None:
        self._file = tempfile.TemporaryFile("w+", dir=beside, encoding="utf-8", newline="\n")  # noqa: SIM115  # closed by __exit__
        self._file.write(native_lines.header())
        self._origins: list[tuple[str | None, str, int]] = []

    def put(self, kept: Kept) -> None:
        """Keep one more."""
        self._file.write(native_lines.whole(kept.batch, f"{len(self._origins)}"))
        self._origins.append((kept.batch.id, kept.file, kept.recording))

    def __iter__(self) -> Iterator[Kept]:
        self._file.seek(0)
        nodes: Iterator[Node] = (parse(line.encode(), "the spool", n) for n, line in enumerate(self._file, 1))
        for batch, (id, file, recording) in zip(batches(nodes, Leniency()), self._origins, strict=True):
            yield Kept(replace(batch, id=id), file, recording)

    def __len__(self) -> int:
        return len(self._origins)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()
