"""The views of a tracked dict.

Decides what is read through ``keys()``, ``values()`` and ``items()``, and when: not when the view is
made, but when it is used.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Set
from typing import Any, Final

from fuzzharness.access import ANY, Kind
from fuzzharness.world.storage import peek, take_all
from fuzzharness.world.walk import begin_walk, instruction, joined
from fuzzharness.world.watch import Watch

READ, CHECK = Kind.READ, Kind.CHECK


class View:
    """A view of a tracked dict: announces what is read through it, when it is read."""

    __slots__ = ("_container", "_family", "_real", "_watch")

    def __init__(self, real: Any, container: Any, family: Any, watch: Watch) -> None:
        self._real, self._container, self._family, self._watch = real, container, family, watch

    def _read(self, key: Any, kind: Kind) -> Any:
        container, family = self._container, self._family
        self._watch.access(key, kind, lambda: peek(container, family, key))
        if kind is READ:
            take_all(container, family, self._watch)
        return self._real

    def __iter__(self) -> Iterator[Any]:
        make = lambda: iter(self._real)  # noqa: E731  # handed on
        return begin_walk(self._container, self._family, self._watch, make, instruction(1))

    def __reversed__(self) -> Iterator[Any]:
        make = lambda: reversed(self._real)  # noqa: E731  # handed on
        return begin_walk(self._container, self._family, self._watch, make, instruction(1))

    def __len__(self) -> int:
        if joined(self._container, self._watch):
            return len(self._real)
        return len(self._read(ANY, READ))

    def __contains__(self, item: Any) -> bool:
        return item in self._read(ANY, READ)

    def __repr__(self) -> str:
        return repr(self._read(ANY, READ))

    def __eq__(self, other: object) -> Any:
        return set(self._read(ANY, READ)) == set(other) if isinstance(other, Set) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # views are not hashable

    @property
    def mapping(self) -> Any:
        """As the views of dicts have it."""
        return self._container

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """As the views of dicts have it."""
        return self._real.isdisjoint(other) if self._read(ANY, READ) is not None else False


def _view_operator(name: str) -> Any:
    def operate(self: View, other: Any) -> Any:
        real = self._read(ANY, READ)
        return getattr(operator, name)(set(real), set(other))

    def reflected(self: View, other: Any) -> Any:
        real = self._read(ANY, READ)
        return getattr(operator, name)(set(other), set(real))

    return operate, reflected


class KeysView(View):
    """``dict.keys()`` of a tracked dict."""

    __slots__ = ()

    def __contains__(self, item: Any) -> bool:
        return item in self._read(item, CHECK)


class ItemsView(View):
    """``dict.items()`` of a tracked dict."""

    __slots__ = ()


class ValuesView(View):
    """``dict.values()`` of a tracked dict."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]  # as the views of dicts


for _name in ("and_", "or_", "xor", "sub"):
    for _view in (KeysView, ItemsView):
        _plain, _reflected = _view_operator(_name)
        setattr(_view, f"__{_name.rstrip('_')}__", _plain)
        setattr(_view, f"__r{_name.rstrip('_')}__", _reflected)
for _view in (KeysView, ItemsView):
    for _name in ("lt", "le", "gt", "ge"):
        setattr(_view, f"__{_name}__", _view_operator(_name)[0])

VIEWS: Final[dict[str, Any]] = {"keys": KeysView, "items": ItemsView, "values": ValuesView}
