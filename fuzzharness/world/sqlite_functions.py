"""The functions of SQL that ask for the time or for chance, made to ask Python for it.

Decides what ``CURRENT_TIMESTAMP``, ``datetime('now')`` and ``random()`` give on a watched connection: what
``time`` and ``random`` give where the statement runs, which for a call is its own. Everything else about
dates is left to SQLite.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from typing import Any

_CURRENT = {
    "current_timestamp": "%Y-%m-%d %H:%M:%S",
    "current_date": "%Y-%m-%d",
    "current_time": "%H:%M:%S",
}
_DATES = ("date", "datetime", "time", "julianday", "unixepoch", "strftime")
_PLAIN: list[sqlite3.Connection] = []
"""A connection of our own, on which these functions are what SQLite makes of them."""


def ask_python(connection: sqlite3.Connection) -> None:
    """Let the functions of ``connection`` take time and chance from the modules ``time`` and ``random``."""
    create = connection.create_function
    for name, form in _CURRENT.items():
        create(name, 0, _current(form))
    for name in _DATES:
        if _known(name):
            create(name, -1, _dated(name), deterministic=True)  # else no index may use them
    create("random", 0, lambda: random.getrandbits(64) - 2**63)
    create("randomblob", 1, lambda size: os.urandom(max(1, int(size or 0))))


def _current(form: str) -> Callable[[], str]:
    return lambda: time.strftime(form, time.gmtime())


def _dated(name: str) -> Callable[..., Any]:
    """A date function of SQLite that is told what "now" is."""
    place = 1 if name == "strftime" else 0

    def dated(*args: Any) -> Any:
        if len(args) == place or (len(args) > place and _is_now(args[place])):
            args = (*args[:place], _now(), *args[place + 1 :])
        marks = ", ".join("?" * len(args))
        return _plain().execute(f"SELECT {name}({marks})", args).fetchone()[0]

    return dated


def _is_now(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() == "now"


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1_000_000:03}"


def _known(name: str) -> bool:
    """Whether this version of SQLite has the function."""
    try:
        _plain().execute(f"SELECT {name}('%Y', 0)" if name == "strftime" else f"SELECT {name}(0)")
    except sqlite3.OperationalError:
        return False
    return True


def _plain() -> sqlite3.Connection:
    if not _PLAIN:
        _PLAIN.append(sqlite3.Connection(":memory:", check_same_thread=False, isolation_level=None))
    return _PLAIN[0]
