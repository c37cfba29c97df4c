"""Output: a file that is there whole or not at all.

Decides where it grows (beside its place, under another name) and what is left of it when something goes
wrong: nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fuzzharness.errors import RecordingError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose bytes take the place of the file at ``path`` when the block ends without an exception.

    Raises :class:`RecordingError` where it cannot be written.
    """
    growing = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(growing, "xb") as stream:
            yield stream
        os.replace(growing, path)
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be written: {error.strerror}. Expected a place for a file. Give another."
        ) from None
    finally:
        with suppress(OSError):
            growing.unlink(missing_ok=True)
