"""The working directory of the process, as part of the environment: who goes elsewhere, and who begins there.

Decides what of it calls read, and when that cannot be told. Every relative path begins there; which functions
take paths, and announce so, is decided in ``files``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from fuzzharness.access import Key, Kind
from fuzzharness.world.resource import Gate, Peeks

DIRECTORY: Final = "(working directory)"
"""The key of the working directory; no variable can bear a name with blanks and brackets in earnest."""

HERE: Final = (DIRECTORY,)

_HELD: list[WorkingDirectory] = []
_BEGAN: list[str | None] = []


class WorkingDirectory:
    """The working directory, watched under the name of a ``resource`` while it is :meth:`hold`."""

    def __init__(self, resource: str, gate: Gate, peek: Peeks) -> None:
        self.resource, self.gate, self._peek = resource, gate, peek
        self._was_left = False
        self._unseen: dict[str, None] = {}

    def hold(self) -> None:
        """Watch it from now on."""
        _HELD.append(self)

    def let_go(self) -> None:
        """Watch it no longer."""
        if self in _HELD:
            _HELD.remove(self)

    def announce(self, pairs: Iterable[tuple[Key, Kind]]) -> None:
        """Announce accesses that are one step."""
        self.gate.accesses(self.resource, list(dict.fromkeys(pairs)), self._peek)

    def note(self, key: Key, kind: Kind) -> None:
        """Add an access to the step under way."""
        look = self._peek
        self.gate.note(self.resource, key, kind, None if look is None else lambda: look(key))

    def leave(self, original: Callable[[Any], None], path: Any) -> None:
        """Go elsewhere, after that was announced."""
        self._was_left = True
        self._tell()
        with self.gate.unseen():
            original(path)

    def miss(self, path: Any) -> None:
        """A call has used a relative path unseen, which matters once any call goes elsewhere."""
        self._unseen[os.fsdecode(path or ".")] = None
        self._tell()

    def _tell(self) -> None:
        for path in self._unseen if self._was_left else ():
            self.gate.escape(f"the relative path {path} was used, past the watch on the working directory")


def held() -> WorkingDirectory | None:
    """The one that is watched, if a call under control asks."""
    return next((found for found in _HELD if found.gate.inside), None)


def is_held() -> bool:
    """Whether it is watched, whoever asks."""
    return bool(_HELD)


def begun_in(path: Any, folder: Any = None) -> WorkingDirectory | None:
    """The working directory, if a path begins there and it is watched."""
    if not _HELD or (isinstance(folder, int) and folder >= 0) or not _is_relative(path):
        return None
    return held()


def _is_relative(path: Any) -> bool:
    try:
        return (
            path is None or not os.path.isabs(os.fspath(path)) or _ITSELF.match(os.fsdecode(path)) is not None
        )
    except TypeError:
        return False


_ITSELF: Final = re.compile(r"//?proc/[^/]+/(task/[^/]+/)?cwd(/|$)")
"""The working directory, as Linux shows it among the files of a process."""


def where() -> str | None:
    """Where the process is now; None in a folder that was removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


def first() -> str | None:
    """Where calls began, if that is known: what is shown to people is told from there."""
    return _BEGAN[0] if _BEGAN else None


@contextmanager
def begun() -> Iterator[None]:
    """Inside, places are told from where the process is now, wherever calls go."""
    _BEGAN.append(where())
    try:
        yield
    finally:
        _BEGAN.pop()


# -- who asks for it -----------------------------------------------------------------------------------------


def asking(name: str) -> Callable[[], Any]:
    """What stands in for a function of ``os`` that tells the working directory."""
    original = getattr(os, name)

    def ask() -> Any:
        found = held()
        if found is not None and not _for_the_harness(sys._getframe(1)):
            found.announce([(HERE, Kind.READ)])
        return original()

    ask.__name__ = name
    return ask


_PASSING: Final = frozenset({"os", "posixpath", "ntpath", "genericpath", "pathlib", "pathlib._local"})


def _for_the_harness(frame: FrameType | None) -> bool:
    """Whether it is the harness that asks, be it for a line to show."""
    while frame is not None and frame.f_globals.get("__name__") in _PASSING:
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).startswith("fuzzharness.")
