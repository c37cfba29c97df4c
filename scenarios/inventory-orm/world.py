from faker import Faker
from sqlalchemy import Connection, insert

import fuzzharness as fh
import tools


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    tools.Base.metadata.create_all(connection)
    stock = {"CHAIR-4": 35, "LAMP-2": 20}
    rows = [{"sku": sku, "supplier": fake.company(), "stock": count} for sku, count in stock.items()]
    connection.execute(insert(tools.Item), rows)


def world() -> fh.World:
    return fh.World(db=fh.Database(tools.engine, setup=fill))
