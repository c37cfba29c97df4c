"""What is said when a PostgreSQL server fails the harness itself, between runs.

Decides the words. What a server refuses a call is that call's outcome, and passes as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import psycopg

from fuzzharness.errors import WorldError
from fuzzharness.world.store import first_line

Method = TypeVar("Method", bound=Callable[..., Any])


def told(method: Method) -> Method:
    """A method of a store with a ``name``, whose errors of the server are :class:`WorldError`."""

    @wraps(method)
    def telling(self: Any, *args: Any) -> Any:
        try:
            return method(self, *args)
        except psycopg.Error as error:
            raise WorldError(
                f"the PostgreSQL server of the database {self.name!r} failed while the database was made, "
                f"read or put back: {type(error).__name__}: {first_line(error)}. Expected a server that "
                "stays up, with room for a scratch database, as long as an exploration lasts. See its log "
                "for why it did not, and run again: what is left of the scratch database is dropped then."
            ) from error

    return telling  # type: ignore[return-value]  # it takes and returns what the method does


def unreachable(name: str, error: psycopg.Error) -> WorldError:
    """Nobody answers, or not this role."""
    return WorldError(
        f"the PostgreSQL server of the database {name!r} cannot be reached: "
        f"{first_line(error)}. Expected a server that answers, and a role that may connect to it. "
        "Start it, or correct the URL."
    )


def no_superuser(name: str, user: object) -> WorldError:
    """The role may not do what is done between runs."""
    return WorldError(
        f"the role {user!r} of the database {name!r} is no superuser. "
        "Expected one, on a server for tests: rows are put back past triggers and foreign keys, "
        "which no other role may do. Use such a role in the URL."
    )


def not_copied(template: str, error: psycopg.Error) -> WorldError:
    """The scratch database cannot be made."""
    if isinstance(error, psycopg.errors.ObjectInUse):
        return WorldError(
            f"the database {template!r} cannot be copied while others are connected to it: "
            f"{first_line(error)}. Expected no connection to it, since every run starts from a copy. "
            "Close them (engine.dispose(), psql), or name a database that is there for tests."
        )
    return WorldError(
        f"the database {template!r} cannot be copied: {first_line(error)}. Expected a database of "
        "that name, and a role that may create databases. Create it, or correct the URL."
    )


def refused(database: str) -> psycopg.errors.InsufficientPrivilege:
    """A call would have changed the database that is there to be copied."""
    return psycopg.errors.InsufficientPrivilege(
        f'permission denied for database "{database}": fuzzharness replays on a copy of it'
    )
