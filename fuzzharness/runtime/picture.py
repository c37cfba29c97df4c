"""What state outside the World looks like when it is compared.

Decides how far to look: into containers and the application's objects, never into those of libraries, nor
into what a resource of the World watches.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from fuzzharness.runtime.holdings import holding
from fuzzharness.runtime.learning import LearningGate
from fuzzharness.runtime.reach import LARGE, is_object
from fuzzharness.world.objects import watch_of_object
from fuzzharness.world.plain import ATOMS, attributes, is_lock, plain
from fuzzharness.world.storage import BASE

_CONTAINERS = (dict, list, set, deque)


def picture(value: Any, above: frozenset[int] = frozenset()) -> Any:
    """An independent copy of ``value``, read past every announcement; of a large container its length."""
    kind = type(value)
    if kind in ATOMS:
        return plain(value)
    if id(value) in above:
        return "(itself)"
    if is_of_world(value):
        return f"a {kind.__qualname__} of the World"
    above = above | {id(value)}
    if isinstance(value, _CONTAINERS) and len(value) > LARGE:
        return f"{len(value)} items"
    if isinstance(value, dict):
        return {key: picture(item, above) for key, item in value.items()}
    if isinstance(value, (list, deque)):
        return [picture(item, above) for item in value]
    if isinstance(value, tuple):
        return tuple(picture(item, above) for item in value)
    if isinstance(value, (set, frozenset)):
        return set(value)
    if is_object(value):
        fields = (attributes(value) or {}).items()
        return {k: picture(v, above) for k, v in fields if not (k.startswith("__") or is_lock(v))}
    if isinstance(value, BaseException):
        return plain(value)
    name, held = f"a {kind.__module__}.{kind.__qualname__}", holding(value)
    return name if held is None else (name, picture(held, above))


def is_of_world(value: Any) -> bool:
    """Whether a value is watched by a resource of the World."""
    watch = watch_of_object(value) if BASE in type(value).__dict__ else None
    return watch is not None and not isinstance(watch.gate, LearningGate)
