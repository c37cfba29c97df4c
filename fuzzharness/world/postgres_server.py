"""Server: the PostgreSQL server that a URL leads to, and the databases of ours on it.

Decides where it is, what our databases are called, and when those that a dead process left are dropped. Knows
nothing of the rows in them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy.engine import Engine

from fuzzharness.world.postgres_failures import no_superuser, not_copied, unreachable
from fuzzharness.world.schema import quoted

_PREFIX: Final = "fuzzharness_"
_NUMBERS = count(1)
_PLACES: Final = ("host", "hostaddr", "port", "dbname", "user", "service")
_CONNECT: Any = psycopg.Connection.__dict__["connect"].__func__
"""The real one: while a store is open another stands in for it."""


def asked(conninfo: str, options: dict[str, Any]) -> dict[str, Any]:
    """Where a connection that is asked for leads, as psycopg has it."""
    return conninfo_to_dict(conninfo, **{k: v for k, v in options.items() if k in _PLACES})


class Server:
    """A connection of the harness's own to the server, as a superuser, and two names for databases.

    ``scratch`` is where the rows of a run live, ``start`` for a copy to start from; neither is there yet.
    ``name`` is that of the resource, for errors. No other process takes or drops them while this lives.
    Raises :class:`WorldError` where the server cannot be reached or the user is no superuser.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.target = _target(engine, name)
        self.database = str(self.target.get("dbname") or self.target.get("user") or "postgres")
        self._admin = self._connected(name)
        self.scratch = ""
        try:
            self._drop_left()
            self.scratch = self._taken_name()
        except BaseException:
            self.close()
            raise

    @property
    def start(self) -> str:
        """The name of the copy to start from."""
        return f"{self.scratch}_start"

    def leads_here(self, conninfo: str, options: dict[str, Any]) -> bool:
        """Whether a connection that is asked for leads to the database that the URL names."""
        found = asked(conninfo, options)
        return all(
            str(found.get(k) or default) == str(self.target.get(k) or default)
            for k, default in (("host", ""), ("port", "5432"), ("dbname", self.database))
        )

    def connect(self, database: str) -> Any:
        """A connection to ``database`` that nobody watches."""
        info = make_conninfo("", **{**self.target, "dbname": database, "connect_timeout": "10"})
        connection = _CONNECT(psycopg.Connection, info, autocommit=True)
        connection.execute("SET synchronous_commit = off; SET datestyle = 'ISO'; SET lock_timeout = '10s'")
        return connection

    def copy(self, template: str, name: str) -> None:
        """Create the database ``name`` as a copy of ``template``."""
        try:
            self._admin.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(template)}")
        except psycopg.Error as error:
            raise not_copied(template, error) from error

    def drop(self, name: str) -> None:
        """Drop the database ``name``, whoever is connected to it."""
        self._admin.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")

    def close(self) -> None:
        """Drop the databases of ours and let the server go."""
        with suppress(psycopg.Error):  # a server that died has nothing left to drop
            for name in (self.scratch, self.start) if self.scratch else ():
                self.drop(name)
        self._admin.close()

    def _connected(self, name: str) -> Any:
        other = "template1" if self.database == "postgres" else "postgres"
        try:
            admin = self.connect(other)
        except psycopg.Error as error:
            raise unreachable(name, error) from error
        (may,) = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        if not may:
            admin.close()
            raise no_superuser(name, self.target.get("user"))
        return admin

    def _taken_name(self) -> str:
        while True:
            name = f"{_PREFIX}{os.getpid()}_{next(_NUMBERS)}"
            if self._locked(name):
                return name

    def _drop_left(self) -> None:
        """Drop what processes left behind that are no more."""
        like = _PREFIX.replace("_", r"\_")
        found = self._admin.execute(
            f"SELECT datname FROM pg_database WHERE datname LIKE '{like}%'"
        ).fetchall()
        for (name,) in found:
            base = str(name).removesuffix("_start")
            if self._locked(base):
                self.drop(name)
                self._admin.execute(f"SELECT pg_advisory_unlock(hashtext('{base}'))")

    def _locked(self, name: str) -> bool:
        (mine,) = self._admin.execute(f"SELECT pg_try_advisory_lock(hashtext('{name}'))").fetchone()
        return bool(mine)


def _target(engine: Engine, name: str) -> dict[str, Any]:
    """Where the URL leads, as psycopg has it."""
    args, options = engine.dialect.create_connect_args(engine.url)
    options.pop("context", None)
    try:
        return conninfo_to_dict(make_conninfo(*args, **options))
    except psycopg.ProgrammingError as error:
        raise unreachable(name, error) from error
