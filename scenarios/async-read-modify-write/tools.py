"""Tools of a loyalty programme's assistant, on asyncio: a partner is told of each award."""

import asyncio
from typing import TypedDict


class Context(TypedDict):
    points: dict[str, int]


async def _tell_the_partner() -> None:
    await asyncio.sleep(0.05)


async def award_points(customer: str, points: int, context: Context) -> str:
    """Award points to a customer."""
    balance = context["points"][customer]
    await _tell_the_partner()
    context["points"][customer] = balance + points
    return f"awarded {points} points to {customer}"
