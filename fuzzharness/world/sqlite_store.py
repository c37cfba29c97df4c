"""An SQLite database as a resource: a scratch copy that every run starts from.

Decides where the rows of a run live and how they are reset, captured and perturbed. Statements are
announced in ``sqlite``. The database that the URL or engine names is only ever read.

For as long as the world is open a scratch file stands in for the database: a copy of what it holds,
plus what ``setup`` builds. Engines get a pool that gives every call connections of its own, as the
threads of an application would have, whatever pool they came with.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Engine
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import greenlet_spawn

from fuzzharness.access import ANY, MISSING, Key
from fuzzharness.errors import WorldError
from fuzzharness.world import sqlite, sqlite_async, sqlite_connect
from fuzzharness.world.footprint import Reader
from fuzzharness.world.heap import living
from fuzzharness.world.image import Image
from fuzzharness.world.layout import Layout
from fuzzharness.world.perturbation import another
from fuzzharness.world.pool import CallPool
from fuzzharness.world.resource import Gate
from fuzzharness.world.schema import Schema, layout_of, quoted, schema_of
from fuzzharness.world.sqlite_rows import Rows
from fuzzharness.world.statement import columns_of
from fuzzharness.world.store import Setup, on_engine, run_setup
from fuzzharness.world.wal_image import WalImage


class SqliteStore:
    """The scratch file behind a :class:`~fuzzharness.world.database.Database` on SQLite.

    ``borrowed``: the engine is the application's, not made from a URL.
    """

    def __init__(self, engine: Engine, setup: Setup | None, borrowed: bool) -> None:
        self._engine, self._setup, self._borrowed = engine, setup, borrowed
        self._folder: str | None = None
        self._image: Image | WalImage | None = None
        self.learned = 0
        self.touched: set[Key] = set()
        self._trusted = True
        self.connections: weakref.WeakSet[sqlite.WatchedConnection] = weakref.WeakSet()
        self.writer: weakref.ref[sqlite.WatchedConnection] | None = None

    @property
    def roots(self) -> tuple[str, ...]:
        """The paths below which file accesses are the database's own."""
        return () if self._folder is None else (self._folder,)

    def open(self, name: str, gate: Gate) -> None:
        self.name, self.gate = name, gate
        self.reader = self._known = Reader(Schema())
        shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.mkdtemp(prefix="fuzzharness-", dir=shared)
        self._path = os.path.join(self._folder, "scratch.db")
        self._found_pool = self._engine.pool
        self._target = ""
        self._own: Any = None
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        in_file = sqlite_connect.file_name(self._engine.url.database or "")
        if in_file and not in_file.startswith("memory:"):
            self._copy_in()
        self._own = sqlite3.dbapi2.Connection(self._path, check_same_thread=False, isolation_level=None)
        try:
            self._own.execute("PRAGMA synchronous=OFF")
        except sqlite3.DatabaseError as error:
            raise WorldError(
                f"the file {self._target} of the database {self.name!r} cannot be read: {error}. Expected an "
                "SQLite database, or no file yet. Correct the URL, or let the application make the file anew."
            ) from error
        if not in_file or in_file.startswith("memory:"):
            self._copy_in()
        self._redirect()
        on_engine(self._engine, self._first_time)
        self.mark()

    def _copy_in(self) -> None:
        """Copy what the database holds now: a file as it lies there, another through the engine."""
        file = self._target = sqlite_connect.file_name(self._engine.url.database or "")
        if file and not file.startswith("memory:"):
            if not os.path.isdir(os.path.dirname(file)) or os.path.isdir(file):
                raise WorldError(
                    f"the database {self.name!r} was given {file}, which "
                    f"{'is a folder' if os.path.isdir(file) else 'is in no folder that there is'}. Expected "
                    "a file, be it there or still to be made by a setup. Correct the URL."
                )
            try:
                for suffix in ("", "-wal", "-journal"):
                    if os.path.exists(file + suffix):
                        shutil.copyfile(file + suffix, self._path + suffix)
            except OSError as error:
                raise WorldError(
                    f"the database {self.name!r} cannot be copied: {error}. Expected a file that may be "
                    f"read, and room for a copy in {self._folder}. Correct the URL, or make room."
                ) from error
            return
        if not file and not self._borrowed:
            return
        if self._engine.dialect.is_async:
            _in_a_loop(lambda: greenlet_spawn(self._copy_over))
        else:
            self._copy_over()
        if not self._borrowed:
            self._engine.dispose()

    def _copy_over(self) -> None:
        """Copy through the engine, whose pool is left as it was."""
        made: list[object] = []

        def remember(raw: object, _record: object) -> None:
            made.append(raw)

        sqlalchemy.event.listen(self._engine, "connect", remember)
        with self._engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            copying: Any = raw.backup(self._own)
            if copying is not None:
                await_only(copying)
            if connection.connection.dbapi_connection in made:
                connection.detach()
        sqlalchemy.event.remove(self._engine, "connect", remember)

    def _redirect(self) -> None:
        engine = self._engine
        self._found_pool = engine.pool
        engine.pool = CallPool(self._connect, engine)
        sqlite_connect.redirect(self._target or self._path, self._make)
        sqlite_async.serve(self.gate)
        for _ in range(self._open_before() if self._target else 0):
            self.gate.escape(f"a connection to {self._target} was open before: what it does cannot be seen")

    def _open_before(self) -> int:
        """How many connections lead to the file itself, beside those of the engine's own pool."""
        found = living(sqlite3.Connection, *sqlite_async.kinds())
        modules = (sqlite_connect, sqlite_async)
        return sum(module.connections_to(self._target, found, known=self._found_pool) for module in modules)

    def _first_time(self) -> None:
        with self._engine.connect():
            """What is done to each new connection (journal_mode, say) is done before the first run."""
        run_setup(self._engine, self._setup, self.name)

    def _connect(self) -> Any:
        with sqlite_connect.forced(self._make):
            return self._found_pool._creator()  # type: ignore[call-arg]  # SQLAlchemy wraps creators that take a record

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> sqlite.WatchedConnection:
        connection = sqlite_connect.open_scratch(self._path, args, kwargs)
        connection.watch(self)
        if not connection.patient:
            self.gate.escape(f"{self.name}: {sqlite.IMPATIENT}")
        mode = None if self._image is None else self._image.journal_mode
        if mode is not None:
            with suppress(sqlite3.OperationalError):  # another call holds the file: one that tells less
                sqlite3.Connection.execute(connection, f"PRAGMA journal_mode={mode}")
        return connection

    def mark(self) -> None:
        self._close_connections()
        if self._image is not None:
            self._image.close()
        self._image = None
        self._own.execute("SELECT count(*) FROM sqlite_master").fetchone()  # else it knows an older mode
        wal = self._own.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        self._image = (WalImage if wal else Image)(self._path, self._own)
        self.touched.clear()
        self._rows = Rows(self._own, self.touched)
        self._schema = schema_of(self._own)
        self.reader = self._known = Reader(self._schema)

    def reset(self) -> None:
        self._abandon()
        self.writer = None
        assert self._image is not None
        if self._image.restore():
            self._close_connections()
            self._rows.read_schema()
        self.touched.clear()

    def capture(self) -> dict[str, Any]:
        self._abandon()
        state = self._rows.capture()
        self._distrust()
        return state

    def check(self) -> None:
        """Report what was written in a way that no statement announced."""
        with suppress(sqlite3.Error):  # a call that never ended may hold the file
            for table in self._rows.unseen():
                self.gate.escape(f"{self.name}: {table} was written in a way that is not watched")
            if self._image is not None and self._image.unseen():
                self.gate.escape(f"{self.name}: its file was written in a way that is not watched")

    def _distrust(self) -> None:
        """Endings that were captured by what was announced are worth nothing where that was not all."""
        assert self._image is not None
        if self._trusted and not (self._rows.trusted and self._image.trusted):
            self._trusted = False
            self.learned += 1

    def layout(self) -> Layout:
        """Which tables there are, by what their rows are known, and what refers to them."""
        tables = {(self.name, name): table for name, table in layout_of(self._own, self._schema).items()}
        return Layout(tables)

    def _abandon(self) -> None:
        """End what a finished call left open, as the end of its thread would."""
        pool = self._engine.pool
        if self._engine.dialect.is_async and isinstance(pool, CallPool):
            pool.abandon()
        for connection in [c for c in self.connections if c.in_transaction]:
            connection.rollback()
        if self.reader is not self._known:
            self.reader = self._known

    def over(self) -> None:
        """A transaction that wrote has ended."""
        if self._image is not None:
            self._image.committed()

    def forget_schema(self) -> None:
        """The schema has changed: until the next run every statement may touch anything."""
        self.reader = Reader(Schema())

    def look(self, connection: sqlite3.Connection | None, key: Key) -> Any:
        """The row or rows at ``key``, as ``connection`` sees them or as they are committed."""
        table, row = key[0], key[1] if len(key) > 1 else ANY
        if table is ANY:
            return None
        named = row is not ANY and bool(self._schema.columns(table))
        where = f" WHERE {self._where(table)}" if named else ""
        try:
            seen = sqlite3.Connection.cursor(connection or self._own, sqlite3.Cursor)
            seen.execute(f"SELECT * FROM {quoted(table)}{where} LIMIT 20", columns_of(row) if named else ())
        except sqlite3.Error:
            return None
        rows = [dict(zip((c[0] for c in seen.description), r, strict=True)) for r in seen.fetchall()]
        return rows if not named else (rows[0] if rows else MISSING)

    def _where(self, table: str) -> str:
        """The condition that names one row."""
        return " AND ".join(f"{quoted(column)} = ?" for column in self._schema.columns(table))

    def perturb(self, key: Key) -> bool:
        table, row = key[0], key[1] if len(key) > 1 else ANY
        columns = self._schema.columns(table)
        if row is ANY or not columns:
            return False
        found = self.look(None, key)
        fixed = {*columns, *(foreign.column for foreign in self._schema.parents.get(table, ()))}
        free = {k: v for k, v in found.items() if k.lower() not in fixed} if isinstance(found, dict) else {}
        changed, values = another(free)
        if not changed:
            return False
        self.touched.add((table, row))
        sets = ", ".join(f"{quoted(name)} = ?" for name in values)
        try:
            self._own.execute(
                f"UPDATE {quoted(table)} SET {sets} WHERE {self._where(table)}",
                (*values.values(), *columns_of(row)),
            )
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        if self._folder is None:
            return
        sqlite_connect.restore(self._target or self._path)
        sqlite_async.leave(self.gate)
        self._close_connections()
        self._engine.pool = self._found_pool
        if not self._borrowed:
            self._engine.dispose()
        if self._image is not None:
            self._image.close()
            self._image = None
        if self._own is not None:
            self._own.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def _close_connections(self) -> None:
        if isinstance(self._engine.pool, CallPool):
            self._engine.pool.dispose()
        for connection in list(self.connections):
            connection.close()
        self.connections.clear()


def _in_a_loop(work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Do ``work`` on an event loop of its own, whatever loop runs here."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
