"""Chance in the calls: the same in every run and every process, for each call its own.

Decides what a call draws: from ``os.urandom``, and with it from ``uuid.uuid4``, ``secrets`` and
``SystemRandom``, bytes that follow from its place in the batch and from how many it has drawn; from the
functions of ``random``, and of ``numpy.random`` where that is imported, numbers of a generator that is its
own. Names made of them are then the same in every run, so that what a step touches can be told from what a
sibling changed. Outside of calls everything stays as it is.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

from fuzzharness.runtime.caller import Caller
from fuzzharness.runtime.strand import Strand, current

Function = Callable[..., Any]

_NODE = 0x01667A7A6168
"""Stands for the machine in ``uuid.uuid1``; its first byte says that it is the address of none."""

_GREGORIAN = 0x01B21DD213814000
"""The hundreds of nanoseconds from the day that a UUID counts from to 1970."""

_OWN: dict[tuple[Caller, Function], Any] = {}
"""What the calls of this run draw from."""


def functions() -> list[tuple[Any, Any]]:
    """Each function that is stood in for, with what stands in for it; not what a test has replaced."""
    found: list[tuple[Any, Any]] = [
        (real, make(real))
        for module, name, home, make in _STOOD_IN
        if getattr(real := getattr(module, name, None), "__module__", None) == home
    ]
    found += _methods_of(random._inst, random, _generator)
    numbers: Any = sys.modules.get("numpy.random")
    if hasattr(numbers, "mtrand"):
        found += _methods_of(numbers.mtrand._rand, numbers, _numbers)
        found += [
            (getattr(numbers, n), _drawing(m, getattr(numbers, n), _numbers)) for n, m in _OF_NUMPY.items()
        ]
    return found


def seeding(real: Function) -> Function:
    """Stands in for ``random.Random.seed``: a generator that a call makes without a seed gets one."""

    def seed(self: Any, a: Any = None, version: int = 2) -> None:
        strand = current() if a is None else None
        real(self, a if strand is None else _bytes(strand, 32), version)

    return seed


def forget() -> None:
    """A run is over: in the next one calls draw from the start."""
    _OWN.clear()


def _bytes(strand: Strand, size: int) -> bytes:
    """The next bytes that a call draws."""
    strand.draws += 1
    drawn, block = b"", 0
    while len(drawn) < size:
        drawn += hashlib.sha256(f"{strand.place}/{strand.draws}/{block}".encode()).digest()
        block += 1
    return drawn[:size]


def _urandom(real: Function) -> Function:
    def urandom(size: int, /) -> Any:
        strand = current()
        return real(size) if strand is None or size < 0 else _bytes(strand, size)

    return urandom


def _getrandom(real: Function) -> Function:
    def getrandom(size: int, flags: int = 0) -> Any:
        strand = current()
        return real(size, flags) if strand is None or size < 0 else _bytes(strand, size)

    return getrandom


def _getnode(real: Function) -> Function:
    return lambda: real() if current() is None else _NODE


def _uuid1(real: Function) -> Function:
    def uuid1(node: int | None = None, clock_seq: int | None = None) -> Any:
        strand = current()
        if strand is None:
            return real(node, clock_seq)
        strand.draws += 1
        ticks = time.time_ns() // 100 + _GREGORIAN + strand.draws
        turn = strand.place if clock_seq is None else clock_seq
        low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF
        fields = (low, middle, high, turn >> 8 & 0x3F, turn & 0xFF, _NODE if node is None else node)
        return uuid.UUID(fields=fields, version=1)

    return uuid1


def _candidate_names(real: Function) -> Function:
    """Names of temporary files: of a sequence that draws from a generator of the call."""

    def candidate_names() -> Any:
        strand = current()
        return real() if strand is None else _own(strand, _names)

    return candidate_names


_STOOD_IN: list[tuple[Any, str, str, Callable[[Any], Function]]] = [
    (os, "urandom", os.urandom.__module__, cache(_urandom)),
    (os, "getrandom", os.urandom.__module__, cache(_getrandom)),
    (uuid, "getnode", "uuid", cache(_getnode)),
    (uuid, "uuid1", "uuid", cache(_uuid1)),
    (tempfile, "_get_candidate_names", "tempfile", cache(_candidate_names)),
]
"""Module, name, where what is to be found there says that it is from, and what makes the stand-in."""


def _methods_of(shared: Any, module: Any, make: Function) -> list[tuple[Function, Function]]:
    """The functions of a module that draw from one generator for the whole process."""
    values = list(vars(module).values())
    found = [value for value in values if callable(value) and getattr(value, "__self__", None) is shared]
    return [(method, _drawing(method.__name__, method, make)) for method in found]


@cache
def _drawing(name: str, real: Function, make: Function) -> Function:
    """Stands in for ``real``: inside a call, the method ``name`` of what ``make`` has made for the call."""

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        strand = current()
        method = real if strand is None else getattr(_own(strand, make), name)
        return method(*args, **kwargs)

    stand_in.__name__ = name
    return stand_in


def _own(strand: Strand, make: Function) -> Any:
    known = _OWN.get((strand.caller, make))
    if known is None:
        known = _OWN[strand.caller, make] = make(strand)
    return known


def _generator(strand: Strand) -> random.Random:
    return random.Random(f"{strand.place}/random")


def _numbers(strand: Strand) -> Any:
    return sys.modules["numpy.random"].RandomState(strand.place & 0xFFFFFFFF)


def _names(strand: Strand) -> Any:
    names: Any = tempfile._RandomNameSequence()  # type: ignore[attr-defined]  # made anew for each call
    names._rng, names._rng_pid = random.Random(f"{strand.place}/names"), os.getpid()
    return names


_OF_NUMPY = {"seed": "seed", "ranf": "random_sample", "sample": "random_sample"}
"""Functions there that are no methods of the generator, and the method they come to."""
