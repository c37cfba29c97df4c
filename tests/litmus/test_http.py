"""What requests of calls to one service come to: a service of its own process, reached with httpx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio

import fuzzharness as fh

PLAIN = httpx.create_ssl_context(verify=False)  # made once: it is what costs most in making a client
CLIENT = httpx.Client(verify=PLAIN)


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


def add_at_once(api: str) -> None:
    httpx.post(f"{api}/accounts/7/add", json={"amount": 1}, verify=PLAIN).raise_for_status()


READ_AND_WRITE = [
    by_function,
    by_client,
    by_shared_client,
    by_async_client,
    by_async_client_on_trio,
    streamed,
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
        [by_client, by_async_client, by_async_client_on_trio], strategy="auto", world=api(service)
    )
    assert balances(report) == {101, 102, 103}
    assert (report.executions, report.escapes) == (36, ())


def test_an_atomic_request_is_safe(exhaust: Any, service: str) -> None:
    report = exhaust([add_at_once] * 3, strategy="auto", world=api(service))
    assert (report.verdict, report.verified, balances(report)) == (fh.Verdict.SAFE, True, {103})
    assert report.executions == 6


def test_a_finding_names_the_lines_of_the_tool(exhaust: Any, service: str) -> None:
    (finding, *_) = exhaust([by_client] * 2, strategy="auto", world=api(service)).findings
    assert "test_http.py" in finding.explanation
    assert "httpx" not in finding.explanation
