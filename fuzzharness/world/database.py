"""A database as a resource: SQLAlchemy on a scratch copy that every run starts from.

Decides where the rows of a run live and how they are reset, captured and perturbed. Statements are
announced in ``sqlite``. The database that the URL or engine names is only ever read.

For as long as the world is open a scratch file stands in for the database: a copy of what it holds,
plus what ``setup`` builds. Engines get a pool that gives every call connections of its own, as the
threads of an application would have, whatever pool they came with.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import weakref
from _thread import get_ident
from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import Pool

from fuzzharness.access import ANY, MISSING, Key
from fuzzharness.errors import WorldError
from fuzzharness.world import sqlite
from fuzzharness.world.footprint import Reader
from fuzzharness.world.image import Image
from fuzzharness.world.layout import Layout
from fuzzharness.world.perturbation import another
from fuzzharness.world.resource import Gate
from fuzzharness.world.schema import Schema, key_columns, layout_of, quoted, schema_of, tables_of

Setup = Callable[[Connection], object]


class Database:
    """A resource that is a database: an SQLAlchemy URL or Engine, and ``setup(connection)``.

    ``sqlite://`` gives every call its own connection to one shared database. A tool parameter of
    the resource's name receives the Engine. A file that the URL names is copied, never written.
    """

    def __init__(self, url: str | sqlalchemy.URL | Engine, setup: Setup | None = None) -> None:
        self._is_ours = not isinstance(url, Engine)
        self._engine = url if isinstance(url, Engine) else _engine(url)
        self._borrowed = isinstance(url, Engine)
        self._setup = setup
        self._folder: str | None = None
        self._image: Image | None = None
        self.connections: weakref.WeakSet[sqlite.WatchedConnection] = weakref.WeakSet()
        self.writer: weakref.ref[sqlite.WatchedConnection] | None = None
        if self._engine.dialect.name != "sqlite" or self._engine.dialect.is_async:
            raise WorldError(
                f"Database was given {_shown(self._engine)}. Expected an SQLite database, sqlite:// or "
                "sqlite:///file.db, through the plain (not async) driver: this version watches no other."
            )

    @property
    def engine(self) -> Engine:
        """The engine that tools receive."""
        return self._engine

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
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        in_file = sqlite.file_name(self._engine.url.database or "")
        if in_file and not in_file.startswith("memory:"):
            self._copy_in()
        self._own = sqlite3.dbapi2.Connection(self._path, check_same_thread=False, isolation_level=None)
        self._own.execute("PRAGMA synchronous=OFF")
        if not in_file or in_file.startswith("memory:"):
            self._copy_in()
        self._redirect()
        self._run_setup()
        self.mark()

    def _copy_in(self) -> None:
        """Copy what the database holds now: a file as it lies there, another through the engine."""
        file = self._target = sqlite.file_name(self._engine.url.database or "")
        if file and not file.startswith("memory:"):
            for suffix in ("", "-wal", "-journal"):
                if os.path.exists(file + suffix):
                    shutil.copyfile(file + suffix, self._path + suffix)
            return
        if not file and not self._borrowed:
            return
        made: list[object] = []

        def remember(raw: object, _record: object) -> None:
            made.append(raw)

        sqlalchemy.event.listen(self._engine, "connect", remember)
        with self._engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.backup(self._own)
            if raw in made:
                connection.detach()  # so that the application's pool is left as it was
        sqlalchemy.event.remove(self._engine, "connect", remember)
        if not self._borrowed:
            self._engine.dispose()

    def _redirect(self) -> None:
        engine = self._engine
        self._found_pool = engine.pool
        engine.pool = _CallPool(self._connect, engine)
        sqlite.redirect(self._target or self._path, self._make)
        for _ in range(sqlite.connections_to(self._target, known=self._found_pool)):
            self.gate.escape(f"a connection to {self._target} was open before: what it does cannot be seen")
        with engine.connect():
            """What is done to each new connection (journal_mode, say) is done before the first run."""

    def _connect(self) -> Any:
        with sqlite.forced(self._make):
            return self._found_pool._creator()  # type: ignore[call-arg]  # SQLAlchemy wraps creators that take a record

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> sqlite.WatchedConnection:
        connection = sqlite.open_scratch(self._path, args, kwargs)
        connection.watch(self)
        if not connection.patient:
            self.gate.escape(f"{self.name}: {sqlite.IMPATIENT}")
        return connection

    def _run_setup(self) -> None:
        if self._setup is None:
            return
        try:
            with self._engine.begin() as connection:
                self._setup(connection)
        except Exception as error:
            raise WorldError(
                f"the setup of the database {self.name!r} failed with {type(error).__name__}: "
                f"{_first_line(error)}. "
                "Expected setup(connection) to build the tables and the initial rows. Correct it, run again."
            ) from error

    def mark(self) -> None:
        self._close_connections()
        if self._image is not None:
            self._image.close()
        self._image = Image(self._path, self._own)
        self._layout: tuple[object, dict[str, list[str]]] = (None, {})
        self._schema = schema_of(self._own)
        self.reader = self._known = Reader(self._schema)

    def reset(self) -> Engine:
        self._abandon()
        self.writer = None
        assert self._image is not None
        if self._image.restore():
            self._close_connections()
        return self._engine

    def capture(self) -> dict[str, Any]:
        self._abandon()
        version = self._own.execute("PRAGMA schema_version").fetchone()[0]
        if version != self._layout[0]:
            tables = {table: key_columns(self._own, table) for table in tables_of(self._own)}
            self._layout = version, tables
        try:
            return {table: self._rows(table, keys) for table, keys in self._layout[1].items()}
        except sqlite3.OperationalError:
            self._own.text_factory = _readable  # there is text that is not UTF-8; this reads it, slowly
            return {table: self._rows(table, keys) for table, keys in self._layout[1].items()}

    def layout(self) -> Layout:
        """Which tables there are, by what their rows are known, and what refers to them."""
        tables = {(self.name, name): table for name, table in layout_of(self._own, self._schema).items()}
        return Layout(tables)

    def _abandon(self) -> None:
        """End what a finished call left open, as the end of its thread would."""
        for connection in [c for c in self.connections if c.in_transaction]:
            connection.rollback()
        if self.reader is not self._known:
            self.reader = self._known

    def forget_schema(self) -> None:
        """The schema has changed: until the next run every statement may touch anything."""
        self.reader = Reader(Schema())

    def _rows(self, table: str, keys: list[str]) -> dict[Any, dict[str, Any]]:
        order = ", ".join(map(quoted, keys)) or "rowid"
        found = self._own.execute(f"SELECT * FROM {quoted(table)} ORDER BY {order}")
        columns = [column[0] for column in found.description]
        rows: dict[Any, dict[str, Any]] = {}
        for number, values in enumerate(found, 1):
            row = dict(zip(columns, values, strict=True))
            key = tuple(row[k] for k in keys)
            name = key[0] if len(key) == 1 else key or number
            rows[(name, number) if name in rows else name] = row  # NULL may stand in several keys
        return rows

    def look(self, connection: sqlite3.Connection | None, key: Key) -> Any:
        """The row or rows at ``key``, as ``connection`` sees them or as they are committed."""
        table, row = key[0], key[1] if len(key) > 1 else ANY
        if table is ANY:
            return None
        column = self._schema.key(table)
        where = "" if row is ANY or column is None else f" WHERE {quoted(column)} = ?"
        try:
            seen = sqlite3.Connection.cursor(connection or self._own, sqlite3.Cursor)
            seen.execute(f"SELECT * FROM {quoted(table)}{where} LIMIT 20", (row,) if where else ())
        except sqlite3.Error:
            return None
        rows = [dict(zip((c[0] for c in seen.description), r, strict=True)) for r in seen.fetchall()]
        return rows if not where else (rows[0] if rows else MISSING)

    def perturb(self, key: Key) -> bool:
        table, row = key[0], key[1] if len(key) > 1 else ANY
        column = self._schema.key(table)
        if row is ANY or column is None:
            return False
        found = self.look(None, key)
        fixed = {column, *(foreign.column for foreign in self._schema.parents.get(table, ()))}
        free = {k: v for k, v in found.items() if k.lower() not in fixed} if isinstance(found, dict) else {}
        changed, values = another(free)
        if not changed:
            return False
        sets = ", ".join(f"{quoted(name)} = ?" for name in values)
        try:
            self._own.execute(
                f"UPDATE {quoted(table)} SET {sets} WHERE {quoted(column)} = ?", (*values.values(), row)
            )
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        if self._folder is None:
            return
        sqlite.restore(self._target or self._path)
        self._close_connections()
        self._engine.pool = self._found_pool
        if self._is_ours:
            self._engine.dispose()
        if self._image is not None:
            self._image.close()
            self._image = None
        if self._own is not None:
            self._own.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def _close_connections(self) -> None:
        if isinstance(self._engine.pool, _CallPool):
            self._engine.pool.dispose()
        for connection in list(self.connections):
            connection.close()
        self.connections.clear()


class _CallPool(Pool):
    """A pool that keeps to each thread the connections it gave back; a call runs on one thread.

    A connection that a call has set up otherwise (a pragma, a temporary table) is not kept.
    """

    def __init__(self, creator: Callable[[], Any], engine: Engine) -> None:
        super().__init__(creator, dialect=engine.dialect, _dispatch=engine.pool.dispatch)
        self._of_engine = creator, engine
        self._idle: dict[int, list[Any]] = {}

    def _do_get(self) -> Any:
        idle = self._idle.get(get_ident())
        if idle:
            return idle.pop()
        record: Any = self._create_connection()
        record.dbapi_connection.altered = False
        record.info["fuzzharness"] = _settings(record.dbapi_connection)
        return record

    def _do_return_conn(self, record: Any) -> None:
        connection = record.dbapi_connection
        if connection is None or connection.altered or record.info["fuzzharness"] != _settings(connection):
            record.close()
        else:
            self._idle.setdefault(get_ident(), []).append(record)

    def recreate(self) -> _CallPool:
        return _CallPool(*self._of_engine)

    def dispose(self) -> None:
        for records in self._idle.values():
            for record in records:
                record.close()
        self._idle.clear()

    def status(self) -> str:
        return f"{sum(map(len, self._idle.values()))} connections kept for {len(self._idle)} threads"


def _settings(connection: Any) -> tuple[Any, ...]:
    return connection.isolation_level, connection.row_factory, connection.text_factory


def _engine(url: str | sqlalchemy.URL) -> Engine:
    try:
        return sqlalchemy.create_engine(url)
    except Exception as error:
        raise WorldError(
            f"Database was given the URL {str(url)!r}, which SQLAlchemy refuses: {error}. Expected a URL "
            "such as 'sqlite://' or 'sqlite:///shop.db', or an Engine."
        ) from None


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")


def _readable(content: bytes) -> str:
    return content.decode(errors="backslashreplace")
