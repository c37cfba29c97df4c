"""The environment variables and the working directory of the process as a resource.

Decides what they start with, how they are put back, and which of them an ending tells. Stands in for the
methods of ``os.environ`` while it is open, and for the functions of ``os`` that do the same. What a program
written in C asks the process for is not seen. Who reads the working directory is decided in
``working_directory``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fuzzharness.access import ANY, MISSING, ORDER, Key, Kind
from fuzzharness.errors import WorldError
from fuzzharness.world import files
from fuzzharness.world.perturbation import another
from fuzzharness.world.references import Replaced
from fuzzharness.world.resource import Gate
from fuzzharness.world.working_directory import DIRECTORY, HERE, WorkingDirectory, where

_OWN: Any = os.environ
_ENVIRON: Any = type(_OWN)
_PUTENV, _UNSETENV = os.putenv, os.unsetenv
_OPEN: list[Environment] = []
_ANY: Final = [((ANY,), Kind.READ)]


class Environment:
    """A resource that is ``os.environ``, in which every run begins with ``variables`` beside what is there.

    A tool parameter of the resource's name receives ``os.environ``. An ending tells the variables given here
    and those that a run has changed, no others; None stands for one that is not set.
    """

    name: str
    gate: Gate

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._given = dict(variables or {})
        for name, value in self._given.items():
            _check(name, value)

    def open(self, name: str, gate: Gate) -> None:
        if _OPEN:
            raise WorldError(
                f"the environment is taken by {_OPEN[0].name!r} already. Expected one fh.Environment at a "
                "time, since a process has but one. Put all variables into one, in one World."
            )
        self.name, self.gate = name, gate
        self._alone: dict[bytes, bytes | None] = {}
        self._found, self._found_in = dict(_data()), where()
        _OPEN.append(self)
        _OWN.update(self._given)
        self.mark()
        self._directory = WorkingDirectory(name, gate, self._shown)
        files.watch_paths(self)
        self._directory.hold()
        self._replaced = Replaced()
        _stand_in(self._replaced)

    def mark(self) -> None:
        self._start, self._start_in = dict(_data()), where()

    def reset(self) -> Any:
        self._bring_back(self._start, self._start_in)
        return _OWN

    def _bring_back(self, start: Mapping[bytes, bytes], folder: str | None) -> None:
        now = _data()
        for key in {
            *self._alone,
            *(key for key in now.keys() | start.keys() if now.get(key) != start.get(key)),
        }:
            if key in start:
                _PUTENV(key, start[key])
            else:
                _UNSETENV(key)
        self._alone.clear()
        if list(now.items()) != list(start.items()):
            now.clear()
            now.update(start)
        if folder is not None and where() != folder:
            with suppress(OSError):  # somebody has removed it
                os.chdir(folder)

    def capture(self) -> dict[str, Any]:
        now, start = _data(), self._start
        changed = {os.fsdecode(key) for key in now.keys() | start.keys() if now.get(key) != start.get(key)}
        found: dict[str, Any] = {name: self._value(name) for name in sorted(changed | self._given.keys())}
        for key, value in sorted(self._alone.items()):
            found[f"{os.fsdecode(key)} (of the process alone)"] = (
                None if value is None else os.fsdecode(value)
            )
        if where() != self._start_in:
            found[DIRECTORY] = where()
        return found

    def _value(self, name: str) -> str | None:
        value = _data().get(os.fsencode(name))
        return None if value is None else os.fsdecode(value)

    def perturb(self, key: Key) -> bool:
        value = self._value(key[0]) if isinstance(key[0], str) else None
        changed, other = another(value)
        if changed:
            _OWN[key[0]] = other
        return changed

    def close(self) -> None:
        if self in _OPEN:
            self._replaced.restore()
            self._directory.let_go()
            files.unwatch_paths(self)
            with suppress(AttributeError):
                del _ENVIRON.__contains__
            self._bring_back(self._found, self._found_in)
            _OPEN.remove(self)

    # -- what calls do -----------------------------------------------------------------------------------

    def announce(self, pairs: Sequence[tuple[Key, Kind]]) -> None:
        """Hold the running call until it may touch ``pairs``."""
        self.gate.accesses(self.name, pairs, self._shown)

    def _shown(self, key: Key) -> Any:
        """A value for display: of what the calls share, not of whatever else this process keeps."""
        if key == HERE:
            return where()
        if key[0] is ANY:
            return None
        raw = os.fsencode(key[0])
        if key[0] not in self._given and _data().get(raw) == self._start.get(raw) is not None:
            return "(as it was)"
        value = self._value(key[0])
        return MISSING if value is None else value

    def put(self, key: str, do: Callable[[], Any]) -> Any:
        """Set a variable by ``do``, which is a step of its own."""
        self.announce([((key,), Kind.WRITE)])
        new = os.fsencode(key) not in _data()
        with self.gate.unseen():
            done = do()
        if new and os.fsencode(key) in _data():
            self.gate.note(self.name, (ORDER,), Kind.INSERT)
        return done


def _data() -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = _OWN._data  # what os.environb shares
    return found


def _check(name: Any, value: Any) -> None:
    good = isinstance(name, str) and isinstance(value, str) and name and "=" not in name
    if not good or "\0" in name + value:
        raise WorldError(
            f"Environment was given {name!r}: {value!r}. Expected a name without '=' and a text, as "
            "os.environ takes them. Write numbers and lists as the text that the tools read."
        )


def _opened(environ: Any = None) -> Environment | None:
    """The open environment, if a call under control asks for the process's own."""
    if not _OPEN or (environ is not None and environ._data is not _data()):
        return None
    return _OPEN[0] if _OPEN[0].gate.inside else None


def _name(key: Any) -> str | None:
    """What a variable is called in keys; None for what cannot name one."""
    try:
        return os.fsdecode(key)
    except TypeError:
        return None


# -- what stands in ------------------------------------------------------------------------------------------


def _stand_in(replaced: Replaced) -> None:
    for owner in ("environ", "environb"):
        if hasattr(os, owner):
            replaced.put(os, owner, getattr(os, owner))  # itself, to see it replaced
    for method, kinds in (("__getitem__", (Kind.READ,)), ("__delitem__", (Kind.CHECK, Kind.WRITE))):
        replaced.put(_ENVIRON, method, _of_one(method, kinds))
    for method in ("__iter__", "__len__", "__repr__"):
        replaced.put(_ENVIRON, method, _of_all(method))
    replaced.put(_ENVIRON, "__setitem__", _setter())
    _ENVIRON.__contains__ = _contains
    replaced.replace([(os.putenv, _putenv), (os.unsetenv, _unsetenv)])


def _of_one(name: str, kinds: tuple[Kind, ...]) -> Callable[..., Any]:
    original = vars(_ENVIRON)[name]

    def method(self: Any, key: Any) -> Any:
        opened, named = _opened(self), _name(key)
        if opened is None or named is None:
            return original(self, key)
        opened.announce([((named,), kind) for kind in kinds])
        with opened.gate.unseen():
            return original(self, key)

    return method


def _contains(self: Any, key: Any) -> bool:
    opened, named = _opened(self), _name(key)
    if opened is not None and named is not None:
        opened.announce([((named,), Kind.CHECK)])
    try:
        return self.encodekey(key) in self._data
    except TypeError:
        self[key]  # raises what it would without this
        raise


def _of_all(name: str) -> Callable[..., Any]:
    original = vars(_ENVIRON)[name]

    def method(self: Any) -> Any:
        opened = _opened(self)
        if opened is None:
            return original(self)
        opened.announce(_ANY)
        with opened.gate.unseen():
            found = original(self)
            return iter(list(found)) if isinstance(found, Iterator) else found

    return method


def _setter() -> Callable[..., Any]:
    original = vars(_ENVIRON)["__setitem__"]

    def method(self: Any, key: Any, value: Any) -> None:
        opened, named = _opened(self), _name(key)
        if opened is None or named is None:
            original(self, key, value)
        else:
            opened.put(named, lambda: original(self, key, value))

    return method


def _putenv(name: Any, value: Any, /) -> None:
    opened, named = _opened(), _name(name)
    if opened is None or named is None:
        _PUTENV(name, value)
        return
    opened.put(named, lambda: _PUTENV(name, value))
    opened._alone[os.fsencode(named)] = os.fsencode(value)


def _unsetenv(name: Any, /) -> None:
    opened, named = _opened(), _name(name)
    if opened is None or named is None:
        _UNSETENV(name)
        return
    opened.put(named, lambda: _UNSETENV(name))
    opened._alone[os.fsencode(named)] = None
