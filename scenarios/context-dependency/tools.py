"""Tools of a shop's support assistant, which remembers the customer it talks about."""

from sqlalchemy import Engine, text


def get_customer_id(email: str, context: dict[str, str], db: Engine) -> str:
    """Find a customer by e-mail address and remember who it is."""
    query = text("SELECT id FROM customers WHERE email = :email")
    with db.connect() as connection:
        customer_id: str = connection.execute(query, {"email": email}).scalar_one()
    context["customer_id"] = customer_id
    return customer_id


def get_recent_orders(context: dict[str, str], db: Engine) -> list[str]:
    """List the order numbers of the current customer, newest first."""
    query = text("SELECT number FROM orders WHERE customer_id = :customer_id ORDER BY number DESC LIMIT 5")
    customer_id = context.get("customer_id", "")
    with db.connect() as connection:
        return list(connection.execute(query, {"customer_id": customer_id}).scalars())
