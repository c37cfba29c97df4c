"""Found: what a recording has of personal data and secrets, and where any of it occurs in a text.

Decides when an occurrence counts: as a whole word, in other spellings too (capitals, escapes of JSON,
URLs and SQL), and for people's names also each word of them. Replaces nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

from fuzzharness.privacy.escapes import without_escapes
from fuzzharness.privacy.kind import Kind, compact
from fuzzharness.privacy.phones import Spelled, form, spelled, within
from fuzzharness.privacy.scanner import Form, Scanner, any_of, most
from fuzzharness.privacy.span import Span

WORD: Final = re.compile(r"[^\W\d_]+|\d+")
"""What counts as a word: letters, or digits."""

_NO_DATA: Final = re.compile(
    r"true|false|null|none|undefined|unknown|n/a|na|nil|yes|no|redacted|hidden|masked|empty|default"
    r"|ok|pass|passed|fail|failed|success|required|optional|string",
    re.I,
)
_PARTICLE: Final = re.compile(
    r"mr|mrs|ms|miss|dr|prof|herr|frau|sir|von|van|de|der|den|di|da|del|la|le|el|al|bin|ibn|jr|sr|and|und",
    re.I,
)
_SHORTEST, _SHORTEST_NAME = 4, 3
"""Characters of what is looked for within texts; shorter values go only where they are all of one."""

_SHORTEST_NUMBER: Final = 7
"""Digits of what is looked for next to letters, too; shorter ones are part of too many words."""

_SHORT: Final = 40
"""Characters of a text that is searched as fast as it is encoded."""

_FEW: Final = 50
"""Words that are found one by one as fast as a text is split into its own."""

_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")

_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
"""What JSON escapes, and what it cannot have but so."""

_BLANK: Final = rb"(?:[^!-~]|\\+[nrtf]|\\+u00[01].)*"
"""What ``str.strip`` takes away, as JSON writes it, and more."""

Spelling = Callable[[str], str]
_SPELLINGS: Final[tuple[Spelling, ...]] = (
    str.lower,
    str.upper,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: text.replace("@", "%40"),
    lambda text: quote(text, safe="", errors="replace"),
    lambda text: quote_plus(text, safe="", errors="replace"),
    lambda text: text.replace("'", "''"),
    lambda text: text.replace("'", "\\'"),
)


class Found:
    """Values and their kinds; first all are added, then texts are searched."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.names: dict[str, bool] = {}
        self.spellings: dict[str, tuple[str, Spelling]] = {}
        self._local: set[str] = set()
        self._spread: set[str] = set()
        self._sought: set[str] = set()
        self._by_word: dict[str, list[tuple[int, int]]] = {}
        self.dialled: dict[str, Spelled] = {}
        self._unspaced: re.Pattern[str] | None = None

    def add(self, text: str, kind: Kind, *, local: bool = False) -> None:
        """``text`` is data of this ``kind``; of two kinds the stronger stays.

        local: it may be a word like any other (``password: required``), so it goes only where it was found.
        """
        if _NO_DATA.fullmatch(text) or not any(map(str.isalnum, text)):
            return
        for value in dict.fromkeys((text, compact(kind, text))):
            known = self.kinds.get(value)
            if known is None or kind.rank < known.rank:
                self.kinds[value] = kind
        if local and text not in self._spread:
            self._local.add(text)
        elif not local:
            self._spread.add(text)
            self._local.discard(text)

    def settle(self) -> None:
        """Nothing more comes: make texts searchable."""
        for text, kind in list(self.kinds.items()):
            if kind is Kind.NAME:
                self._add_names(text)
        for text in [text for text in self.kinds if text not in self._local]:
            for spelling in _SPELLINGS:
                other = spelling(text)
                if other != text and other not in self.kinds:
                    self.spellings.setdefault(other, (text, spelling))
        phones = (text for text, kind in self.kinds.items() if kind is Kind.PHONE)
        self.dialled = dict(pair for text in sorted(phones) for pair in spelled(text))
        known = (value for value in (*self.kinds, *self.spellings) if value not in self._local)
        values = list(filter(_is_sought, known))
        self._index(values)
        unspaced = sorted((re.escape(v) for v in values if _UNSPACED.search(v)), key=len, reverse=True)
        self._unspaced = re.compile("|".join(unspaced)) if unspaced else None

    def _add_names(self, text: str) -> None:
        words = [word for word in WORD.findall(text) if len(word) > 1 and not _PARTICLE.fullmatch(word)]
        for position, word in enumerate(words):
            family = position == len(words) - 1 and position > 0
            for key in (word.casefold(), word) if is_mixed(word) else (word.casefold(),):
                self.names[key] = self.names.get(key, False) or family
            if not word.isascii():
                self.kinds.setdefault(word, Kind.NAME)  # so that its other spellings are looked for

    def _index(self, values: Iterable[str]) -> None:
        """By the first word of each value: how far before it the value begins, and how long it is."""
        places: dict[str, dict[tuple[int, int], None]] = {}
        for value in values:
            word = WORD.search(value)
            if word is not None:
                self._sought.add(value)
                places.setdefault(word[0], {})[word.start(), len(value)] = None
        self._by_word = {word: sorted(found, key=lambda p: -p[1]) for word, found in places.items()}

    def anywhere(self, data: bytes) -> bool:
        """Whether ``data``, JSON without escapes that it need not have, may hold anything that was found."""
        if self._anywhere(data) is not None:
            return True
        return bool(self.names) and self._any_name(_casefolded(data)) is not None

    @cached_property
    def _anywhere(self) -> Scanner:
        values = (value for value in (*self.kinds, *self.spellings) if value not in self._local)
        return _scanner_for(values, map(form, sorted(self.dialled)))

    @cached_property
    def _any_name(self) -> Scanner:
        return _words(self.names)

    def _may_be_in(self, text: str) -> bool:
        return len(text) < _SHORT or self._within(text.encode("utf-8", "surrogatepass")) is not None

    @cached_property
    def _within(self) -> Scanner:
        return _scanner_for(self._sought)

    def is_whole(self, text: str) -> bool:
        """Whether all of ``text`` is a value that was found somewhere."""
        return text in self.kinds and text not in self._local

    def in_text(self, text: str, *, names: bool = True) -> Iterator[Span]:
        """Where in ``text`` something that was found occurs; spans may overlap. names: words of names too."""
        yield from self._in_plain(text, names)
        plain = without_escapes(text)
        if plain != text:
            yield from self._in_plain(plain, names)

    def _in_plain(self, text: str, names: bool) -> Iterator[Span]:
        if self._by_word and ((names and self.names) or self._may_be_in(text)):
            yield from self._values(text)
            if names and self.names and self._has_name(text):
                yield from self._words_of_names(text)
        if self.dialled:
            yield from (Span(start, end, Kind.PHONE) for start, end in within(text, self.dialled))
        if self._unspaced is not None:
            for match in self._unspaced.finditer(text):
                yield Span(match.start(), match.end(), self.kind(match[0]))

    def kind(self, text: str) -> Kind:
        """The kind of a value that was found, in whatever spelling."""
        return self.kinds[self.spellings[text][0] if text in self.spellings else text]

    def _values(self, text: str) -> Iterator[Span]:
        behind = 0
        places = [place for word in self._first_words(text) for place in _places(word, text)]
        for word in sorted(places, key=re.Match.start):
            for offset, length in self._by_word[word[0]]:
                start = word.start() - offset
                end = start + length
                value = text[max(start, 0) : end]
                if start >= behind and value in self._sought and _is_whole(value, text, start, end):
                    yield Span(start, end, self.kind(value))
                    behind = end
                    break

    def _first_words(self, text: str) -> Iterable[str]:
        """Those of ``text`` that a value begins with, and perhaps some that are only part of a word."""
        if len(self._by_word) <= _FEW:
            return filter(text.__contains__, self._by_word)
        return self._by_word.keys() & WORD.findall(text)

    def _has_name(self, text: str) -> bool:
        return not self.names.keys().isdisjoint(map(str.casefold, WORD.findall(text)))

    def _words_of_names(self, text: str) -> Iterator[Span]:
        words = list(WORD.finditer(text))
        for position, word in enumerate(words):
            if word[0].casefold() in self.names and self._counts(text, words, position):
                yield Span(word.start(), word.end(), Kind.NAME)

    def _counts(self, text: str, words: list[re.Match[str]], position: int) -> bool:
        """Whether a word of a name means a person: ``Mark`` and ``mark_hill`` do, ``mark_read`` does not."""
        word = words[position][0]
        if not word.islower():
            return len(word) >= _SHORTEST_NAME or self._beside(text, words, position)
        return self._beside(text, words, position)

    def _beside(self, text: str, words: list[re.Match[str]], position: int) -> bool:
        here = words[position]
        for other in words[max(0, position - 1) : position] + words[position + 1 : position + 2]:
            first, second = sorted((here, other), key=lambda match: match.start())
            between = text[first.end() : second.start()]
            if between in ("", "_", ".", "-") and (other[0].isdigit() or other[0].casefold() in self.names):
                return True
        return False


def _places(word: str, text: str) -> Iterator[re.Match[str]]:
    """Where ``word`` is a whole word of ``text``."""
    return _whole(word).finditer(text)


@lru_cache(maxsize=1000)
def _whole(word: str) -> re.Pattern[str]:
    more = r"\d" if word[0].isdecimal() else r"[^\W\d_]"
    return re.compile(rf"{word}(?<!{more}{word})(?!{more})")  # what begins with a literal is found faster


def _is_sought(value: str) -> bool:
    """Whether ``value`` is looked for within texts."""
    return len(value) >= _SHORTEST or _UNSPACED.search(value) is not None


def _scanner_for(values: Iterable[str], numbers: Iterable[str] = ()) -> Scanner:
    """A scanner for the longest part of each of ``values`` that JSON never escapes.

    ``numbers`` are regular expressions. A value that is not looked for within texts has to be all of a JSON
    string but for blanks. Where there are very many values it says yes to everything.
    """
    within, alone = set[str](), set[str]()
    for value in values:
        part = max(_ESCAPED.split(value), key=len)
        (within if _is_sought(value) or part != value else alone).add(part)
    more = [Form(b"", number.encode()) for number in numbers]
    if len(within) + len(alone) + len(more) > most():
        return _yes
    forms = [Form(part, re.escape(part)) for part in _encoded(within)]
    forms += (Form(part, b'"' + _BLANK + re.escape(part) + _BLANK + rb'\\*"') for part in _encoded(alone))
    forms += more
    return any_of(forms) if forms else lambda _: None


def _words(words: Collection[str]) -> Scanner:
    """A scanner for ``words``, which JSON never escapes."""
    return any_of([Form(word, re.escape(word)) for word in _encoded(words)]) if len(words) <= most() else _yes


def _yes(_: bytes) -> bool:
    return True


def _casefolded(data: bytes) -> bytes:
    return data.lower() if data.isascii() else data.decode().casefold().encode()


def _encoded(parts: Iterable[str]) -> list[bytes]:
    return [part.encode("utf-8", "surrogatepass") for part in sorted(parts)]


def is_mixed(word: str) -> bool:
    """Whether the capitals of ``word`` are its own (``McDonald``), which makes it a word apart."""
    return word not in (word.lower(), word.upper(), word.capitalize())


def _is_whole(value: str, text: str, start: int, end: int) -> bool:
    """Whether ``value`` from ``start`` to ``end`` is no part of a word; that a word begins there is known."""
    if value.isdecimal() and len(value) < _SHORTEST_NUMBER:
        return not text[start - 1 : start].isalpha() and not text[end : end + 1].isalnum()
    return _ends_a_word(text, end)


def _ends_a_word(text: str, end: int) -> bool:
    """Whether no word goes on at ``end``: the next character is not one more of the kind before it."""
    if end >= len(text):
        return True
    before, after = text[end - 1], text[end]
    return not (before.isalpha() and after.isalpha()) and not (before.isdigit() and after.isdigit())
