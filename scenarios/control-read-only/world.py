from faker import Faker
from sqlalchemy import Connection, text

import fuzzharness as fh


def fill(connection: Connection) -> None:
    fake = Faker()
    fake.seed_instance(7)
    connection.execute(text("CREATE TABLE books (title TEXT PRIMARY KEY, author TEXT, copies INTEGER)"))
    connection.execute(
        text("INSERT INTO books VALUES (:title, :author, :copies)"),
        [
            {"title": "Dubliners", "author": "James Joyce", "copies": 3},
            {"title": "Ulysses", "author": "James Joyce", "copies": 1},
            {"title": fake.catch_phrase(), "author": fake.name(), "copies": 2},
        ],
    )


def world() -> fh.World:
    return fh.World(db=fh.Database("sqlite://", setup=fill))
