"""Output: a file that is there whole or not at all.

Decides where it grows (beside its place, under another name), who may read it (whoever could before, else its
owner alone), that it is packed where its name says so, and what is left of it when something goes wrong:
nothing. What is no file, as a pipe or the standard output, is written to as it is.
"""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

from fuzzharness.errors import RecordingError

STANDARD: Final = Path("/dev/stdout")
"""The standard output of this process, also where the system has no such name for it."""

_OWNER: Final = 0o600


def is_file(path: Path) -> bool:
    """Whether there is a file at ``path``, or nothing; a link counts as what it leads to."""
    if path == STANDARD:
        return False
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose bytes take the place of the file at ``path`` when the block ends without an exception.

    Raises :class:`RecordingError` where it cannot be written.
    """
    try:
        with _opened(path) as stream:
            if path.suffix.lower() != ".gz":
                yield stream
                return
            with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
                yield cast(BinaryIO, packed)
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be written: {error.strerror}. Expected a place for a file. Give another."
        ) from None


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    if is_file(path):
        return _replacing(Path(os.path.realpath(path)))
    return open(os.dup(1) if path == STANDARD else path, "wb")


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    growing = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(growing, "xb", opener=lambda file, flags: os.open(file, flags, _OWNER)) as stream:
            yield stream
        if path.exists():
            growing.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(growing, path)
    finally:
        with suppress(OSError):
            growing.unlink(missing_ok=True)
