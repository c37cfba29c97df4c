"""Turns: what the tasks of one call do on a connection, one after another.

Decides who is next: whoever came first, as the connection's own lock or thread has it. No sibling has a
connection of another, so this is no lock of the schedule.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """The lock of a connection, whose tasks take turns in the order they came: no sibling ever has it."""

    def __init__(self) -> None:
        self._taken = False
        self._line: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._taken:
            turn = asyncio.get_running_loop().create_future()
            self._line.append(turn)
            await turn
        self._taken = True

    async def __aexit__(self, *_error: object) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False
