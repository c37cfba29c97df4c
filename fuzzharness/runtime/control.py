"""What the process gives to calls, put under control for the time of an exploration.

Decides which functions of the process stand under control together, and what is done when a tool has
put others in their place. What each of them shows to a call is decided in ``clock``, ``chance`` and
``exits``.
"""

from __future__ import annotations

import builtins
import datetime
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from fuzzharness.runtime import chance, clock, exits
from fuzzharness.world.references import Replaced, displaced
from fuzzharness.world.resource import Gate

_KEPT: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (builtins, ("open", "print", "input", "__import__")),
    (datetime, ("date", "datetime")),
    (random, ("Random", "SystemRandom")),
    (secrets, ("choice", "randbelow", "randbits", "token_bytes", "token_hex", "token_urlsafe")),
    (threading, ("Barrier", "Condition", "Event", "Lock", "RLock", "Semaphore", "Thread", "Timer", "local")),
    (time, ("gmtime", "localtime", "strftime", "time", "time_ns")),
    (uuid, ("uuid3", "uuid4", "uuid5")),
)
"""What is not stood in for, but would change what all calls see if a tool replaced it."""


@contextmanager
def controlled(gate: Gate) -> Iterator[Callable[[], list[str]]]:
    """Within it calls under control see their own time and chance, and cannot end the process.

    Gives what is to be called after every run: it tells what a tool has replaced for good, puts it right,
    and lets the next run draw from the start. ``gate`` is told of calls that would have ended the process.
    """
    replaced = Replaced()
    try:
        replaced.replace([*chance.functions(), *clock.functions(), *exits.functions(gate)])
        replaced.put(random.Random, "seed", _seeding(vars(random.Random)["seed"]))
        for module, names in _KEPT:
            for name in names:
                replaced.put(module, name, vars(module)[name])
        with clock.own_time() as kept:
            yield partial(_settle, kept)
    finally:
        replaced.restore()
        chance.forget()


_seeding = cache(chance.seeding)


def _settle(kept: Callable[[], bool]) -> list[str]:
    chance.forget()
    found = [f"{name} was replaced for all calls" for name in displaced()]
    return found if kept() else [*found, "the clock was frozen and not freed again"]
