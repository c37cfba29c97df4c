"""Holdings: what an object of a library holds of the application's state.

Decides of which libraries' objects the content can be told, so that a change is noticed though no access is
seen: buffers, namespaces, mappings and lists made in Python, text and bytes in memory, counters and
seeded generators. Never changes one, and looks into nothing else: an engine or a client is not data,
and queues are controlled elsewhere (``queues``).
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import random
import types
from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet
from typing import Any, Final

_COMPARED: Final = 1 << 26
"""Of a buffer with more bytes inside the size alone is compared."""

_ELSEWHERE: Final = (type(os.environ),)
"""What looks like a mapping and is watched in a way of its own."""

_HELD: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (types.SimpleNamespace, lambda value: dict(vars(value))),
    ((io.StringIO, io.BytesIO), lambda value: (value.getvalue(), value.tell())),
    (itertools.count, repr),
    (random.Random, lambda value: value.getstate()),
    (MutableMapping, lambda value: dict(value.items())),
    (MutableSequence, list),
    (MutableSet, set),
)


def holds(value: Any) -> bool:
    """Whether ``value`` is such an object. Looks at none of its content."""
    return _reader(value) is not None


def holding(value: Any) -> Any:
    """What ``value`` holds, in containers of its own; None where it is no such object, or does not tell."""
    read = _reader(value)
    try:
        return None if read is None else read(value)
    except Exception:  # whatever a library says: closed, released, changed by a thread meanwhile
        return None


def _reader(value: Any) -> Callable[[Any], Any] | None:
    if isinstance(value, (str, bytes, type, *_ELSEWHERE)):
        return None
    found = next((read for kind, read in _HELD if isinstance(value, kind)), None)
    return _buffer if found is None and _is_buffer(value) else found


def _is_buffer(value: Any) -> bool:
    try:
        with memoryview(value) as view:
            return not view.readonly
    except Exception:  # no buffer, or one that is released
        return False


def _buffer(value: Any) -> Any:
    with memoryview(value) as view:
        if view.nbytes > _COMPARED:
            return view.format, view.shape
        return view.format, view.shape, hashlib.blake2b(view.tobytes()).hexdigest()
