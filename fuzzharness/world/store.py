"""The protocol of what lies behind a database: a scratch copy on one kind of server.

Decides what a database may ask of it, and how ``setup`` is run. One implementation per kind of server.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Protocol

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.util.concurrency import greenlet_spawn

from fuzzharness.access import Key
from fuzzharness.errors import WorldError
from fuzzharness.world.layout import Layout
from fuzzharness.world.resource import Gate

Setup = Callable[[Connection], object]


class Store(Protocol):
    """As :class:`~fuzzharness.world.resource.Resource`, but that tools receive the engine."""

    @property
    def roots(self) -> tuple[str, ...]:
        """The paths below which file accesses are the database's own."""
        ...

    @property
    def learned(self) -> int:
        """Grows whenever earlier runs turn out not to be comparable with what comes."""
        ...

    def open(self, name: str, gate: Gate) -> None: ...

    def mark(self) -> None: ...

    def reset(self) -> None: ...

    def capture(self) -> dict[str, Any]: ...

    def layout(self) -> Layout: ...

    def perturb(self, key: Key) -> bool: ...

    def close(self) -> None: ...


def run_setup(engine: Engine, setup: Setup | None, name: str) -> None:
    """Build the initial rows of the database ``name``; a setup that fails is a :class:`WorldError`."""
    if setup is None:
        return
    try:
        with engine.begin() as connection:
            setup(connection)
    except Exception as error:
        raise WorldError(
            f"the setup of the database {name!r} failed with {type(error).__name__}: {first_line(error)}. "
            "Expected setup(connection) to build the tables and the initial rows. Correct it, run again."
        ) from error


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing, as connections of the harness's own do."""
    try:
        copy_context().run(coroutine.send, None)  # which its greenlet shares
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("a coroutine that should come to its end at once waits for something")


def on_engine(engine: Engine, work: Callable[[], None]) -> None:
    """Do ``work`` on connections of ``engine`` that wait for nothing, be the engine sync or async."""
    if engine.dialect.is_async:
        _at_once(greenlet_spawn(work))
    else:
        work()


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
