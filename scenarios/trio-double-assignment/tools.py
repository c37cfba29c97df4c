"""Tools of a dispatcher's assistant, on trio: a van is asked by radio before it is sent."""

from typing import TypedDict

import trio


class Context(TypedDict):
    jobs: dict[str, str | None]


async def _ask_by_radio() -> None:
    await trio.sleep(0.05)


async def assign_van(van: str, job: str, context: Context) -> str:
    """Send a van to a job, if it has none."""
    if context["jobs"][van] is not None:
        return f"{van} is busy"
    await _ask_by_radio()
    context["jobs"][van] = job
    return f"{van} goes to {job}"
