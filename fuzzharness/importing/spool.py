"""Spool: batches that wait for the second pass, on disk rather than in memory.

Decides how they are kept: their calls as the text that is written in the end, in a file without a name, which
is gone with the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from fuzzharness.errors import RecordingError
from fuzzharness.model import Batch
from fuzzharness.privacy.sieve import Sight
from fuzzharness.traces import native_lines
from fuzzharness.traces.document import parse
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.native import batches

_BUFFER: Final = 1 << 20
"""Bytes that are written and read at once."""

_HEADER: Final = parse(native_lines.header().encode(), "the spool")


class Kept(NamedTuple):
    """A batch as the text of its ``calls``, with its id, its file and its ``behind``.

    ``sight`` is what was seen in it, ``tools`` are those of its calls, ``invalid`` counts the calls whose
    arguments are not JSON.
    """

    calls: bytes
    id: str | None
    file: str
    behind: int
    sight: Sight
    tools: tuple[str, ...]
    invalid: int

    def batch(self) -> Batch:
        """The batch itself."""
        line = parse(native_lines.around(self.calls, "0"), "the spool")
        (batch,) = batches([_HEADER, line], Leniency())
        return Batch(batch.calls, self.id)


class Spool:
    """Put batches in, then take them out in that order.

    beside: a folder whose disk has room for them; None for where temporary files are.
    """

    def __init__(self, beside: Path | None) -> None:
        try:
            self._file = tempfile.TemporaryFile(buffering=_BUFFER, dir=beside)  # noqa: SIM115  # closed by __exit__
        except OSError as error:
            raise RecordingError(
                f"no file can be written in {beside} ({error.strerror}). Expected room there for what waits "
                "to be written. Give another place with -o."
            ) from None
        self._about: list[tuple[str | None, str, int, Sight, tuple[str, ...], int]] = []

    def put(self, kept: Kept) -> None:
        """Keep one more."""
        self._file.write(kept.calls + b"\n")
        self._about.append(kept[1:])

    def __iter__(self) -> Iterator[Kept]:
        self._file.seek(0)
        for line, about in zip(self._file, self._about, strict=True):
            yield Kept(line[:-1], *about)

    def leading_to(self, number: int) -> int:
        """The number of the batch that the one at ``number``, from 0, goes on from; -1 where it begins."""
        behind = self._about[number][2]
        return number - behind if behind else -1

    def __len__(self) -> int:
        return len(self._about)

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()
