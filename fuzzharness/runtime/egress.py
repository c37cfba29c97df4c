"""What tools touch outside the world, seen by an audit hook.

Decides which events of the interpreter count as an escape: files opened for writing, sockets,
subprocesses, SQLite files, where no resource of the world covers them. Reports them; stops nothing.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

from fuzzharness.runtime.strand import current
from fuzzharness.world import World
from fuzzharness.world.resource import Gate

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ACTIVE: list[Watcher] = []
_INSTALLED: list[bool] = []


class Watcher:
    """While it is entered, events of calls under control are looked at."""

    def __init__(self, gate: Gate, world: World) -> None:
        self._gate = gate
        self._world = world

    def __enter__(self) -> Watcher:
        if not _INSTALLED:
            sys.addaudithook(_hook)
            _INSTALLED.append(True)
        _ACTIVE.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _ACTIVE.remove(self)

    def saw(self, event: str, args: tuple[Any, ...]) -> None:
        """Report ``event`` as an escape unless the world covers it."""
        if event == "open":
            self._opened(args)
        elif event == "sqlite3.connect":
            self._connected(args[0])
        else:
            self._gate.escape(f"{event} {args[0] if args else ''!r}".strip())

    def _opened(self, args: tuple[Any, ...]) -> None:
        path, _, flags = args
        if not isinstance(path, (str, bytes, os.PathLike)) or not (flags or 0) & _WRITING:
            return
        whole = os.path.abspath(os.fsdecode(path))
        if whole != os.devnull and not self._world.covers(whole):
            self._gate.escape(f"the file {whole} was opened for writing")

    def _connected(self, database: Any) -> None:
        name = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
        if name and name != ":memory:" and not self._world.covers(os.path.abspath(name)):
            self._gate.escape(f"the SQLite file {name} was opened")


_EVENTS = frozenset({"open", "sqlite3.connect", "socket.connect", "subprocess.Popen", "os.system", "os.fork"})


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _ACTIVE and event in _EVENTS and current() is not None:
        _ACTIVE[-1].saw(event, args)
