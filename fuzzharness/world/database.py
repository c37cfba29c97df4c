"""A database as a resource: an SQLAlchemy URL or Engine, on a scratch copy that every run starts from.

Decides which databases may be replayed on, and which store serves them: a file per kind of server. The
database that the URL or engine names is only ever read.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy.engine import Engine

from fuzzharness.access import Key
from fuzzharness.errors import WorldError
from fuzzharness.world.disposable import on_this_machine, postgres_hosts
from fuzzharness.world.layout import Layout
from fuzzharness.world.resource import Gate
from fuzzharness.world.store import Setup, Store, first_line


class Database:
    """A resource that is a database: an SQLAlchemy URL or Engine, and ``setup(connection)``.

    ``sqlite://`` gives every call its own connection to one shared database. A tool parameter of
    the resource's name receives the Engine. A file that the URL names is copied, never written; so is a
    database on a PostgreSQL server, which is refused unless it is on this machine or ``disposable``.
    """

    def __init__(
        self,
        url: str | sqlalchemy.URL | Engine | Any,
        setup: Setup | None = None,
        *,
        disposable: bool = False,
    ) -> None:
        self._given = url if hasattr(url, "dialect") else _engine(url)
        given: Any = self._given
        sync: Engine = getattr(given, "sync_engine", given)
        if not disposable:
            _check_disposable(sync)
        self._store = _store(sync, setup, borrowed=hasattr(url, "dialect"))

    @property
    def engine(self) -> Any:
        """The engine that tools receive: an ``AsyncEngine`` where the driver is async."""
        return self._given

    @property
    def roots(self) -> tuple[str, ...]:
        """The paths below which file accesses are the database's own."""
        return self._store.roots

    @property
    def learned(self) -> int:
        """Grows whenever earlier runs turn out not to be comparable with what comes."""
        return self._store.learned

    def open(self, name: str, gate: Gate) -> None:
        self._store.open(name, gate)

    def mark(self) -> None:
        self._store.mark()

    def reset(self) -> Any:
        self._store.reset()
        return self._given

    def capture(self) -> dict[str, Any]:
        return self._store.capture()

    def check(self) -> None:
        """Report what was changed in a way that is not watched."""
        check = getattr(self._store, "check", None)
        if check is not None:
            check()

    def layout(self) -> Layout:
        """Which tables there are, by what their rows are known, and what refers to them."""
        return self._store.layout()

    def perturb(self, key: Key) -> bool:
        return self._store.perturb(key)

    def close(self) -> None:
        self._store.close()


def _store(engine: Engine, setup: Setup | None, borrowed: bool) -> Store:
    kind = (engine.dialect.name, engine.dialect.driver)
    if kind in {("sqlite", "pysqlite"), ("sqlite", "aiosqlite")}:
        from fuzzharness.world.sqlite_store import SqliteStore

        return SqliteStore(engine, setup, borrowed)
    if kind in {("postgresql", "psycopg"), ("postgresql", "psycopg_async")}:
        from fuzzharness.world.postgres_store import PostgresStore

        return PostgresStore(engine, setup, borrowed)
    raise WorldError(
        f"Database was given {_shown(engine)}. Expected SQLite (sqlite:// or sqlite:///file.db) or "
        "PostgreSQL (postgresql+psycopg://...): this version watches no other database and no other driver."
    )


def _check_disposable(engine: Engine) -> None:
    """Refuse a database that replaying might cost somebody: one that is not on this machine."""
    for host in _hosts(engine.url):
        if not on_this_machine(host):
            raise WorldError(
                f"Database was given {_shown(engine)}, which is on another machine ({host}). Expected one on "
                "this machine (localhost, 127.0.0.1, a socket's folder), since replaying makes and drops "
                "databases there. If the server is there to be thrown away: Database(..., disposable=True)."
            )


def _hosts(url: sqlalchemy.URL) -> list[str]:
    """Where a URL leads, with what the environment adds for PostgreSQL."""
    asked = {name: ",".join(_listed(url.query.get(name))) for name in ("host", "hostaddr", "service")}
    if url.get_backend_name() == "postgresql":
        return [url.host or "", *postgres_hosts({**asked, "host": asked["host"] or url.host})]
    return [url.host or "", *asked["host"].split(","), *asked["hostaddr"].split(",")]


def _listed(value: Any) -> list[str]:
    texts = value if isinstance(value, tuple) else (value,)
    return [host for text in texts if text for host in text.split(",")]


def _engine(url: str | sqlalchemy.URL) -> Any:
    try:
        made = sqlalchemy.create_engine(url)
        if not made.dialect.is_async:
            return made
        from sqlalchemy.ext.asyncio import create_async_engine

        return create_async_engine(url)
    except Exception as error:
        raise WorldError(
            f"Database was given the URL {str(url)!r}, which SQLAlchemy refuses: {first_line(error)}. "
            "Expected a URL such as 'sqlite://', 'sqlite:///shop.db' or "
            "'postgresql+psycopg://localhost/shop', or an Engine. "
            "For PostgreSQL: pip install 'fuzzharness[postgres]'."
        ) from None


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
