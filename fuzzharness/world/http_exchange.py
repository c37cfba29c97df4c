"""Requests that calls make with ``httpx``, each a step of its own.

Decides where a call is held: before a request to a service of the world leaves. The exchange is one step,
from the first byte sent to the last of the answer, during which nobody else goes on, an event loop included:
a transport of our own makes it, in real time. Requests to others are left to the transport that has them.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any, cast

import anyio.lowlevel
import httpcore
import httpx

from fuzzharness.world.http import Http
from fuzzharness.world.http_request import PATIENCE
from fuzzharness.world.references import Replaced

_REPLACED = Replaced()
_SYNC: Callable[..., httpx.Response] = httpx.HTTPTransport.handle_request
_ASYNC: Callable[..., Awaitable[httpx.Response]] = httpx.AsyncHTTPTransport.handle_async_request
_TIMES = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE)
_TOLD = ("http_version", "reason_phrase")
_ALONE = httpx.Limits(max_connections=None, max_keepalive_connections=20)

FRESH = 1.0
"""After so many seconds of real time a connection is not used again: its server may be about to close it."""


class Line:
    """The connections to one service, for all calls; ``_talks`` are the exchanges under way."""

    def __init__(self) -> None:
        self._transports: dict[int, tuple[Any, httpx.HTTPTransport]] = {}
        self._sockets: list[socket.socket] = []
        self._talks: set[object] = set()
        self._used = monotonic()

    def exchange(self, request: httpx.Request, like: Any) -> httpx.Response:
        """Send ``request`` and have the whole answer, with the certificates of ``like``'s transport."""
        if not self._talks and monotonic() - self._used > FRESH:
            self.close()
        sent = httpx.Request(
            request.method,
            request.url,
            headers=request.headers.raw,
            stream=request.stream,
            extensions={**request.extensions, "timeout": _TIMES, "trace": self._follow},
        )
        talk = object()
        self._talks.add(talk)
        try:
            answer = _SYNC(self._transport(like), sent)
            try:
                body = b"".join(cast("Iterable[bytes]", answer.stream))
            finally:
                answer.close()
        finally:
            self._talks.discard(talk)
            self._used = monotonic()
        told = {name: answer.extensions[name] for name in _TOLD if name in answer.extensions}
        return httpx.Response(
            answer.status_code, headers=answer.headers.raw, stream=httpx.ByteStream(body), extensions=told
        )

    def _follow(self, event: str, info: dict[str, Any]) -> None:
        """What httpcore tells of a connection: the socket of each new one is kept."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._sockets.append(info["return_value"].get_extra_info("socket"))

    def _transport(self, like: Any) -> httpx.HTTPTransport:
        context = like._pool._ssl_context
        if id(context) not in self._transports:
            self._transports[id(context)] = context, httpx.HTTPTransport(verify=context, limits=_ALONE)
        return self._transports[id(context)][1]

    def abandon(self) -> None:
        """End the exchanges of calls that were set aside, whose run is over."""
        for each in self._sockets if self._talks else ():
            with suppress(OSError):  # it is closed already
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every connection."""
        self.abandon()
        for _, transport in self._transports.values():
            transport.close()
        self._transports.clear()
        self._sockets.clear()


_LINES: dict[Http, Line] = {}


def install(service: Http) -> None:
    """Stand in for the transports of ``httpx``; services share that."""
    if not _LINES:
        _REPLACED.put(httpx.HTTPTransport, "handle_request", _handle)
        _REPLACED.put(httpx.AsyncHTTPTransport, "handle_async_request", _handle_async)
    _LINES[service] = Line()


def abandon(service: Http) -> None:
    """The run is over: no exchange goes on."""
    if service in _LINES:
        _LINES[service].abandon()


def remove(service: Http) -> None:
    """Put the transports back when the last service goes."""
    line = _LINES.pop(service, None)
    if line is not None:
        line.close()
    if not _LINES:
        _REPLACED.restore()


def _service(transport: Any, request: httpx.Request) -> Http | None:
    """The service that a request of a call goes to, over a plain connection."""
    pool = getattr(transport, "_pool", None)
    if type(pool) not in (httpcore.ConnectionPool, httpcore.AsyncConnectionPool):
        return None
    if pool is None or pool._uds is not None or getattr(pool, "_proxy", None) is not None:
        return None
    return next((s for s in list(_LINES) if s.serves(request.url) and s.gate.inside), None)


def _handle(transport: Any, request: httpx.Request) -> httpx.Response:
    service = _service(transport, request)
    if service is None:
        return _SYNC(transport, request)
    request.read()
    return _step(service, transport, request)


async def _handle_async(transport: Any, request: httpx.Request) -> httpx.Response:
    service = _service(transport, request)
    if service is None:
        return await _ASYNC(transport, request)
    await request.aread()
    await anyio.lowlevel.checkpoint()
    return _step(service, transport, request)


def _step(service: Http, transport: Any, request: httpx.Request) -> httpx.Response:
    gate = service.gate
    gate.accesses(service.name, service.touched(request))
    with gate.unseen():
        answer = _LINES[service].exchange(request, transport)
    if answer.status_code == 101:
        gate.escape(f"a connection to {service.name} goes on as another protocol")
    return answer
