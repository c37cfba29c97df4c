"""Tools of a bank's assistant, on SQLAlchemy Core."""

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, select, update

metadata = MetaData()
accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", String, nullable=False),
    Column("balance", Integer, nullable=False),
)


def add_credit(account: int, amount: int, db: Engine) -> str:
    """Credit an account with an amount."""
    mine = accounts.c.id == account
    with db.connect() as connection:
        balance = connection.scalars(select(accounts.c.balance).where(mine)).one()
    with db.begin() as connection:
        connection.execute(update(accounts).where(mine).values(balance=balance + amount))
    return f"credited {amount} to account {account}"
