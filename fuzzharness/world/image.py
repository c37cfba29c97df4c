"""The pristine image of an SQLite scratch file with a rollback journal, and the way back to it.

Decides how a file is restored between runs, when no connection reads or writes it: the pages that were
written since are written back as they were, with a new change counter, so that connections drop what they
remember of the data but keep what they know of the schema. (A restore by ``backup`` makes every connection
read the schema again: three times the cost of a run of three small calls, benchmarks/test_decisions.py.)
Which pages these are is read from the journal after every commit; where it does not tell, all are written
back. Now and then the whole file is compared: had a page been missed, all would be written back for good.
Format: https://www.sqlite.org/fileformat2.html, section 1.3.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable

from fuzzharness.world.journal import COUNTER, FREE, SIZE, free_pages, last_transaction, page_size
from fuzzharness.world.sqlite_content import is_due

_WRITES_WAL = slice(18, 19)
_SCHEMA = slice(40, 44)
_VALID_FOR = slice(92, 96)
_HEADER = 100
_SMALL = 1 << 17


class Image:
    """The content of the file at ``path`` as it stands now; ``own`` is a connection to it.

    ``doubt`` is called when earlier runs turn out not to have begun with this content. Of a file of up to
    ``small`` bytes all is written back at once, which costs less than to learn what was written.
    """

    def __init__(
        self, path: str, own: sqlite3.Connection, doubt: Callable[[], None], small: int = _SMALL
    ) -> None:
        self._own, self._doubt = own, doubt
        self._journal = f"{path}-journal"
        self._descriptor = os.open(path, os.O_RDWR)
        self._pages = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        self._size = page_size(self._pages) if self._pages else 0
        self._count = len(self._pages) // self._size if self._size else 0
        self._last = self._seen = self._pages[COUNTER]
        self._trunks, self._leaves = free_pages(self._pages, self._page) if self._size else (set(), set())
        self._written: set[int] | None = set()
        self._restored = 0
        self._is_trusted = len(self._pages) > small

    def _page(self, number: int) -> bytes:
        return os.pread(self._descriptor, self._size, (number - 1) * self._size)

    def keeps_journal(self) -> bool:
        """Whether connections are to leave their journal where it can be read, rather than delete it."""
        return self._is_trusted and os.pread(self._descriptor, _HEADER, 0)[_WRITES_WAL] != b"\2"

    # -- what was written ------------------------------------------------------------------------

    def committed(self) -> None:
        """A transaction that may have written has just ended: learn which pages."""
        if self._written is None or not self._is_trusted:
            return
        header = os.pread(self._descriptor, _HEADER, 0)
        if header[COUNTER] == self._seen:
            return
        found = last_transaction(self._journal, self._size)
        if found is None or found.counter != self._seen or _after(self._seen) != header[COUNTER]:
            self._written = None
            return
        self._seen = header[COUNTER]
        self._written |= found.pages
        self._written.update(range(int.from_bytes(header[SIZE], "big") + 1, self._count + 1))
        if header[FREE] != self._pages[FREE] or not self._trunks.isdisjoint(self._written):
            trunks, leaves = free_pages(header, self._page)  # the next transaction may write these unrecorded
            self._written |= (trunks | leaves) - self._leaves

    def written(self) -> set[int] | None:
        """The pages written since the last restore; None if it may be any."""
        return self._written if self._is_trusted else None

    # -- the way back ----------------------------------------------------------------------------

    def restore(self) -> bool:
        """Bring the file back; True if its schema had changed, so that connections must be closed."""
        header = os.pread(self._descriptor, _HEADER, 0)
        if header[_WRITES_WAL] == b"\2":
            self._written = None
            self._leave_wal()
            header = os.pread(self._descriptor, _HEADER, 0)
        if header[COUNTER] == self._last:
            return False
        self._restored += 1
        whole = self._written is None or header[COUNTER] != self._seen or not self._is_trusted
        self._last = self._seen = _after(max(header[COUNTER], self._last))
        if whole:
            self._write_all()
        else:
            self._write_some(self._written or set())
            if is_due(self._restored) and not self.is_as_it_was():
                self._is_trusted = False
                self._doubt()
                self._write_all()
        self._written = set()
        return header[_SCHEMA] != self._pages[_SCHEMA]

    def _first(self) -> bytes:
        """The first page, with the new change counter."""
        first = bytearray(self._pages[: self._size])
        if first:
            first[COUNTER] = first[_VALID_FOR] = self._last
        return bytes(first)

    def _write_all(self) -> None:
        os.pwrite(self._descriptor, self._first() + self._pages[self._size :], 0)
        os.ftruncate(self._descriptor, len(self._pages))

    def _write_some(self, numbers: set[int]) -> None:
        size = self._size
        os.pwrite(self._descriptor, self._first(), 0)
        for number in numbers:
            if 1 < number <= self._count:
                start = (number - 1) * size
                os.pwrite(self._descriptor, self._pages[start : start + size], start)
        if os.fstat(self._descriptor).st_size != len(self._pages):
            os.ftruncate(self._descriptor, len(self._pages))

    def is_as_it_was(self) -> bool:
        """Whether the file holds what it is to hold; what stands in free pages means nothing."""
        found = os.pread(self._descriptor, len(self._pages) + 1, 0)
        wanted = self._first() + self._pages[self._size :]
        if found == wanted or not self._leaves:
            return found == wanted
        size = self._size
        return len(found) == len(wanted) and all(
            found[start : start + size] == wanted[start : start + size]
            for number, start in enumerate(range(0, len(wanted), size), 1)
            if number not in self._leaves
        )

    def _leave_wal(self) -> None:
        """A call has switched to WAL mode, which outlives its connection."""
        for _ in range(2):
            mode = self._own.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        if mode == "wal":
            raise sqlite3.OperationalError("a connection that is in use keeps the database in WAL mode")

    def close(self) -> None:
        """Let the file go. Only when no connection to it is open: closing drops this process's locks."""
        os.close(self._descriptor)


def _after(counter: bytes) -> bytes:
    return ((int.from_bytes(counter, "big") + 1) & 0xFFFFFFFF).to_bytes(4, "big")
