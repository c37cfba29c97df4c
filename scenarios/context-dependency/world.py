from faker import Faker
from sqlalchemy import Connection, text

import fuzzharness as fh


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    connection.execute(text("CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT, email TEXT UNIQUE)"))
    connection.execute(
        text("INSERT INTO customers VALUES (:id, :name, :email)"),
        [
            {"id": "C-1815", "name": fake.name(), "email": "ada@example.com"},
            {"id": "C-1906", "name": fake.name(), "email": "grace@example.com"},
        ],
    )
    connection.execute(text("CREATE TABLE orders (number TEXT PRIMARY KEY, customer_id TEXT, city TEXT)"))
    connection.execute(
        text("INSERT INTO orders VALUES (:number, :customer_id, :city)"),
        [
            {"number": "W100", "customer_id": "C-1815", "city": fake.city()},
            {"number": "W101", "customer_id": "C-1906", "city": fake.city()},
            {"number": "W104", "customer_id": "C-1815", "city": fake.city()},
        ],
    )


def world() -> fh.World:
    return fh.World(context={}, db=fh.Database("sqlite://", setup=fill))
