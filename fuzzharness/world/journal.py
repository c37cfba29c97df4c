"""The rollback journal of an SQLite file as a list of the pages that its last transaction wrote.

Decides what can be read from a journal that a commit has left (``PRAGMA journal_mode=PERSIST``): its header
is zeroed then, its records are not. Format: https://www.sqlite.org/fileformat2.html, section 3. Never writes
one.

A page is recorded before it is written, except for those that nobody could want back: behind the end of the
file, and leaves of the list of free pages, whose content means nothing (``free_pages``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

COUNTER = slice(24, 28)
SIZE = slice(28, 32)
FREE = slice(32, 40)
"""Where the header of a database file keeps its change counter, its size in pages, its free pages."""

_MAGIC = bytes.fromhex("d9d505f920a163d7")
_SECTOR = 512
_CHUNK = 1 << 18
_STRIDE = 200

Read = Callable[[int], bytes]


def page_size(header: bytes) -> int:
    """The size of a page, from the header of a database file."""
    size = int.from_bytes(header[16:18], "big")
    return 65536 if size == 1 else size


@dataclass(frozen=True, slots=True)
class Written:
    """The pages that a transaction wrote, and the change counter that it found."""

    pages: frozenset[int]
    counter: bytes


def last_transaction(path: str, size: int) -> Written | None:
    """What the journal at ``path``, for pages of ``size`` bytes, tells of the last transaction, if any."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return _read(descriptor, size)
    finally:
        os.close(descriptor)


def _read(descriptor: int, size: int) -> Written | None:
    """Records follow each other behind one zeroed header, each with the sum that this transaction drew."""
    record = size + 8
    count = max(1, _CHUNK // record)
    pages: set[int] = set()
    counter = nonce = None
    start = _SECTOR
    while True:
        chunk = os.pread(descriptor, count * record, start)
        for place in range(0, len(chunk) - record + 1, record):
            sums = int.from_bytes(chunk[place + record - 4 : place + record], "big")
            drawn = (sums - _summed(chunk, place + 4, size)) & 0xFFFFFFFF
            nonce = drawn if nonce is None else nonce
            if drawn != nonce:
                return _told(descriptor, start + place, pages, counter)
            page = int.from_bytes(chunk[place : place + 4], "big")
            pages.add(page)
            if page == 1:
                counter = chunk[place + 4 + COUNTER.start : place + 4 + COUNTER.stop]
        if len(chunk) < count * record:
            return _told(descriptor, start + len(chunk) // record * record, pages, counter)
        start += len(chunk)


def _summed(chunk: bytes, start: int, size: int) -> int:
    return sum(chunk[start + (size % _STRIDE or _STRIDE) : start + size : _STRIDE])


def _told(descriptor: int, end: int, pages: set[int], counter: bytes | None) -> Written | None:
    """Nothing where a second header may follow, or page 1, which every transaction writes, is not there."""
    follows = os.pread(descriptor, len(_MAGIC), -(-end // _SECTOR) * _SECTOR)
    return None if counter is None or follows == _MAGIC else Written(frozenset(pages), counter)


def free_pages(header: bytes, read: Read) -> tuple[set[int], set[int]]:
    """The pages that hold the list of free pages, and those it lists; ``read`` reads a page."""
    trunks: set[int] = set()
    leaves: set[int] = set()
    trunk = int.from_bytes(header[FREE][:4], "big")
    while trunk and trunk not in trunks:
        trunks.add(trunk)
        content = read(trunk)
        count = int.from_bytes(content[4:8], "big")
        listed = content[8 : 8 + 4 * count]
        leaves.update(int.from_bytes(listed[n : n + 4], "big") for n in range(0, len(listed), 4))
        trunk = int.from_bytes(content[:4], "big")
    return trunks, leaves
