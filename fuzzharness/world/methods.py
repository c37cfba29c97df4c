"""The shapes of methods that announce what they touch.

Decides for each shape when the access is announced and what is taken in. Which method has which
shape is decided in ``mappings`` and ``containers``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fuzzharness.access import ANY, Kind
from fuzzharness.world.plain import ATOMS
from fuzzharness.world.storage import WATCH, bare, drained, note_stored, peek, plainly, take_all
from fuzzharness.world.walk import begin_walk, instruction, joined
from fuzzharness.world.watch import Watch

READ, CHECK, WRITE = Kind.READ, Kind.CHECK, Kind.WRITE


def keyed(family: Any, name: str, *kinds: Kind) -> Any:
    """A method whose first argument is the one key it touches, and that may hand out its value."""
    method = getattr(family, name)
    kind, more = kinds[0], kinds[1:]

    def announced(self: Any, key: Any, *args: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return method(self, key, *args)
        look = lambda: peek(self, family, key)  # noqa: E731  # twice as fast as a def here, on the hot path
        watch.gate.access(watch.resource, (*watch.path, key), kind, look)
        for other in more:
            watch.note(key, other, look)
        if kind is READ and type(dict.get(self, key)) not in ATOMS:
            watch.kin.take_in(self, key, watch)
        return method(self, key, *args)

    return announced


def storing(family: Any) -> Any:
    method = family.__setitem__

    def __setitem__(self: Any, key: Any, value: Any) -> None:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return method(self, key, value)  # type: ignore[no-any-return]  # None
        watch.gate.access(watch.resource, (*watch.path, key), WRITE, lambda: peek(self, family, key))
        if not dict.__contains__(self, key):
            watch.insert()
        method(self, key, value)
        if type(value) not in ATOMS:
            del value
            watch.kin.stored(self, key, watch)
        return None

    return __setitem__


def whole(family: Any, name: str, *kinds: Kind) -> Any:
    """A method that touches everything inside."""
    method = getattr(family, name)
    reading = kinds == (READ,)

    def announced(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None:
            return method(self, *args, **kwargs)
        args = tuple(drained(arg) if _iterates(name) else plainly(arg) for arg in args)
        look = lambda: peek(self, family, ANY)  # noqa: E731  # used twice below
        if reading:
            watch.access(ANY, READ, look)
        else:
            watch.change(look)
        take_all(self, family, watch)
        result = method(self, *args, **kwargs)
        if not reading:
            note_stored(self, family, watch)
        return _bare_result(result, self, family)

    return announced


def _iterates(name: str) -> bool:
    return name in {"extend", "extendleft", "__iadd__", "update", "__ior__", "subtract"}


def _bare_result(result: Any, container: Any, family: Any) -> Any:
    """Results of builtin methods are plain, not unwatched look-alikes of a tracked class."""
    if result is container or type(result) is not type(container):
        return result
    return bare(result, family)


def iterating(family: Any, name: str = "__iter__") -> Any:
    method = getattr(family, name)

    def announced(self: Any) -> Iterator[Any]:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is None or not watch.gate.inside:
            return method(self)  # type: ignore[no-any-return]  # an iterator of a builtin
        return begin_walk(self, family, watch, lambda: method(self), instruction(1))

    return announced


def measuring(family: Any) -> Any:
    def __len__(self: Any) -> int:
        watch: Watch | None = getattr(self, WATCH, None)
        if watch is not None and not joined(self, watch):
            watch.access(ANY, READ, lambda: peek(self, family, ANY))
        return family.__len__(self)  # type: ignore[no-any-return]  # an int

    return __len__
