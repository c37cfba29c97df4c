"""Event loops that plain tools run themselves, as ``asyncio.run`` does, on the thread of their call.

Decides what such a loop does where it would wait for time or for a thread of its own call: the call's clock
goes on, or the other thread does. A loop that waits for sockets or processes as well waits as ever.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

from fuzzharness.runtime.loops import START
from fuzzharness.runtime.standin import StandIn
from fuzzharness.runtime.strand import Strand, current

_SELECT: Any = selectors.DefaultSelector.select
_TIME = asyncio.BaseEventLoop.time


def _own_loop() -> Strand | None:
    """The strand that runs a loop of its own, if the running thread does."""
    strand = current()
    return strand if strand is not None and strand.loop is None else None


def _select(self: Any, timeout: float | None = None) -> Any:
    strand = _own_loop()
    if strand is None or (timeout is not None and timeout <= 0) or len(self.get_map()) > 1:
        return _SELECT(self, timeout)
    found = _SELECT(self, 0)
    if found:
        return found
    strand.blocked = lambda: not (strand.timed_out or _SELECT(self, 0))
    strand.run.stand(strand, None if timeout is None else strand.caller.elapsed + timeout)
    return _SELECT(self, 0)


def _time(self: Any) -> float:
    strand = _own_loop()
    return _TIME(self) if strand is None else START + strand.caller.elapsed


OWN_LOOPS: tuple[StandIn, ...] = (
    (selectors.DefaultSelector, "select", _select),
    (asyncio.BaseEventLoop, "time", _time),
)
"""What stands in while calls run."""
