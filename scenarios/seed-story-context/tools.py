"""Tools of an assistant that keeps a running balance in its conversation context."""


def add_credit(amount: int, context: dict[str, int]) -> str:
    """Credit the balance of this conversation with an amount."""
    balance = context["balance"]
    context["balance"] = balance + amount
    return f"credited {amount}"
