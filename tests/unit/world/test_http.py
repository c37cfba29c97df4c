"""fh.Http by itself: what it refuses, what requests touch, what it leaves behind."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest

import fuzzharness as fh
from fuzzharness.errors import WorldError


def api(service: str, **options: Any) -> fh.World:
    return fh.World(api=fh.Http(service, **{"reset": "/reset", "state": "/state", **options}))


def opened(world: fh.World) -> None:
    fh.explore(fh.Batch((fh.Call("t"), fh.Call("t"))), fh.Toolbox({"t": lambda: None}), world)


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The URL of a port on which connections wait and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


# -- what requests touch -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "accesses"),
    [
        ("GET", [("read", ("/accounts/7",))]),
        ("OPTIONS", [("read", ("/accounts/7",))]),
        ("HEAD", [("check", ("/accounts/7",))]),
        ("PUT", [("read", ("*",)), ("write", ("*",))]),
        ("POST", [("read", ("*",)), ("write", ("*",))]),
        ("DELETE", [("read", ("*",)), ("write", ("*",))]),
    ],
)
def test_reading_touches_a_path_and_anything_else_the_whole_service(
    run_once: Any, service: str, method: str, accesses: list[Any]
) -> None:
    def tool(api: str) -> None:
        httpx.request(method, f"{api}/accounts/7?fresh=1", json={"balance": 1})

    seen = run_once(api(service), tool)
    assert (seen.accesses, len(seen.steps), seen.escapes) == (accesses, 1, ())


def test_a_key_says_what_a_request_touches(run_once: Any, service: str) -> None:
    def tool(api: str) -> None:
        httpx.get(f"{api}/accounts/7")
        httpx.put(f"{api}/accounts/8", json={"balance": 1})

    seen = run_once(api(service, key=lambda request: request.url.path[-1]), tool)
    assert seen.accesses == [("read", ("7",)), ("read", ("8",)), ("write", ("8",))]


@pytest.mark.parametrize("key", [lambda _: [], lambda _: 1 // 0], ids=["no hash", "raises"])
def test_a_key_that_fails_is_told_and_stands_for_the_whole_service(
    run_once: Any, service: str, key: Callable[[Any], Any]
) -> None:
    seen = run_once(api(service, key=key), lambda api: httpx.get(f"{api}/accounts/7").status_code)
    assert (seen.accesses, seen.result) == ([("read", ("*",))], 200)
    assert "what GET /accounts/7 touches in api is not known" in seen.escapes[0]


def test_other_names_of_this_machine_lead_to_the_service(run_once: Any, service: str) -> None:
    seen = run_once(
        api(service.replace("127.0.0.1", "localhost")), lambda: httpx.get(f"{service}/state").status_code
    )
    assert (seen.accesses, seen.escapes) == ([("read", ("/state",))], ())


def test_every_run_begins_with_the_service_reset(run_once: Any, service: str) -> None:
    def tool(api: str) -> Any:
        httpx.post(f"{api}/accounts/7/add", json={"amount": 1})
        return httpx.get(f"{api}/accounts/7").json()["balance"]

    assert run_once(api(service), tool, again=3).result == 101


def test_the_answer_is_what_the_service_said(run_once: Any, service: str) -> None:
    async def tool(api: str) -> Any:
        async with httpx.AsyncClient(base_url=api) as client:
            found = await client.get("/nothing")
            async with client.stream("GET", "/accounts/7") as streamed:
                chunks = [chunk async for chunk in streamed.aiter_raw()]
        return found.status_code, found.reason_phrase, found.http_version, found.request.url.path, chunks

    seen = run_once(api(service), tool)
    assert seen.result == (404, "Not Found", "HTTP/1.1", "/nothing", [b'{"balance": 100}'])


def test_a_function_resets_and_tells_the_state(run_once: Any, service: str) -> None:
    asked: list[str] = []

    def reset() -> None:
        asked.append(httpx.post(f"{service}/reset").reason_phrase)

    def state() -> Any:
        return {"found": httpx.get(f"{service}/accounts/7").json(), "on": date(2024, 1, 1)}

    seen = run_once(api(service, reset=reset, state=state), lambda api: api)
    assert seen.state["api"] == {"found": {"balance": 100}, "on": date(2024, 1, 1)}
    assert (seen.result, seen.accesses, set(asked)) == (service, [], {"OK"})


# -- what is outside -----------------------------------------------------------------------------------


def test_a_request_to_another_service_is_an_escape(run_once: Any, service: str, elsewhere: str) -> None:
    def tool() -> str:
        try:
            httpx.get(elsewhere, timeout=0)
        except httpx.HTTPError as error:
            return type(error).__name__
        return ""

    seen = run_once(api(service), tool)
    assert any(what.startswith("a connection to 127.0.0.1:") for what in seen.escapes)
    assert "api" not in {resource for step in seen.steps for resource, *_ in step}


def test_a_request_by_other_means_is_an_escape(run_once: Any, service: str) -> None:
    def tool() -> None:
        socket.create_connection(("127.0.0.1", int(service.rpartition(":")[2]))).close()

    assert run_once(api(service), tool).escapes != ()


def test_a_request_through_a_proxy_is_an_escape(run_once: Any, service: str) -> None:
    def tool(api: str) -> int:
        with httpx.Client(proxy=api) as client:
            return client.get(f"{api}/accounts/7").status_code

    assert run_once(api(service), tool).escapes != ()


# -- a service that does not answer --------------------------------------------------------------------


def silent(api: str) -> None:
    httpx.get(f"{api}/silence", timeout=None)


async def silent_async(api: str) -> None:
    async with httpx.AsyncClient(timeout=None) as client:
        await client.get(f"{api}/silence")


@pytest.mark.parametrize("tool", [silent, silent_async], ids=lambda tool: tool.__name__)
def test_a_call_that_gets_no_answer_is_set_aside(service: str, tool: Callable[..., Any]) -> None:
    def add(api: str) -> None:
        httpx.post(f"{api}/accounts/7/add", json={"amount": 1})

    tools = fh.Toolbox({"silent": tool, "add": add})
    settings = fh.Settings(call_timeout=0.2)
    report = fh.explore(fh.Batch((fh.Call("silent"), fh.Call("add"))), tools, api(service), settings)
    assert not report.verified
    assert report.baseline.state["api"]["accounts"]["7"] == 101


def test_the_end_of_a_run_ends_an_exchange_on_a_connection_that_was_in_use_before() -> None:
    exchange = importlib.import_module("fuzzharness.world.http_exchange")
    line, ended = exchange.Line(), []

    def ask(url: str) -> None:
        with httpx.HTTPTransport() as like:
            ended.append(line.exchange(httpx.Request("GET", url), like).status_code)
            try:
                line.exchange(httpx.Request("GET", url), like)
            except httpx.TransportError as error:
                ended.append(type(error))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        asking = threading.Thread(target=ask, args=[f"http://127.0.0.1:{listening.getsockname()[1]}/"])
        asking.start()
        connection, _ = listening.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.recv(1000)
            line.abandon()
            asking.join()
    line.close()
    assert ended == [200, httpx.RemoteProtocolError]


# -- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", None, 8000]
)
def test_what_is_no_url_of_a_service_is_refused(url: Any) -> None:
    with pytest.raises(WorldError, match=r"Http was given .*Expected the URL of a service.*Write"):
        fh.Http(url, reset="/reset", state="/state")


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:80", "http://localhost.example.com"])
def test_another_machine_is_refused_unless_disposable(url: str) -> None:
    with pytest.raises(WorldError, match=r"on another machine.*Expected.*disposable=True"):
        fh.Http(url, reset="/reset", state="/state")
    assert fh.Http(url, reset="/reset", state="/state", disposable=True)


def test_a_service_that_is_down_is_refused(elsewhere: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(WorldError, match=r"'api' at http.* cannot be reached: .*Expected.*Start it"):
        opened(api(f"http://127.0.0.1:{port}"))
    assert elsewhere


def fails() -> None:
    raise ValueError("no")


@pytest.mark.parametrize(
    ("reset", "how"),
    [("/refuses", "answered POST /refuses with status 500"), (fails, "raised ValueError: no")],
)
def test_a_reset_that_fails_is_told(service: str, reset: Any, how: str) -> None:
    with pytest.raises(WorldError, match=rf"the reset of the service 'api' {how}.*Expected.*Try it"):
        opened(api(service, reset=reset))


class Thing:
    """No plain data."""


def itself() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("/nothing", "answered GET /nothing with status 404"),
        ("/text", "answered 'no JSON' when its state was asked for at '/text', which is no JSON"),
        (fails, "raised ValueError: no"),
        (Thing, "is a Thing that is, or holds, no plain data"),
        (lambda: {"a": [Thing()]}, "is a dict that is, or holds, no plain data"),
        (itself, "is a list that is, or holds, no plain data"),
    ],
)
def test_a_state_that_cannot_be_compared_is_told(service: str, state: Any, how: str) -> None:
    with pytest.raises(WorldError, match=rf"service 'api' {how}.*Expected"):
        opened(api(service, state=state))


def test_batches_before_may_not_change_what_reset_goes_back_to(service: str) -> None:
    def add(api: str) -> None:
        httpx.post(f"{api}/accounts/7/add", json={"amount": 1})

    batch = fh.Batch((fh.Call("add"),))
    with pytest.raises(WorldError, match=r"have changed the service 'api'.*Expected.*Let the reset"):
        fh.explore(batch, fh.Toolbox({"add": add}), api(service), before=[batch])


# -- what is left behind -------------------------------------------------------------------------------


def test_nothing_is_left_patched_or_open(run_once: Any, service: str) -> None:
    exchange = importlib.import_module("fuzzharness.world.http_exchange")
    found = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request
    world = fh.World(
        api=fh.Http(service, reset="/reset", state="/state"),
        again=fh.Http(service, reset="/reset", state="/state"),
    )
    run_once(world, lambda api: httpx.get(f"{api}/accounts/7").status_code)
    with pytest.raises(WorldError):
        opened(api(service, state="/text"))
    assert (httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request) == found
    assert exchange._LINES == {}


def test_httpx_is_not_imported_where_nobody_has(service: str) -> None:
    code = (
        "import sys, fuzzharness as fh\n"
        f"world = fh.World(api=fh.Http({service!r}, reset='/reset', state='/state'))\n"
        "batch = fh.Batch((fh.Call('t'), fh.Call('t')))\n"
        "fh.explore(batch, fh.Toolbox({'t': lambda api: None}), world)\n"
        "print('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
