from faker import Faker
from sqlalchemy import Connection, insert

import fuzzharness as fh
import tools


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    tools.metadata.create_all(connection)
    rows = [{"number": number, "name": fake.name(), "points": 50} for number in (31, 32, 33)]
    connection.execute(insert(tools.members), rows)


def world() -> fh.World:
    return fh.World(db=fh.Database("sqlite://", setup=fill))
