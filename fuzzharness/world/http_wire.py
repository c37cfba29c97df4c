"""The connection to one service that exchanges of HTTP/1.1 go over, for all calls: bytes for bytes.

Decides when a connection is used again, and where an answer ends. What the answer means is left to the
client that asked, which reads it from an :class:`Answer` as it would from its socket.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import Any, Final

from fuzzharness.world.http_request import PATIENCE, keeps_open

FRESH: Final = 1.0
"""After so many seconds of real time a connection is not used again: its server may be about to close it."""

_SWITCHING: Final = 101
_FINAL: Final = 200
_CHUNK: Final = 1 << 16


class Answer:
    """What a service has answered, in the place of a socket; what went wrong then comes behind it."""

    def __init__(self, content: bytes = b"", error: OSError | None = None, switches: bool = False) -> None:
        self._content, self._error, self.switches = content, error, switches

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        """A file of the answer, from its first byte."""
        return io.BufferedReader(_Told(self._content, self._error))

    def settimeout(self, seconds: float | None) -> None:
        """Nothing is waited for: it has all been said."""

    def shutdown(self, how: int) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


class _Told(io.RawIOBase):
    """Bytes, and the error behind them."""

    def __init__(self, content: bytes, error: OSError | None) -> None:
        self._rest, self._error = memoryview(content), error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest and self._error is not None:
            raise self._error
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Listener(io.RawIOBase):
    """A socket that is read from, and all it has said so far."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self.heard = line, bytearray()

    def makefile(self, *_args: Any) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._line.recv_into(buffer)
        self.heard += buffer[:size]
        return size


class Wire:
    """The connections to one service; ``_busy`` are those over which an exchange is under way."""

    def __init__(self) -> None:
        self._idle: socket.socket | None = None
        self._busy: set[socket.socket] = set()
        self._used = monotonic()

    def exchange(self, connect: Callable[[], socket.socket], method: str, words: bytes) -> Answer:
        """Send ``words`` and have the whole answer; what ``connect`` raises is raised."""
        line = self._taken() or connect()
        line.settimeout(PATIENCE)
        self._busy.add(line)
        keep = False
        try:
            answer, keep = _exchange(line, method, words)
        finally:
            self._busy.discard(line)
            self._used = monotonic()
            if keep and self._idle is None:
                self._idle = line
            else:
                line.close()
        return answer

    def _taken(self) -> socket.socket | None:
        """The idle connection, if it is alive."""
        line, self._idle = self._idle, None
        if line is not None and (monotonic() - self._used > FRESH or not _is_silent(line)):
            line.close()
            line = None
        return line

    def abandon(self) -> None:
        """End the exchanges of calls that were set aside, whose run is over."""
        for line in list(self._busy):
            with suppress(OSError):  # it is closed already
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every connection."""
        self.abandon()
        if self._idle is not None:
            self._idle.close()
            self._idle = None


def _is_silent(line: socket.socket) -> bool:
    """Whether a service has neither closed an idle connection nor said anything."""
    line.setblocking(False)
    try:
        line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _exchange(line: socket.socket, method: str, words: bytes) -> tuple[Answer, bool]:
    """The answer to ``words``, and whether the connection may be used again.

    A service may answer before it has heard all, and close: then that is the answer.
    """
    unsent = _unsent(line, words)
    listener = _Listener(line)
    response: Any = HTTPResponse(listener, method=method)  # type: ignore[arg-type]  # it asks for a file alone
    failed, whole = unsent, False
    try:
        response.begin()
        while response.read(_CHUNK):
            pass
        whole = True
    except HTTPException:
        pass  # the client comes to the same, and is who may say so
    except OSError as error:
        failed = unsent or error
    finally:
        response.close()
    status = int(response.status) if whole else 0
    keep = whole and unsent is None and not response.will_close and status >= _FINAL and keeps_open(words)
    return Answer(bytes(listener.heard), None if whole else failed, status == _SWITCHING), keep


def _unsent(line: socket.socket, words: bytes) -> OSError | None:
    try:
        line.sendall(words)
    except OSError as error:
        return error
    return None
