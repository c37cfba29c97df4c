"""Stand-ins for functions of the standard library that go past the methods of a container.

Decides which those are: ``heapq`` reads and changes the storage of a list, the JSON encoder takes an
empty dict for empty without asking it. While a value is watched they announce what they touch.
"""

from __future__ import annotations

import heapq
import json.encoder
from collections.abc import Callable
from typing import Any

from fuzzharness.access import ANY, Kind
from fuzzharness.world.references import Replaced
from fuzzharness.world.storage import bare, family_of, note_stored, pairs_of, peek, watch_of

_HEAP = ("heappush", "heappop", "heapify", "heapreplace", "heappushpop")
_INSTALLED: list[object] = []
_REPLACED = Replaced()


def install(owner: object) -> None:
    """Let the stand-ins be used until :func:`remove`; owners share them."""
    if not _INSTALLED:
        functions = [(getattr(heapq, name), _heap_function(name)) for name in _HEAP]
        make = getattr(json.encoder, "c_make_encoder", None)  # not there without the C accelerator
        _REPLACED.replace([*functions, *([(make, _encoder(make))] if make is not None else [])])
    _INSTALLED.append(owner)


def remove(owner: object) -> None:
    """The end of :func:`install` for this owner; may be called twice."""
    if owner in _INSTALLED:
        _INSTALLED.remove(owner)
        if not _INSTALLED:
            _REPLACED.restore()


def _heap_function(name: str) -> Callable[..., Any]:
    original = getattr(heapq, name)

    def announced(heap: Any, *args: Any) -> Any:
        watch = watch_of(heap)
        if watch is None:
            return original(heap, *args)
        watch.change(lambda: peek(heap, list, ANY))
        content = bare(heap, list)
        try:
            return original(content, *args)
        finally:
            list.__setitem__(heap, slice(None), content)
            note_stored(heap, list, watch)

    announced.__name__ = name
    return announced


def _encoder(make: Callable[..., Any]) -> Callable[..., Any]:
    def make_encoder(*args: Any) -> Any:
        encode = make(*args)

        def announced(value: Any, level: int) -> Any:
            _ask_empty(value)
            return encode(value, level)

        return announced

    return make_encoder


def _ask_empty(value: Any) -> None:
    """Announce that every empty dict inside is read."""
    family = family_of(type(value))
    inner: list[Any] = list(value) if type(value) is tuple else []
    if family is not None:
        inner = [item for _, item in pairs_of(value, family)]
    watch = watch_of(value) if family is not None and issubclass(family, dict) and not inner else None
    if watch is not None:
        watch.access(ANY, Kind.READ, lambda: peek(value, family, ANY))
    for item in inner:
        if not isinstance(item, (str, int, float, type(None))):
            _ask_empty(item)
