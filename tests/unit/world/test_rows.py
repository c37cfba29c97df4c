"""Rows that are made for a table: by its columns, from a seed, and accepted by the database."""

from __future__ import annotations

import datetime
import decimal
import enum
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh

METADATA = sa.MetaData()


class Tier(enum.Enum):
    BASIC = 1
    GOLD = 2


CUSTOMERS = sa.Table(
    "customers",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("email", sa.String, unique=True),
    sa.Column("billing_city", sa.String(5)),
    sa.Column("age", sa.Integer),
    sa.Column("tier", sa.Enum(Tier)),
    sa.Column("status", sa.Enum("open", "closed", name="status")),
    sa.Column("token", sa.Uuid),
    sa.Column("active", sa.Boolean),
    sa.Column("since", sa.Date),
    sa.Column("seen_at", sa.DateTime),
    sa.Column("balance", sa.Numeric(10, 2)),
    sa.Column("rating", sa.Float),
    sa.Column("extra", sa.JSON),
    sa.Column("picture", sa.LargeBinary),
    sa.Column("opens", sa.Time),
    sa.Column("made_at", sa.DateTime, server_default=sa.func.now()),
    sa.Column("version", sa.Integer, default=1),
    sa.Column("referrer", sa.ForeignKey("customers.id")),
)
PRODUCTS = sa.Table("products", METADATA, sa.Column("sku", sa.String(7), primary_key=True))
ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("customer_id", sa.ForeignKey("customers.id"), nullable=False),
)
LINES = sa.Table(
    "lines",
    METADATA,
    sa.Column("order_id", sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("sku", sa.ForeignKey("products.sku"), primary_key=True),
    sa.Column("quantity", sa.Integer),
)
TABLES = METADATA.sorted_tables


def fill(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    METADATA.create_all(connection)
    for table in TABLES:
        connection.execute(table.insert(), fh.rows(table, 30, seed=4))


def test_a_database_with_constraints_takes_the_rows_of_all_tables() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        fill(connection)
        counts = [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in TABLES]
        stray = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    engine.dispose()
    assert counts == [30] * len(TABLES)
    assert stray == []


def test_a_world_starts_from_them() -> None:
    def pay(customer: int, amount: int, db: sa.Engine) -> None:
        with db.begin() as connection:
            at = CUSTOMERS.c.id == customer
            balance = connection.scalar(sa.select(CUSTOMERS.c.balance).where(at))
            connection.execute(CUSTOMERS.update().where(at).values(balance=balance + amount))

    calls = tuple(fh.Call("pay", {"customer": 7, "amount": amount}) for amount in (1, 2))
    world = fh.World(db=fh.Database("sqlite://", setup=fill))
    report = fh.explore(fh.Batch(calls), fh.Toolbox({"pay": pay}), world)
    assert [finding.anomaly for finding in report.findings] == ["lost-update"]


def test_each_column_holds_what_its_type_and_name_say() -> None:
    for row in fh.rows(CUSTOMERS, 50):
        assert isinstance(row["token"], uuid.UUID)
        assert isinstance(row["active"], bool)
        assert isinstance(row["tier"], Tier)
        assert row["status"] in ("open", "closed")
        assert "@" in row["email"]
        assert 0 < len(row["billing_city"]) <= 5
        assert 18 <= row["age"] <= 90
        assert isinstance(row["balance"], decimal.Decimal)
        assert -row["balance"].as_tuple().exponent <= 2
        assert isinstance(row["seen_at"], datetime.datetime)
        assert row["seen_at"].year == row["since"].year == 2023
        assert isinstance(row["rating"], float)
        assert isinstance(row["extra"], dict)
        assert isinstance(row["picture"], bytes)
        assert isinstance(row["opens"], datetime.time)


def test_keys_are_counted_and_what_has_a_default_is_left_to_it() -> None:
    rows = fh.rows(CUSTOMERS, 5)
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert not {"made_at", "version"} & set(rows[0])


def test_keys_of_other_tables_are_those_of_their_rows_and_pairs_are_there_once() -> None:
    products = {row["sku"] for row in fh.rows(PRODUCTS, 12, seed=2)}
    pairs = [(row["order_id"], row["sku"]) for row in fh.rows(LINES, 12, seed=2)]
    assert {sku for _, sku in pairs} <= products
    assert len(set(pairs)) == 12


def test_a_row_refers_to_rows_of_its_own_table_before_it() -> None:
    rows = fh.rows(CUSTOMERS, 20)
    assert rows[0]["referrer"] is None
    assert all(row["referrer"] < row["id"] for row in rows[1:])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"age": 7}, {7}),
        ({"age": [7, 8]}, {7, 8}),
        ({"age": range(7, 9)}, {7, 8}),
        ({"age": lambda number: number * 10}, {10 * n for n in range(1, 41)}),
        ({"version": 3}, {3}),
    ],
)
def test_columns_can_be_given(given: dict[str, Any], expected: set[int]) -> None:
    (name,) = given
    assert {row[name] for row in fh.rows(CUSTOMERS, 40, **given)} == expected


def test_the_same_seed_makes_the_same_rows_and_other_columns_stay_as_they_are() -> None:
    rows = fh.rows(CUSTOMERS, 9, seed=1)
    assert fh.rows(CUSTOMERS, 9, seed=1) == rows
    assert fh.rows(CUSTOMERS, 9, seed=2) != rows
    given = fh.rows(CUSTOMERS, 9, seed=1, age=5)
    assert [{**row, "age": 5} for row in rows] == given


def test_every_process_makes_the_same_rows() -> None:
    code = (
        "import sqlalchemy as sa, fuzzharness as fh\n"
        "texts = [sa.Column(name, sa.String) for name in ('name', 'email', 'note')]\n"
        "table = sa.Table('t', sa.MetaData(), *texts,\n"
        "    sa.Column('at', sa.DateTime), sa.Column('n', sa.Integer))\n"
        "print(fh.rows(table, 5, seed=3))"
    )
    command, seeds = [sys.executable, "-c", code], ("1", "2")
    made = {subprocess.check_output(command, env={**os.environ, "PYTHONHASHSEED": seed}) for seed in seeds}
    assert len(made) == 1


@pytest.mark.parametrize(
    ("table", "count", "given", "says"),
    [
        (CUSTOMERS, 1, {"nme": 1}, "'nme'"),
        (CUSTOMERS, -1, {}, "-1 rows were asked for"),
        (CUSTOMERS, "20", {}, "'20' rows were asked for"),
        (sa.Table("t", sa.MetaData(), sa.Column("point", sa.types.NullType)), 1, {}, "t.point has the type"),
        (
            sa.Table("t", sa.MetaData(), sa.Column("month", sa.Integer, unique=True)),
            13,
            {},
            "only 12",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(
    table: sa.Table, count: Any, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(fh.WorldError, match=says) as caught:
        fh.rows(table, count, **given)
    assert "Expected" in str(caught.value)
