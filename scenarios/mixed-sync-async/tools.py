"""Tools of a bookkeeper's assistant: one of them waits for an answer from elsewhere, the other does not."""

import asyncio
from typing import TypedDict


class Context(TypedDict):
    due: dict[str, int]


async def _current_fee() -> int:
    await asyncio.sleep(0.05)
    return 750


async def add_late_fee(invoice: str, context: Context) -> str:
    """Add the late fee of the day to what is due on an invoice."""
    due = context["due"][invoice]
    context["due"][invoice] = due + await _current_fee()
    return f"added a late fee to invoice {invoice}"


def record_payment(invoice: str, amount: int, context: Context) -> str:
    """Record a payment on an invoice."""
    due = context["due"][invoice]
    context["due"][invoice] = due - amount
    return f"recorded {amount} on invoice {invoice}"
