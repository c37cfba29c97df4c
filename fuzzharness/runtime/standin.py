"""Stand-ins for methods and functions of the process, for as long as explorations need them.

Decides when the original comes back: with the last exploration that asked for the stand-in. Every stand-in
asks itself whether it is called by a call under control, and is the original for everybody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

StandIn = tuple[Any, str, Any]
"""A class or module, the name of an attribute, and what stands there meanwhile."""

_ABSENT = object()
_MUTEX = threading.Lock()
_ORIGINALS: dict[tuple[int, str], tuple[int, Any]] = {}


@contextmanager
def standing_in(stand_ins: Sequence[StandIn]) -> Iterator[None]:
    """Within it every one of ``stand_ins`` is where it belongs."""
    with _MUTEX:
        for owner, name, stand_in in stand_ins:
            count, original = _ORIGINALS.get((id(owner), name), (0, vars(owner).get(name, _ABSENT)))
            _ORIGINALS[id(owner), name] = count + 1, original
            if vars(owner).get(name) is not stand_in:
                setattr(owner, name, stand_in)
    try:
        yield
    finally:
        with _MUTEX:
            for owner, name, _ in stand_ins:
                _give_back(owner, name)


def _give_back(owner: Any, name: str) -> None:
    count, original = _ORIGINALS.pop((id(owner), name))
    if count > 1:
        _ORIGINALS[id(owner), name] = count - 1, original
    elif original is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, original)
