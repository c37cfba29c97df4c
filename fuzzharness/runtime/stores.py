"""What compiled code names and what it binds anew.

Decides which names of a function are bound by its own code, from its bytecode. Reads no source and runs
nothing.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

_GLOBAL = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
_DEREF = frozenset({"STORE_DEREF", "DELETE_DEREF"})
_ATTRIBUTE = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"})


@dataclass(frozen=True, slots=True)
class Stores:
    """The names that code binds: globals, variables of enclosing functions, attributes.

    ``members`` holds ``(name, attribute)`` where the owner is a plain global or enclosing name.
    """

    globals: frozenset[str]
    enclosing: frozenset[str]
    attributes: frozenset[str]
    members: frozenset[tuple[str, str]]


@lru_cache(maxsize=4096)
def names_of(code: CodeType) -> tuple[str, ...]:
    """The globals and attributes that ``code`` names, the functions inside it too."""
    return tuple(dict.fromkeys(name for part in parts_of(code) for name in part.co_names))


@lru_cache(maxsize=4096)
def words_of(code: CodeType) -> tuple[str, ...]:
    """The texts in ``code`` that could be names: what ``getattr`` and ``globals()[...]`` are given."""
    texts = [text for part in parts_of(code) for text in part.co_consts if isinstance(text, str)]
    return tuple(dict.fromkeys(text for text in texts if text.isidentifier()))


@lru_cache(maxsize=4096)
def stores_of(code: CodeType) -> Stores:
    """What ``code`` binds, the functions inside it too."""
    bound: dict[str, set[str]] = {"global": set(), "deref": set(), "attribute": set()}
    members: set[tuple[str, str]] = set()
    for part in parts_of(code):
        before = None
        for step in dis.get_instructions(part):
            if step.opname in _GLOBAL:
                bound["global"].add(step.argval)
            elif step.opname in _DEREF and step.argval in part.co_freevars:
                bound["deref"].add(step.argval)
            elif step.opname in _ATTRIBUTE:
                bound["attribute"].add(step.argval)
                if before is not None and (before.opname in _LOADS or before.argval == "cls"):
                    members.add((before.argval, step.argval))
            before = step
    return Stores(
        frozenset(bound["global"]),
        frozenset(bound["deref"]),
        frozenset(bound["attribute"]),
        frozenset(members),
    )


def parts_of(code: CodeType) -> Iterator[CodeType]:
    """``code`` and all code inside it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from parts_of(part)
