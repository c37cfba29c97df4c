"""A stand-in for a set that is no set to the interpreter.

Decides nothing. ``set(tags)``, ``frozenset(tags)`` and ``plain.union(tags)`` read a real set past all
its methods, subclasses included; this one they have to ask.
"""

from __future__ import annotations

from typing import Any


class Members:
    """Everything a set can do, done on a set inside."""

    __slots__ = ("_fuzz_members",)
    __hash__ = None  # type: ignore[assignment]  # sets are not hashable

    def __new__(cls, *_args: Any) -> Any:
        """An empty one, whatever is given."""
        self = object.__new__(cls)
        object.__setattr__(self, "_fuzz_members", set())
        return self

    def __len__(self) -> int:
        return len(self._fuzz_members)

    _fuzz_members: set[Any]


def _delegated(name: str) -> Any:
    method = getattr(set, name)

    def delegated(self: Members, *args: Any) -> Any:
        inner = self._fuzz_members
        result = method(inner, *args)
        return self if result is inner else result

    delegated.__name__ = name
    return delegated


for _name in (
    "__and__", "__contains__", "__eq__", "__ge__", "__gt__", "__iand__", "__ior__", "__isub__", "__iter__",
    "__ixor__", "__le__", "__lt__", "__ne__", "__or__", "__rand__", "__repr__", "__ror__", "__rsub__",
    "__rxor__", "__sub__", "__xor__", "add", "clear", "copy", "difference", "difference_update", "discard",
    "intersection", "intersection_update", "isdisjoint", "issubset", "issuperset", "pop", "remove",
    "symmetric_difference", "symmetric_difference_update", "union", "update",
):  # fmt: skip
    setattr(Members, _name, _delegated(_name))
