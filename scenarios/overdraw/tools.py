"""Tools of a bank's assistant: payments out of an account that must not be overdrawn."""

from sqlalchemy import CheckConstraint, Column, Engine, Integer, MetaData, String, Table, select

metadata = MetaData()
accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", String, nullable=False),
    Column("balance", Integer, CheckConstraint("balance >= 0"), nullable=False),
)


def withdraw(account: int, amount: int, db: Engine) -> str:
    """Withdraw an amount from an account if it holds enough."""
    mine = accounts.c.id == account
    with db.begin() as connection:
        balance = connection.scalars(select(accounts.c.balance).where(mine)).one()
        if balance < amount:
            return f"insufficient funds for {amount}"
        connection.execute(accounts.update().where(mine).values(balance=balance - amount))
    return f"withdrew {amount}"
