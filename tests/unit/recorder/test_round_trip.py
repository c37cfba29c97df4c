"""Round trip: what ran live, recorded and imported, comes out of the sequential replay as it was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

import fuzzharness as fh
from fuzzharness.importing import Disguising, Selection, import_recordings

Message = Sequence[fh.Call]


def fill(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)"))
    rows = [{"id": n, "owner": f"owner {n}", "balance": 100 * n} for n in range(1, 7)]
    connection.execute(text("INSERT INTO accounts VALUES (:id, :owner, :balance)"), rows)


def add_credit(account: int, amount: int, db: Engine) -> dict[str, Any]:
    with db.begin() as connection:
        statement = (
            "UPDATE accounts SET balance = balance + :amount WHERE id = :account RETURNING id, balance"
        )
        row = connection.execute(text(statement), {"account": account, "amount": amount}).one_or_none()
    if row is None:
        raise LookupError(f"there is no account {account}")
    return dict(row._mapping)


def get_owner(account: int, db: Engine) -> str:
    with db.connect() as connection:
        return str(connection.scalars(text("SELECT owner FROM accounts WHERE id = :n"), {"n": account}).one())


async def read_later(account: int, db: Engine) -> list[Any]:
    await asyncio.sleep(0.001)
    balance = await asyncio.to_thread(_balance, account, db)
    await asyncio.sleep(0)
    return [account, {"balance": balance, "rich": balance > 250}, None]


def _balance(account: int, db: Engine) -> int:
    with db.connect() as connection:
        statement = text("SELECT balance FROM accounts WHERE id = :n")
        return int(connection.scalars(statement, {"n": account}).one())


async def add_later(account: int, amount: int, db: Engine) -> dict[str, Any]:
    await asyncio.sleep(0)
    return await asyncio.to_thread(add_credit, account, amount, db)


SYNC = {"add_credit": add_credit, "get_owner": get_owner}
ASYNC = {"add_credit": add_later, "read_later": read_later}


def calls(turn: int, *asked: tuple[str, dict[str, Any]]) -> Message:
    return [fh.Call(tool, args, f"call_{turn}_{n}") for n, (tool, args) in enumerate(asked)]


def session(read: str) -> list[Message]:
    """Two messages whose calls do not meet, of which the second reads what the first has written."""
    credits_ = [("add_credit", {"account": n, "amount": 10 * n}) for n in (1, 2, 3, 99)]
    return [
        calls(1, *credits_, (read, {"account": 4})),
        calls(2, *((read, {"account": n}) for n in (1, 2, 3)), *credits_[3:]),
    ]


async def ask(recording: fh.Recording, tools: dict[str, Callable[..., Any]], messages: list[Message]) -> None:
    for message in messages:
        with recording.batch(message):
            running = (tools[call.tool](**(call.args or {})) for call in message)
            await asyncio.gather(*running, return_exceptions=True)


def on_a_loop(recording: fh.Recording, tools: Any, messages: list[Message]) -> None:
    asyncio.run(ask(recording, tools, messages))


def on_threads(recording: fh.Recording, tools: Any, messages: list[Message]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for message in messages:
            with recording.batch(message):
                futures = [pool.submit(tools[call.tool], **(call.args or {})) for call in message]
                for future in futures:
                    future.exception()


def live(tools: dict[str, Any], db: Engine) -> dict[str, Any]:
    """The tools as an application has them, each bound to its database."""
    return {name: partial(tool, db=db) for name, tool in tools.items()}


def replayed(batch: fh.Batch, before: Sequence[fh.Batch], tools: dict[str, Any]) -> list[Any]:
    """What each call came to in the sequential replay, as the recorder words it."""
    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    report = fh.explore(batch, fh.Toolbox(tools), world, before=before)
    results = [report.baseline.results[label] for label in batch.labels]
    return [r.value if isinstance(r, fh.Returned) else f"{r.type}: {r.message}" for r in results]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("run", "tools", "messages"),
    [(on_a_loop, ASYNC, session("read_later")), (on_threads, SYNC, session("get_owner"))],
    ids=["asyncio", "threads"],
)
def test_every_call_comes_out_as_it_was_recorded(
    run: Callable[..., None], tools: dict[str, Any], messages: list[Message], tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'live.db'}")
    with engine.begin() as connection:
        fill(connection)
    with fh.record(tmp_path / "session.jsonl") as recording:
        run(recording, recording.tools(live(tools, engine)), messages)
    engine.dispose()
    import_recordings([tmp_path / "session.jsonl"], tmp_path / "turns.jsonl", Selection(2), Disguising())

    batches = fh.load_trace(tmp_path / "turns.jsonl").batches
    assert [batch.labels for batch in batches] == [tuple(call.id for call in message) for message in messages]
    assert [call.error for call in batches[0].calls] == [False, False, False, True, False]
    for position, batch in enumerate(batches):
        assert [call.result for call in batch.calls] == replayed(batch, batches[:position], tools)
