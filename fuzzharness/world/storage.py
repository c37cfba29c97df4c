"""What is inside a container, tracked or not, read and filled past every announcement.

Decides which builtin container a class belongs to. Announces nothing, except where a tracked
container is given to a method of another (:func:`plainly`).
"""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fuzzharness.access import ANY, MISSING, Kind
from fuzzharness.literal import literal
from fuzzharness.world.members import Members
from fuzzharness.world.plain import ATOMS, plain
from fuzzharness.world.watch import Watch

WATCH: Final = "_fuzz_watch"
JOINED: Final = "_fuzz_joined"
BASE: Final = "_fuzz_base"
FAMILIES: Final = (OrderedDict, defaultdict, dict, list, deque, set, Members)
SETS: Final = (set, Members)


def family_of(kind: type) -> Any:
    """The builtin container that ``kind`` is or derives from; None if it is none."""
    try:
        return _FAMILY[kind]
    except KeyError:
        return _FAMILY.setdefault(kind, next((f for f in FAMILIES if issubclass(kind, f)), None))


_FAMILY: dict[type, Any] = {}


def watch_of(container: Any) -> Watch | None:
    """The watch of a tracked container; None for one that is not, or a result made from one."""
    return getattr(container, WATCH, None)


def peek(container: Any, family: Any, key: Any) -> Any:
    """What stands at ``key``, read past the announcements; the whole content for ANY."""
    if issubclass(family, dict):
        if key is ANY:
            return {k: plain(v) for k, v in dict.items(container)}
        value = dict.get(container, key, MISSING)
        return value if value is MISSING else plain(value)
    if key is ANY:
        items = [plain(item) for item in family.__iter__(container)]
        return sorted(items, key=literal) if issubclass(family, SETS) else items
    if issubclass(family, SETS):
        return family.__contains__(container, key)
    return plain(family.__getitem__(container, key)) if key < family.__len__(container) else MISSING


def pairs_of(container: Any, family: Any) -> list[tuple[Any, Any]]:
    """The keys and values inside, read past the announcements."""
    if issubclass(family, dict):
        return list(family.items(container))
    return list(enumerate(family.__iter__(container)))


def take_all(container: Any, family: Any, watch: Watch) -> None:
    """Let everything that was put inside meanwhile announce its accesses."""
    if issubclass(family, SETS) or not watch.gate.inside:
        return
    if issubclass(family, dict):
        keys = [key for key, item in family.items(container) if type(item) not in ATOMS]
    else:
        keys = [i for i, item in enumerate(family.__iter__(container)) if type(item) not in ATOMS]
    for key in keys:
        watch.kin.take_in(container, key, watch)


def note_stored(container: Any, family: Any, watch: Watch) -> None:
    """After an operation that may have put several values inside."""
    if not issubclass(family, SETS):
        for key, item in pairs_of(container, family):
            if type(item) not in ATOMS:
                watch.kin.stored(container, key, watch)


def drained(given: Any) -> Any:
    """Everything an iterable yields, so that what it does on the way is done before the gate."""
    if isinstance(given, (Mapping, list, tuple, set, frozenset, deque, str, bytes)) or hasattr(given, "keys"):
        return plainly(given)
    return list(given)


def plainly(given: Any) -> Any:
    """``given`` as a plain container, where it is a tracked one: read in a step of its own."""
    watch = watch_of(given)
    if watch is None:
        return given
    family = family_of(type(given))
    watch.access(ANY, Kind.READ, lambda: peek(given, family, ANY))
    if issubclass(family, dict):
        return dict(family.items(given))
    items = family.__iter__(given)
    return set(items) if issubclass(family, SETS) else list(items)


def bare(container: Any, family: Any) -> Any:
    """A shallow copy without the announcements, of the class the application knows."""
    kind = type(container).__dict__.get(BASE, type(container))
    twin = empty(kind, container)
    fill(twin, pairs_of(container, family))
    return twin


def empty(kind: Any, like: Any) -> Any:
    """An empty container of class ``kind`` with the settings of ``like``."""
    family = family_of(kind)
    twin = family.__new__(kind)
    if family is dict or family is list:
        return twin
    if issubclass(family, defaultdict):
        defaultdict.__init__(twin, like.default_factory)
    elif issubclass(family, deque):
        deque.__init__(twin, (), like.maxlen)
    elif issubclass(family, OrderedDict):
        OrderedDict.__init__(twin)
    return twin


def fill(twin: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    """Put keys and values into an empty container, past every announcement."""
    family = family_of(type(twin))
    if issubclass(family, dict):
        for key, item in pairs:
            family.__setitem__(twin, key, item)
    elif issubclass(family, SETS):
        family.update(twin, [item for _, item in pairs])
    else:
        family.extend(twin, [item for _, item in pairs])


def _references(get: Any, holder: Any, key: Any) -> int:
    value = get(holder, key)
    return sys.getrefcount(value)


def references(container: Any, family: Any, key: Any) -> int:
    """How often the value at ``key`` is held, in the measure of :data:`ALONE`."""
    return _references(family.__getitem__, container, key)


ALONE: Final = _references(dict.__getitem__, {"value": [object()]}, "value")
