"""What a call came to, as a value that outlives its run.

Decides how an exception and a returned value are kept: plain, without addresses. Never judges them.
"""

from __future__ import annotations

from typing import Any

from fuzzharness.model import Raised, Returned
from fuzzharness.world.plain import plain, without_addresses


def raised(error: BaseException) -> Raised:
    """An exception of a tool as a result: its class and its text, without addresses."""
    return Raised(type(error).__name__, without_addresses(str(error)).strip())


def returned(value: Any) -> Returned:
    """What a tool returned as a result, plain and independent of later runs."""
    try:
        return Returned(plain(value, named=True))
    except Exception as error:
        return Returned(f"a {type(value).__qualname__} that cannot be read: {type(error).__name__}: {error}")
