"""What requests of calls to one service come to: a service of its own process, reached by real clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.request import Request, urlopen

import anyio.to_thread
import httpx
import pytest
import requests
import trio
import urllib3

import fuzzharness as fh

PLAIN = httpx.create_ssl_context(verify=False)  # made once: it is what costs most in making a client
CLIENT = httpx.Client(verify=PLAIN)
SESSION = requests.Session()


def api(service: str, **options: Any) -> fh.World:
    return fh.World(api=fh.Http(service, reset="/reset", state="/state", **options))


def by_function(api: str) -> None:
    balance = httpx.get(f"{api}/accounts/7", verify=PLAIN).json()["balance"]
    httpx.put(f"{api}/accounts/7", json={"balance": balance + 1}, verify=PLAIN)


def by_client(api: str) -> None:
    with httpx.Client(base_url=api, verify=PLAIN) as client:
        balance = client.get("/accounts/7").json()["balance"]
        client.put("/accounts/7", json={"balance": balance + 1})


def by_shared_client(api: str) -> None:
    balance = CLIENT.get(f"{api}/accounts/7").json()["balance"]
    CLIENT.put(f"{api}/accounts/7", json={"balance": balance + 1})


async def by_async_client(api: str) -> None:
    async with httpx.AsyncClient(base_url=api, verify=PLAIN) as client:
        balance = (await client.get("/accounts/7")).json()["balance"]
        await client.put("/accounts/7", json={"balance": balance + 1})


async def by_async_client_on_trio(api: str) -> None:
    await trio.lowlevel.checkpoint()
    await by_async_client(api)


async def streamed(api: str) -> None:
    async def body(balance: int) -> Any:
        yield b'{"balance": '
        yield f"{balance + 1}}}".encode()

    async with httpx.AsyncClient(base_url=api, verify=PLAIN) as client:
        async with client.stream("GET", "/accounts/7") as response:
            balance = httpx.Response(200, content=await response.aread()).json()["balance"]
        size = {"Content-Length": str(len(f'{{"balance": {balance + 1}}}'))}
        await client.put("/accounts/7", content=body(balance), headers=size)


def by_http_client(api: str) -> None:
    connection = HTTPConnection(api.removeprefix("http://"))
    connection.request("GET", "/accounts/7")
    balance = json.load(connection.getresponse())["balance"]
    connection.request("PUT", "/accounts/7", json.dumps({"balance": balance + 1}))
    connection.getresponse().read()


def by_urllib(api: str) -> None:
    with urlopen(f"{api}/accounts/7") as answer:
        balance = json.load(answer)["balance"]
    body = json.dumps({"balance": balance + 1}).encode()
    urlopen(Request(f"{api}/accounts/7", data=body, method="PUT")).close()


def by_urllib3(api: str) -> None:
    balance = urllib3.request("GET", f"{api}/accounts/7").json()["balance"]
    urllib3.request("PUT", f"{api}/accounts/7", json={"balance": balance + 1})


def by_requests(api: str) -> None:
    balance = requests.get(f"{api}/accounts/7").json()["balance"]
    requests.put(f"{api}/accounts/7", json={"balance": balance + 1})


def by_shared_session(api: str) -> None:
    balance = SESSION.get(f"{api}/accounts/7").json()["balance"]
    SESSION.put(f"{api}/accounts/7", json={"balance": balance + 1})


async def by_requests_in_threads(api: str) -> None:
    balance = (await asyncio.to_thread(requests.get, f"{api}/accounts/7")).json()["balance"]
    await asyncio.to_thread(requests.put, f"{api}/accounts/7", json={"balance": balance + 1})


async def by_shared_session_in_threads_of_trio(api: str) -> None:
    await trio.lowlevel.checkpoint()
    await anyio.to_thread.run_sync(by_shared_session, api)


def add_at_once(api: str) -> None:
    httpx.post(f"{api}/accounts/7/add", json={"amount": 1}, verify=PLAIN).raise_for_status()


READ_AND_WRITE = [
    by_function,
    by_client,
    by_shared_client,
    by_async_client,
    by_async_client_on_trio,
    streamed,
    by_http_client,
    by_urllib,
    by_urllib3,
    by_requests,
    by_shared_session,
    by_requests_in_threads,
    by_shared_session_in_threads_of_trio,
]


def balances(report: fh.Report) -> set[int]:
    return {outcome.state["api"]["accounts"]["7"] for outcome in report.outcomes}


def on_a_value(ctx: Any) -> None:
    balance = ctx["balance"]
    ctx["balance"] = balance + 1


@pytest.mark.parametrize("tool", READ_AND_WRITE, ids=lambda tool: tool.__name__)
@pytest.mark.parametrize("calls", [2, 3])
def test_read_then_write_loses_updates_as_on_a_plain_value(
    exhaust: Any, service: str, tool: Callable[..., Any], calls: int
) -> None:
    report = exhaust([tool] * calls, strategy="auto", world=api(service))
    plain = exhaust([on_a_value] * calls, strategy="auto", balance=100)
    assert balances(report) == set(range(101, 101 + calls))
    assert report.verdict is fh.Verdict.UNSAFE
    assert (report.executions, report.escapes) == (plain.executions, ())
    assert "lost-update" in {finding.anomaly for finding in report.findings}
    assert report.executions == {2: 4, 3: 36}[calls]


def test_tools_of_every_kind_meet_at_one_service(exhaust: Any, service: str) -> None:
    report = exhaust(
        [by_shared_session, by_async_client, by_async_client_on_trio], strategy="auto", world=api(service)
    )
    assert balances(report) == {101, 102, 103}
    assert (report.executions, report.escapes) == (36, ())


def add_by_requests(api: str) -> None:
    SESSION.post(f"{api}/accounts/7/add", json={"amount": 1}).raise_for_status()


@pytest.mark.parametrize("tool", [add_at_once, add_by_requests], ids=lambda tool: tool.__name__)
def test_an_atomic_request_is_safe(exhaust: Any, service: str, tool: Callable[..., Any]) -> None:
    report = exhaust([tool] * 3, strategy="auto", world=api(service))
    assert (report.verdict, report.verified, balances(report)) == (fh.Verdict.SAFE, True, {103})
    assert report.executions == 6


@pytest.mark.parametrize("tool", [by_client, by_requests, by_urllib], ids=lambda tool: tool.__name__)
def test_a_finding_names_the_lines_of_the_tool(exhaust: Any, service: str, tool: Callable[..., Any]) -> None:
    (finding, *_) = exhaust([tool] * 2, strategy="auto", world=api(service)).findings
    assert "test_http.py" in finding.explanation
    assert not [
        name for name in ("httpx/", "requests/", "urllib/", "urllib3/") if name in finding.explanation
    ]
