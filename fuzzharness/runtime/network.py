"""Which connections a run may make: none that leave the machine, but to hosts the settings name.

Decides which hosts are refused. Opens no connection; the names it looks up are those of the settings.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from functools import lru_cache

from fuzzharness.errors import NetworkRefused
from fuzzharness.world.disposable import on_this_machine


def check(host: object, allowed: Sequence[str]) -> None:
    """Raise :class:`NetworkRefused` if a connection to ``host`` would leave the machine unallowed."""
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    if not isinstance(name, str) or on_this_machine(name) or name in allowed:
        return
    if _is_address(name) and any(name in _addresses(known) for known in allowed):
        return
    raise NetworkRefused(
        f"a connection to {name} would leave this machine, and runs are replays: it is refused. Expected "
        "tools to reach only what the World has. Give them a stand-in, or name the host: "
        f"Settings(allow_network=({name!r},))."
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def _addresses(host: str) -> frozenset[str]:
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, None))
    except OSError:
        return frozenset()
