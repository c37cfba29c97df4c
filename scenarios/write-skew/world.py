from faker import Faker
from sqlalchemy import Connection, insert

import fuzzharness as fh
import tools


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    tools.Base.metadata.create_all(connection)
    rota = {"Alice": True, "Bob": True, "Carol": False}
    rows = [{"name": name, "phone": fake.phone_number(), "on_duty": duty} for name, duty in rota.items()]
    connection.execute(insert(tools.Doctor), rows)


def world() -> fh.World:
    return fh.World(db=fh.Database("sqlite://", setup=fill))
