"""Requests that calls make with ``http.client``, as ``urllib`` and ``urllib3`` (``requests``) do.

Decides where a call is held: when its request is complete, before anything of it leaves. What the client
would send is collected meanwhile, so that a body may be read from where it has gates of its own; then the
exchange is one step, over a connection that all calls share, and the client reads the answer from memory.
Whatever else derives from ``HTTPConnection`` and sends in ways of its own is left to do so.
"""

from __future__ import annotations

import io
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Final
from weakref import WeakKeyDictionary

from fuzzharness.world import http_pools
from fuzzharness.world.http import Http
from fuzzharness.world.http_request import PATIENCE, Url, is_whole, sent, url_of
from fuzzharness.world.http_wire import Answer, Wire
from fuzzharness.world.references import Replaced

_REPLACED = Replaced()
_WIRES: dict[Http, Wire] = {}
_PUT: Final = HTTPConnection.putrequest
_SEND: Final = HTTPConnection.send
_GET: Final = HTTPConnection.getresponse
_CLOSE: Final = HTTPConnection.close
_SEAM: Final = ("connect", "putrequest", "endheaders", "_send_output", "send", "getresponse", "close")
_KNOWN: Final = frozenset({"http.client", "urllib3.connection", __name__})
_PLAIN: Final = 80
"""The default port of connections that are not encrypted."""


class Talk:
    """A request that a connection of a call is making; ``words`` is what of it would have been sent."""

    def __init__(self, service: Http, method: str, url: Url) -> None:
        self.service, self.method, self.url = service, method, url
        self.words = bytearray()
        self.is_over = False

    def hold(self, connection: HTTPConnection) -> None:
        """Hold the call until its request may be made; make it, and leave the answer to be read."""
        gate = self.service.gate
        words = bytes(self.words)
        self.is_over = True
        gate.accesses(self.service.name, self.service.touched(sent(self.method, self.url, words)))
        with gate.unseen():
            answer = _WIRES[self.service].exchange(lambda: _connected(connection), self.method, words)
        if answer.switches:
            gate.escape(f"a connection to {self.service.name} goes on as another protocol")
        connection.sock = answer


_TALKS: WeakKeyDictionary[HTTPConnection, Talk] = WeakKeyDictionary()


def install(service: Http) -> None:
    """Stand in for the methods that send requests; services share that."""
    if not _WIRES:
        stand_ins = {"putrequest": _put, "send": _send, "getresponse": _get, "close": _close}
        for name, stand_in in stand_ins.items():
            _REPLACED.put(HTTPConnection, name, stand_in)
        for owner in _owners():
            _REPLACED.put(owner, "request", _request(owner))
        http_pools.stand_in(_REPLACED, _unseen)
    _WIRES[service] = Wire()


def _owners() -> list[Any]:
    """The classes that have a ``request`` of their own."""
    urllib3 = sys.modules.get("urllib3.connection")
    return [HTTPConnection] if urllib3 is None else [HTTPConnection, urllib3.HTTPConnection]


def _unseen() -> AbstractContextManager[None]:
    """What is done inside is no call's."""
    service = next(iter(_WIRES), None)
    return nullcontext() if service is None else service.gate.unseen()


def abandon(service: Http) -> None:
    """The run is over: no exchange goes on."""
    if service in _WIRES:
        _WIRES[service].abandon()


def remove(service: Http) -> None:
    """Put the methods back when the last service goes."""
    wire = _WIRES.pop(service, None)
    if wire is not None:
        wire.close()
    if not _WIRES:
        _REPLACED.restore()
        _TALKS.clear()


def _service(connection: Any, target: str) -> tuple[Http, Url] | None:
    """The service that a request of a call goes to, over a plain connection, and what it asks for."""
    if connection._tunnel_host or getattr(connection, "proxy", None) or "://" in target.partition("?")[0]:
        return None
    if connection.default_port != _PLAIN or not _is_known(type(connection)):
        return None
    url = url_of("http", connection.host, connection.port, target)
    found = next((s for s in list(_WIRES) if s.serves(url) and s.gate.inside), None)
    return None if found is None else (found, url)


def _is_known(kind: type) -> bool:
    """Whether connections of a class send in no way but those that are stood in for."""
    return all(getattr(kind, name).__module__ in _KNOWN for name in _SEAM)


def _connected(connection: Any) -> socket.socket:
    """A new connection to where ``connection`` leads, which fails as that would."""
    timeout, connection.timeout = connection.timeout, PATIENCE
    connection.sock = None
    try:
        connection.connect()
        line: socket.socket = connection.sock
    finally:
        connection.timeout, connection.sock = timeout, None
    return line


# -- what stands in ------------------------------------------------------------------------------------


def _put(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
    _PUT(self, method, url, *args, **kwargs)
    _TALKS.pop(self, None)
    found = _service(self, url)
    if found is not None:
        if self.sock is not None:
            self.sock.close()  # of a pool, from before the calls
        self.sock = Answer()
        _TALKS[self] = Talk(found[0], method, found[1])


def _send(self: Any, data: Any) -> None:
    talk = _TALKS.get(self)
    if talk is None:
        _SEND(self, data)
        return
    for part in _parts(data, self.blocksize):
        talk.words += part


def _parts(data: Any, size: int) -> Iterable[Any]:
    """The bytes that ``data`` stands for, as ``http.client`` has it."""
    if not hasattr(data, "read"):
        return [data] if _is_bytes(data) else data
    as_text = isinstance(data, io.TextIOBase)
    found = iter(lambda: data.read(size), "" if as_text else b"")
    return (part.encode("iso-8859-1") for part in found) if as_text else found


def _is_bytes(data: Any) -> bool:
    try:
        memoryview(data)
    except TypeError:
        return False
    return True


def _request(owner: Any) -> Callable[..., None]:
    original = vars(owner)["request"]

    def request(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        talk = _TALKS.get(self)
        if talk is not None and not talk.is_over and is_whole(bytes(talk.words)):
            talk.hold(self)

    return request


def _get(self: Any) -> HTTPResponse:
    talk = _TALKS.get(self)
    if talk is None:
        return _GET(self)
    if not talk.is_over:
        talk.hold(self)
    try:
        return _GET(self)
    finally:
        self.sock = None
        _TALKS.pop(self, None)


def _close(self: Any) -> None:
    _TALKS.pop(self, None)
    _CLOSE(self)
