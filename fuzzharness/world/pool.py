"""The pool of connections that an engine has for as long as a scratch database stands in for its own.

Decides which call gets which connection: each call has its own, whatever pool the engine came with. Never
opens one itself.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool


class CallPool(Pool):
    """A pool that keeps to each thread the connections it gave back; a call runs on one thread.

    A connection that a call has set up otherwise (a pragma, a temporary table) is not kept.
    """

    def __init__(self, creator: Callable[[], Any], engine: Engine) -> None:
        super().__init__(creator, dialect=engine.dialect, _dispatch=engine.pool.dispatch)
        self._of_engine = creator, engine
        self._is_asyncio = engine.dialect.is_async  # as SQLAlchemy's own pools say it
        self._idle: dict[int, list[Any]] = {}
        self._out: list[Any] = []

    def _do_get(self) -> Any:
        record = self._given()
        self._out.append(record)
        return record

    def _given(self) -> Any:
        idle = self._idle.get(get_ident())
        if idle:
            return idle.pop()
        record: Any = self._create_connection()
        record.driver_connection.altered = False
        record.info["fuzzharness"] = record.driver_connection.settings
        return record

    def _do_return_conn(self, record: Any) -> None:
        if record in self._out:
            self._out.remove(record)
        connection = record.driver_connection
        if connection is None or connection.altered or record.info["fuzzharness"] != connection.settings:
            record.close()
        else:
            self._idle.setdefault(get_ident(), []).append(record)

    def abandon(self) -> None:
        """Let go of what a call that is gone never gave back: nobody is to clean up after it later."""
        for record in self._out:
            record.fairy_ref = record.dbapi_connection = None
        self._out.clear()

    def recreate(self) -> CallPool:
        return CallPool(*self._of_engine)

    def dispose(self) -> None:
        for records in () if self._is_asyncio else self._idle.values():  # no loop is there to close them in
            for record in records:
                record.close()
        self._idle.clear()

    def status(self) -> str:
        return f"{sum(map(len, self._idle.values()))} connections kept for {len(self._idle)} threads"
