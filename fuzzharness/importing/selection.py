"""Selection: which batches of a recording are kept.

Decides by the number of calls, then by shape, then by lot; counts what is left out and why. A draw follows
from the seed and the batches alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Generic, TypeVar

from fuzzharness.errors import SettingsError
from fuzzharness.importing.shape import shape
from fuzzharness.model import Batch

_AT_LEAST: Final = re.compile(r"([1-9]\d{0,5})\+")

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Selection:
    """``at_least`` calls; one of a shape if ``dedupe``; ``sample`` of what is left, drawn from ``seed``."""

    at_least: int = 1
    dedupe: bool = False
    sample: int | None = None
    seed: int = 0


@dataclass(slots=True)
class LeftOut:
    """How many batches were left out, by the reason."""

    small: int = 0
    alike: int = 0
    not_drawn: int = 0


def at_least(text: str) -> int:
    """The number in ``N+``. Raises :class:`SettingsError`."""
    match = _AT_LEAST.fullmatch(text)
    if match is None:
        raise SettingsError(
            f"--batches is {text!r}. Expected a number and a plus, as 2+ for batches of two calls or more. "
            "Write it like that."
        )
    return int(match[1])


def distinct(batches: Iterable[Batch], selection: Selection, left: LeftOut) -> Iterator[int]:
    """Which batches are large enough and, with ``dedupe``, the first of their shape, counted from 0.

    Those that are only to be run before others stay that, uncounted.
    """
    seen: set[bytes] = set()
    for number, batch in enumerate(batches):
        if batch.before:
            continue
        if len(batch.calls) < selection.at_least:
            left.small += 1
            continue
        if selection.dedupe:
            key = shape(batch)
            if key in seen:
                left.alike += 1
                continue
            seen.add(key)
        yield number


class Reservoir(Generic[_Item]):
    """``size`` of the items that are put in, each set of that many equally likely."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._random = Random(seed)
        self._count = 0
        self._kept: list[tuple[int, _Item]] = []

    def put(self, item: _Item) -> None:
        """One more, which may take the place of another."""
        self._count += 1
        if len(self._kept) < self._size:
            self._kept.append((self._count, item))
            return
        place = int(self._random.random() * self._count)
        if place < self._size:
            self._kept[place] = (self._count, item)

    def __iter__(self) -> Iterator[_Item]:
        """What was drawn, in the order it was put in."""
        return (item for _, item in sorted(self._kept, key=lambda kept: kept[0]))

    @property
    def missed(self) -> int:
        """How many were put in and not drawn."""
        return self._count - len(self._kept)
