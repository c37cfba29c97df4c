from faker import Faker
from sqlalchemy import Connection, text

import fuzzharness as fh


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER)"))
    connection.execute(
        text("INSERT INTO accounts VALUES (:id, :owner, 100)"),
        [{"id": number, "owner": fake.name()} for number in (6, 7, 8)],
    )


def world() -> fh.World:
    return fh.World(db=fh.Database("sqlite://", setup=fill))
