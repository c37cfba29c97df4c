"""What tools touch outside the world, seen by an audit hook.

Decides which events of the interpreter count as an escape: files opened for writing, made, renamed or
removed, sockets, subprocesses, SQLite files, the environment, where no resource of the world covers them.
Reports them; stops nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from types import TracebackType
from typing import Any

from fuzzharness.runtime.strand import current
from fuzzharness.runtime.workers import Worker
from fuzzharness.world import World
from fuzzharness.world.resource import Gate

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SCRATCH = os.path.join(os.path.realpath(tempfile.gettempdir()), "fuzzharness-")
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
        elif event == "socket.connect":
            self._gate.escape(f"a connection to {_address(args[1])} was opened")
        elif event in _THREADS:
            if not isinstance(getattr(args[0], "__self__", None), Worker):
                self.saw_thread()
        elif event in _OF_PROCESS:
            named = os.fsdecode(args[0]) if args and isinstance(args[0], (str, bytes)) else ""
            self._gate.escape(_OF_PROCESS[event].format(named))
        elif event in _CHANGES:
            how, places = _CHANGES[event]
            for path, folder in places:
                self._changed(how, args[path], None if folder is None else args[folder])
        else:
            self._gate.escape(f"another process was started: {_command(event, args)}")

    def saw_thread(self) -> None:
        """Report that a call has started a thread, which may do what its siblings wait for."""
        strand = current()
        if strand is not None:
            strand.run.strangers = True
        self._gate.escape("a thread was started, which runs out of control")

    def _opened(self, args: tuple[Any, ...]) -> None:
        path, _, flags = args
        if not isinstance(path, (str, bytes, os.PathLike)) or not (flags or 0) & _WRITING:
            return
        whole = os.path.abspath(os.fsdecode(path))
        if whole != os.devnull and not self._world.covers(whole) and not _bytecode(whole):
            self._gate.escape(f"the file {whole} was opened for writing")

    def _changed(self, how: str, path: Any, folder: Any) -> None:
        whole = _whole(path, folder)
        if whole is not None and not self._world.covers(whole) and not _bytecode(whole):
            self._gate.escape(f"{whole} was {how}")

    def _connected(self, database: Any) -> None:
        name = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
        if name and name != ":memory:" and not self._world.covers(os.path.abspath(name)):
            self._gate.escape(f"the SQLite file {name} was opened")


_CHANGES: dict[str, tuple[str, tuple[tuple[int, int | None], ...]]] = {
    "os.remove": ("removed", ((0, 1),)),
    "os.rename": ("renamed", ((0, 2), (1, 3))),
    "os.mkdir": ("made", ((0, 2),)),
    "os.rmdir": ("removed", ((0, 1),)),
    "os.truncate": ("truncated", ((0, None),)),
}
"""Event -> what it does, and which of its arguments are a path and the folder that path begins in."""

_OF_PROCESS = {
    "os.putenv": "the environment variable {} was set",
    "os.unsetenv": "the environment variable {} was removed",
    "os.chdir": "os.chdir changed the working directory of all calls",
}

_THREADS = frozenset({"_thread.start_new_thread", "_thread.start_joinable_thread"})

_EVENTS = frozenset(
    {
        "open",
        "sqlite3.connect",
        "socket.connect",
        "subprocess.Popen",
        "os.system",
        "os.posix_spawn",
        "os.fork",
    }
    | _THREADS
    | _CHANGES.keys()
    | _OF_PROCESS.keys()
)


def _whole(path: Any, folder: Any) -> str | None:
    """The absolute path that ``path`` names in the open ``folder``; None where that is not known."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    name = os.fsdecode(path)
    if isinstance(folder, int) and folder >= 0 and not os.path.isabs(name):
        try:
            name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
        except OSError:
            return None
    return os.path.abspath(name)


def _bytecode(path: str) -> bool:
    """Whether a file is the interpreter's own, or a scratch folder's that the harness takes away.

    A tool that imports a module for the first time writes the one; the garbage collector may come to the
    other on any thread.
    """
    if path.startswith(_SCRATCH):
        return True
    return os.path.basename(os.path.dirname(path)) == "__pycache__" or path.endswith(os.sep + "__pycache__")


def _address(address: object) -> str:
    """Where a socket goes: the same words in every run, unlike the socket itself."""
    return ":".join(map(str, address[:2])) if isinstance(address, tuple) else repr(address)


def _command(event: str, args: tuple[Any, ...]) -> str:
    if event == "os.fork" or not args:
        return event
    given = args[1] if event in {"subprocess.Popen", "os.posix_spawn"} else args[0]
    words = [given] if isinstance(given, (str, bytes, os.PathLike)) else list(given)
    return " ".join(os.fsdecode(word) for word in words)[:200]


def thread_started() -> None:
    """A call starts a thread; CPython 3.11 has no event for that."""
    if _ACTIVE:
        _ACTIVE[-1].saw_thread()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _ACTIVE and event in _EVENTS and current() is not None:
        _ACTIVE[-1].saw(event, args)
