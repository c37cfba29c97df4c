"""Session: what the statements of one connection to PostgreSQL touch, and how they wait by the schedule.

Decides what a statement touches when: rows it reads and locks it takes at the statement, rows it wrote at the
commit. What a statement names is decided in ``footprint``, whether the server lets it wait in
``postgres_waits``.

As long as every statement is *plain* (read committed, one row by its key, no time-out, no savepoint undone)
a lock held by a sibling is foreseen, and a commit that directly follows the last statement it publishes is
the same step: nothing can tell them apart. The first other statement makes the store *apart*: then a commit
is a step of its own, and a statement that has to wait is a step that is made and stands in line.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql as composed
from psycopg.pq import TransactionStatus

from fuzzharness.access import ANY, Key, Kind, Place
from fuzzharness.world.postgres_catalog import OURS
from fuzzharness.world.postgres_chance import draws
from fuzzharness.world.statement import Footprint, parameters

if TYPE_CHECKING:
    from fuzzharness.world.postgres_store import PostgresStore

SNAPSHOT: Key = ("(snapshot)",)
"""What the first statement of a repeatable transaction fixes, and every commit changes."""

SERIAL: Key = ("(serializable)",)
"""What the server keeps of serializable transactions, which each of their statements may change."""

_OWN: frozenset[Key] = frozenset({SNAPSHOT, SERIAL})
_READY, _PATIENCE = 0.002, 0.02
_COMMITTED = {None, psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.READ_UNCOMMITTED}

Pairs = list[tuple[Key, Kind]]
Driven = Generator[None, None, Any]


class Session:
    """One connection to the scratch database of ``store``, as far as siblings may notice it.

    ``pid`` is its process in the server, ``victim``: its statement fails to break a cycle; ``wanted`` is the
    row it asked for last, ``in_block``: a block of its begins or ends; ``future`` is what a task waits for.
    ``_unpublished`` holds what its transaction wrote so far, ``claims`` the rows it locked, ``_mark`` is the
    step of the last write.
    """

    def __init__(self, store: PostgresStore, connection: Any) -> None:
        self.store, self.connection = store, connection
        self.pid: int = connection.pgconn.backend_pid
        self.victim = False
        self.wanted: Key = ()
        self.altered = self.in_block = False
        self.claims: set[Key] = set()
        self.call: object = None
        self._unpublished: dict[Key, Place | None] = {}
        self._reads: Pairs = []
        self._begun = False
        self._mark: object = None
        self._seeded: object = None
        self.future: asyncio.Future[None] | None = None

    @property
    def status(self) -> TransactionStatus:
        return TransactionStatus(self.connection.pgconn.transaction_status)

    @property
    def serializable(self) -> bool:
        return bool(self.connection.isolation_level == psycopg.IsolationLevel.SERIALIZABLE)

    # -- statements --------------------------------------------------------------------------------

    def begin(self, query: Any, rows: Sequence[Any]) -> Footprint | None:
        """The gate before a statement; what it is, or None outside of calls."""
        store = self.store
        if not store.gate.inside:
            return None
        text = self._text(query)
        store.look_beyond(text)
        footprint = store.reader.read(text)
        self.call = store.gate.caller()
        if (store.chance or draws(text)) and self._seeded != (store.run, self.call):
            self._seed()
        self.altered = self.altered or footprint.alters
        if footprint.commits:
            self._before_publishing()
            return footprint
        found = [(footprint.accesses(row), footprint.claimed(row)) for row in map(parameters, rows)]
        pairs = [pair for touched, _ in found for pair in touched]
        claims = self._claims([pair for _, claimed in found for pair in claimed])
        exclusive = [key for key, kind in claims if kind is not Kind.CHECK]
        if not footprint.plain or len(exclusive) > 1 or self.connection.isolation_level not in _COMMITTED:
            store.learn()
        self.wanted = exclusive[-1][1:] if exclusive else ()
        self._reads = [pair for pair in pairs if pair[1] is not Kind.WRITE]
        announced = list(dict.fromkeys([*self._reads, *claims, *self._of_isolation(footprint)]))
        if announced:
            store.gate.accesses(store.name, announced, store.peek, self._taken(exclusive))
        self._wrote = [key for key, kind in pairs if kind is Kind.WRITE]
        self.claims.update(key for key, _ in claims)
        store.hold(self, exclusive)
        return footprint

    def _seed(self) -> None:
        """What the server draws from now on is drawn for the call that has the connection now."""
        self._seeded = (self.store.run, self.call)
        asked = (
            f"SELECT set_config('{OURS}.call', '{self.call}', false), set_config('{OURS}.draws', '0', false)"
        )
        self.connection.pgconn.exec_(asked.encode())

    def _text(self, query: Any) -> str:
        if isinstance(query, composed.Composable):
            return query.as_string(self.connection)
        return query.decode() if isinstance(query, bytes) else str(query)

    def _claims(self, claimed: Pairs) -> Pairs:
        """The locks to announce: those foreseen are waited for, others tried, shared ones matter to others.

        What it holds already it need not take.
        """
        apart, found = self.store.apart, []
        for key, kind in claimed:
            foreseen = kind is Kind.LOCK and ANY not in key and not apart
            if ("(row)", *key) not in self.claims and (apart or kind is not Kind.CHECK):
                shared = kind is Kind.CHECK
                found.append((("(row)", *key), kind if foreseen or shared else Kind.TRY))
        return found

    def _of_isolation(self, footprint: Footprint) -> Pairs:
        if self.connection.isolation_level in _COMMITTED or not footprint.parts:
            return []
        first = not self._begun
        self._begun = True
        return [*([(SNAPSHOT, Kind.SNAPSHOT)] if first else []), *self._in_series()]

    def _in_series(self) -> Pairs:
        return [(SERIAL, Kind.UNLOCK)] if self.serializable else []

    def _taken(self, exclusive: Sequence[Key]) -> Callable[[], bool] | None:
        """Whether a sibling holds the row, where that can be foreseen."""
        if self.store.apart or len(exclusive) != 1 or ANY in exclusive[0]:
            return None
        return lambda: self.store.holder(exclusive[0]) not in (None, self)

    def end(self, footprint: Footprint, failed: BaseException | None) -> None:
        """After a statement: remember what it wrote, or say that it is published."""
        store = self.store
        if footprint.reshapes:
            store.reshape()
        if footprint.commits or footprint.undoes:
            self._over(published=footprint.commits and failed is None)
            return
        if isinstance(failed, psycopg.errors.IntegrityError):
            for table in {key[0] for key in self._wrote}:
                store.gate.note(store.name, (table, ANY), Kind.CHECK)
        if failed is None and footprint.writes:
            here = store.gate.here()
            self._unpublished.update(dict.fromkeys(self._wrote, here))
            self._mark = store.gate.mark() if footprint.simple and not store.apart else None
        if self.status is not TransactionStatus.INTRANS:
            self._over(published=failed is None)
        else:
            store.settle()

    # -- transactions ------------------------------------------------------------------------------

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Commit inside: a gate of its own, unless it directly follows the last statement it publishes."""
        if not self.store.gate.inside or self.status is TransactionStatus.IDLE:
            yield
            return
        self._before_publishing()
        done = False
        try:
            yield
            done = True
        finally:
            self._over(published=done)

    @property
    def gated(self) -> bool:
        """Whether a commit would now be a step of its own."""
        store = self.store
        if store.apart:
            return bool(self._unpublished or self.claims or self.serializable)
        return bool(self._unpublished) and (self._mark is None or self._mark != store.gate.mark())

    def _before_publishing(self) -> None:
        if not self.gated:
            return
        store = self.store
        written = [(key, Kind.WRITE) for key in self._unpublished]
        freed = [(key, Kind.UNLOCK) for key in self.claims] if store.apart else []
        told = [(SNAPSHOT, Kind.PUBLISH)] if written else []
        store.gate.accesses(store.name, [*written, *told, *freed, *self._in_series()], store.peek)
        self._unpublished.clear()

    @contextmanager
    def controlling(self, command: Any) -> Iterator[None]:
        """What psycopg itself sends where a block begins or ends is inside."""
        text = self._text(command)
        if text == "COMMIT":
            with self.publishing():
                yield
        elif text == "ROLLBACK":
            yield
            self.undone()
        else:
            with ended(self, self.begin(text, [None])):
                yield

    def undone(self) -> None:
        """Its transaction was rolled back: what was locked is free again."""
        if self.store.gate.inside:
            self._over(published=False)

    def _over(self, published: bool) -> None:
        store = self.store
        if published and self._unpublished:
            store.gate.note(store.name, SNAPSHOT, Kind.PUBLISH)
            for key, place in self._unpublished.items():
                store.gate.note(store.name, key, Kind.WRITE, lambda k=key: store.peek(k), place)  # type: ignore[misc]  # mypy cannot infer a default's type
        for key in self.claims:
            store.gate.unlock(store.name, key)
        self.forget()
        store.settle()

    def forget(self) -> None:
        """Its transaction is over, whoever ended it."""
        self.store.free(self)
        self.claims.clear()
        self._unpublished, self._begun, self._mark = {}, False, None

    def go_on(self) -> None:
        """Its statement is over: the call need not stand in line any longer."""
        if self.future is None:
            self.store.gate.rouse(self.store.name, self.key)
        elif not self.future.done():
            loop = self.future.get_loop()
            set_result = self.future.set_result
            if loop is asyncio._get_running_loop():
                set_result(None)
            else:
                loop.call_soon_threadsafe(set_result, None)

    # -- waiting -----------------------------------------------------------------------------------

    @property
    def key(self) -> Key:
        """What it stands in line for while it waits."""
        return ("(server)", self.call if self.call is not None else self.pid)

    def answered(self, seconds: float) -> bool:
        """Whether the server has sent something, within ``seconds``."""
        return bool(select.select([self.connection.pgconn.socket], [], [], seconds)[0])

    def drive(self, steps: Any) -> Driven:
        """Go through the exchange ``steps`` with the server; yields when the call has to stand in line."""
        name = getattr(steps, "__name__", "")
        if not _is_watched(name, steps):
            self.store.gate.escape(f"{self.store.name}: {_way(name)}")
        self.in_block = name in BLOCK
        try:
            wanted = next(steps)
            while True:
                ready = self._ready(wanted)
                if ready:
                    wanted = steps.send(ready)
                elif self.store.waits.blockers(self) and self.store.stand(self):
                    yield
                    self.store.waits.leave(self)
        except StopIteration as end:
            return end.value
        except psycopg.errors.QueryCanceled as error:
            if not self.victim:
                raise
            self.victim = False
            raise psycopg.errors.DeadlockDetected("deadlock detected") from error
        except psycopg.Error:
            raise
        except BaseException:
            self._break_off()
            raise
        finally:
            self.in_block = False

    def _ready(self, wanted: int) -> int:
        socket = self.connection.pgconn.socket
        reads, writes = [socket] * (wanted & 1), [socket] * bool(wanted & 2)
        readable, writable, _ = select.select(reads, writes, [], _READY)
        return (1 if readable else 0) | (2 if writable else 0)

    def _break_off(self) -> None:
        """The call is gone: so is what it asked for."""
        self.store.waits.leave(self)
        self.store.waits.cancel(self)
        self.connection.pgconn.finish()

    def went_on(self) -> Pairs:
        """What its statement touched by going on, in the step of the sibling that let it."""
        return [(key, Kind.UNLOCK) for key, _ in self._reads] + [(key, Kind.UNLOCK) for key in self.claims]


@contextmanager
def ended(session: Session | None, footprint: Footprint | None) -> Iterator[None]:
    """The statement itself is inside; afterwards it is said what it did."""
    failed: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failed = error
        raise
    finally:
        if session is not None and footprint is not None:
            session.end(footprint, failed)


BLOCK = frozenset({"_enter_gen", "_exit_gen"})
"""The exchanges of ``connection.transaction()``; what they send passes gates one by one."""


class Gated:
    """Cursors, sync or async, whose every statement passes the gate first."""


def _is_watched(name: str, steps: Any) -> bool:
    """Whether an exchange passes gates, or asks the server for nothing."""
    if name in BLOCK or name in {"_commit_gen", "_rollback_gen"} or name.startswith("_set_"):
        return True
    frame = getattr(steps, "gi_frame", None)
    cursor = None if frame is None else frame.f_locals.get("self")
    return name.startswith("_execute") and isinstance(cursor, Gated)


def _way(name: str) -> str:
    for part, words in _WAYS.items():
        if part in name:
            return words
    return "a statement was made in a way that is not watched, such as a cursor of another class"


_WAYS = {
    "stream": "stream() reads rows while others go on",
    "copy": "copy() moves rows while others go on",
    "declare": "a cursor with a name reads rows while others go on",
    "tpc": "a transaction in two phases is not watched",
    "notifies": "notifications are not watched",
}
