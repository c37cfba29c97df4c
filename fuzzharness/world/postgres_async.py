"""psycopg's async connections, watched as the others are.

Decides where a task can be held: before each statement and each commit, and while the server lets it wait.
The exchange with the server itself is one step, during which the loop stands still. psycopg has none but for
asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import make_conninfo

from fuzzharness.world.postgres import Unwatched, Watched, begun, ended, session_of, timed
from fuzzharness.world.turns import Turns


class WatchedAsyncConnection(Watched, psycopg.AsyncConnection[Any]):
    """An async connection to a scratch database."""

    async def wait(self, gen: Any, *_args: Any, **_options: Any) -> Any:
        session = self.session
        if session is None or not session.store.gate.inside:
            return waiting.wait(gen, self.pgconn.socket, interval=0.1)
        driven = session.drive(gen)
        while True:
            try:
                next(driven)
            except StopIteration as end:
                return end.value
            session.future = asyncio.get_running_loop().create_future()
            try:
                await session.future
            except BaseException as error:
                driven.throw(error)
            finally:
                session.future = None

    async def commit(self) -> None:
        session = self.session
        if session is not None and session.store.gate.inside and session.gated:
            await asyncio.sleep(0)
        with nullcontext() if session is None else session.publishing():
            await super().commit()
        if session is not None and session.store.gate.inside:
            await asyncio.sleep(0)  # as after a statement

    async def rollback(self) -> None:
        await super().rollback()
        if self.session is not None:
            self.session.undone()

    async def close(self) -> None:
        await super().close()
        if self.session is not None:
            self.session.store.gone(self.session)


class WatchedAsyncCursor(Unwatched, psycopg.AsyncCursor[Any]):
    """An async cursor whose every statement passes the gate first."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        session = session_of(self)
        if session is None or not session.store.gate.inside:
            return await super().execute(query, params, **options)
        await asyncio.sleep(0)
        footprint = begun(session, query, [params])
        with ended(session, footprint):
            result = await super().execute(timed(session, query), params, **options)
        await asyncio.sleep(0)  # the server has done it: siblings may come before what the task does next
        return result

    async def executemany(self, query: Any, params_seq: Iterable[Any], *, returning: bool = False) -> None:
        session = session_of(self)
        if session is None or not session.store.gate.inside:
            return await super().executemany(query, params_seq, returning=returning)
        rows = list(params_seq)
        if returning:
            session.store.gate.unforeseen()
            await asyncio.sleep(0)
            with ended(session, begun(session, query, rows)):
                return await super().executemany(query, rows, returning=True)
        count = 0
        for row in rows:
            await self.execute(query, row)
            count += max(self.rowcount, 0)
        self._rowcount = count
        return None


def connected(conninfo: str, options: dict[str, Any]) -> WatchedAsyncConnection:
    """A connection made while the loop stands still; ``options`` as of ``AsyncConnection.connect``."""
    own = ("autocommit", "context", "row_factory", "cursor_factory", "prepare_threshold")
    given = {name: options[name] for name in own if name in options}
    params = {name: value for name, value in options.items() if name not in own}
    steps = WatchedAsyncConnection._connect_gen(make_conninfo(conninfo, **params))
    made: Any = waiting.wait_conn(steps, interval=0.1)
    made._autocommit = bool(given.get("autocommit"))
    made.row_factory = given.get("row_factory") or made.row_factory
    made.cursor_factory = given.get("cursor_factory") or made.cursor_factory
    if given.get("context") is not None:
        made._adapters = AdaptersMap(given["context"].adapters)
    made.prepare_threshold = given.get("prepare_threshold")
    made.lock = Turns()
    connection: WatchedAsyncConnection = made
    return connection
