"""Mutations: new batches made of a recorded one by dropping or repeating a call, or swapping arguments.

Decides which there are, in which order they come and what they are called. All chance is drawn from the seed
and the batch, so the first ones are the same however many are asked for. Never runs a tool.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, islice, zip_longest
from typing import Any, Final

from fuzzharness.errors import SettingsError
from fuzzharness.model import Batch, Call

MARK: Final = "~"
"""Stands between the name of a batch and how another was made of it."""

_STEPS: Final = 3
"""At most so many changes are made one after the other."""

_MORE: Final = 2
"""At most so many calls are added."""


def mutations(batch: Batch, count: int, seed: int = 0) -> tuple[Batch, ...]:
    """The first ``count`` batches made of ``batch``; fewer where there are no more.

    Each is called after how it was made, and its number: ``turn-1~swap-2``, ``turn-1~swap+drop-7``. Those
    with one change come first, the kinds in turn: ``drop`` leaves a call out (of three or more),
    ``duplicate`` puts a second one behind it, ``swap`` exchanges one argument between two calls that both
    have it, with values of one type. No two have the same calls, nor those of ``batch``, be it in another
    order. Ids are kept, a repeated call gets one of its own; recorded results and times are left out.

    Raises :class:`BatchError` for a batch that cannot be run, :class:`SettingsError` for a negative count.
    """
    batch.check()
    if count < 0:
        raise SettingsError(
            f"{count} mutations were asked for. Expected a whole number from 0. Say how many to make."
        )
    name = batch.id or "batch"
    found = enumerate(islice(_found(_bare(batch), seed), count), 1)
    return tuple(Batch(m.calls, f"{name}{MARK}{'+'.join(m.kinds)}-{n}") for n, m in found)


def mutation(batch: Batch, name: str, seed: int = 0) -> Batch | None:
    """The batch called ``name`` among the :func:`mutations` of ``batch``; None if none is."""
    _, _, number = name.rpartition("-")
    wanted = int(number) if number.isdecimal() and len(number) < 7 else 0
    found = mutations(batch, wanted, seed)
    return found[-1] if len(found) == wanted > 0 and found[-1].id == name else None


@dataclass(frozen=True, slots=True)
class _Mutant:
    """The calls of a batch and the kinds of the changes that were made, in order."""

    calls: tuple[Call, ...]
    kinds: tuple[str, ...] = ()

    @property
    def sign(self) -> tuple[str, ...]:
        """Equal for two batches of the same calls in any order."""
        return tuple(sorted(json.dumps([c.tool, c.args], sort_keys=True, default=repr) for c in self.calls))


def _bare(batch: Batch) -> _Mutant:
    """The calls under their labels, with nothing that was recorded of how they ended."""
    named = zip(batch.labels, batch.calls, strict=True)
    return _Mutant(tuple(Call(c.tool, c.args, label, invalid_args=c.invalid_args) for label, c in named))


def _found(origin: _Mutant, seed: int) -> Iterator[_Mutant]:
    """Every mutant: one change, then two, then three."""
    chance = random.Random(f"{seed} {origin.sign}")
    seen = {origin.sign}
    layer: Sequence[_Mutant] = [origin]
    for _ in range(_STEPS):
        made: list[_Mutant] = []
        for mutant in layer:
            for child in _children(mutant, len(origin.calls) + _MORE, chance):
                if child.sign not in seen:
                    seen.add(child.sign)
                    made.append(child)
                    yield child
        layer = made


def _children(mutant: _Mutant, most: int, chance: random.Random) -> Iterator[_Mutant]:
    """What one change makes of ``mutant``: the kinds in turn, each in an order drawn by ``chance``."""
    kinds = (
        ("drop", _dropped(mutant.calls)),
        ("duplicate", _repeated(mutant.calls, most)),
        ("swap", _swapped(mutant.calls)),
    )
    made = [[_Mutant(calls, (*mutant.kinds, kind)) for calls in every] for kind, every in kinds]
    for each in made:
        chance.shuffle(each)
    chance.shuffle(made)
    return (child for child in chain.from_iterable(zip_longest(*made)) if child is not None)


def _dropped(calls: tuple[Call, ...]) -> Iterator[tuple[Call, ...]]:
    for place in range(len(calls)) if len(calls) > 2 else ():
        yield (*calls[:place], *calls[place + 1 :])


def _repeated(calls: tuple[Call, ...], most: int) -> Iterator[tuple[Call, ...]]:
    ids = {call.id for call in calls}
    for place, call in enumerate(calls) if len(calls) < most else ():
        own = next(id for n in range(2, len(calls) + 3) if (id := f"{call.id}{MARK}{n}") not in ids)
        yield (*calls[: place + 1], replace(call, id=own), *calls[place + 1 :])


def _swapped(calls: tuple[Call, ...]) -> Iterator[tuple[Call, ...]]:
    for a, b in combinations(range(len(calls)), 2):
        mine, theirs = dict(calls[a].args or {}), dict(calls[b].args or {})
        for name in mine:
            if name in theirs and type(mine[name]) is type(theirs[name]):
                yield _with(_with(calls, a, name, theirs[name]), b, name, mine[name])


def _with(calls: tuple[Call, ...], place: int, name: str, value: Any) -> tuple[Call, ...]:
    """``calls`` with another value for one argument of the one at ``place``."""
    changed = replace(calls[place], args={**(calls[place].args or {}), name: value})
    return (*calls[:place], changed, *calls[place + 1 :])
