"""A plain value as a resource: every run gets a fresh, tracked copy of it.

Decides how a value is copied, captured and perturbed. Which accesses it announces is decided in
``tracked``.
"""

from __future__ import annotations

import copy
from typing import Any

from fuzzharness.access import ANY, Key
from fuzzharness.errors import WorldError
from fuzzharness.world import shortcuts
from fuzzharness.world.perturbation import another
from fuzzharness.world.plain import plain
from fuzzharness.world.resource import Gate
from fuzzharness.world.tracked import Tracker


class Value:
    """A resource made of a dict, list, set, deque, an ordinary object, or an immutable value."""

    def __init__(self, value: Any) -> None:
        self._initial = value

    def open(self, name: str, gate: Gate) -> None:
        self._tracker = Tracker(gate, name)
        shortcuts.install(self)
        try:
            self._start = copy.deepcopy(self._initial)
        except Exception as error:
            raise WorldError(
                f"the resource {name!r} is a {type(self._initial).__qualname__} that cannot be copied: "
                f"{type(error).__name__}: {error}. Expected a value that copy.deepcopy can copy, since every "
                "run starts from a fresh one. Give fh.InPlace(...) for a live object, or build the value in "
                "the world function."
            ) from None
        self._live = self._start

    def mark(self) -> None:
        self._start = copy.deepcopy(self._live)  # tracked values copy themselves as plain ones

    def reset(self) -> Any:
        if self._tracker.used:
            self._tracker.forget()
        self._live = self._tracker.copy(self._start)
        return self._live

    def capture(self) -> Any:
        self._tracker.check_names()
        return plain(self._live)

    def perturb(self, key: Key) -> bool:
        return perturb_inside(self._live, key)

    def close(self) -> None:
        shortcuts.remove(self)
        self._tracker.forget()
        self._live = None


def perturb_inside(live: Any, key: Key) -> bool:
    """Change what stands at the path ``key`` inside a tracked value to another value of its type."""
    holder = live
    for part in key[:-1]:
        holder = _at(holder, part)
    if not key or key[-1] is ANY or holder is None:
        return False
    changed, value = another(_at(holder, key[-1]))
    if not changed:
        return False
    if isinstance(holder, (dict, list)):
        holder[key[-1]] = value
    else:
        setattr(holder, key[-1], value)
    return True


def _at(holder: Any, part: Any) -> Any:
    try:
        if isinstance(holder, (dict, list)):
            return holder[part]
        return getattr(holder, part, None)
    except (KeyError, IndexError, TypeError):
        return None
