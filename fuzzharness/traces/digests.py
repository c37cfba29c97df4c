"""Digests: what was seen in a recording of any length, remembered in bounded memory.

Decides how much is remembered. Knows nothing of what the digests are of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

REMEMBERED: Final = 250_000


@dataclass(slots=True)
class Digests:
    """A set that forgets: it holds at least the latest ``REMEMBERED`` that were added."""

    _young: set[int] = field(default_factory=set)
    _old: set[int] = field(default_factory=set)

    def __contains__(self, digest: int) -> bool:
        return digest in self._young or digest in self._old

    def add(self, digest: int) -> None:
        self._young.add(digest)
        if len(self._young) > REMEMBERED:
            self._young, self._old = set(), self._young


def digest(start: int, *parts: str) -> int:
    """Eight bytes of a hash of ``parts``, after what ``start`` is the digest of, as a number."""
    found = blake2b(start.to_bytes(8, "big"), digest_size=8)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        found.update(len(data).to_bytes(8, "big"))
        found.update(data)
    return int.from_bytes(found.digest(), "big")
