"""Which pages of an SQLite file commits have changed, as told by the rollback journal they leave.

Decides when that is certain. A connection in the journal mode PERSIST only voids the header of the journal
when it commits; behind it the numbers of the pages that it changed can still be read. Format:
https://www.sqlite.org/fileformat2.html, section 3. Whatever is not as expected there (other journal modes,
commits that were not seen) means that any page may have changed; so does a change of the list of free pages,
since what becomes of those is in no journal. Never writes the file.
"""

from __future__ import annotations

import os
import sqlite3

_COUNTER, _SIZE, _FREE = slice(24, 28), slice(28, 32), slice(32, 40)
_HEADER = 40
_VOID = bytes(28)
_MUCH = 1 << 16
_READ = bytes(4)
"""Put in place of the first number, so that a journal is never taken for that of another transaction."""


class Journal:
    """The journal of the file at ``path``, which ``descriptor`` reads, and ``own`` is a connection to."""

    def __init__(self, path: str, descriptor: int, own: sqlite3.Connection) -> None:
        self._file, self._path = descriptor, f"{path}-journal"
        (self.page_size,) = own.execute("PRAGMA page_size").fetchone()
        self._sector = self._sector_size(own)
        self._journal: int | None = None
        header = os.pread(self._file, _HEADER, 0)
        self._free = header[_FREE]
        self._most = os.fstat(self._file).st_size // self.page_size
        self._trunks = self._found_trunks()
        self._pages: set[int] | None = None
        self.begin(header[_COUNTER])

    def begin(self, counter: bytes) -> None:
        """Nothing has changed since now, where the file's change counter is ``counter``."""
        self._counter = self._number(counter)
        if self._pages is None:
            self._told()  # what was not collected is in the journal still
        self._pages = set()

    def changed(self) -> set[int] | None:
        """The numbers of the pages that may have changed; None where any may have."""
        header = os.pread(self._file, _HEADER, 0)
        return self._pages if self._number(header[_COUNTER]) == self._counter else None

    def lose(self) -> None:
        """Anything may have changed."""
        self._pages = None

    def collect(self) -> None:
        """A transaction is over: read what it has changed, if it was not taken back."""
        header = os.pread(self._file, _HEADER, 0)
        counter, before = self._number(header[_COUNTER]), self._counter
        told = self._told()
        if self._pages is None or counter == before:
            return
        self._counter = counter
        most = max(self._number(header[_SIZE]), self._most)
        in_file = bool(told) and min(told) > 0 and max(told) <= most
        used_free = header[_FREE] != self._free or not told.isdisjoint(self._trunks)
        if counter == before + 1 and in_file and 1 in told and not used_free:
            self._pages |= told
        else:
            self._pages = None

    def close(self) -> None:
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def _told(self) -> set[int]:
        """The pages that the journal names; those of a longer one before are still behind them."""
        try:
            if self._journal is None:
                self._journal = os.open(self._path, os.O_RDWR)
            content = os.pread(self._journal, _MUCH, 0)
            if len(content) == _MUCH:
                content += os.pread(self._journal, os.fstat(self._journal).st_size, _MUCH)
                os.ftruncate(self._journal, 0)
            elif content:
                os.pwrite(self._journal, _READ, self._sector)
        except OSError:
            content = b""
        if content[:28] != _VOID:
            self.close()  # it may be another file by now
            return set()
        places = range(self._sector, len(content) - 3, self.page_size + 8)
        return {self._number(content[place : place + 4]) for place in places}

    def _sector_size(self, own: sqlite3.Connection) -> int:
        """How long the header is, as the journal of a transaction says that changes nothing."""
        (version,) = own.execute("PRAGMA user_version").fetchone()
        own.execute("BEGIN IMMEDIATE")
        try:
            own.execute(f"PRAGMA user_version = {version ^ 1}")
            with open(self._path, "rb") as journal:
                return self._number(journal.read(_HEADER)[20:24])
        except OSError:
            return 0
        finally:
            own.execute("ROLLBACK")

    def _found_trunks(self) -> set[int]:
        """The pages that list the free ones."""
        found: set[int] = set()
        number = self._number(self._free[:4])
        while number and number not in found:
            found.add(number)
            number = self._number(os.pread(self._file, 4, (number - 1) * self.page_size))
        return found

    @staticmethod
    def _number(content: bytes) -> int:
        return int.from_bytes(content, "big")
