"""Keep the threads of an exploration on one core, where the system lets us.

Only one of them runs at a time; handing the baton over inside one core costs about half of what it
costs between two (tests/benchmarks/test_decisions.py). Children of a tool's own inherit the core, no more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_core() -> Iterator[None]:
    """Within it the running thread, and threads it starts, stay on the core it runs on now."""
    before = _allowed()
    here = _core()
    if here is None or before is None or len(before) < 2 or here not in before:
        yield
        return
    os.sched_setaffinity(0, {here})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _allowed() -> set[int] | None:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _core() -> int | None:
    try:
        with open("/proc/thread-self/stat", encoding="ascii", errors="replace") as stat:
            return int(stat.read().rpartition(")")[2].split()[36])
    except (OSError, IndexError, ValueError):
        return None
