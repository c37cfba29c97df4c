"""What tools touch outside the world, seen by an audit hook.

Decides which events of the interpreter count as an escape: files opened for writing, made, renamed or
removed, sockets, subprocesses, SQLite files, the environment, where no resource of the world covers them; and
what reaches a file of the world by a way that its directory does not watch. Reports them, and stops
connections that leave the machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from fuzzharness.runtime.strand import current
from fuzzharness.runtime.workers import Worker
from fuzzharness.world import World
from fuzzharness.world.filewatch import vouched, watched_path
from fuzzharness.world.resource import Gate
from fuzzharness.world.working_directory import begun_in

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
        if event in _FILES:
            self._reached(_FILES[event], args)
        elif event == "socket.getaddrinfo":
            self._gate.reach(args[0])
        elif event in _SENDING:
            if isinstance(args[1], tuple):
                self._gate.reach(args[1][0])
            remedy = _AS_SERVICE if isinstance(args[1], tuple) else ""
            self._gate.escape(f"a connection to {_address(args[1])} was opened", remedy)
        elif event == "http.client.send":  # over a connection that may have been open before
            self._gate.escape(f"a request to {args[0].host}:{args[0].port} was sent", _AS_SERVICE)
        elif event in _THREADS:
            if not isinstance(getattr(args[0], "__self__", None), Worker):
                self.saw_thread()
        elif event in _OF_PROCESS:
            named = os.fsdecode(args[0]) if args and isinstance(args[0], (str, bytes)) else ""
            self._gate.escape(_OF_PROCESS[event].format(named), _AS_ENVIRONMENT)
        else:
            self._gate.escape(f"another process was started: {_command(event, args)}")

    def saw_thread(self) -> None:
        """Report that a call has started a thread, which may do what its siblings wait for."""
        strand = current()
        if strand is not None:
            strand.run.strangers = True
        self._gate.escape("a thread was started, which runs out of control")

    def _reached(self, how: _How, args: tuple[Any, ...]) -> None:
        """A file was reached; ``args`` are those of the event."""
        changes = how.changes or (how.flags is not None and (args[how.flags] or 0) & _WRITING)
        for place, folder in how.paths:
            path = _file_of_uri(args[place]) if how.never else args[place]
            if path in _NO_FILES:
                continue
            directory = begun_in(path, None if folder is None else args[folder])
            if directory is not None and (how.never or not vouched()):
                directory.miss(path)
            spot, whole = watched_path(path, None if folder is None else args[folder], how.follow)
            if whole is None:
                continue
            if spot is not None:
                if not vouched() or how.never:
                    name = spot[0].resource
                    self._gate.escape(f"{whole} was {how.done}, past the watch on the directory {name!r}")
            elif changes and whole != os.devnull and not self._world.covers(whole) and not _bytecode(whole):
                self._gate.escape(how.words.format(whole), how.remedy)


_AS_DIRECTORY = (
    "Let the tools write below a folder of the World, fh.Directory({name: content}): a tool parameter of the "
    "resource's name receives its path"
)
_AS_DATABASE = "Give it to the World as fh.Database(url, setup=…), which runs the tools on a copy"
_AS_ENVIRONMENT = "Give the World an fh.Environment(), which watches this and puts it back before every run"
_AS_SERVICE = (
    "If a service of yours answers HTTP there, give it to the World as fh.Http(url, reset=…, state=…), which "
    "puts it back before every run"
)


@dataclass(frozen=True)
class _How:
    """What an event does to files, and which of its arguments are a path and the folder that begins in.

    ``flags`` is the argument that tells whether it ``changes`` anything, ``follow`` whether a link is
    followed; ``never``: no directory watches this. ``remedy`` is what to give to the World for it.
    """

    done: str
    paths: tuple[tuple[int, int | None], ...] = ((0, None),)
    changes: bool = True
    flags: int | None = None
    follow: bool = True
    never: bool = False
    words: str = ""
    remedy: str = _AS_DIRECTORY

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", self.words or "{} was " + self.done)


_NO_FILES = ("", ":memory:", b"", b":memory:", -1)


def _file_of_uri(name: Any) -> Any:
    """The file that SQLite opens by a name, which may be an URI."""
    return name[5:].partition("?")[0] if isinstance(name, str) and name.startswith("file:") else name


_FILES: dict[str, _How] = {
    "open": _How("opened", changes=False, flags=2, words="the file {} was opened for writing"),
    "sqlite3.connect": _How(
        "opened by SQLite", never=True, words="the SQLite file {} was opened", remedy=_AS_DATABASE
    ),
    "mmap.__new__": _How("mapped into memory", changes=False),
    "os.listdir": _How("listed", changes=False),
    "os.scandir": _How("listed", changes=False),
    "os.getxattr": _How("asked for its attributes", changes=False),
    "os.listxattr": _How("asked for its attributes", changes=False),
    "os.remove": _How("removed", ((0, 1),), follow=False),
    "os.rename": _How("renamed", ((0, 2), (1, 3)), follow=False),
    "os.mkdir": _How("made", ((0, 2),), follow=False),
    "os.rmdir": _How("removed", ((0, 1),), follow=False),
    "os.truncate": _How("truncated"),
    "os.link": _How("linked", ((0, 2), (1, 3)), follow=False),
    "os.symlink": _How("made a link", ((1, 2),), follow=False),
    "os.chmod": _How("given another mode", ((0, 2),)),
    "os.chown": _How("given another owner", ((0, 3),)),
    "os.utime": _How("given other times", ((0, 3),)),
    "os.setxattr": _How("given other attributes"),
    "os.removexattr": _How("given other attributes"),
}

_SENDING = frozenset({"socket.connect", "socket.sendto"})

_OF_PROCESS = {
    "os.putenv": "the environment variable {} was set",
    "os.unsetenv": "the environment variable {} was removed",
    "os.chdir": "os.chdir changed the working directory of all calls",
}

_THREADS = frozenset({"_thread.start_new_thread", "_thread.start_joinable_thread"})

_EVENTS = frozenset(
    {"socket.getaddrinfo", "http.client.send", "subprocess.Popen", "os.system", "os.posix_spawn", "os.fork"}
    | _SENDING
    | _THREADS
    | _FILES.keys()
    | _OF_PROCESS.keys()
)


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
