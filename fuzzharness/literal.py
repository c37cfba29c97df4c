"""Values as text that is the same in every process.

Decides what is left out or put in order: addresses in memory, and the order of sets, which follows from
hashes that Python draws anew for every process. Never shortens.
"""

from __future__ import annotations

import re
from typing import Any, Final

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_DEEPEST: Final = 40


def without_addresses(text: str) -> str:
    """``text`` less the places in memory that Python writes into it, which no two runs share."""
    return _ADDRESS.sub("", text)


def literal(value: object) -> str:
    """``repr(value)`` without addresses, and with the members of sets in a fixed order."""
    text = repr(value)
    return without_addresses(_ordered(value, _DEEPEST) if "{" in text else text)


def described(value: Any) -> str:
    """``literal(value)``; never raises, whatever its ``__repr__`` does."""
    try:
        return literal(value)
    except Exception as error:
        return f"<{type(value).__qualname__} whose repr raises {type(error).__name__}>"


def _ordered(value: Any, depth: int) -> str:
    kind = type(value)
    if not depth or kind not in _BRACKETS or not value:
        return repr(value)
    if kind is dict:
        parts = [f"{_ordered(k, depth - 1)}: {_ordered(v, depth - 1)}" for k, v in value.items()]
    else:
        parts = [_ordered(part, depth - 1) for part in value]
    if kind in (set, frozenset):
        parts.sort()
    begin, end = _BRACKETS[kind]
    return f"{begin}{', '.join(parts)}{',' if kind is tuple and len(parts) == 1 else ''}{end}"


_BRACKETS: Final[dict[type, tuple[str, str]]] = {
    dict: ("{", "}"), list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("frozenset({", "})"),
}  # fmt: skip
