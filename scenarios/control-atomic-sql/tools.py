"""Tools of a bank's assistant: the database does the arithmetic."""

from sqlalchemy import Engine, text


def add_credit(account: int, amount: int, db: Engine) -> str:
    """Credit an account with an amount."""
    with db.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET balance = balance + :amount WHERE id = :account"),
            {"account": account, "amount": amount},
        )
    return f"credited {amount} to account {account}"
