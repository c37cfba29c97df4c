"""Random transactions on SQLite: classes reach the endings of all interleavings, and are counted right."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh

Operation = tuple[str, str, int]
STATEMENTS = {
    "add": "UPDATE {table} SET v = v + {row} WHERE id = {row}",
    "set": "UPDATE {table} SET v = {row} WHERE id = {row}",
    "insert": "INSERT INTO {table} (v) VALUES ({row})",
}


def fill(connection: sa.Connection) -> None:
    for table in ("t", "u"):
        connection.execute(sa.text(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, v INTEGER)"))
        connection.execute(sa.text(f"INSERT INTO {table} VALUES (1, 10), (2, 20)"))


def tool(transactions: list[list[Operation]], db: sa.Engine) -> list[Any]:
    seen: list[Any] = []
    for operations in transactions:
        with db.begin() as connection:
            for kind, table, row in operations:
                if kind == "read":
                    query = sa.text(f"SELECT v FROM {table} WHERE id = {row}")
                    seen.append(connection.execute(query).scalar())
                else:
                    connection.execute(sa.text(STATEMENTS[kind].format(table=table, row=row)))
    return seen


def program(rng: random.Random) -> list[list[Operation]]:
    def operation() -> Operation:
        return rng.choice(["read", "add", "add", "set", "insert"]), rng.choice("tu"), rng.choice((1, 2))

    return [[operation() for _ in range(rng.choice((1, 1, 2, 2, 3)))] for _ in range(rng.choice((1, 1, 2)))]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_classes_reach_exactly_the_endings_of_all_interleavings(seed: int) -> None:
    rng = random.Random(seed)
    tools, world = fh.Toolbox({"tool": tool}), fh.World(db=fh.Database("sqlite://", setup=fill))
    for _ in range(10):
        batch = fh.Batch(tuple(fh.Call("tool", {"transactions": program(rng)}) for _ in range(2)))
        classes, every = (
            fh.explore(batch, tools, world, fh.Settings(strategy=s, max_executions=4_000))
            for s in ("auto", "bounded")
        )
        assert not any("error of fuzzharness" in reason for reason in classes.reasons), batch
        assert set(map(str, classes.outcomes)) == set(map(str, every.outcomes)), batch
        assert classes.verdict == every.verdict or not every.exhausted, batch
