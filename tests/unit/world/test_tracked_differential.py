"""A tracked value and a plain one, through the same random operations: equal results, equal ends."""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.serial import in_order

SCALARS = st.one_of(st.integers(-2, 3), st.sampled_from(["a", "b", ""]), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS,
    lambda v: st.lists(v, max_size=2) | st.dictionaries(st.sampled_from("ab"), v, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["a", "b", "c"])
INDEX = st.integers(-3, 3) | st.builds(slice, st.integers(-2, 2) | st.none(), st.integers(-2, 2) | st.none())
HASHABLE = st.integers(0, 4)
MORE = st.dictionaries(KEYS, VALUES, max_size=2)
ITEMS = st.lists(VALUES, max_size=2)
SETS = st.sets(HASHABLE, max_size=3)


def op(name: str, *args: Any) -> Any:
    return st.tuples(st.just(name), st.tuples(*args))


DICT = st.one_of(
    op("__getitem__", KEYS), op("get", KEYS), op("get", KEYS, VALUES), op("__contains__", KEYS),
    op("__setitem__", KEYS, VALUES), op("__delitem__", KEYS), op("pop", KEYS), op("pop", KEYS, SCALARS),
    op("setdefault", KEYS, VALUES), op("update", MORE),
    op("update", st.lists(st.tuples(KEYS, SCALARS), max_size=2)), op("popitem"), op("clear"), op("copy"),
    op("__or__", MORE), op("__ior__", MORE),
    op("__eq__", MORE), op("__len__"), op("keys"), op("values"), op("items"),
    op("__repr__"), op("__reversed__"), op("__iter__"), op("dict"), op("deepcopy"),
)  # fmt: skip
LIST = st.one_of(
    op("__getitem__", INDEX), op("__setitem__", st.integers(-3, 3), VALUES), op("__delitem__", INDEX),
    op("__setitem__", st.builds(slice, st.integers(0, 2), st.integers(0, 2)), ITEMS),
    op("append", VALUES), op("extend", ITEMS), op("insert", st.integers(-2, 2), VALUES),
    op("pop"),
    op("pop", st.integers(-2, 2)), op("remove", SCALARS), op("index", SCALARS), op("count", SCALARS),
    op("reverse"), op("clear"), op("copy"),
    op("__add__", ITEMS), op("__mul__", st.integers(0, 2)),
    op("__iadd__", ITEMS), op("__contains__", SCALARS), op("__eq__", st.lists(VALUES)),
    op("__len__"), op("__repr__"), op("__iter__"), op("__reversed__"), op("sort"), op("deepcopy"),
)  # fmt: skip
SET = st.one_of(
    *(op(name, HASHABLE) for name in ("__contains__", "add", "discard", "remove")),
    *(op(name, SETS) for name in (
        "__and__", "__or__", "__sub__", "__xor__", "__rand__", "__ror__", "__rsub__", "__rxor__",
        "__ior__", "__iand__",
        "__isub__", "__ixor__", "union", "difference", "intersection", "update", "isdisjoint", "issubset",
        "issuperset", "__le__", "__lt__", "__eq__", "symmetric_difference_update")),
    op("pop"), op("clear"), op("copy"), op("__len__"), op("__repr__"), op("deepcopy"),
)  # fmt: skip


def new_list() -> list[int]:
    return [0]


KINDS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "dict": (dict, st.dictionaries(KEYS, VALUES, max_size=3), DICT),
    "OrderedDict": (OrderedDict, st.dictionaries(KEYS, VALUES, max_size=3), DICT | op("move_to_end", KEYS)),
    "defaultdict(list)": (
        lambda given: defaultdict(list, given), st.dictionaries(KEYS, VALUES, max_size=3), DICT),
    "defaultdict(function)": (
        lambda given: defaultdict(new_list, given), st.dictionaries(KEYS, VALUES, max_size=3), DICT),
    "Counter": (
        Counter, st.dictionaries(KEYS, st.integers(0, 3), max_size=3),
        st.one_of(op("update", st.text("abc", max_size=4)), op("subtract", st.text("abc", max_size=4)),
                  op("most_common"), op("total"), op("__getitem__", KEYS), op("__delitem__", KEYS),
                  op("copy"),
                  op("__setitem__", KEYS, st.integers(0, 3)), op("elements"), op("deepcopy"))),
    "list": (list, st.lists(VALUES, max_size=4), LIST),
    "deque": (
        lambda given: deque(given, 5), st.lists(VALUES, max_size=4),
        st.one_of(*(op(n, VALUES) for n in ("append", "appendleft")), op("pop"), op("popleft"), op("copy"),
                  op("rotate", st.integers(-2, 2)), op("extendleft", ITEMS), op("__len__"),
                  op("__getitem__", st.integers(-3, 3)), op("__iter__"), op("__repr__"), op("deepcopy"))),
    "set": (set, SETS, SET),
}  # fmt: skip


def play(value: Any, operations: list[Any]) -> list[Any]:
    """Do each operation; what it gave, in words: nested results are changed too, to see them shared."""
    found = []
    for name, args in copy.deepcopy(operations):
        try:
            if name in ("dict", "deepcopy"):
                result: Any = dict(value) if name == "dict" else copy.deepcopy(value)
            else:
                result = getattr(value, name)(*args)
            if name in ("__iter__", "__reversed__", "keys", "values", "items", "elements"):
                result = sorted(map(repr, result)) if isinstance(value, set) else list(result)
            if name in ("__getitem__", "get", "setdefault") and type(args[0]) is not slice:
                if isinstance(result, list):
                    result.append("changed")
                elif isinstance(result, dict):
                    result["changed"] = True
            found.append(words(result))
        except Exception as error:
            found.append(f"{type(error).__name__}")
    return found


def words(value: Any) -> str:
    if isinstance(value, set):
        return repr(sorted(value))
    return "NotImplemented" if value is NotImplemented else repr(value)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_operations_give_equal_results_and_leave_equal_values(kind: str, data: st.DataObject) -> None:
    make, starts, operations = KINDS[kind]
    start = data.draw(starts)
    if kind == "set":
        start = set(start)
    todo = data.draw(st.lists(operations, max_size=8))
    mine = make(copy.deepcopy(start))
    expected = play(mine, todo)
    toolbox = fh.Toolbox({"tool": lambda v: (play(v, todo), words(v))})
    with Stage(fh.Batch((fh.Call("tool", {}),)), toolbox, fh.World(v=make(start)), fh.Settings()) as stage:
        for _ in range(2):
            (result,) = stage.run((0,), in_order((0,))).outcome.results.values()
    assert result.value == (expected, words(mine))
