"""Walk: every string and number of a JSON value, wherever it hides.

Decides where strings are: in values and keys, in JSON within strings, in base64 within strings. Looks at
none of them; a visitor does, and says what stands there afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol

from fuzzharness.errors import TraceError
from fuzzharness.privacy.base64_text import FORM, SHORTEST, decoded, encoded, hidden
from fuzzharness.privacy.keys import holds_many
from fuzzharness.privacy.kind import Kind
from fuzzharness.traces.document import parse

KindOf = Callable[[str, Mapping[str, Any], str | None], Kind | None]
"""The kind of a field: its key, the object it is in, and the key which that object has itself."""

_LAYOUTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"separators": (",", ":")},
    {"indent": 2},
    {"indent": 4},
)
_DEEPEST: Final = 4
"""How many strings within strings are looked into."""

_SHORT, _REMEMBERED = 80, 50_000
"""Characters of a text, and how many such texts, that are remembered: most stand there many times."""


class Visitor(Protocol):
    """What is asked at every place; of the same it says the same, so it may be asked only once."""

    def text(self, text: str, kind: Kind | None) -> str:
        """What stands for ``text``, found under a key that names ``kind``."""
        ...

    def key(self, text: str) -> str:
        """What stands for the name of a field."""
        ...

    def number(self, number: int, kind: Kind | None) -> int:
        """What stands for a whole number."""
        ...


class Walk:
    """One way through values, with a visitor and what it takes a key for."""

    def __init__(self, visitor: Visitor, kind_of: KindOf) -> None:
        self._visitor = visitor
        self._kind_of = kind_of
        self._depth = 0
        self._texts: dict[tuple[str, Kind | None], str] = {}
        self._key = lru_cache(_REMEMBERED)(visitor.key)

    def value(self, value: Any, kind: Kind | None = None, parent: str | None = None) -> Any:
        """``value`` with every part as the visitor has it; the same object where it changes nothing."""
        match value:
            case str():
                return self.text(value, kind, parent)
            case bool() | None:
                return value
            case int():
                return self._visitor.number(value, kind)
            case list() | tuple():
                return [self.value(part, kind, parent) for part in value]
            case dict():
                inherited = kind if kind is Kind.SECRET and holds_many(parent) else None
                return self._fields(value, inherited, parent)
        return value

    def arguments(self, args: Mapping[str, Any], tool: str) -> dict[str, Any]:
        """The arguments of a call to ``tool``; their names are those of parameters, and stay."""
        return {key: self.value(part, self._kind_of(key, args, tool), key) for key, part in args.items()}

    def text(self, text: str, kind: Kind | None = None, parent: str | None = None) -> str:
        """One string, and what is in it."""
        known = self._texts.get((text, kind))
        if known is not None:
            return known
        if self._depth >= _DEEPEST:
            return self._visitor.text(text, kind)
        inner = _embedded(text)
        if inner is not None:
            return self._like(text, inner, self._within(inner, kind, parent))
        if kind is not Kind.SECRET and _hides(text):
            return self._visitor.text(self._decoded(text), kind)
        return self._remembered(text, kind)

    def _within(self, inner: Any, kind: Kind | None, parent: str | None) -> Any:
        self._depth += 1
        try:
            return self.value(inner, kind, parent)
        finally:
            self._depth -= 1

    def _like(self, text: str, before: Any, after: Any) -> str:
        """``after`` as JSON in the layout that ``text`` has ``before`` in."""
        if after == before:
            return text
        for layout in _LAYOUTS:
            for ascii in (True, False):
                if json.dumps(before, ensure_ascii=ascii, **layout) == text:
                    return json.dumps(after, ensure_ascii=ascii, **layout)
        in_place = self._visitor.text(text, None)
        return in_place if _embedded(in_place) == after else json.dumps(after)

    def _decoded(self, text: str) -> str:
        self._depth += 1
        try:
            return FORM.sub(self._base64, text)
        finally:
            self._depth -= 1

    def _remembered(self, text: str, kind: Kind | None) -> str:
        """What stands for ``text``, which has nothing in it."""
        found = self._visitor.text(text, kind)
        if len(text) <= _SHORT:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            self._texts[text, kind] = found
        return found

    def _fields(self, fields: Mapping[str, Any], kind: Kind | None, parent: str | None) -> dict[str, Any]:
        found = {}
        for key, part in fields.items():
            told = kind or self._kind_of(key, fields, parent)
            known = self._texts.get((part, told)) if type(part) is str else None
            found[self._key(key)] = self.value(part, told, key) if known is None else known
        return found

    def _base64(self, match: re.Match[str]) -> str:
        plain = decoded(match[0].encode())
        if plain is None:
            return match[0]
        changed = self.text(plain)
        return match[0] if changed == plain else encoded(changed, match[0])


def _hides(text: str) -> bool:
    """Whether there may be text in base64 in ``text``; in short ones it is found as fast as this can tell."""
    if len(text) < SHORTEST:
        return False
    if len(text) >= 100:
        return bool(hidden(text.encode("utf-8", "surrogatepass")))
    return any(decoded(match[0].encode()) is not None for match in FORM.finditer(text))


def _embedded(text: str) -> Any:
    """The list or object that ``text`` holds as JSON, or None."""
    bare = text.strip()
    if bare[:1] + bare[-1:] not in ("{}", "[]"):
        return None
    try:
        return parse(bare.encode(), "").value
    except (TraceError, UnicodeEncodeError):
        return None
