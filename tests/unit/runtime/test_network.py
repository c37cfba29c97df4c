"""No call reaches another machine, unless the settings name it."""

import contextlib
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.world.disposable import on_this_machine

Tool = Callable[[], Any]


def connect() -> str:
    with pytest.raises(ConnectionRefusedError) as refused:
        socket.create_connection(("203.0.113.7", 443), timeout=0.01)
    return str(refused.value)


def look_up() -> str:
    with pytest.raises(fh.NetworkRefused) as refused:
        socket.getaddrinfo("api.example.com", 443)
    return str(refused.value)


def fetch() -> str:
    with pytest.raises(urllib.error.URLError) as refused:
        urllib.request.urlopen("http://api.example.com/orders")
    return str(refused.value.reason)


def send() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, pytest.raises(fh.NetworkRefused) as refused:
        udp.sendto(b"x", ("203.0.113.7", 53))
    return str(refused.value)


def explored(tool: Tool, **settings: Any) -> fh.Report:
    batch = fh.Batch((fh.Call("tool", {}),))
    return fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(), fh.Settings(**settings))


@pytest.mark.parametrize("tool", [connect, look_up, fetch, send])
def test_what_leaves_the_machine_is_refused_in_the_tool_and_says_how_to_allow_it(tool: Tool) -> None:
    (result,) = explored(tool).baseline.results.values()
    assert "is refused" in str(result)
    assert "Settings(allow_network=(" in str(result)


def test_a_host_that_the_settings_name_is_let_through_and_reported() -> None:
    def send_allowed() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            with contextlib.suppress(OSError):  # there may be no way to that network
                udp.sendto(b"x", ("203.0.113.7", 53))

    report = explored(send_allowed, allow_network=("203.0.113.7",))
    assert "203.0.113.7:53" in str(report.escapes)
    assert not report.exhausted


def test_this_machine_is_let_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def call() -> bool:
            socket.create_connection(("localhost", port)).close()
            return True

        (result,) = explored(call).baseline.results.values()
    assert result == fh.Returned(True)


@pytest.mark.parametrize(
    ("host", "leaving"),
    [
        ("localhost", False), ("127.0.0.1", False), ("127.8.8.8", False), ("::1", False), ("[::1]", False),
        ("0.0.0.0", False), ("app.localhost", False), ("", False), ("10.0.0.1", True), ("192.168.1.5", True),
        ("example.com", True), ("localhost.example.com", True), ("fe80::1%eth0", True),
    ],
)  # fmt: skip
def test_which_hosts_are_this_machine(host: str, leaving: bool) -> None:
    assert on_this_machine(host) is not leaving
