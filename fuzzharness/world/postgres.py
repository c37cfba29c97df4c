"""psycopg connections and cursors that announce every statement and wait for locks by the schedule.

Decides where a statement passes by: what it touches, and how it waits, is for ``postgres_session`` to say.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import psycopg

from fuzzharness.world.postgres_chance import controlled
from fuzzharness.world.postgres_session import Gated, Session, ended
from fuzzharness.world.statement import Footprint

if TYPE_CHECKING:
    from fuzzharness.world.postgres_store import PostgresStore


def _inner(connection: Any) -> Any:
    """The connection as psycopg has it."""
    return super(Watched, connection)


class Watched:
    """What sync and async connections share: the session, and which statements pass by it."""

    session: Session | None = None

    def watch(self, store: PostgresStore) -> None:
        """Announce to ``store`` from now on."""
        self.session = Session(store, self)

    @property
    def altered(self) -> bool:
        """Whether a statement has changed the connection itself."""
        return self.session is not None and self.session.altered

    @altered.setter
    def altered(self, value: bool) -> None:
        if self.session is not None:
            self.session.altered = value

    def _exec_command(self, command: Any, *args: Any, **options: Any) -> Generator[Any, Any, Any]:
        session, inner = self.session, _inner(self)
        if session is None or not session.in_block:
            return (yield from inner._exec_command(command, *args, **options))
        with session.controlling(command):
            return (yield from inner._exec_command(command, *args, **options))

    def pipeline(self) -> Any:
        if self.session is not None and self.session.store.gate.inside:
            self.session.store.gate.escape(
                f"{self.session.store.name}: a pipeline sends several statements at once"
            )
        return _inner(self).pipeline()

    @property
    def settings(self) -> tuple[Any, ...]:
        """What a call may have set on it, to tell whether another can have it as it is."""
        me: Any = self
        return me.autocommit, me.isolation_level, me.read_only, me.deferrable, me.row_factory


class WatchedConnection(Watched, psycopg.Connection[Any]):
    """A connection to a scratch database."""

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        session = self.session
        if session is None or not session.store.gate.inside:
            return super().wait(gen, *args, **options)
        driven = session.drive(gen)
        while True:
            try:
                next(driven)
            except StopIteration as end:
                return end.value
            try:
                session.store.gate.stand(session.store.name, session.key)
            except BaseException as error:
                driven.throw(error)

    def commit(self) -> None:
        session = self.session
        with nullcontext() if session is None else session.publishing():
            super().commit()

    def rollback(self) -> None:
        super().rollback()
        if self.session is not None:
            self.session.undone()

    def close(self) -> None:
        super().close()
        if self.session is not None:
            self.session.store.gone(self.session)


class WatchedCursor(Gated, psycopg.Cursor[Any]):
    """A cursor whose every statement passes the gate first."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        session = session_of(self)
        with ended(session, begun(session, query, [params])):
            return super().execute(timed(session, query), params, **options)

    def executemany(self, query: Any, params_seq: Iterable[Any], *, returning: bool = False) -> None:
        session = session_of(self)
        if session is None or not session.store.gate.inside:
            return super().executemany(query, params_seq, returning=returning)
        rows = list(params_seq)
        if returning:
            session.store.gate.unforeseen()
            with ended(session, begun(session, query, rows)):
                return super().executemany(query, rows, returning=True)
        count = 0
        for row in rows:
            self.execute(query, row)
            count += max(self.rowcount, 0)
        self._rowcount = count
        return None


def session_of(cursor: Any) -> Session | None:
    session: Session | None = getattr(cursor.connection, "session", None)
    return session


def timed(session: Session | None, query: Any) -> Any:
    """``query`` asking for the time as calls have it."""
    if session is None or not isinstance(query, str) or not session.store.gate.inside:
        return query
    return controlled(query)


def begun(session: Session | None, query: Any, rows: Sequence[Any]) -> Footprint | None:
    """The gate before a statement, if it is a call's."""
    return None if session is None else session.begin(query, rows)
