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

from fuzzharness.access import Key, Kind
from fuzzharness.world.paths import CHECK, DESCRIPTORS, READ, WATCHES, WRITE, FileWatch, Found, entry, find


class WatchedFile(io.FileIO):
    """A raw file that announces each read and write of the operating system."""

    _watch: FileWatch | None = None
    _key: Key = ()
    _opened: object = None

    def watch(self, watch: FileWatch, key: Key, opened: object) -> None:
        """Announce to ``watch`` from now on; ``opened`` marks the step it was opened in for reading."""
        self._watch, self._key, self._opened = watch, key, opened
        DESCRIPTORS[self.fileno()] = (watch, key, opened)

    def close(self) -> None:
        if not self.closed:
            DESCRIPTORS.pop(self.fileno(), None)
        super().close()

    def _announce(self, kind: Kind) -> None:
        watch = self._watch
        if watch is None:
            return
        if kind is READ and self._opened is not None and self._opened == watch.gate.mark():
            watch.note(self._key, READ)
        else:
            watch.announce([(self._key, kind)])
        self._opened = None

    def readinto(self, buffer: Any) -> Any:
        self._announce(READ)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._announce(READ)
        return super().readall()

    def read(self, size: int | None = -1) -> Any:
        self._announce(READ)
        return super().read(-1 if size is None else size)

    def write(self, data: Any) -> Any:
        self._announce(WRITE)
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self._announce(WRITE)
        return super().truncate(size)


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
    watched = any(watch.gate.inside for watch in WATCHES) and not _unusual(mode)
    found = find(file) if watched and opener is None else None
    if not watched or (found is None and opener is None):
        return OPEN(file, mode, buffering, encoding, errors, newline, closefd, opener)
    name = file if isinstance(file, int) else os.fspath(file)
    raw = _open_raw(name, mode, closefd, opener, found)
    try:
        return _layered(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


OPEN = io.open


def _unusual(mode: Any) -> bool:
    return not isinstance(mode, str) or len(set(mode) & set("rwax")) != 1 or bool(set(mode) - set("rwaxbt+"))


def _open_raw(file: Any, mode: str, closefd: bool, opener: Any, found: Found | None) -> WatchedFile:
    reading = "r" in mode
    if found is not None and not isinstance(file, int):
        found[0].announce([(entry(found[1]), CHECK if reading else WRITE)])
    raw = WatchedFile(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    known = DESCRIPTORS.get(raw.fileno())
    if known is not None:  # opened by os.open, by the opener or before
        raw.watch(*known)
    elif found is not None:
        raw.watch(*found, found[0].gate.mark() if reading else None)
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
