"""Node: a JSON value that knows its place in the recording.

Decides how a reader asks for a value of one type, so that each wrong type anywhere becomes one
:class:`fuzzharness.TraceError` with line and path. Knows no recording format.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fuzzharness.errors import TraceError
from fuzzharness.traces.place import Place

MISSING: Any = object()

_REPAIR = "Correct the recording there, or load it with lenient=True to leave such parts out and count them."


class Node:
    """One JSON value and where it stands. The value is :data:`MISSING` where there is none.

    ``place`` is the value's own, or with ``key`` that of the object or list whose member or item
    ``key`` it is; a pair is the file and the line of a whole document. The path is put together
    only when somebody asks, since few values are refused.
    """

    __slots__ = ("_key", "_place", "value")

    def __init__(self, value: Any, place: Any, key: str | int | None = None) -> None:
        self.value = value
        self._place = place
        self._key = key

    @property
    def place(self) -> Place:
        """Where the value stands."""
        if self._key is None:
            return self._place if isinstance(self._place, Place) else _document(*self._place)
        above = self._place.place if isinstance(self._place, Node) else self._place
        return above.member(self._key) if isinstance(self._key, str) else above.item(self._key)

    @property
    def absent(self) -> bool:
        """Whether there is nothing here, or null."""
        return self.value is MISSING or self.value is None

    def get(self, name: str) -> Node:
        """The member ``name``; a node without a value where this is no object or lacks it."""
        value = self.value
        return Node(value.get(name, MISSING) if isinstance(value, dict) else MISSING, self, name)

    def peek(self, name: str) -> Any:
        """The value of the member ``name``; :data:`MISSING` where this is no object or lacks it."""
        return self.value.get(name, MISSING) if isinstance(self.value, dict) else MISSING

    def either(self, *names: str) -> Node:
        """The first of the members ``names`` that is not null, or else what is in the place of the first."""
        value = self.value
        if isinstance(value, dict):
            for name in names:
                if value.get(name) is not None:
                    return Node(value[name], self, name)
        return self.get(names[0])

    def has(self, name: str) -> bool:
        """Whether there is a member ``name`` that is not null."""
        value = self.peek(name)
        return value is not MISSING and value is not None

    def holding(self, value: Any) -> Node:
        """``value`` in this place, as where a text here holds it as JSON."""
        return Node(value, self._place, self._key)

    def object(self, what: str = "an object") -> Node:
        """This node, made sure to be an object. Raises :class:`TraceError`, calling it ``what``."""
        if not isinstance(self.value, dict):
            raise self.refuse(what)
        return self

    def items(self, what: str = "a list") -> list[Node]:
        """The items of the list here. Raises :class:`TraceError`, calling it ``what``."""
        if not isinstance(self.value, list):
            raise self.refuse(what)
        return [Node(value, self, n) for n, value in enumerate(self.value)]

    def text(self, what: str = "a string") -> str:
        """The string here, possibly empty. Raises :class:`TraceError`, calling it ``what``."""
        if not isinstance(self.value, str):
            raise self.refuse(what)
        return self.value

    def name(self, what: str) -> str:
        """The string here, not empty. Raises :class:`TraceError`, calling it ``what``."""
        if not isinstance(self.value, str) or not self.value:
            raise self.refuse(f"{what}, a string that is not empty")
        return self.value

    def name_at(self, key: str, what: str) -> str:
        """The string in the member ``key``, as :meth:`name`; no node is made unless it is refused."""
        value = self.peek(key)
        return value if isinstance(value, str) and value else self.get(key).name(what)

    def label(self, what: str) -> str | int:
        """The number, or the string, not empty. Raises :class:`TraceError`, calling it ``what``."""
        if type(self.value) is int:
            return self.value
        if not isinstance(self.value, str) or not self.value:
            raise self.refuse(f"{what}, a number or a string that is not empty")
        return self.value

    def one_of(self, words: Collection[str], what: str) -> str:
        """The string here, one of ``words``. Raises :class:`TraceError`, calling it ``what``."""
        if not isinstance(self.value, str) or self.value not in words:
            raise self.refuse(f"{what}, one of {', '.join(words)}")
        return self.value

    def flag(self, what: str) -> bool:
        """The truth value here; False where absent. Raises :class:`TraceError`."""
        if not self.absent and not isinstance(self.value, bool):
            raise self.refuse(f"{what}, true or false")
        return self.value is True

    def refuse(self, expected: str, advice: str = _REPAIR) -> TraceError:
        """The error that says what stands here and what was ``expected``; to be raised."""
        return self.place.error(f"found {kind(self.value)}", expected, advice)


def _document(file: str, line: int | None) -> Place:
    return Place(file, line, path="$")


def kind(value: Any) -> str:
    """What a JSON value is, in a few words that are safe to print."""
    if value is MISSING:
        return "nothing"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the text {value[:40]!r}" + ("…" if len(value) > 40 else "")
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        return _object(list(value))
    return f"the number {value!r}" if abs(value) < 10**20 else "a large number"


def _object(keys: list[str]) -> str:
    if not keys:
        return "an empty object"
    shown = ", ".join(repr(key[:40]) for key in keys[:6])
    return f"an object with {shown}" + (" and more" if len(keys) > 6 else "")
