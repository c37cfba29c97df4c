"""Times: when a recording says that something happened.

Decides which spellings of a time are read: ISO 8601, and nanoseconds since 1970. Knows no
recording format. Times describe a call; they never say which calls belong together.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fuzzharness.traces.node import Node

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(node: Node, what: str = "a time") -> datetime | None:
    """The time that ``node`` holds in ISO 8601, in UTC; None where absent.

    A time without an offset is taken for UTC. Raises :class:`TraceError`, calling it ``what``.
    """
    if node.absent:
        return None
    try:
        return _from_iso(node.value)
    except (ValueError, TypeError, OverflowError):
        raise node.refuse(f"{what}, in ISO 8601") from None


def from_nanoseconds(node: Node, what: str = "a time") -> datetime | None:
    """The time that ``node`` holds as nanoseconds since 1970, a number or its digits; None where absent.

    Raises :class:`TraceError`, calling it ``what``.
    """
    if node.absent:
        return None
    try:
        return _from_count(node.value)
    except (ValueError, TypeError, OverflowError):
        raise node.refuse(f"{what}, in nanoseconds since 1970") from None


def moment_at(node: Node, key: str, what: str) -> datetime | None:
    """As :meth:`moment` of the member ``key``; no node is made of a time that is in order."""
    try:
        return _from_iso(node.value[key])
    except (KeyError, ValueError, TypeError, OverflowError):
        return moment(node.get(key), what)


def nanoseconds_at(node: Node, key: str, what: str) -> datetime | None:
    """As :meth:`from_nanoseconds` of the member ``key``; no node is made of a time that is in order."""
    try:
        return _from_count(node.value[key])
    except (KeyError, ValueError, TypeError, OverflowError):
        return from_nanoseconds(node.get(key), what)


def _from_iso(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is UTC:
        return found
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _from_count(count: Any) -> datetime:
    if isinstance(count, bool) or not isinstance(count, (int, str)):
        raise TypeError(count)
    return _EPOCH + timedelta(0, 0, int(count) // 1000)
