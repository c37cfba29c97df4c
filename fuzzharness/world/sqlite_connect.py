"""Connections to SQLite files, led to the scratch database that stands in for them.

Decides which connections of the process are to be watched, and how such a one is opened. What it announces is
decided in ``sqlite``.
"""

from __future__ import annotations

import gc
import os
import re
import sqlite3
import sqlite3.dbapi2
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from fuzzharness.world.references import Replaced
from fuzzharness.world.sqlite import WatchedConnection, watched
from fuzzharness.world.sqlite_functions import ask_python

Make = Callable[[tuple[Any, ...], dict[str, Any]], WatchedConnection]

_READ_ONLY = re.compile(r"^file:.*[?&](mode=ro|immutable=1)(&|#|$)")
_ORIGINAL = sqlite3.dbapi2.connect
_REDIRECTS: dict[str, Make] = {}
_REPLACED = Replaced()
_FORCED: ContextVar[Make | None] = ContextVar("fuzzharness_make", default=None)


def connect(database: Any, *args: Any, **kwargs: Any) -> Any:
    """``sqlite3.connect`` for as long as a scratch database stands in for a file."""
    make = _FORCED.get() or _REDIRECTS.get(file_name(database))
    if make is None:
        return _ORIGINAL(database, *args, **kwargs)
    connection = make(args, kwargs)
    if kwargs.get("uri") and _READ_ONLY.search(os.fsdecode(database)):
        sqlite3.Connection.execute(connection, "PRAGMA query_only=ON")
    return connection


def file_name(database: Any) -> str:
    """The real path a database name stands for; the empty text for a private one in memory."""
    try:
        text = os.fsdecode(database)
    except TypeError:
        return ""
    if text.startswith("file:"):
        name, _, options = text[5:].partition("?")
        if "mode=memory" in options or name == ":memory:":
            return f"memory:{name}" if "cache=shared" in options else ""
        text = unquote(name[name.find("/", 2) :] if name.startswith("//") else name)
    return "" if text in ("", ":memory:") else os.path.realpath(text)


def redirect(target: str, make: Make) -> None:
    """Let connections to the file ``target`` be made by ``make`` from now on."""
    if not _REDIRECTS:
        _REPLACED.replace([(_ORIGINAL, connect)])
    _REDIRECTS[target] = make


def restore(target: str) -> None:
    """Let connections to ``target`` go to the file again."""
    _REDIRECTS.pop(target, None)
    if not _REDIRECTS:
        _REPLACED.restore()


def connections_to(file: str, living: Iterable[Any], known: object) -> int:
    """How many of the ``living`` connections lead to ``file``, beside those that the pool ``known`` keeps."""
    found = [o for o in living if isinstance(o, sqlite3.Connection) and _leads_to(o, file)]
    return sum(not any(keeps(known, record) for record in gc.get_referrers(o)) for o in found)


def _leads_to(connection: sqlite3.Connection, file: str) -> bool:
    try:
        names = [row[2] for row in sqlite3.Connection.execute(connection, "PRAGMA database_list")]
    except sqlite3.Error:  # closed, or of another thread
        return False
    return any(name and os.path.realpath(name) == file for name in names)


def keeps(pool: object, record: Any) -> bool:
    """Whether an SQLAlchemy connection record, or its fields, belong to ``pool``.

    What aiosqlite keeps is for ``sqlite_async`` to count.
    """
    fields = record if isinstance(record, dict) else {}
    if "_connector" in fields or hasattr(record, "_connector"):
        return True
    name = "_ConnectionRecord__pool"
    return fields.get(name, getattr(record, name, None)) is pool


@contextmanager
def forced(make: Make) -> Iterator[None]:
    """Within it every new connection of this context is made by ``make``, whatever it asks for."""
    token = _FORCED.set(make)
    try:
        yield
    finally:
        _FORCED.reset(token)


def is_forced() -> bool:
    """Whether whoever connects now gets a connection to a scratch database."""
    return _FORCED.get() is not None


def open_scratch(path: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> WatchedConnection:
    """A connection to the scratch file ``path`` with the settings another was asked for.

    It never waits inside SQLite, and does not sync: both change when, never what.
    """
    names = ("timeout", "detect_types", "isolation_level", "check_same_thread", "factory")
    asked = {**dict(zip(names, args, strict=False)), **kwargs}
    patient = asked.get("timeout") != 0
    factory = watched(asked.get("factory") or sqlite3.Connection, WatchedConnection)
    asked |= {"timeout": 0, "check_same_thread": False, "factory": factory}
    asked.pop("uri", None)
    connection: WatchedConnection = _ORIGINAL(path, **asked)
    connection.patient = patient
    for pragma in ("PRAGMA synchronous=OFF", "PRAGMA temp_store=MEMORY", "PRAGMA wal_autocheckpoint=0"):
        with suppress(sqlite3.OperationalError):  # who connects beside an exclusive lock waits only later
            sqlite3.Connection.execute(connection, pragma)
    ask_python(connection)
    return connection
