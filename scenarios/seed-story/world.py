from faker import Faker
from sqlalchemy import Connection, insert

import fuzzharness as fh
import tools


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    tools.metadata.create_all(connection)
    rows = [{"id": number, "owner": fake.name(), "balance": 100} for number in (6, 7, 8)]
    connection.execute(insert(tools.accounts), rows)


def world() -> fh.World:
    return fh.World(db=fh.Database("sqlite://", setup=fill))
