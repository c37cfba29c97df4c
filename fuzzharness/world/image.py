"""The pristine image of an SQLite scratch file, and the way back to it.

Decides how a file is restored between runs, when no connection reads or writes it: its pages are
written back as they were, with a new change counter, so that connections drop what they remember of
the data but keep what they know of the schema. (A restore by ``backup`` makes every connection read
the schema again: three times the cost of a run of three small calls, benchmarks/test_speed.py.) In
WAL mode it is done by ``backup``. Format: https://www.sqlite.org/fileformat2.html, section 1.3.
"""

from __future__ import annotations

import os
import sqlite3

_WRITES_WAL = slice(18, 19)
_COUNTER = slice(24, 28)
_SCHEMA = slice(40, 44)
_VALID_FOR = slice(92, 96)
_HEADER = 100


class Image:
    """The content of the file at ``path`` as it stands now; ``own`` is a connection to it."""

    def __init__(self, path: str, own: sqlite3.Connection) -> None:
        self._own = own
        self._wal = own.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        self._descriptor = os.open(path, os.O_RDWR)
        if self._wal:
            self._copy = sqlite3.Connection(":memory:", check_same_thread=False)
            own.backup(self._copy)
        self._pages = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        self._last = self._pages[_COUNTER]

    def restore(self) -> bool:
        """Bring the file back; True if its schema had changed, so that connections must be closed."""
        if self._wal:
            self._copy.backup(self._own)
            return False
        header = os.pread(self._descriptor, _HEADER, 0)
        if header[_WRITES_WAL] == b"\2":
            self._leave_wal()
            header = os.pread(self._descriptor, _HEADER, 0)
        if header[_COUNTER] == self._last:
            return False
        newer = max(int.from_bytes(header[_COUNTER], "big"), int.from_bytes(self._last, "big")) + 1
        self._last = (newer & 0xFFFFFFFF).to_bytes(4, "big")
        pages = bytearray(self._pages)
        if pages:
            pages[_COUNTER] = pages[_VALID_FOR] = self._last
        os.pwrite(self._descriptor, pages, 0)
        os.ftruncate(self._descriptor, len(pages))
        return header[_SCHEMA] != self._pages[_SCHEMA]

    def _leave_wal(self) -> None:
        """A call has switched to WAL mode, which outlives its connection."""
        for _ in range(2):
            mode = self._own.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        if mode == "wal":
            raise sqlite3.OperationalError("a connection that is in use keeps the database in WAL mode")

    def close(self) -> None:
        """Let the file go. Only when no connection to it is open: closing drops this process's locks."""
        os.close(self._descriptor)
        if self._wal:
            self._copy.close()
