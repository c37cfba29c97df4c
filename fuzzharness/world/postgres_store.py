"""A PostgreSQL database as a resource: a scratch database on the same server that every run starts from.

Decides where the rows of a run live, which connections lead there, and how they are reset, captured and
perturbed. Statements are announced in ``postgres``. The database that the URL or engine names is only the
template of the scratch database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy.engine import Engine

from fuzzharness.access import ANY, MISSING, Key, Kind
from fuzzharness.world.contents import Contents, Start
from fuzzharness.world.dialects import POSTGRES
from fuzzharness.world.disposable import postgres_hosts
from fuzzharness.world.footprint import Reader
from fuzzharness.world.layout import Layout
from fuzzharness.world.perturbation import another
from fuzzharness.world.pool import CallPool
from fuzzharness.world.postgres import Watched, WatchedConnection, WatchedCursor
from fuzzharness.world.postgres_async import WatchedAsyncConnection, WatchedAsyncCursor, connected
from fuzzharness.world.postgres_beyond import beyond_database
from fuzzharness.world.postgres_catalog import OURS, SHAPE, Table, layout_of, schema_of, tables_of
from fuzzharness.world.postgres_chance import FUNCTIONS, PATH, make_defaults_anew
from fuzzharness.world.postgres_failures import refused, told
from fuzzharness.world.postgres_server import Server, asked
from fuzzharness.world.postgres_session import Session
from fuzzharness.world.postgres_undo import Undo
from fuzzharness.world.postgres_waits import Waits
from fuzzharness.world.references import Replaced
from fuzzharness.world.resource import Gate
from fuzzharness.world.schema import Schema, quoted
from fuzzharness.world.statement import columns_of
from fuzzharness.world.store import Setup, on_engine, run_setup

_OURS = f"CREATE SCHEMA IF NOT EXISTS {OURS}; GRANT USAGE ON SCHEMA {OURS} TO PUBLIC;"

WAITS: Key = ("(waits)",)
"""What the server keeps of waits, since the order in which they began tells who fails in a cycle."""


class PostgresStore:
    """The scratch database behind a :class:`~fuzzharness.world.database.Database` on PostgreSQL."""

    roots: tuple[str, ...] = ()
    learns = True

    def __init__(self, engine: Engine, setup: Setup | None, borrowed: bool) -> None:
        self._engine, self._setup, self._borrowed = engine, setup, borrowed
        self.apart = False
        self.learned = self.run = 0
        self.sessions: list[Session] = []
        self._holders: dict[Key, Session] = {}
        self._server: Server | None = None
        self._own: Any = None
        self._opened = False
        self.waits = Waits()

    # -- open and close ----------------------------------------------------------------------------

    def open(self, name: str, gate: Gate) -> None:
        self.name, self.gate = name, gate
        self._opened, self._forced = True, False
        self._marked = self._kept = False
        self._found_pool = self._engine.pool
        self._replaced = Replaced()
        self._found: list[tuple[Any, Any]] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    @told
    def _build(self) -> None:
        if self._borrowed:
            self._found_pool.dispose()
        self._server = Server(self._engine, self.name)
        self._redirect()
        self._make_scratch()
        self.mark()

    @property
    def server(self) -> Server:
        """The server, while the store is open."""
        assert self._server is not None
        return self._server

    def _make_scratch(self) -> None:
        self.server.copy(self.server.database, self.server.scratch)
        on_engine(self._engine, self._first_time)

    def _redirect(self) -> None:
        engine = self._engine
        engine.pool = CallPool(self._connect, engine)
        self._found = [
            (kind, kind.__dict__["connect"]) for kind in (psycopg.Connection, psycopg.AsyncConnection)
        ]
        for kind, original in self._found:
            kind.connect = classmethod(self._stand_in(original.__func__))
        self._replaced.replace([(psycopg.connect, psycopg.Connection.connect)])

    def _stand_in(self, original: Any) -> Any:
        def connect(kind: Any, conninfo: str = "", **options: Any) -> Any:
            if issubclass(kind, Watched) or not (self._forced or self.server.leads_here(conninfo, options)):
                self._look_elsewhere(kind, conninfo, options)
                return original(kind, conninfo, **options)
            options = {**options, "dbname": self.server.scratch, "prepare_threshold": None}
            if issubclass(kind, psycopg.AsyncConnection):
                return self._made_async(conninfo, options)
            return self._made(original, conninfo, options)

        return connect

    def _look_elsewhere(self, kind: Any, conninfo: str, options: dict[str, Any]) -> None:
        """A call opens another database: in C, so that no audit hook hears of it."""
        if not self.gate.inside or issubclass(kind, Watched):
            return
        for host in postgres_hosts(asked(conninfo, options)):
            if not host.startswith(("/", "@")):
                self.gate.reach(host)
        self.gate.escape(
            "a connection to another PostgreSQL database was opened",
            "Give it to the World as fh.Database(url, setup=…)",
        )

    def _made(self, connect: Any, conninfo: str, options: dict[str, Any]) -> WatchedConnection:
        options["cursor_factory"] = options.get("cursor_factory") or WatchedCursor
        with self.gate.unseen():  # the clock of a call knows nothing of how long a server takes
            made: WatchedConnection = connect(WatchedConnection, conninfo, **options)
            made.pgconn.exec_(PATH.encode())
            self._watched(made)
        return made

    async def _made_async(self, conninfo: str, options: dict[str, Any]) -> WatchedAsyncConnection:
        options["cursor_factory"] = options.get("cursor_factory") or WatchedAsyncCursor
        with self.gate.unseen():
            made = connected(conninfo, options)
            made.pgconn.exec_(PATH.encode())
            self._watched(made)
        return made

    def _watched(self, connection: Watched) -> None:
        connection.watch(self)
        assert connection.session is not None
        self.sessions.append(connection.session)

    def _connect(self) -> Any:
        with self._forcing():
            return self._found_pool._creator()  # type: ignore[call-arg]  # SQLAlchemy wraps creators that take a record

    @contextmanager
    def _forcing(self) -> Iterator[None]:
        self._forced = True
        try:
            yield
        finally:
            self._forced = False

    def _first_time(self) -> None:
        """Build the rows; what is done to an engine's first connection is done before any call has one."""
        if self._setup is None:
            with self._engine.connect():
                return
        run_setup(self._engine, self._setup, self.name)

    def close(self) -> None:
        if not self._opened:
            return
        self._opened = False
        self._replaced.restore()
        for kind, original in self._found:
            kind.connect = original
        self._close_connections()
        self._engine.pool = self._found_pool
        if not self._borrowed:
            self._engine.dispose()
        if self._own is not None:
            self._own.close()
            self._own = None
        if self._server is not None:
            self._server.close()
            self._server = None

    def _close_connections(self) -> None:
        if isinstance(self._engine.pool, CallPool):
            self._engine.pool.dispose()
        for session in list(self.sessions):
            session.connection.pgconn.finish()
        self.sessions.clear()

    # -- the state ---------------------------------------------------------------------------------

    @told
    def mark(self) -> None:
        """Start from what is there now; that it was there before, built anew, need not be kept."""
        self._look()
        if self._marked:
            self._keep_start()
        self._marked = True

    def _keep_start(self) -> None:
        """Keep a copy of the scratch database, to start from after a run that changes the schema."""
        self._own.close()
        self.server.drop(self.server.start)
        self.server.copy(self.server.scratch, self.server.start)
        self._kept = True
        self._own = self.waits.own = self._undo.own = self.server.connect(self.server.scratch)

    def _look(self) -> None:
        self._close_connections()
        if self._own is not None:
            self._own.close()
        self._own = self.server.connect(self.server.scratch)
        self.waits.own = self._own
        self._own.execute(_OURS + FUNCTIONS)
        self.chance = make_defaults_anew(self._own)
        self._tables = tables_of(self._own)
        (home,) = self._own.execute("SELECT coalesce(current_schema(), 'public')").fetchone()
        self._schema = schema_of(self._own, self._tables, home)
        self._sql = replace(POSTGRES, homes=frozenset({"", home}))
        self._known = Reader(self._schema, self._sql)
        self._undo = Undo(self._own, self._tables)
        (self._shape,) = self._own.execute(SHAPE).fetchone()
        self._begin()
        self._starts = {table.name: Start(self._rows(table)) for table in self._tables}
        self._base = {name: Contents(start, {}) for name, start in self._starts.items()}

    def _begin(self) -> None:
        self._reshaped = False
        self.run += 1
        self._holders.clear()
        self.waits.standing.clear()
        self.reader = self._known

    @told
    def reset(self) -> None:
        self._abandon()
        if self._reshaped and self._own.execute(SHAPE).fetchone()[0] != self._shape:
            self._rebuild()
        else:
            self._undo.restore()
        self._begin()

    def _rebuild(self) -> None:
        """A run has changed the schema: start from a new copy."""
        self._close_connections()
        self._own.close()
        self.server.drop(self.server.scratch)
        if self._kept:
            self.server.copy(self.server.start, self.server.scratch)
            self._own = self.waits.own = self._undo.own = self.server.connect(self.server.scratch)
        else:
            self._make_scratch()
            self._look()
            self._keep_start()

    def _abandon(self) -> None:
        """End what a finished call left open, as the end of its thread would."""
        for session in list(self.sessions):
            pgconn = session.connection.pgconn
            if session.connection.closed:
                self.gone(session)
            elif session.status is not psycopg.pq.TransactionStatus.IDLE:
                pgconn.finish()
                self.gone(session)
            session.forget()
        pool = self._engine.pool
        if self._engine.dialect.is_async and isinstance(pool, CallPool):
            pool.abandon()

    @told
    def capture(self) -> dict[str, Any]:
        self._abandon()
        if self._reshaped and self._own.execute(SHAPE).fetchone()[0] != self._shape:
            return {table.name: self._whole(table) for table in tables_of(self._own)}
        return {**self._base, **{table.name: self._now(table) for table in self._undo.touched()}}

    def _now(self, table: Table) -> Contents:
        if self._undo.small(table) or not table.key:
            return self._whole(table)
        changes: dict[Any, Any] = {}
        for key in self._undo.changed(table):
            found = self._fetch(table, key)
            changes[key[0] if len(key) == 1 else key] = found[0] if found else MISSING
        return Contents(self._starts[table.name], changes)

    def _whole(self, table: Table) -> Contents:
        return Contents(Start({}), self._rows(table))

    def _fetch(self, table: Table, key: Sequence[Any]) -> list[dict[str, Any]]:
        with self._own.cursor(row_factory=dict_row) as cursor:
            found: list[dict[str, Any]] = cursor.execute(
                f"SELECT * FROM ONLY {table.place} WHERE {_where(table)}", tuple(key)
            ).fetchall()
        return found

    def _rows(self, table: Table) -> dict[Any, Any]:
        order = f"ORDER BY {', '.join(map(quoted, table.key))}" if table.key else ""
        with self._own.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(f"SELECT * FROM ONLY {table.place} {order}").fetchall()
        if not table.key:
            return dict(enumerate(found, 1))
        one = len(table.key) == 1
        return {row[table.key[0]] if one else tuple(row[k] for k in table.key): row for row in found}

    @told
    def layout(self) -> Layout:
        """Which tables there are, by what their rows are known, and what refers to them."""
        return Layout(
            {(self.name, name): table for name, table in layout_of(self._own, self._tables).items()}
        )

    def peek(self, key: Key) -> Any:
        """The row or rows at ``key``, as they are committed."""
        if len(key) != 2 or key[0] is ANY:
            return None
        table = next((t for t in self._tables if t.relation.lower() == key[0]), None)
        if table is None:
            return None
        if key[1] is ANY:
            rows = self._rows(table) if self._undo.small(table) else {}
            return list(rows.values())[:20]
        found = self._fetch(table, columns_of(key[1]))
        return found[0] if found else MISSING

    def perturb(self, key: Key) -> bool:
        found = self.peek(key)
        table = next((t for t in self._tables if t.relation.lower() == key[0]), None)
        if table is None or not isinstance(found, dict):
            return False
        fixed = {name.lower() for name in table.key}
        fixed |= {foreign.column for foreign in self._schema.parents.get(key[0], ())}
        changed, values = another({k: v for k, v in found.items() if k.lower() not in fixed})
        if not changed:
            return False
        sets = ", ".join(f"{quoted(name)} = %s" for name in values)
        try:
            self._own.execute(
                f"UPDATE ONLY {table.place} SET {sets} WHERE {_where(table)}",
                (*values.values(), *columns_of(key[1])),
            )
        except psycopg.Error:
            return False
        return True

    # -- what sessions say -------------------------------------------------------------------------

    def learn(self) -> None:
        """A statement can tell a commit that is about to come from one that is made."""
        if not self.apart:
            self.apart = True
            self.learned += 1

    def look_beyond(self, sql: str) -> None:
        """Report a statement about more than the scratch database; refuse one about the named one."""
        beyond = beyond_database(sql)
        if beyond is None:
            return
        self.gate.escape(f"{self.name}: {beyond.what}")
        if beyond.database in {self.server.database, self.server.scratch, self.server.start}:
            raise refused(beyond.database)

    def reshape(self) -> None:
        """The schema may have changed: until the next run every statement may touch anything."""
        self._reshaped = True
        self.reader = Reader(Schema(), self._sql)

    def hold(self, session: Session, keys: Sequence[Key]) -> None:
        """``session`` holds the locks of rows ``keys`` until its transaction is over."""
        for key in keys:
            self._holders.setdefault(key, session)

    def holder(self, key: Key) -> Session | None:
        """Who holds the lock of a row, of those that are foreseen."""
        return self._holders.get(key)

    def free(self, session: Session) -> None:
        """``session`` holds nothing any more."""
        for key in [key for key, holder in self._holders.items() if holder is session]:
            del self._holders[key]

    def stand(self, session: Session) -> bool:
        """``session`` waits for another; False if it need not after all, since a cycle was broken."""
        self.learn()
        self.gate.note(self.name, WAITS, Kind.UNLOCK)
        cycle = self.waits.stand(session)
        if cycle:
            self.gate.broken([(s.call, self.name, s.wanted) for s in cycle])
        self.settle(session)
        return session in self.waits.standing

    def settle(self, running: Session | None = None) -> None:
        """After a step that may have ended waits: let those go on whose statement is over."""
        for session in self.waits.settle():
            if session is not running:
                for key, kind in session.went_on():
                    self.gate.note(self.name, key, kind)
                session.go_on()

    def gone(self, session: Session) -> None:
        """The connection of ``session`` is closed."""
        if session in self.sessions:
            self.sessions.remove(session)
        session.forget()


def _where(table: Table) -> str:
    """The condition that names one row."""
    return " AND ".join(f"{quoted(name)} = %s" for name in table.key)
