"""Random bytes of the calls: the same in every run, for each call its own.

Decides what ``os.urandom``, and with it ``uuid.uuid4`` and ``secrets``, give to a call: bytes that follow
from its place in the batch and from how many it has drawn. Names made of them are then the same in every
run, so that what a step touches can be told from what a sibling changed. Outside of calls they stay as
they are.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fuzzharness.runtime.strand import current

_REAL = os.urandom


def _urandom(size: int, /) -> bytes:
    strand = current()
    if strand is None:
        return _REAL(size)
    strand.draws += 1
    drawn, block = b"", 0
    while len(drawn) < size:
        drawn += hashlib.sha256(f"{strand.place}/{strand.draws}/{block}".encode()).digest()
        block += 1
    return drawn[:size]


@contextmanager
def same_bytes() -> Iterator[None]:
    """Within it, calls under control draw the same random bytes in every run."""
    module: Any = random
    found = os.urandom, module._urandom
    os.urandom = module._urandom = _urandom
    try:
        yield
    finally:
        os.urandom, module._urandom = found
