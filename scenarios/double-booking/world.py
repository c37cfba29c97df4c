from faker import Faker
from sqlalchemy import Connection, text

import fuzzharness as fh


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    connection.execute(text("CREATE TABLE seats (seat TEXT PRIMARY KEY, passenger TEXT)"))
    connection.execute(
        text("INSERT INTO seats VALUES (:seat, :passenger)"),
        [
            {"seat": "12A", "passenger": None},
            {"seat": "12B", "passenger": fake.name()},
            {"seat": "12C", "passenger": fake.name()},
        ],
    )


def world() -> fh.World:
    return fh.World(db=fh.Database("sqlite://", setup=fill))
