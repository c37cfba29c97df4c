"""Which servers may be replayed on without being asked: those on this machine.

Decides by the name of the host alone. Connects to nothing.
"""

from __future__ import annotations

import ipaddress


def on_this_machine(host: str) -> bool:
    """Whether a host is this machine for certain: loopback, or the folder of a socket."""
    return host.startswith(("/", "@")) or host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
