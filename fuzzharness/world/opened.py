"""Opened files that announce what reaches the operating system.

Decides when a file that was opened is read and written. Accesses are announced where the operating
system is reached, so that buffers behave as they really do: opening for writing empties the file in
one step, the text arrives in a later one. Opening for reading and the first read are one step, since
nothing can tell them apart.
"""

from __future__ import annotations

import io
import os
from typing import Any

from fuzzharness.access import Key
from fuzzharness.world import descriptors
from fuzzharness.world.descriptors import DESCRIPTORS
from fuzzharness.world.filewatch import (
    CHECK,
    READ,
    WATCHES,
    WRITE,
    Part,
    Parts,
    announced_to,
    changes,
    entry,
    parts_of,
    really,
    touch,
    unvouched,
    watched_path,
)
from fuzzharness.world.working_directory import held, is_held


class WatchedFile(io.FileIO):
    """A raw file that announces each read and write of the operating system."""

    def close(self) -> None:
        if not self.closed and self.closefd:
            DESCRIPTORS.pop(self.fileno(), None)
        super().close()

    def readinto(self, buffer: Any) -> Any:
        descriptors.announce(self.fileno(), READ)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        descriptors.announce(self.fileno(), READ)
        return super().readall()

    def read(self, size: int | None = -1) -> Any:
        descriptors.announce(self.fileno(), READ)
        return super().read(-1 if size is None else size)

    def write(self, data: Any) -> Any:
        descriptors.announce(self.fileno(), WRITE)
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        descriptors.announce(self.fileno(), WRITE)
        return super().truncate(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence not in (os.SEEK_SET, os.SEEK_CUR):  # the others depend on what is in the file
            descriptors.announce(self.fileno(), CHECK)
        return super().seek(offset, whence)


def open_watched(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """``open`` for watched files, layered as the builtin layers them; the builtin for all others."""
    rest = (buffering, encoding, errors, newline, closefd, opener)
    if not (WATCHES or is_held()) or _unusual(mode):
        return OPEN(file, mode, *rest)
    parts = [] if opener is not None else _parts(file, mode)
    if (announced_to() or held()) is None or not (parts or opener is not None):
        changes(parts)
        return OPEN(file, mode, *rest)
    name = file if isinstance(file, int) else os.fspath(file)
    raw = _open_raw(name, mode, closefd, opener)
    try:
        return _layered(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


OPEN = io.open


def _unusual(mode: Any) -> bool:
    return not isinstance(mode, str) or len(set(mode) & set("rwax")) != 1 or bool(set(mode) - set("rwaxbt+"))


def _parts(file: Any, mode: str) -> list[Part]:
    """What opening touches; an open file is not touched by wrapping it."""
    if isinstance(file, int):
        return descriptors.parts_of_descriptor(file, CHECK)
    return parts_of(file, lambda key: opening(key, "r" not in mode), follow="x" not in mode)


def opening(key: Key, makes: bool) -> Parts:
    """What is touched by opening a file; ``makes``: it may be made, or emptied."""
    return [(entry(key), WRITE if makes else CHECK)]


def _open_raw(file: Any, mode: str, closefd: bool, opener: Any) -> WatchedFile:
    by_path = not isinstance(file, int) and opener is None
    if by_path:
        touch(lambda: _parts(file, mode))
    how = mode.replace("b", "").replace("t", "")
    raw: WatchedFile = really(WatchedFile, file, how, closefd, opener and unvouched(opener))
    if by_path:
        spot = descriptors.where(raw.fileno()) or watched_path(file, None, "x" not in mode)[0]
        descriptors.opened(raw.fileno(), spot, "r" in mode)
    if how != "r":  # a file that may be written to belongs to this run alone
        changes(descriptors.parts_of_descriptor(raw.fileno(), WRITE))
    return raw


def _layered(raw: WatchedFile, mode: str, buffering: int, encoding: Any, errors: Any, newline: Any) -> Any:
    binary = "b" in mode
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    if buffering == 0:
        if not binary:
            raise ValueError("can't have unbuffered text I/O")
        return raw
    line_buffering = buffering == 1 and not binary
    size = io.DEFAULT_BUFFER_SIZE if buffering < 2 else buffering
    kind: Any = io.BufferedReader if "r" in mode else io.BufferedWriter
    buffer = (io.BufferedRandom if "+" in mode else kind)(raw, size)
    if binary:
        return buffer
    text = io.TextIOWrapper(buffer, io.text_encoding(encoding), errors, newline, line_buffering)
    text.mode = mode  # type: ignore[misc]  # what the builtin open does too
    return text
