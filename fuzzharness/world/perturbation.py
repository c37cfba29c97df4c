"""Another value of the same type, for the experiment that tells context from timing.

Decides what a perturbed value is. Never applies it: each resource does.
"""

from __future__ import annotations

from typing import Any

from fuzzharness.world.plain import plain


def another(value: Any) -> tuple[bool, Any]:
    """``(True, other)`` with a value of the same type and shape that differs in every scalar.

    ``(False, value)`` where there is none: None, an empty container, an unknown type. Truth values
    and None are kept as they are inside containers, since they say that something exists or holds.
    """
    changed = _other(plain(value))
    return changed != plain(value), changed


def _other(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return value + 1_000_003
    if isinstance(value, str):
        return f"{value}~other" if value else value
    if isinstance(value, bytes):
        return value + b"~other" if value else value
    if isinstance(value, dict):
        return {k: _other(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_other(v) for v in value]
    return value
