"""Walk: every string and number of a JSON value, wherever it hides.

Decides where strings are: in values and keys, in JSON within strings, in base64 within strings. Looks at
none of them; a visitor does, and says what stands there afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
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


class Visitor(Protocol):
    """What is asked at every place."""

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
                return dict(self._fields(value, inherited, parent))
        return value

    def arguments(self, args: Mapping[str, Any], tool: str) -> dict[str, Any]:
        """The arguments of a call to ``tool``; their names are those of parameters, and stay."""
        return {key: self.value(part, self._kind_of(key, args, tool), key) for key, part in args.items()}

    def text(self, text: str, kind: Kind | None = None, parent: str | None = None) -> str:
        """One string, and what is in it."""
        if self._depth >= _DEEPEST or not text:
            return self._visitor.text(text, kind)
        self._depth += 1
        try:
            inner = _embedded(text)
            if inner is not None:
                return _like(text, inner, self.value(inner, kind, parent))
            if kind is not Kind.SECRET and _may_hide(text):
                text = FORM.sub(self._base64, text)
        finally:
            self._depth -= 1
        return self._visitor.text(text, kind)

    def _fields(self, fields: Mapping[str, Any], kind: Kind | None, parent: str | None) -> Iterator[Any]:
        for key, part in fields.items():
            yield self._visitor.key(key), self.value(part, kind or self._kind_of(key, fields, parent), key)

    def _base64(self, match: re.Match[str]) -> str:
        plain = decoded(match[0].encode())
        if plain is None:
            return match[0]
        changed = self.text(plain)
        return match[0] if changed == plain else encoded(changed, match[0])


def _may_hide(text: str) -> bool:
    """Whether there may be base64 in ``text``; in short ones it is sought as fast as this can tell."""
    return len(text) >= SHORTEST and (len(text) < 100 or bool(hidden(text.encode("utf-8", "surrogatepass"))))


def _embedded(text: str) -> Any:
    """The list or object that ``text`` holds as JSON, or None."""
    bare = text.strip()
    if bare[:1] + bare[-1:] not in ("{}", "[]"):
        return None
    try:
        return parse(bare.encode(), "").value
    except (TraceError, UnicodeEncodeError):
        return None


def _like(text: str, before: Any, after: Any) -> str:
    """``after`` as JSON in the layout that ``text`` has ``before`` in."""
    if after == before:
        return text
    for layout in _LAYOUTS:
        for ascii in (True, False):
            if json.dumps(before, ensure_ascii=ascii, **layout) == text:
                return json.dumps(after, ensure_ascii=ascii, **layout)
    return json.dumps(after)
