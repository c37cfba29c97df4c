"""The pristine image of an SQLite scratch file in WAL mode, and the way back to it.

Decides how such a database is restored between runs, when no connection reads or writes it: commits append
frames to the log and a header in shared memory says how many count, so the header is set back to what it was.
That is what a rollback does to frames it had written already. Nothing is moved from the log to the file
meanwhile, unless a tool asks for it; then, and where a comparison of the whole, made now and then,
shows a difference, the database is restored by ``backup``. Format: https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import os
import sqlite3
import struct

from fuzzharness.world.due import is_due

_HEADER = struct.Struct("=IIIBBHIIIIIIII")
"""Version, unused, changes, is set up, byte order, page size, frames, pages, sum of frames, salt, own sum."""

_BACKFILLED = slice(96, 100)
_LENGTH = 136


class WalImage:
    """What the database at ``path`` holds now; ``own`` is a connection to it that stays open.

    ``trusted`` is True as long as setting the log back restored everything.
    """

    journal_mode = None

    def __init__(self, path: str, own: sqlite3.Connection) -> None:
        self._own = own
        own.execute("PRAGMA wal_autocheckpoint=0")
        self._copy = sqlite3.Connection(":memory:", check_same_thread=False)
        own.backup(self._copy)
        self._shared = os.open(f"{path}-shm", os.O_RDWR)
        self._restored = 0
        self.trusted = True
        self._begin()

    def _begin(self) -> None:
        """Start a log of one frame, behind which the frames of runs come."""
        self._own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        version = self._own.execute("PRAGMA user_version").fetchone()[0]
        self._own.execute(f"PRAGMA user_version={version}")
        self._schema = self._own.execute("PRAGMA schema_version").fetchone()[0]
        self._known = os.pread(self._shared, _LENGTH, 0)
        self._pages = self._own.serialize()

    def committed(self) -> None:
        """Nothing is to be learned from a commit."""

    def restore(self) -> bool:
        """Bring the database back; True if its schema had changed, so that connections must be closed."""
        found = os.pread(self._shared, _LENGTH, 0)
        if found[:48] == self._known[:48] and found[_BACKFILLED] == self._known[_BACKFILLED]:
            return False
        reshaped: bool = self._own.execute("PRAGMA schema_version").fetchone()[0] != self._schema
        self._restored += 1
        if not self.trusted or not self._same_log(found):
            self._back_up()
            return reshaped
        self._set_back(found)
        if is_due(self._restored) and not self.is_as_it_was():
            self.trusted = False
            self._back_up()
        return reshaped

    def unseen(self) -> bool:
        """Nothing can be told of a run before its restore, which looks by itself."""
        return False

    def is_as_it_was(self) -> bool:
        """Whether the database, just restored, holds what it is to hold."""
        return self._own.serialize() == self._pages

    def _same_log(self, found: bytes) -> bool:
        """Whether frames were appended to the log since, and nothing else was done to it."""
        old, new = _HEADER.unpack_from(self._known), _HEADER.unpack_from(found)
        salt = slice(10, 12)
        return old[salt] == new[salt] and new[6] >= old[6] and found[_BACKFILLED] == self._known[_BACKFILLED]

    def _set_back(self, found: bytes) -> None:
        """Let the header say what it said, as a change of its own."""
        fields = list(_HEADER.unpack_from(self._known))
        fields[2] = (_HEADER.unpack_from(found)[2] + 1) & 0xFFFFFFFF
        fields[12:14] = _sums(_HEADER.pack(*fields)[:40])
        header = _HEADER.pack(*fields)
        self._known = header + header + found[96:]
        os.pwrite(self._shared, header + header, 0)

    def _back_up(self) -> None:
        self._copy.backup(self._own)
        self._begin()

    def close(self) -> None:
        """Let the files go. Only when no connection to them is open: closing drops this process's locks."""
        os.close(self._shared)
        self._copy.close()


def _sums(content: bytes) -> tuple[int, int]:
    """The sum that a header of the log's index carries."""
    first = second = 0
    words = struct.unpack(f"={len(content) // 4}I", content)
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second
