"""psycopg's async connections, watched as the others are.

Decides where a task can be held: before each statement and each commit, and while the server lets it wait.
The exchange with the server itself is one step, during which the loop stands still. psycopg has none but for
asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import nullcontext
from types import coroutine
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import make_conninfo

from fuzzharness.world.postgres import Watched, begun, session_of, timed
from fuzzharness.world.postgres_session import BLOCK, Gated, Session, ended
from fuzzharness.world.turns import Turns


class WatchedAsyncConnection(Watched, psycopg.AsyncConnection[Any]):
    """An async connection to a scratch database."""

    async def wait(self, gen: Any, *_args: Any, **_options: Any) -> Any:
        session = self.session
        if session is None or not session.store.gate.inside:
            return waiting.wait(gen, self.pgconn.socket, interval=0.1)
        if gen.__name__ in BLOCK:
            await asyncio.sleep(0)
            result = await self._driven(session, gen)
            await asyncio.sleep(0)
            return result
        return await self._driven(session, gen)

    async def _driven(self, session: Session, gen: Any) -> Any:
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


class WatchedAsyncCursor(Gated, psycopg.AsyncCursor[Any]):
    """An async cursor whose every statement passes the gate first."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        session = session_of(self)
        if session is None or not session.store.gate.inside:
            return await super().execute(query, params, **options)

        async def exchange() -> Any:
            with ended(session, begun(session, query, [params])):
                return await super(WatchedAsyncCursor, self).execute(timed(session, query), params, **options)

        return await _made(session, exchange)

    async def executemany(self, query: Any, params_seq: Iterable[Any], *, returning: bool = False) -> None:
        session = session_of(self)
        if session is None or not session.store.gate.inside:
            return await super().executemany(query, params_seq, returning=returning)
        rows = list(params_seq)
        if returning:
            return await self._all_at_once(session, query, rows)
        count = 0
        for row in rows:
            await self.execute(query, row)
            count += max(self.rowcount, 0)
        self._rowcount = count
        return None

    async def _all_at_once(self, session: Session, query: Any, rows: list[Any]) -> None:
        async def exchange() -> None:
            with ended(session, begun(session, query, rows)):
                await super(WatchedAsyncCursor, self).executemany(query, rows, returning=True)

        session.store.gate.unforeseen()
        await _made(session, exchange)


async def _made(session: Session, exchange: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What ``exchange`` returns, which begins with a gate, and is made anew where that holds it back.

    Once it is under way it is one step, unless the server lets it wait. It may be cancelled in the ``await``
    before; in the one after siblings may come between what the server has done and what the task does next.
    """
    await asyncio.sleep(0)
    try:
        result, rest = await session.store.gate.attempted(lambda: _begun(exchange()))
        if rest is not None:
            result = await rest
    except Exception:
        await asyncio.sleep(0)
        raise
    await asyncio.sleep(0)
    return result


def _begun(exchange: Coroutine[Any, Any, Any]) -> tuple[Any, Awaitable[Any] | None]:
    """What ``exchange`` returns, or what is left of it if it waits."""
    try:
        wanted = exchange.send(None)
    except StopIteration as end:
        return end.value, None
    return None, _rest(exchange, wanted)


@coroutine
def _rest(begun: Coroutine[Any, Any, Any], wanted: Any) -> Generator[Any, Any, Any]:
    """Go on with a coroutine that waits for ``wanted``."""
    try:
        while True:
            try:
                given = yield wanted
            except BaseException as error:
                wanted = begun.throw(error)
            else:
                wanted = begun.send(given)
    except StopIteration as end:
        return end.value


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
