"""Digests: what was seen in a recording of any length, remembered in bounded memory.

Decides how much is remembered. Knows nothing of what the digests are of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

REMEMBERED: Final = 250_000


@dataclass(slots=True)
class Numbered:
    """A number for each hash, forgotten as in :class:`Digests`."""

    _young: dict[int, int] = field(default_factory=dict)
    _old: dict[int, int] = field(default_factory=dict)

    def get(self, digest: int, default: int) -> int:
        """The number of ``digest``, or ``default`` where it has none."""
        return self._young.get(digest, self._old.get(digest, default))

    def set(self, digest: int, number: int) -> None:
        """Let ``digest`` have ``number`` from now on."""
        self._young[digest] = number
        if len(self._young) > REMEMBERED // 5:
            self._young, self._old = {}, self._young


@dataclass(slots=True)
class Digests:
    """A set of hashes that forgets: it holds at least the latest ``REMEMBERED`` that were added.

    They are Python's own, of 64 bits: the odds that two of a million are alike are one in 30 million.
    """

    _young: set[int] = field(default_factory=set)
    _old: set[int] = field(default_factory=set)

    def __contains__(self, digest: int) -> bool:
        return digest in self._young or digest in self._old

    def add(self, digest: int) -> None:
        self._young.add(digest)
        if len(self._young) > REMEMBERED:
            self._young, self._old = set(), self._young
