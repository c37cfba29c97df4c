"""The pristine image of an SQLite scratch file with a rollback journal, and the way back to it.

Decides how a file is restored between runs, when no connection reads or writes it: its pages are
written back as they were, with a new change counter, so that connections drop what they remember of
the data but keep what they know of the schema. (A restore by ``backup`` makes every connection read
the schema again: three times the cost of a run of three small calls, benchmarks/test_speed.py.) For
WAL mode see ``wal_image``. Format: https://www.sqlite.org/fileformat2.html, section 1.3.

Which pages are written back is decided in ``journal``: those that commits have changed, or all of them.
"""

from __future__ import annotations

import os
import sqlite3

from fuzzharness.world.due import is_due
from fuzzharness.world.journal import Journal

_WRITES_WAL = slice(18, 19)
_COUNTER = slice(24, 28)
_SCHEMA = slice(40, 44)
_VALID_FOR = slice(92, 96)
_HEADER = 100
SMALL = 1 << 17
"""Of a file of up to so many bytes all pages are written back: that costs less than to learn which."""


class Image:
    """The content of the file at ``path`` as it stands now; ``own`` is a connection to it.

    ``trusted`` is True as long as the journal told all pages that were changed.
    """

    def __init__(self, path: str, own: sqlite3.Connection) -> None:
        self._own = own
        self._descriptor = os.open(path, os.O_RDWR)
        self._pages = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        self._last = self._pages[_COUNTER]
        self._is_small = len(self._pages) <= SMALL
        self._journal = Journal(path, self._descriptor, own)
        self.trusted = True
        self._restored = 0

    @property
    def journal_mode(self) -> str | None:
        """How a new connection keeps its journal: so that it tells what was changed, or else in memory.

        A file made and removed for each commit costs as much as the commit itself (benchmarks/test_speed.py).
        None while the database is in WAL mode.
        """
        if os.pread(self._descriptor, 1, _WRITES_WAL.start) != b"\1":
            return None
        return "MEMORY" if self._is_small else "PERSIST"

    def committed(self) -> None:
        """A connection may just have changed the file."""
        if self.trusted and not self._is_small:
            self._journal.collect()

    def restore(self) -> bool:
        """Bring the file back; True if its schema had changed, so that connections must be closed."""
        header = os.pread(self._descriptor, _HEADER, 0)
        if header[_WRITES_WAL] == b"\2":
            self._leave_wal()
            self._journal.lose()
            header = os.pread(self._descriptor, _HEADER, 0)
        if header[_COUNTER] == self._last:
            return False
        self._restored += 1
        if is_due(self._restored):
            self.unseen()
        newer = max(int.from_bytes(header[_COUNTER], "big"), int.from_bytes(self._last, "big")) + 1
        self._last = (newer & 0xFFFFFFFF).to_bytes(4, "big")
        changed = self._changed()
        self._write_back(changed)
        if not self._is_small:
            if changed is None:
                self._journal.lose()
            self._journal.begin(self._last)
        return header[_SCHEMA] != self._pages[_SCHEMA]

    def _changed(self) -> set[int] | None:
        """The numbers of the pages that may have changed; None for all of them."""
        changed = self._journal.changed() if self.trusted and not self._is_small else None
        return changed if changed and os.fstat(self._descriptor).st_size >= len(self._pages) else None

    def _write_back(self, changed: set[int] | None) -> None:
        pages, size = self._pages, self._journal.page_size
        first = bytearray(pages if changed is None else pages[:size])
        if first:
            first[_COUNTER] = first[_VALID_FOR] = self._last
            os.pwrite(self._descriptor, first, 0)
        for number in changed or ():
            if number > 1:
                os.pwrite(self._descriptor, pages[(number - 1) * size : number * size], (number - 1) * size)
        if os.fstat(self._descriptor).st_size != len(pages):
            os.ftruncate(self._descriptor, len(pages))

    def unseen(self) -> bool:
        """Whether pages have changed now that the journal did not tell; from then on all are written."""
        changed = self._changed()
        if changed is None:
            return False
        size, there = self._journal.page_size, os.pread(self._descriptor, len(self._pages), 0)
        self.trusted = all(
            start // size + 1 in changed or there[start : start + size] == self._pages[start : start + size]
            for start in range(0, len(there), size)
        )
        return not self.trusted

    def _leave_wal(self) -> None:
        """A call has switched to WAL mode, which outlives its connection."""
        for _ in range(2):
            mode = self._own.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        if mode == "wal":
            raise sqlite3.OperationalError("a connection that is in use keeps the database in WAL mode")

    def close(self) -> None:
        """Let the file go. Only when no connection to it is open: closing drops this process's locks."""
        os.close(self._descriptor)
        self._journal.close()
