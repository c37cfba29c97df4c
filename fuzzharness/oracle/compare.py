"""When two endings are the same: keys to compare them by, and the places where they differ.

Decides what counts as equal: content, with dicts unordered, ``ignore`` patterns left out. Never
decides what a difference means.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from fuzzharness.access import MISSING
from fuzzharness.finding import Change
from fuzzharness.model import Outcome, Raised, Result, Returned
from fuzzharness.world.contents import Contents

Path = tuple[object, ...]


def key_of(outcome: Outcome, ignore: Sequence[str] = ()) -> Hashable:
    """A value that is equal for two outcomes exactly when they count as the same ending."""
    tree = as_tree(outcome)
    return frozen(without(tree, ignore) if ignore else tree)


def as_tree(outcome: Outcome) -> dict[str, Any]:
    """State and results as one nested mapping: ``results`` beside the resources."""
    results = {label: _result(result) for label, result in outcome.results.items()}
    return {**outcome.state, "results": results}


def _result(result: Result) -> Any:
    if isinstance(result, Returned):
        return result.value
    if isinstance(result, Raised):
        return _Error(
            f"raised {result.type}: {result.message}" if result.message else f"raised {result.type}"
        )
    return _Error("never came back")


class _Error(str):
    """The text of an error, unequal to a returned text of the same wording."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Error) and str.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(("error", str.__hash__(self)))

    def __repr__(self) -> str:
        return " / ".join(self.split("\n"))


def without(tree: Mapping[Any, Any], patterns: Sequence[str], path: str = "") -> Mapping[Any, Any]:
    """``tree`` less the places whose dotted path matches one of ``patterns``."""
    if type(tree) is Contents:
        by = ("without", tuple(patterns), path)
        return tree.mapped(by, lambda items: without(items, patterns, path))
    kept: dict[Any, Any] = {}
    for name, value in tree.items():
        here = f"{path}.{name}" if path else str(name)
        if any(fnmatchcase(here, pattern) for pattern in patterns):
            continue
        kept[name] = without(value, patterns, here) if isinstance(value, Mapping) else value
    return kept


_NONE = ("NoneType", None)


def frozen(value: Any) -> Hashable:
    """A hashable value that is equal for two values exactly when they count as the same."""
    kind = type(value)
    if kind is str or kind is int:
        return value  # type: ignore[no-any-return]  # a str or an int
    if value is None:
        return _NONE
    if kind is dict or isinstance(value, Mapping):  # the first spares most values the dear second
        if kind is Contents:
            return ("contents", value.frozen(frozen))
        return ("map", frozenset([(frozen(k), frozen(v)) for k, v in value.items()]))
    if isinstance(value, (list, tuple)):
        return ("list", tuple(map(frozen, value)))
    if isinstance(value, (set, frozenset)):
        return ("set", frozenset(map(frozen, value)))
    if isinstance(value, (bool, float)):
        return (kind.__name__, repr(value))
    try:
        hash(value)
    except TypeError:
        return (kind.__name__, repr(value))
    return value if isinstance(value, _Error) else (kind.__name__, value)


def differences(baseline: Outcome, here: Outcome, ignore: Sequence[str] = ()) -> tuple[Change, ...]:
    """The places where two outcomes differ, by key, row, file and call, in a stable order."""
    before, after = without(as_tree(baseline), ignore), without(as_tree(here), ignore)
    return tuple(_changes(before, after, ()))


def _changes(before: Any, after: Any, path: Path) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _changes(before.get(name, MISSING), after.get(name, MISSING), (*path, name))
    elif _is_list(before) and _is_list(after) and len(before) == len(after) and _nested(before):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(old, new, (*path, place))
    elif frozen(before) != frozen(after):
        yield Change(path, before, after)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _nested(value: Any) -> bool:
    return any(isinstance(item, Mapping) for item in value)


def at(state: Mapping[str, Any], resource: str, key: Sequence[Any]) -> Any:
    """What stands in ``state`` at a key of a resource, MISSING where nothing does.

    The key of a file is a path of parts, its name in the state one text.
    """
    found: Any = state.get(resource, MISSING)
    if isinstance(found, Mapping) and len(key) > 1 and "/".join(map(str, key)) in found:
        return found["/".join(map(str, key))]
    for part in key:
        if isinstance(found, Mapping):
            found = found.get(part, MISSING)
        elif _is_list(found) and isinstance(part, int) and part < len(found):
            found = found[part]
        else:
            return MISSING
    return found
