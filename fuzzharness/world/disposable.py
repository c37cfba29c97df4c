"""Which hosts are this machine: what may be replayed on, and reached by calls, without being asked.

Decides by the name or address alone, for PostgreSQL also by what its clients read from the environment where
a connection does not say it. Connects to nothing.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Any


def on_this_machine(host: str) -> bool:
    """Whether a host is this machine for certain: loopback, no name at all, or the folder of a socket."""
    name = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if name.startswith(("/", "@")) or name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def postgres_hosts(asked: Mapping[str, Any]) -> list[str]:
    """Where a connection to PostgreSQL with the parameters ``asked`` may lead: hosts, ``service=name``, none.

    A service, as its file may name an address that comes before the host, stands beside it. The empty name is
    the folder of the socket.
    """
    service = asked.get("service") or os.environ.get("PGSERVICE")
    found = [
        asked.get("host") or os.environ.get("PGHOST"),
        asked.get("hostaddr") or os.environ.get("PGHOSTADDR"),
    ]
    hosts = [host for text in found for host in str(text or "").split(",")]
    return [*dict.fromkeys(hosts), *([f"service={service}"] if service else [])]
