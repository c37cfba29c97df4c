"""The heap: which objects and classes there are in the process.

Decides by identity alone: a metaclass may say of two classes that they are equal, or that none has a hash.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Any


def subclasses(*kinds: type) -> list[type]:
    """``kinds`` and all classes that derive from them."""
    found, ahead = dict[int, type](), list(kinds)
    while ahead:
        kind = ahead.pop()
        if id(kind) not in found:
            found[id(kind)] = kind
            ahead += type.__subclasses__(kind)
    return list(found.values())


def living(*kinds: type) -> list[Any]:
    """The objects of these ``kinds`` and of what derives from them."""
    return among(subclasses(*kinds))


def among(kinds: Iterable[type]) -> list[Any]:
    """The objects that are of one of ``kinds`` themselves. One look at the heap."""
    every = frozenset(map(id, kinds))
    return [thing for thing in gc.get_objects() if id(type(thing)) in every]
