"""Stream: the bytes of a file, unpacked, line by line.

Decides what a file is packed with, by its first bytes, and how much of it is held at once: a line,
never the file. Knows neither JSON nor any recording format.

``.zst`` takes CPython 3.14's own module or the package zstandard, which is an extra of ours and no
dependency: it is a compiled library of several megabytes, and few recordings are packed with it.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, Final, cast

from fuzzharness.errors import TraceError
from fuzzharness.traces.place import Place

SIZE_LIMIT: Final = 50_000_000

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_STEP = 1 << 20
_FEED = 1 << 10  # as zstd may unpack to 32 MB, no more
_WHAT = "a recording as JSON or JSON lines"


Line = tuple[int, bytes]
"""The number of a line, from 1, and its bytes with their end; more than ``SIZE_LIMIT`` are its beginning."""


@dataclass(slots=True)
class Stream:
    """A file that is open for reading; ``size`` is that of the file as it lies there, packed or not."""

    file: str
    size: int
    _packed: BinaryIO
    _plain: BinaryIO

    @property
    def consumed(self) -> int:
        """How many of the ``size`` bytes have been read."""
        if self._packed.closed or not self.size:  # a pipe has no size, and tells no position
            return self.size
        return min(self._packed.tell(), self.size)

    def lines(self) -> Iterator[Line]:
        """The lines, with their ends. Raises :class:`TraceError` where the packing is damaged.

        Of a line longer than ``SIZE_LIMIT`` only that much is held, the rest is passed over.
        """
        number, readline = 0, self._plain.readline
        try:
            while data := readline(SIZE_LIMIT + 1):
                number += 1
                yield number, data
                while len(data) > SIZE_LIMIT and not _ends(readline(_STEP)):
                    pass
        except _damages() as error:
            raise _damaged(error, Place(self.file, number + 1)) from None

    def close(self) -> None:
        """Close the file."""
        self._plain.close()
        self._packed.close()


def opened(file: str) -> Stream:
    """The file ``file``, open. Raises :class:`TraceError` where it cannot be read."""
    place = Place(file)
    try:
        packed = open(file, "rb")  # noqa: SIM115  closed by Stream.close
    except (OSError, ValueError) as error:
        raise _unreadable(error, place) from None
    try:
        return Stream(file, os.fstat(packed.fileno()).st_size, packed, _plain(packed, place))
    except OSError as error:
        packed.close()
        raise _unreadable(error, place) from None
    except TraceError:
        packed.close()
        raise


def _plain(packed: io.BufferedReader, place: Place) -> BinaryIO:
    magic = packed.peek(4)
    if magic.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=packed))
    if magic.startswith(_ZSTD):
        return io.BufferedReader(_zstd_reader(packed, place), _STEP)
    return packed


def _zstd_reader(packed: BinaryIO, place: Place) -> Any:
    try:
        return import_module("compression.zstd").ZstdFile(packed)
    except ImportError:
        pass
    try:
        zstandard = import_module("zstandard")
    except ImportError:
        raise place.error(
            "the file is packed with zstd, and nothing here can unpack it",
            "CPython 3.14 or the package zstandard",
            'Install it: pip install "fuzzharness[zstd]"; or unpack the file: zstd -d.',
        ) from None
    return _Frames(packed, zstandard.ZstdDecompressor())


class _Frames(io.RawIOBase):
    """The bytes in frames of zstd. zstandard's own reader takes a frame that breaks off for its end."""

    def __init__(self, packed: BinaryIO, decompressor: Any) -> None:
        self._packed = packed
        self._begin = decompressor.decompressobj
        self._frame: Any = None
        self._unread = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unread:
            data = self._packed.read(_FEED)
            if not data and self._frame is not None:
                raise EOFError("the last frame is not whole")
            if not data:
                return 0
            self._unread = self._unpacked(data)
        taken = min(len(buffer), len(self._unread))
        buffer[:taken] = self._unread[:taken]
        self._unread = self._unread[taken:]
        return taken

    def _unpacked(self, data: bytes) -> bytes:
        parts = []
        while data:
            self._frame = self._frame or self._begin()
            parts.append(self._frame.decompress(data))
            data = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        return b"".join(parts)


def _damages() -> tuple[type[Exception], ...]:
    loaded = (sys.modules.get(name) for name in ("compression.zstd", "zstandard"))
    return (OSError, EOFError, zlib.error, *(module.ZstdError for module in loaded if module))


def _ends(data: bytes) -> bool:
    return not data or data.endswith(b"\n")


def _unreadable(error: OSError | ValueError, place: Place) -> TraceError:
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, FileNotFoundError):
        return place.error("there is no such file", _WHAT, "Check the path.")
    seen = f"the file cannot be read ({reason})"
    return place.error(seen, _WHAT, "Check the path and its permissions.")


def _damaged(error: Exception, place: Place) -> TraceError:
    return place.error(
        f"the file breaks off or is damaged here ({error})",
        "a file that can be read and unpacked to its end",
        "Copy or record it again; lenient=True reads what comes before.",
    )
