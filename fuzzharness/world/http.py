"""A service that answers HTTP as a resource: a server that is there already, put back before every run.

Decides how a service is reset and read, and what a request to it touches. How requests of tools are held
is decided in ``http_exchange`` for ``httpx``, in ``http_client`` for clients on the standard library. What
the service does inside is its own: a request is one step.
"""

from __future__ import annotations

import datetime
import json
import socket
import sys
from collections.abc import Callable, Hashable
from decimal import Decimal
from http.client import HTTPException
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import ProxyHandler, Request, build_opener
from uuid import UUID

from fuzzharness.access import ANY, Key, Kind
from fuzzharness.errors import WorldError
from fuzzharness.world.disposable import on_this_machine
from fuzzharness.world.http_request import PATIENCE
from fuzzharness.world.plain import plain
from fuzzharness.world.resource import Gate

if TYPE_CHECKING:
    import httpx

    from fuzzharness.world.http_request import Request as Sent
    from fuzzharness.world.http_request import Url

_PORTS = {"http": 80, "https": 443}
_KINDS = {"GET": (Kind.READ,), "OPTIONS": (Kind.READ,), "HEAD": (Kind.CHECK,)}
_CHANGING = (Kind.READ, Kind.WRITE)


class Http:
    """A resource that is a service at ``url``, which tools reach by ``httpx``, ``requests`` or ``urllib``.

    ``reset`` brings it to the state that every run starts from: a function, or a path to POST to.
    ``state`` tells that state: a function that returns plain data, or a path to GET JSON from. A tool
    parameter of the resource's name receives the URL. Both have to be given, or :class:`WorldError`.

    GET, HEAD and OPTIONS read what is at their path; anything else may change all of the service. Where
    that is too coarse, ``key(request)`` names what a request touches, be it to read or to change it:
    requests with different keys have nothing in common, which is for the key to guarantee. ``request`` has
    the attributes ``method``, ``url`` (its ``path`` and ``query``), ``headers`` and ``content``, whoever
    sends it. A service is refused unless it is on this machine or ``disposable``.
    """

    def __init__(
        self,
        url: str,
        *,
        reset: Callable[[], Any] | str | None = None,
        state: Callable[[], Any] | str | None = None,
        key: Callable[[Any], Hashable] | None = None,
        disposable: bool = False,
    ) -> None:
        self._parts = _parts(url)
        self._do_reset = _given("reset", reset, "brings the service to the state that every run starts from")
        self._ask_state = _given("state", state, "tells the state by which endings are compared")
        self._url, self._key = url, key
        self._opened = False
        if not (disposable or on_this_machine(self.host)):
            raise WorldError(
                f"Http was given {url!r}, which is on another machine. Expected a service on this machine "
                "(localhost, 127.0.0.1), since replaying resets and changes it again and again. If it is "
                "there to be thrown away: Http(..., disposable=True)."
            )

    @property
    def host(self) -> str:
        """The host that the URL names."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int:
        """The port that the URL names, or that of its scheme."""
        return self._parts.port or _PORTS[self._parts.scheme]

    def open(self, name: str, gate: Gate) -> None:
        self.name, self.gate = name, gate
        self._open = build_opener(ProxyHandler({})).open
        self._opened = True
        try:
            self._check_up()
            self.reset()
            self._start = self.capture()
            for seam in _seams():
                seam.install(self)
        except BaseException:
            self.close()
            raise

    def mark(self) -> None:
        if self.capture() != self._start:
            raise WorldError(
                f"the batches before have changed the service {self.name!r}. Expected them to leave it as "
                "its reset does, since every run starts there. Let the reset make what they would."
            )

    def reset(self) -> str:
        self._abandon()
        if callable(self._do_reset):
            self._called("reset", self._do_reset)
        else:
            self._asked("reset", "POST", self._do_reset)
        return self._url

    def capture(self) -> Any:
        self._abandon()
        if callable(self._ask_state):
            found = self._called("state", self._ask_state)
            if not _is_plain(found):
                raise WorldError(
                    f"the state of the service {self.name!r} is a {type(found).__qualname__} that is, or "
                    "holds, no plain data. Expected dicts, lists, tuples, sets, text, numbers and their "
                    "like, since endings are compared by it. Return response.json(), or build a dict."
                )
            return plain(found)
        text = self._asked("state", "GET", self._ask_state)
        try:
            return json.loads(text)
        except ValueError as error:
            raise WorldError(
                f"the service {self.name!r} answered {text[:60]!r} when its state was asked for at "
                f"{self._ask_state!r}, which is no JSON: {error}. Expected JSON, since endings are compared "
                "by it. Give another path, or a function that returns plain data."
            ) from None

    def perturb(self, key: Key) -> bool:  # noqa: ARG002  # of the protocol
        return False

    def close(self) -> None:
        if self._opened:
            self._opened = False
            for seam in _seams():
                seam.remove(self)

    # -- what requests of tools touch ------------------------------------------------------------------

    def serves(self, url: httpx.URL | Url) -> bool:
        """Whether a URL is this service's, by whatever name of this machine."""
        if url.scheme != self._parts.scheme or (url.port or _PORTS[url.scheme]) != self.port:
            return False
        return url.host == self.host or (on_this_machine(url.host) and on_this_machine(self.host))

    def touched(self, request: httpx.Request | Sent) -> list[tuple[Key, Kind]]:
        """What a request touches."""
        kinds = _KINDS.get(request.method, _CHANGING)
        part = ANY if kinds is _CHANGING else request.url.path
        if self._key is not None:
            part = self._named(request)
        return [((part,), kind) for kind in kinds]

    def _named(self, request: httpx.Request | Sent) -> Any:
        assert self._key is not None
        try:
            part = self._key(request)
            hash(part)
        except Exception as error:
            self.gate.escape(
                f"what {request.method} {request.url.path} touches in {self.name} is not known: its key "
                f"failed with {type(error).__name__}: {error}"
            )
            return ANY
        return part

    # -- what the harness itself asks for --------------------------------------------------------------

    def _abandon(self) -> None:
        for seam in _seams():
            seam.abandon(self)

    def _check_up(self) -> None:
        try:
            socket.create_connection((self.host, self.port), timeout=PATIENCE).close()
        except OSError as error:
            raise WorldError(
                f"the service {self.name!r} at {self._url} cannot be reached: {error}. Expected a server "
                "that is up before the exploration begins. Start it, or correct the URL."
            ) from None

    def _called(self, what: str, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except Exception as error:
            raise self._failed(what, f"raised {type(error).__name__}: {error}") from error

    def _asked(self, what: str, method: str, path: str) -> str:
        request = Request(urljoin(self._url, path), data=b"" if method == "POST" else None, method=method)
        try:
            with self._open(request, timeout=PATIENCE) as answer:
                content: bytes = answer.read()
        except HTTPError as error:
            error.close()
            raise self._failed(what, f"answered {method} {path} with status {error.code}") from None
        except (OSError, HTTPException) as error:
            raise self._failed(what, f"failed at {method} {path}: {error}") from None
        return content.decode(errors="replace")

    def _failed(self, what: str, how: str) -> WorldError:
        return WorldError(
            f"the {what} of the service {self.name!r} {how}. Expected it to succeed before and after every "
            f"run, since endings cannot be compared without. Try it by hand against {self._url}."
        )


def _seams() -> list[ModuleType]:
    """The modules that hold the requests of clients; that of ``httpx`` where somebody has imported it."""
    from fuzzharness.world import http_client

    if "httpx" not in sys.modules:
        return [http_client]
    from fuzzharness.world import http_exchange

    return [http_client, http_exchange]


def _given(name: str, value: Any, does: str) -> Any:
    if callable(value) or (isinstance(value, str) and value):
        return value
    raise WorldError(
        f"Http was given {name}={value!r}. Expected a path of the service, such as '/{name}', or a function "
        f"without parameters, which {does}: without both nothing can be explored. Add it to the service, or "
        "write such a function."
    )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        good = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError, TypeError):
        good = False
    if not good:
        raise WorldError(
            f"Http was given {url!r}. Expected the URL of a service, such as 'http://127.0.0.1:8000'. Write "
            "the scheme, the host and, if need be, the port."
        )
    return parts


_SCALARS: Final = frozenset(
    {
        type(None), bool, int, float, complex, str, bytes, Decimal, UUID,
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta,
    }
)  # fmt: skip


def _is_plain(value: Any) -> bool:
    try:
        return _holds_plain(value)
    except RecursionError:
        return False


def _holds_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_holds_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_holds_plain, value))
    return isinstance(value, tuple(_SCALARS))  # a test that freezes time has dates of its own
