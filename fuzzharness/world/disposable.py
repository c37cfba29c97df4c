"""Which hosts are this machine: what may be replayed on, and reached by calls, without being asked.

Decides by the name or address alone. Connects to nothing.
"""

from __future__ import annotations

import ipaddress


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
