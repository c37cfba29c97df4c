from faker import Faker
from sqlalchemy import Connection, insert

import fuzzharness as fh
import tools


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    tools.Base.metadata.create_all(connection)
    connection.execute(insert(tools.Order), [{"id": f"W{n}", "customer": fake.name()} for n in (100, 101)])
    connection.execute(insert(tools.OrderLine), [{"order_id": "W100", "sku": "LAMP-2", "quantity": 1}])


def world() -> fh.World:
    return fh.World(db=fh.Database("sqlite://", setup=fill))
