"""Register: what calls synchronise with, by name, and the state it starts every run with.

Decides how an event, a semaphore, a queue is called: by where the application holds it, and where a call
makes it, by the line, so that a name is the same in every run. Never changes what it names but to put its
first state back. Something that is first met in the midst of a run is taken as it is then.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from fuzzharness.runtime.places import place_of_tool
from fuzzharness.runtime.strand import Strand
from fuzzharness.world.references import held_under

_FIELDS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (threading.Event, ("_flag",)),
    (threading.Semaphore, ("_value",)),
    (threading.Barrier, ("_state", "_count")),
    (queue.Queue, ("queue", "unfinished_tasks", "is_shutdown")),
)
"""The fields that calls change, by class."""

State = Sequence[tuple[str, Any]]


@dataclass(slots=True)
class Entry:
    """One thing, its name, and its state: ``first`` as it was met, ``start`` as every run finds it.

    ``note`` is what the run under way keeps of it.
    """

    thing: Any
    name: str
    first: State
    start: State
    note: Any = None


@dataclass
class Register:
    """The things that calls of an open stage have met; those a call made only until the run is over."""

    met: dict[int, Entry] = field(default_factory=dict)
    made: dict[int, Entry] = field(default_factory=dict)
    _names: Counter[str] = field(default_factory=Counter)
    _turns: Counter[tuple[int, str]] = field(default_factory=Counter)

    def entry(self, thing: Any) -> Entry:
        """What is known of ``thing``, which is met now if it was not before."""
        found = self.met.get(id(thing)) or self.made.get(id(thing))
        if found is None:
            found = self.meet(thing, self.unique(_held_under(thing)))
        return found

    def meet(self, thing: Any, name: str) -> Entry:
        """``thing`` is met, and called ``name``."""
        state = _state(thing)
        found = self.met[id(thing)] = Entry(thing, name, state, state)
        return found

    def name(self, thing: Any) -> str:
        """The name of ``thing``."""
        return self.entry(thing).name

    def unique(self, name: str) -> str:
        """``name``, told apart from others of that name."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name} ({self._names[name]})"

    def birth(self, strand: Strand) -> str:
        """The name of what ``strand`` makes now: by its line, and how often there."""
        where = f"made at {place_of_tool()} in call {strand.place + 1}"
        self._turns[strand.place, where] += 1
        turn = self._turns[strand.place, where]
        return where if turn == 1 else f"{where} ({turn})"

    def enter(self, strand: Strand, thing: Any) -> None:
        """``strand`` has made ``thing``."""
        self.made[id(thing)] = Entry(thing, self.birth(strand), (), ())

    def mark(self) -> None:
        """The state as it is now is the one that every run starts with."""
        self.met.update(self.made)
        self.made.clear()
        for entry in self.met.values():
            entry.start = _state(entry.thing)

    def begin(self) -> None:
        """Another run begins."""
        self.made.clear()
        self._turns.clear()
        for entry in self.met.values():
            _restore(entry.thing, entry.start)
            entry.note = None

    def close(self) -> None:
        """Leave everything as it was met."""
        for entry in self.met.values():
            _restore(entry.thing, entry.first)
        self.met.clear()
        self.made.clear()
        self._names.clear()
        self._turns.clear()


REGISTER = Register()
"""The one of the stage that is open."""


_HELD: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Where things were found to be held: all that lives is looked through for that."""


def _held_under(thing: Any) -> str:
    try:
        if thing not in _HELD:
            _HELD[thing] = held_under(thing) or f"a {type(thing).__name__}"
    except TypeError:  # it cannot be referred to weakly
        return held_under(thing) or f"a {type(thing).__name__}"
    return _HELD[thing]


def _state(thing: Any) -> State:
    names = next((names for kind, names in _FIELDS if isinstance(thing, kind)), None)
    if names is None:
        return _whole_state(thing)
    return [(name, copy.copy(vars(thing)[name])) for name in names if name in vars(thing)]


def _whole_state(thing: Any) -> State:
    """Everything that an object of asyncio, trio or anyio keeps, its collections as they are."""
    if type(thing).__module__.partition(".")[0] not in _OF_TASKS:
        return ()
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*getattr(thing, "__dict__", {}), *slots]
    return [(n, _kept(getattr(thing, n))) for n in names if n != "__weakref__" and hasattr(thing, n)]


def _kept(value: Any) -> Any:
    return copy.copy(value) if isinstance(value, _COLLECTIONS) else value


_OF_TASKS = frozenset({"asyncio", "trio", "anyio"})
_COLLECTIONS = (list, dict, set, deque)


def _restore(thing: Any, state: State) -> None:
    if type(thing).__module__.partition(".")[0] in _OF_TASKS and hasattr(thing, "__dict__"):
        for name in vars(thing).keys() - {name for name, _ in state}:
            object.__delattr__(thing, name)
    for name, value in state:
        object.__setattr__(thing, name, copy.copy(value) if isinstance(value, _COLLECTIONS) else value)
