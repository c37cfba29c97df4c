"""Swap one object for another wherever the application holds it.

Decides which holders can be rewritten: dicts (module globals, instances, classes), lists, cells,
function defaults. Never touches frames; a holder that cannot be rewritten is named, so that nobody
believes it was.
"""

from __future__ import annotations

import gc
import sys
import threading
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any


class Swap:
    """An object replaced by another in every holder; :meth:`undo` puts it back.

    ``names`` are the names it was held under, ``missed`` the types of holders left as they were.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.missed: list[str] = []
        self._sites: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []
        self._old: tuple[Any, ...] = ()
        self._new: tuple[Any, ...] = ()

    def replace(self, old: Any, new: Any, ignore: Collection[int] = ()) -> Swap:
        """Put ``new`` in the place of ``old``, except in the holders whose ``id`` is in ``ignore``.

        Not the constructor: the arguments of that are held by a tuple while it runs.
        """
        self._old, self._new = (old,), (new,)
        spared = {id(self._old), id(self._new), *ignore}
        for holder in gc.get_referrers(old):
            if id(holder) not in spared and not isinstance(holder, types.FrameType):
                self._take(holder, old)
        self.redo()
        return self

    def whole(self) -> bool:
        """Whether every place holds ``new`` still."""
        return all(read() is self._new[0] for read, _ in self._sites)

    def redo(self) -> None:
        """Put ``new`` where it belongs."""
        for read, write in self._sites:
            if read() is not self._new[0]:
                write(self._new[0])

    def undo(self) -> None:
        """Put ``old`` back in every place."""
        for _, write in self._sites:
            write(self._old[0])

    def _take(self, holder: Any, old: Any) -> None:
        sites = _sites(holder, old)
        if not sites:
            self.missed.append(type(holder).__name__)
        for name, read, write in sites:
            self.names.append(name)
            self._sites.append((read, write))


def held_under(thing: Any) -> str:
    """A name that the application holds ``thing`` under, ``module.NAME`` if there is one; empty if none."""
    holders = [holder for holder in gc.get_referrers(thing) if not isinstance(holder, types.FrameType)]
    names = {name for holder in holders for name, _, _ in _sites(holder, thing)} - {LOCAL}
    return min(names, key=lambda name: ("." not in name, len(name), name), default="")


LOCAL = "a local name"
"""What a variable of a closure is called."""


def take_back(pairs: Sequence[tuple[Any, Any]], ignore: Collection[int] = ()) -> None:
    """For each ``(old, new)``: put ``old`` in every holder that somebody has put ``new`` into."""
    news = [new for _, new in pairs]
    olds = {id(new): old for old, new in pairs}
    spared = {id(pairs), id(news), id(olds), *ignore, *olds, *map(id, pairs)}
    for holder in gc.get_referrers(*news) if news else ():
        if id(holder) in spared or isinstance(holder, types.FrameType):
            continue
        for value in gc.get_referents(holder):
            if id(value) in olds:
                for _, _, write in _sites(holder, value):
                    write(olds[id(value)])


Undo = Callable[[], None]


def put_everywhere(
    pairs: Sequence[tuple[Any, Any]], ignore: Collection[int] = ()
) -> tuple[list[Undo], list[tuple[Any, str]]]:
    """For each ``(old, new)``: put ``new`` in every holder of ``old``, in one search for all of them.

    Returns what undoes it, and each ``old`` with the type of a holder that was left as it is.
    """
    known = {id(pair[0]): pair for pair in pairs}
    olds = tuple(old for old, _ in pairs)
    spared = {id(pairs), id(known), id(olds), *ignore, *map(id, pairs)}
    undo: list[Undo] = []
    missed: list[tuple[Any, str]] = []
    for holder in gc.get_referrers(*olds) if pairs else ():
        if id(holder) in spared or isinstance(holder, types.FrameType):
            continue
        for pair in {
            id(value): known[id(value)] for value in gc.get_referents(holder) if id(value) in known
        }.values():
            sites = _sites(holder, pair[0])
            undo += [_put(write, pair) for _, _, write in sites]
            missed += [] if sites else [(pair[0], type(holder).__name__)]
    return undo, missed


def _put(write: Callable[[Any], None], pair: tuple[Any, Any]) -> Undo:
    write(pair[1])
    return lambda: write(pair[0])


Site = tuple[str, Callable[[], Any], Callable[[Any], None]]


def _sites(holder: Any, target: Any) -> list[Site]:
    if isinstance(holder, dict):
        return _in_dict(holder, target)
    if isinstance(holder, list):
        return [_in_list(holder, i) for i, v in enumerate(holder) if v is target]
    if isinstance(holder, types.CellType):
        return [_in_cell(holder)]
    if isinstance(holder, tuple):
        return [_in_defaults(f, holder, target) for f in gc.get_referrers(holder) if _has_defaults(f, holder)]
    return _in_object(holder, target)


def _in_dict(holder: dict[Any, Any], target: Any) -> list[Site]:
    owner = _class_of(holder)
    module = holder.get("__name__")
    prefix = f"{module}." if isinstance(module, str) else ""
    keys = [key for key, value in list(holder.items()) if value is target]
    if owner is not None:
        return [_in_class(owner, key) for key in keys]
    return [_in_key(f"{prefix}{key}", holder, key) for key in keys]


def _class_of(space: dict[Any, Any]) -> type | None:
    """The class whose members ``space`` holds, if it is one's: all that lives is looked through for it."""
    if "__module__" not in space:
        return None
    return next((c for c in gc.get_referrers(space) if isinstance(c, type) and _owns(c, space)), None)


def _owns(cls: type, holder: dict[Any, Any]) -> bool:
    own = dict(cls.__dict__)
    return own.keys() == holder.keys() and all(own[k] is holder[k] for k in own)


def _in_key(name: str, holder: dict[Any, Any], key: Any) -> Site:
    def write(value: Any) -> None:
        holder[key] = value

    return name, lambda: holder.get(key), write


def _in_class(owner: type, key: str) -> Site:
    return f"{owner.__name__}.{key}", lambda: owner.__dict__.get(key), lambda v: setattr(owner, key, v)


def _in_list(holder: list[Any], place: int) -> Site:
    def write(value: Any) -> None:
        if place < len(holder):
            holder[place] = value

    return f"[{place}]", lambda: holder[place] if place < len(holder) else None, write


def _in_cell(cell: types.CellType) -> Site:
    def write(value: Any) -> None:
        cell.cell_contents = value

    return LOCAL, lambda: cell.cell_contents, write


def _has_defaults(function: Any, defaults: tuple[Any, ...]) -> bool:
    return isinstance(function, types.FunctionType) and function.__defaults__ is defaults


def _in_defaults(function: types.FunctionType, defaults: tuple[Any, ...], target: Any) -> Site:
    place = next(i for i, value in enumerate(defaults) if value is target)

    def write(value: Any) -> None:
        now = list(function.__defaults__ or ())
        now[place] = value
        function.__defaults__ = defaults if value is target else tuple(now)

    return f"a default of {function.__name__}", lambda: (function.__defaults__ or defaults)[place], write


def _in_object(holder: Any, target: Any) -> list[Site]:
    try:
        fields = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        return []
    if not isinstance(fields, dict):
        return []
    kind = type(holder).__name__
    return [_in_key(f"{kind}.{key}", fields, key) for key, value in list(fields.items()) if value is target]


class Replaced:
    """Functions of the process stood in for by others, in every module that knows them by any name."""

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._originals: dict[int, tuple[Any, Any]] = {}
        self._modules: set[str] = set()

    def replace(self, functions: Collection[tuple[Any, Any]]) -> None:
        """For each ``(original, stand_in)``: let every module use the stand-in from now on."""
        new = {id(original): (original, stand_in) for original, stand_in in functions}
        self._begin()
        self._modules = set(sys.modules)
        self._originals.update((id(stand_in), (stand_in, original)) for original, stand_in in functions)
        for module, attribute in _places_of([original for original, _ in functions]):
            value = vars(module).get(attribute)
            known = new.get(id(value))
            if known is not None and known[0] is value:
                self._set(module, attribute, value, known[1])

    def put(self, owner: Any, name: str, stand_in: Any) -> None:
        """Let ``stand_in`` be the attribute ``name`` of a module or class; itself, to see it replaced."""
        self._begin()
        self._set(owner, name, vars(owner)[name], stand_in)

    def restore(self) -> None:
        """Put every original back, in modules that were imported since as well."""
        _HELD.clear()
        while self._places:
            owner, name, original, _ = self._places.pop()
            setattr(owner, name, original)
        for module in _modules(sys.modules.keys() - self._modules) if self._modules else ():
            for name, value in list(vars(module).items()):
                known = self._originals.get(id(value))
                if known is not None and known[0] is value:
                    setattr(module, name, known[1])
        self._originals.clear()
        self._modules.clear()
        if self in _ACTIVE:
            _ACTIVE.remove(self)

    def _begin(self) -> None:
        _HELD.clear()
        if self not in _ACTIVE:
            _ACTIVE.append(self)

    def _set(self, owner: Any, name: str, original: Any, stand_in: Any) -> None:
        self._places.append((owner, name, original, stand_in))
        if original is not stand_in:
            setattr(owner, name, stand_in)
            _put_there(owner, name, stand_in)


_ACTIVE: list[Replaced] = []
_HELD: list[_Held] = []


def displaced() -> list[str]:
    """What is no longer where any :class:`Replaced` has put it, by name; it is put back there."""
    if not _HELD:
        _HELD.extend(_held(place for replaced in _ACTIVE for place in replaced._places))
    try:
        changed = [held for held in _HELD if held.read(held.space) != held.values]
    except KeyError:  # a name was deleted
        changed = _HELD
    return [name for held in changed for name in held.mend()]


_Place = tuple[Any, str, Any, Any]
"""A module or class, the name there, what it stood for and what it stands for now."""


class _Held:
    """Names of one module or class that are to stay what they are; a look costs next to nothing."""

    def __init__(self, owner: Any, expected: dict[str, Any]) -> None:
        self._owner, self.space, self._expected = owner, vars(owner), expected
        names = tuple(expected) * (1 + (len(expected) == 1))  # of one name alone an itemgetter gives no tuple
        self.read = itemgetter(*names)
        self.values = tuple(expected[name] for name in names)

    def mend(self) -> Iterator[str]:
        """Put right those that are not, and name them."""
        for name, value in self._expected.items():
            if self.space.get(name) is not value:
                setattr(self._owner, name, value)
                yield f"{self._owner.__name__}.{name}"


def _held(places: Iterable[_Place]) -> list[_Held]:
    expected: dict[int, tuple[Any, dict[str, Any]]] = {}
    for owner, name, _, stand_in in places:
        expected.setdefault(id(owner), (owner, {}))[1][name] = stand_in
    return [_Held(owner, names) for owner, names in expected.values()]


_Spots = list[tuple[types.ModuleType, str]]
"""Modules, and a name in each."""

_EVER: dict[int, Any] = {}
"""Everything that was looked for so far, by its ``id``."""

_LOOK = threading.local()
"""Under ``found``: where each of those is, as one look has shown it."""


@contextmanager
def one_look() -> Iterator[None]:
    """Within it what was looked for before is looked for once, whoever asks for it."""
    ever = dict(_EVER)
    _LOOK.found = _look_for(ever) if ever else None
    try:
        yield
    finally:
        _LOOK.found = None


def _places_of(values: Sequence[Any]) -> _Spots:
    """Where modules hold one of ``values``."""
    wanted = {id(value): value for value in values}
    found = getattr(_LOOK, "found", None)
    if found is None or not wanted.keys() <= found.keys():
        found = _look_for(wanted)
    _EVER.update(wanted)
    return [spot for ident in wanted for spot in found[ident]]


def _put_there(owner: Any, name: str, stand_in: Any) -> None:
    """What stands in may be stood in for itself: it is found where it is now."""
    found = getattr(_LOOK, "found", None)
    if found is not None and isinstance(owner, types.ModuleType):
        found.setdefault(id(stand_in), []).append((owner, name))


def _look_for(wanted: dict[int, Any]) -> dict[int, _Spots]:
    found: dict[int, _Spots] = {ident: [] for ident in wanted}
    idents = frozenset(wanted)
    for module in _modules(sys.modules.copy()):
        if _knows_none(module, idents):
            continue
        for name, value in list(vars(module).items()):
            if id(value) in wanted and wanted[id(value)] is value:
                found[id(value)].append((module, name))
    return found


def _modules(names: Iterable[str]) -> Iterator[types.ModuleType]:
    """The modules of these names that stand-ins are put into."""
    for name in names:
        module = sys.modules.get(name)
        own = name in _SOURCES or name.startswith("fuzzharness.")
        if isinstance(module, types.ModuleType) and not own:
            yield module


def _knows_none(module: types.ModuleType, idents: frozenset[int]) -> bool:
    """Whether no name of ``module`` stands for one of the objects ``idents``."""
    return idents.isdisjoint(map(id, tuple(vars(module).values())))


_SOURCES = frozenset({"posix", "nt", "_io", "_sqlite3", "_heapq", "_json"})
"""The C modules that the originals come from; what is below a stand-in is not replaced itself."""
