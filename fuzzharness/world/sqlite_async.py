"""aiosqlite's connections, without the thread that each of them has.

Decides where a task can be held: before and after each operation, as it waits there for that thread. What
an operation touches is announced in ``sqlite``, as ever.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from collections.abc import Callable, Generator, Iterable
from functools import cache, partial
from inspect import getclosurevars
from types import SimpleNamespace
from typing import Any

from fuzzharness.world import sqlite_connect
from fuzzharness.world.resource import Gate
from fuzzharness.world.turns import Turns

Operation = Callable[[], Any]


class Served:
    """What a connection of aiosqlite is as long as a scratch database stands in; mixed into its class."""

    gate: Gate
    turns: Turns
    _connection: Any
    _connector: Any
    _running: bool
    _tx: Any

    async def _served(self, operation: Operation) -> Any:
        if not self.gate.inside:
            return operation()
        async with self.turns:
            return await self.gate.in_task(operation)

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._running or not self._connection:
            raise ValueError("Connection closed")
        return await self._served(partial(fn, *args, **kwargs))

    async def _connect(self) -> Any:
        if self._connection is None:
            self._connection = await self._served(self._connector)
            self._connection.drains = True
        return self

    def __await__(self) -> Generator[Any, None, Any]:
        return self._connect().__await__()

    async def close(self) -> None:
        connection = self._connection
        if connection is not None:
            try:
                await self._served(connection.close)
            finally:
                self.stop()

    def stop(self) -> None:
        connection, self._connection = self._connection, None
        self._running = False
        if connection is not None:
            connection.close()

    def __del__(self) -> None:
        """A call that was cut off has closed nothing."""

    @property
    def altered(self) -> bool:
        """Whether a statement has changed the connection itself."""
        return bool(getattr(self._connection, "altered", True))

    @altered.setter
    def altered(self, value: bool) -> None:
        self._connection.altered = value

    @property
    def settings(self) -> tuple[Any, ...]:
        """What a call may have set on it, to tell whether another can have it as it is."""
        return () if self._connection is None else self._connection.settings


class _AtOnce:
    """In place of the queue of the thread: SQLAlchemy puts into it what sets the isolation level."""

    def put_nowait(self, item: tuple[Any, Operation]) -> None:
        future, operation = item
        try:
            result = operation()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)


_OPEN: list[Gate] = []
_FOUND: dict[str, Any] = {}
"""The gates of the stores that are open, and the methods of aiosqlite that are stood in for meanwhile."""


def serve(gate: Gate) -> None:
    """Stand in for aiosqlite, if it is installed: what calls connect, and the engine, needs no thread."""
    if "aiosqlite" in sys.modules or importlib.util.find_spec("aiosqlite") is not None:
        if not _OPEN:
            _stand_in(_OPEN)
        _OPEN.append(gate)


def leave(gate: Gate) -> None:
    """Give aiosqlite back as it was, unless another store needs it so."""
    if gate in _OPEN:
        _OPEN.remove(gate)
        if not _OPEN:
            _give_back()


def _stand_in(gates: list[Gate]) -> None:
    from aiosqlite.core import Connection

    _FOUND.update({name: Connection.__dict__[name] for name in ("__init__", "_execute")})

    def born(self: Any, *args: Any, **kwargs: Any) -> None:
        gate = gates[-1]
        if not (gate.inside or sqlite_connect.is_forced()):
            return _FOUND["__init__"](self, *args, **kwargs)  # type: ignore[no-any-return]  # None
        with gate.unseen():
            _FOUND["__init__"](self, *args, **kwargs)
        kind: Any = type(self)
        self.__class__, self._tx, self.gate, self.turns = _served(kind), _AtOnce(), gate, Turns()
        self._thread = SimpleNamespace(daemon=True)
        return None

    async def execute(self: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if gates[-1].inside:
            gates[-1].escape("a connection of aiosqlite that was open before: what it does cannot be seen")
        return await _FOUND["_execute"](self, fn, *args, **kwargs)

    Connection.__init__ = born  # type: ignore[method-assign]  # given back below
    Connection._execute = execute  # type: ignore[method-assign]  # as above


@cache
def _served(kind: Any) -> Any:
    return type(kind.__name__, (Served, kind), {})


def _give_back() -> None:
    from aiosqlite.core import Connection

    for name, method in _FOUND.items():
        setattr(Connection, name, method)
    _FOUND.clear()


def kinds() -> tuple[type, ...]:
    """What connections of aiosqlite are, if anybody has imported it."""
    core = sys.modules.get("aiosqlite.core")
    return () if core is None else (core.Connection,)


def connections_to(file: str, living: Iterable[Any], known: object) -> int:
    """How many of the ``living`` ones of aiosqlite lead to ``file``; not those of the pool ``known``."""
    found = [o for o in living if isinstance(o, kinds()) and _leads_to(o, file)]
    adapted = [[r for r in gc.get_referrers(o) if hasattr(r, "_execute_mutex")] for o in found]
    return sum(
        not any(sqlite_connect.keeps(known, record) for one in pair for record in gc.get_referrers(one))
        for pair in adapted
    )


def _leads_to(connection: Any, file: str) -> bool:
    if connection._connection is None:
        return False
    return sqlite_connect.file_name(getclosurevars(connection._connector).nonlocals.get("database")) == file
