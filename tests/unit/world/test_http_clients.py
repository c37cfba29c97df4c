"""Clients on http.client: each request is one step, and comes to what it comes to outside of runs."""

from __future__ import annotations

import http.client
import io
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

import fuzzharness as fh
from fuzzharness.world import http_client

SESSION = requests.Session()
MANAGER = urllib3.PoolManager(maxsize=1, block=True)


def api(service: str, **options: Any) -> fh.World:
    return fh.World(api=fh.Http(service, **{"reset": "/reset", "state": "/state", **options}))


def connected(url: str) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(host(url)))


def host(url: str) -> str:
    return url.split("/")[2]


def path(url: str) -> str:
    return "/" + "/".join(url.split("/")[3:])


def by_http_client(url: str) -> tuple[int, bytes]:
    with connected(url) as connection:
        connection.request("GET", path(url))
        answer = connection.getresponse()
        return answer.status, answer.read()


def by_parts(url: str) -> tuple[int, bytes]:
    with connected(url) as connection:
        connection.putrequest("GET", path(url))
        connection.putheader("Accept", "*/*")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read(5) + answer.read()


def by_urllib(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url) as answer:
        return answer.status, answer.read()


def by_urllib3(url: str) -> tuple[int, bytes]:
    answer = urllib3.request("GET", url)
    return answer.status, answer.data


def by_blocking_pool(url: str) -> tuple[int, bytes]:
    answer = MANAGER.request("GET", url)
    return answer.status, answer.data


def by_requests(url: str) -> tuple[int, bytes]:
    answer = requests.get(url, timeout=(1, 1))
    return answer.status_code, answer.content


def by_session(url: str) -> tuple[int, bytes]:
    answer = SESSION.get(url)
    return answer.status_code, answer.content


def by_stream(url: str) -> tuple[int, bytes]:
    with SESSION.get(url, stream=True) as answer:
        return answer.status_code, b"".join(answer.iter_content(3))


CLIENTS = [by_http_client, by_parts, by_urllib, by_urllib3, by_requests, by_session, by_stream]
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)


def ending(client: Callable[[str], Any], url: str) -> Any:
    """What a request comes to; an error by its type."""
    try:
        return client(url)
    except Exception as error:
        return type(error)


def only(seen: Any, resource: str) -> list[list[tuple[str, Any]]]:
    """The steps that touch a resource."""
    steps = [[(kind, key) for name, kind, key in step if name == resource] for step in seen.steps]
    return [step for step in steps if step]


# -- what a request touches, and what it comes to ------------------------------------------------------


@each_client
def test_a_request_is_one_step(run_once: Any, service: str, client: Callable[[str], Any]) -> None:
    seen = run_once(api(service), lambda api: client(f"{api}/accounts/7"), again=2)
    assert only(seen, "api") == [[("read", ("/accounts/7",))]]
    assert (seen.result, seen.escapes) == ((200, b'{"balance": 100}'), ())


@each_client
@pytest.mark.parametrize("at", ["accounts/7", "nothing", "chunks", "broken", "moved", "text"])
def test_an_answer_is_the_one_that_the_client_gets_elsewhere(
    run_once: Any, service: str, client: Callable[[str], Any], at: str
) -> None:
    expected = ending(client, f"{service}/{at}")
    assert run_once(api(service), lambda api: ending(client, f"{api}/{at}"), again=2).result == expected


@pytest.mark.parametrize("client", [by_urllib, by_urllib3, by_requests, by_session])
def test_each_hop_of_a_redirect_is_a_step(run_once: Any, service: str, client: Callable[[str], Any]) -> None:
    seen = run_once(api(service), lambda api: client(f"{api}/moved"))
    assert only(seen, "api") == [[("read", ("/moved",))], [("read", ("/accounts/7",))]]
    assert (seen.result, seen.escapes) == ((200, b'{"balance": 100}'), ())


def test_a_pool_that_lets_calls_wait_is_a_coupling_of_its_own(run_once: Any, service: str) -> None:
    by_blocking_pool(f"{service}/state")
    seen = run_once(api(service), lambda api: by_blocking_pool(f"{api}/accounts/7"))
    assert (len(only(seen, "api")), len(only(seen, "the queue")), seen.escapes) == (1, 2, ())


def test_what_remote_procedures_call_is_seen(run_once: Any, service: str) -> None:
    def tool(api: str) -> int:
        try:
            xmlrpc.client.ServerProxy(f"{api}/rpc").add(1)
        except xmlrpc.client.ProtocolError as error:
            return error.errcode
        return 0

    seen = run_once(api(service), tool)
    assert seen.result == 500
    assert (seen.accesses, seen.escapes) == ([("read", ("*",)), ("write", ("*",))], ())


BODIES = {
    "text": '{"balance": 5}',
    "bytes": b'{"balance": 5}',
    "a file": lambda: io.BytesIO(b'{"balance": 5}'),
    "a text file": lambda: io.StringIO('{"balance": 5}'),
    "pieces": lambda: iter([b'{"bal', b'ance": 5}']),
}


@pytest.mark.parametrize("put", ["http.client", "requests", "urllib3"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_of_every_kind_arrives(run_once: Any, service: str, put: str, body: Any) -> None:
    def tool(api: str) -> None:
        data = body() if callable(body) else body
        if put == "http.client":
            with connected(api) as connection:
                connection.request("PUT", "/accounts/7", data)
                connection.getresponse().read()
        elif put == "requests":
            requests.put(f"{api}/accounts/7", data=data)
        else:
            urllib3.request("PUT", f"{api}/accounts/7", body=data)

    seen = run_once(api(service), tool)
    assert (seen.state["api"]["accounts"]["7"], seen.escapes) == (5, ())
    assert len(only(seen, "api")) == 1


def test_a_body_that_is_sent_bit_by_bit_belongs_to_its_request(run_once: Any, service: str) -> None:
    def tool(api: str) -> None:
        with connected(api) as connection:
            connection.request("PUT", "/accounts/7", headers={"Content-Length": "14"})
            connection.send(b'{"balance"')
            connection.send(b": 5}")
            connection.getresponse().read()

    seen = run_once(api(service), tool)
    assert (seen.state["api"]["accounts"]["7"], len(only(seen, "api"))) == (5, 1)


def test_a_body_is_read_from_a_file_before_the_request_is_made(run_once: Any, service: str) -> None:
    files = fh.Directory({"body.json": '{"balance": 5}'})
    http = fh.Http(service, reset="/reset", state="/state")

    def tool(api: str, files: Path) -> None:
        with open(files / "body.json", "rb") as body:
            requests.put(f"{api}/accounts/7", data=body)

    seen = run_once(fh.World(api=http, files=files), tool)
    touched = [{name for name, *_ in step} & {"api", "files"} for step in seen.steps]
    assert [names for names in touched if names][-1] == {"api"}
    assert (only(seen, "files")[0][0][0], seen.escapes) == ("check", ())
    assert seen.state["api"]["accounts"]["7"] == 5


def test_a_key_is_told_the_same_of_a_request_whoever_makes_it(run_once: Any, service: str) -> None:
    httpx = pytest.importorskip("httpx")
    asked: list[Any] = []

    def key(request: Any) -> str:
        told = (request.method, request.url.path, request.url.query, request.headers["x-who"])
        asked.append((*told, json.loads(request.content)))
        return "all"

    def tool(api: str) -> None:
        given: Any = {"json": {"balance": 5}, "headers": {"X-Who": "me"}}
        httpx.put(f"{api}/accounts/7%20?a=b%20c", **given)
        requests.put(f"{api}/accounts/7%20?a=b%20c", **given)

    run_once(api(service, key=key), tool)
    assert asked == [("PUT", "/accounts/7 ", b"a=b%20c", "me", {"balance": 5})] * 2


# -- a service that fails, or does not answer ----------------------------------------------------------


@pytest.fixture
def going() -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a port, and what makes it refuse connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", listening.close


@each_client
def test_that_a_connection_is_refused_is_an_outcome(
    run_once: Any, going: tuple[str, Callable[[], None]], client: Callable[[str], Any]
) -> None:
    url, close = going
    resets: list[int] = []

    def reset() -> None:
        resets.append(1)
        if len(resets) > 1:  # up when it is looked for, and down when it is needed
            close()

    seen = run_once(api(url, reset=reset, state=dict), lambda api: ending(client, f"{api}/accounts/7"))
    assert (seen.result, seen.escapes) == (ending(client, f"{url}/accounts/7"), ())
    assert isinstance(seen.result, type)


def test_a_call_that_gets_no_answer_is_set_aside(service: str) -> None:
    def silent(api: str) -> None:
        requests.get(f"{api}/silence", timeout=None)

    def add(api: str) -> None:
        requests.post(f"{api}/accounts/7/add", json={"amount": 1})

    tools = fh.Toolbox({"silent": silent, "add": add})
    settings = fh.Settings(call_timeout=0.2)
    report = fh.explore(fh.Batch((fh.Call("silent"), fh.Call("add"))), tools, api(service), settings)
    assert not report.verified
    assert report.baseline.state["api"]["accounts"]["7"] == 101


# -- what is outside -----------------------------------------------------------------------------------


class OfAnotherKind(http.client.HTTPConnection):
    """Connects in a way of its own, as those to Unix sockets do."""

    def connect(self) -> None:
        self.sock = socket.create_connection((self.host, self.port))


def through_a_proxy(api: str) -> None:
    requests.get(f"{api}/state", proxies={"http": api})


def through_a_tunnel(api: str) -> None:
    with connected(api) as connection:
        connection.set_tunnel("127.0.0.1", 1)
        with pytest.raises(OSError, match="Tunnel"):
            connection.request("GET", "/state")


def in_its_own_way(api: str) -> None:
    connection = OfAnotherKind(host(api))
    connection.request("GET", "/state")
    connection.getresponse().read()
    connection.close()


def encrypted(api: str) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{api}/state".replace("http:", "https:"))


@pytest.mark.parametrize(
    "tool", [through_a_proxy, through_a_tunnel, in_its_own_way, encrypted], ids=lambda tool: tool.__name__
)
def test_what_is_not_held_is_an_escape(run_once: Any, service: str, tool: Callable[..., Any]) -> None:
    seen = run_once(api(service), tool)
    assert only(seen, "api") == []
    assert any("a connection to 127.0.0.1:" in what for what in seen.escapes)


def test_a_connection_from_before_that_is_not_held_is_an_escape(run_once: Any, service: str) -> None:
    connection = OfAnotherKind(host(service))
    connection.request("GET", "/state")
    connection.getresponse().read()

    def tool() -> None:
        connection.request("GET", "/state")
        connection.getresponse().read()

    (escape,) = run_once(api(service), tool).escapes
    connection.close()
    assert escape == f"a request to {host(service)} was sent"


# -- what is left behind -------------------------------------------------------------------------------


def test_a_session_goes_on_after_the_calls_as_before(run_once: Any, service: str) -> None:
    session = requests.Session()

    def get() -> int:
        return session.get(f"{service}/accounts/7").status_code

    before = get()
    assert (before, run_once(api(service), get, again=3).result, get(), get()) == (200,) * 4
    session.close()


def test_nothing_is_left_patched_or_open(run_once: Any, service: str) -> None:
    owners: list[Any] = [
        http.client.HTTPConnection,
        urllib3.connection.HTTPConnection,
        urllib3.connectionpool.HTTPConnectionPool,
    ]
    found = [dict(vars(owner)) for owner in owners]
    run_once(api(service), lambda api: by_session(f"{api}/accounts/7"), again=2)
    assert [dict(vars(owner)) for owner in owners] == found
    assert (http_client._WIRES, len(http_client._TALKS)) == ({}, 0)


def test_a_client_that_a_tool_imports_is_held_too(service: str) -> None:
    code = (
        "import sys, fuzzharness as fh\n"
        "def tool(api):\n"
        "    import requests\n"
        "    balance = requests.get(f'{api}/accounts/7').json()['balance']\n"
        "    requests.put(f'{api}/accounts/7', json={'balance': balance + 1})\n"
        f"world = fh.World(api=fh.Http({service!r}, reset='/reset', state='/state'))\n"
        "assert 'urllib3' not in sys.modules\n"
        "batch = fh.Batch((fh.Call('t'), fh.Call('t')))\n"
        "report = fh.explore(batch, fh.Toolbox({'t': tool}), world, fh.Settings(max_executions=60))\n"
        "print(sorted(o.state['api']['accounts']['7'] for o in report.outcomes), report.escapes)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[101, 102] ()"
