"""Pseudonyms: what stands for each value that was found.

Decides that by an HMAC of kind and value, so that who has the secret gets the same again and who has not
learns nothing. Equal stays equal, distinct stays distinct, and no pseudonym is or holds anything that was
found. Where two values would get one, that with the greater HMAC draws again; only there it matters what
else was found.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Final

from fuzzharness.privacy.found import WORD, Found, is_mixed
from fuzzharness.privacy.kind import Kind, compact, laid_out
from fuzzharness.privacy.phones import Spelled

if TYPE_CHECKING:
    from fuzzharness.privacy.fakes import Fakes

_ENOUGH: Final = 50
"""Draws after which a value gets one that is not in its shape, rather than none."""


class Pseudonyms:
    """The pseudonyms of what ``found`` has; ``locale`` is Faker's."""

    def __init__(self, secret: bytes, found: Found, locale: str) -> None:
        self._secret = secret
        self._found = found
        self._locale = locale
        self._known: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._ways: dict[str, list[Spelled]] = defaultdict(list)
        self._taken: set[str] = set()

    def settle(self) -> None:
        """Draw for everything that was found, in an order that the recording does not decide."""
        for word in sorted(self._found.names, key=lambda word: self._digest("word", word)):
            self._names[word] = self._draw("word", word, self._word)
        for way in self._found.dialled.values():
            self._ways[way.digits].append(way)
        self._draw_all(t for t, k in self._found.kinds.items() if self._is_drawn(t, k))
        self._draw_all(filter(self._needs_its_own, self._found.spellings))

    def _is_drawn(self, text: str, kind: Kind) -> bool:
        """Whether what stands for ``text`` follows from nothing else."""
        if kind is Kind.NAME or text != compact(kind, text):
            return False
        return not (kind is Kind.PHONE and text in self._found.dialled)

    def _draw_all(self, texts: Iterable[str]) -> None:
        for text in sorted(texts, key=lambda text: self._digest("value", text)):
            kind = self._found.kind(text)
            self._known[text] = self._draw(kind.value, text, self._maker(kind))

    def _needs_its_own(self, spelled: str) -> bool:
        """Whether a spelling in other capitals would get what the value gets, which has none to change."""
        value, spelling = self._found.spellings[spelled]
        known = self._known.get(value)
        return known is not None and spelled.lower() == value.lower() and spelling(known) == known

    def of(self, text: str, kind: Kind) -> str:
        """What stands for ``text``, a value that was found, a spelling of one, or a word of a name."""
        if text in self._found.spellings and text not in self._known:
            value, spelling = self._found.spellings[text]
            return spelling(self.of(value, kind))
        if kind is Kind.NAME and self._found.kinds.get(text, kind) is kind:
            return WORD.sub(lambda match: self._name(match[0]), text)
        if kind is Kind.PHONE and (way := self._found.dialled.get(compact(kind, text))) is not None:
            return laid_out(kind, text, way.of(self._known[way.digits]))
        if text in self._known:
            return self._known[text]
        kind = self._found.kinds[text]
        return laid_out(kind, text, self._known[compact(kind, text)])

    def _name(self, word: str) -> str:
        found = self._names.get(word.casefold())
        if found is None:
            return word
        if is_mixed(word):
            return self._names.get(word, found)
        return found.lower() if word.islower() else found.upper() if word.isupper() else found

    def _draw(self, what: str, text: str, make: Callable[[str, int], str]) -> str:
        for attempt in count():
            seed = int.from_bytes(self._digest(what, text, attempt))
            drawn = make(text, seed) if attempt < _ENOUGH else self._last_resort(text, seed)
            in_all_ways = [drawn, *(way.of(drawn) for way in self._ways.get(text, ()))]
            if all(each.casefold() not in self._taken and self._is_clean(each) for each in in_all_ways):
                self._taken.update(map(str.casefold, in_all_ways))
                return drawn
        raise AssertionError("unreachable: the last resort is never exhausted")

    def _is_clean(self, drawn: str) -> bool:
        """Whether ``drawn`` is none of the originals and holds none."""
        if drawn in self._found.kinds or drawn.casefold() in self._found.names:
            return False
        return next(self._found.in_text(drawn), None) is None

    def _maker(self, kind: Kind) -> Callable[[str, int], str]:
        if kind is Kind.SECRET:
            return _mask
        return lambda text, seed: self._fakes.like(kind, text, seed)

    def _word(self, word: str, seed: int) -> str:
        return self._fakes.name(self._found.names[word], seed)

    def _last_resort(self, text: str, seed: int) -> str:
        if text.isdecimal():
            return str(seed)[: max(len(text) + 2, 8)]
        return self._fakes.syllables(seed) if text in self._found.names else f"x{seed:064x}"[:20]

    def _digest(self, what: str, text: str, attempt: int = 0) -> bytes:
        message = f"{what}\0{attempt}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, message, hashlib.sha256).digest()

    @cached_property
    def _fakes(self) -> Fakes:
        from fuzzharness.privacy.fakes import Fakes  # Faker takes half a second to import

        return Fakes(self._locale)


def _mask(text: str, seed: int) -> str:
    """A mask of a secret; of digits alone where the secret is, since it may be a number."""
    if text.isdecimal():
        digits = str(seed).rjust(len(text), "1")
        return digits[-len(text) :] if text[0] == "0" else "123456789"[seed % 9] + digits[-len(text) :][1:]
    return f"secret-{seed:064x}"[:23]
