"""Ctrl-C while the world is put back: it comes when that is done.

Decides how long an interrupt is kept. A second one comes at once, so that nobody has to wait for what hangs.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Inside, the first Ctrl-C is kept until the end. Only Python's own handler is stood in for."""
    found = signal.getsignal(signal.SIGINT)
    if found is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        if kept:
            signal.default_int_handler(number, frame)
        kept.append(number)

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, found)
        if kept:
            raise KeyboardInterrupt
