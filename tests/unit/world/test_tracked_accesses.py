"""What a tool that touches a value is seen to read, to check and to write."""

from __future__ import annotations

import copy
import heapq
import json
import pickle
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import fuzzharness as fh

R, C, W = "read", "check", "write"
Run = Callable[..., Any]


class Basket(dict):  # type: ignore[type-arg]  # as an application would write it
    """A dict of the application, with a method and an attribute of its own."""

    owner = "nobody"

    def add(self, name: str) -> None:
        self[name] = self.get(name, 0) + 1

    def put(self, name: str) -> None:
        super().__setitem__(name, 1)


@dataclass
class Account:
    balance: int = 100
    tags: list[str] = field(default_factory=list)

    @property
    def rich(self) -> bool:
        return self.balance > 1000


class Slotted:
    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __repr__(self) -> str:
        return f"Slotted({self.count})"


CASES: list[tuple[Any, Callable[[Any], Any], list[tuple[str, tuple[Any, ...]]]]] = [
    ({"a": 1}, lambda v: v["a"], [(R, ("a",))]),
    ({"a": 1}, lambda v: v.get("b"), [(R, ("b",))]),
    ({"a": 1}, lambda v: "a" in v, [(C, ("a",))]),
    ({"a": 1}, lambda v: v.__setitem__("a", 2), [(W, ("a",))]),
    ({"a": 1}, lambda v: v.__delitem__("a"), [(W, ("a",))]),
    ({"a": 1}, lambda v: v.pop("a"), [(R, ("a",)), (W, ("a",))]),
    ({"a": 1}, lambda v: v.setdefault("a", 2), [(R, ("a",))]),
    ({"a": 1}, lambda v: v.setdefault("b", 2), [(R, ("b",)), (W, ("b",))]),
    ({"a": 1}, lambda v: v.update({"b": 2, "c": 3}), [(W, ("b",)), (W, ("c",))]),
    ({"a": 1}, lambda v: v.update(b=2), [(W, ("b",))]),
    ({"a": 1}, lambda v: v.update([("b", 2)]), [(W, ("*",))]),
    ({"a": 1}, lambda v: v.__ior__({"b": 2}), [(W, ("b",))]),
    ({"a": 1}, lambda v: v | {"b": 2}, [(R, ("*",))]),
    ({"a": 1}, lambda v: {"b": 2} | v, [(R, ("*",))]),
    ({"a": 1}, lambda v: v.popitem(), [(R, ("*",)), (W, ("*",))]),
    ({"a": 1}, lambda v: v.clear(), [(R, ("*",)), (W, ("*",))]),
    ({"a": 1}, lambda v: len(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: bool(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: list(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: sorted(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: [k for k in v], [(R, ("*",))]),  # noqa: C416  # the loop is what is tested
    ({"a": 1}, lambda v: list(v.items()), [(R, ("*",))]),
    ({"a": 1}, lambda v: sum(v.values()), [(R, ("*",))]),
    ({"a": 1}, lambda v: "a" in v.keys(), [(C, ("a",))]),  # noqa: SIM118  # the view is what is tested
    ({"a": 1}, lambda v: v.keys() & {"a"}, [(R, ("*",))]),
    ({"a": 1}, lambda v: dict(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: {**v}, [(R, ("*",))]),
    ({"a": 1}, lambda v: (lambda **kw: kw)(**v), [(R, ("*",))]),
    ({"a": 1}, lambda v: v == {"a": 1}, [(R, ("*",))]),
    ({"a": 1}, lambda v: {"a": 1} == v, [(R, ("*",))]),  # noqa: SIM300  # the reflected method
    ({"a": 1}, lambda v: f"{v}", [(R, ("*",))]),
    ({"a": 1}, lambda v: "%(a)s" % v,  # noqa: UP031  # reads by key
     [(R, ("a",))]),
    ({"a": 1}, lambda v: json.dumps(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: copy.copy(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: copy.deepcopy(v), [(R, ("*",))]),
    ({"a": 1}, lambda v: pickle.loads(pickle.dumps(v)), [(R, ("*",))]),
    ({"a": {"b": 1}}, lambda v: v["a"]["b"], [(R, ("a",)), (R, ("a", "b"))]),
    ({"a": [1]}, lambda v: v["a"].append(2), [(R, ("a",)), (R, ("a", "*")), (W, ("a", "*"))]),
    ([1, 2], lambda v: v[0], [(R, (0,))]),
    ([1, 2], lambda v: v[-1], [(R, ("*",))]),
    ([1, 2], lambda v: v[0:1], [(R, ("*",))]),
    ([1, 2], lambda v: v.__setitem__(0, 5), [(W, (0,))]),
    ([1, 2], lambda v: 1 in v, [(R, ("*",))]),
    ([1, 2], lambda v: len(v), [(R, ("*",))]),
    ([1, 2], lambda v: list(v), [(R, ("*",))]),
    ([1, 2], lambda v: [*v], [(R, ("*",))]),
    ([1, 2], lambda v: tuple(v), [(R, ("*",))]),
    ([1, 2], lambda v: [0] + v, [(R, ("*",))]),  # noqa: RUF005  # the reflected sum
    ([1, 2], lambda v: v + [3], [(R, ("*",))]),  # noqa: RUF005
    ([1, 2], lambda v: json.dumps(v), [(R, ("*",))]),
    *(
        ([2, 1], change, [(R, ("*",)), (W, ("*",))])
        for change in (
            lambda v: v.append(3),
            lambda v: v.extend(x for x in (3, 4)),
            lambda v: v.insert(0, 3),
            lambda v: v.pop(),
            lambda v: v.remove(1),
            lambda v: v.sort(),
            lambda v: v.reverse(),
            lambda v: v.clear(),
            lambda v: v.__iadd__([3]),
            lambda v: v.__delitem__(0),
            lambda v: heapq.heappush(v, 0),
            lambda v: heapq.heappop(v),
        )
    ),
    ({1, 2}, lambda v: 1 in v, [(C, (1,))]),
    ({1, 2}, lambda v: v.add(3), [(W, (3,))]),
    ({1, 2}, lambda v: v.discard(1), [(W, (1,))]),
    ({1, 2}, lambda v: v.remove(1), [(R, (1,)), (W, (1,))]),
    ({1, 2}, lambda v: v.update({3}), [(R, ("*",)), (W, ("*",))]),
    ({1, 2}, lambda v: sorted(v), [(R, ("*",))]),
    ({1, 2}, lambda v: set(v), [(R, ("*",))]),
    ({1, 2}, lambda v: frozenset(v), [(R, ("*",))]),
    ({1, 2}, lambda v: {1}.union(v), [(R, ("*",))]),
    ({1, 2}, lambda v: {1} | v, [(R, ("*",))]),
    ({1, 2}, lambda v: v - {1}, [(R, ("*",))]),
    ({1, 2}, lambda v: {1} <= v, [(R, ("*",))]),
    (deque([1]), lambda v: v.append(2), [(R, ("*",)), (W, ("*",))]),
    (deque([1]), lambda v: v.popleft(), [(R, ("*",)), (W, ("*",))]),
    (deque([1]), lambda v: list(v), [(R, ("*",))]),
    (defaultdict(int), lambda v: v["a"], [(R, ("a",)), (W, ("a",))]),
    (defaultdict(list), lambda v: v["a"].append(1),
     [(R, ("a",)), (W, ("a",)), (R, ("a", "*")), (W, ("a", "*"))]),
    (OrderedDict(a=1, b=2), lambda v: v.move_to_end("a"), [(R, ("*",)), (W, ("*",))]),
    (Counter("ab"), lambda v: v.update("a"), [(R, ("*",)), (W, ("*",))]),
    (Counter("ab"), lambda v: v["z"], [(R, ("z",))]),
    (Basket(), lambda v: v.add("x"), [(R, ("x",)), (W, ("x",))]),
    (Basket(), lambda v: v.put("x"), [(W, ("x",))]),
    (Basket(), lambda v: v.owner, [(R, ("owner",))]),
    (Basket(), lambda v: setattr(v, "owner", "me"), [(W, ("owner",))]),
    (Account(), lambda v: v.balance, [(R, ("balance",))]),
    (Account(), lambda v: setattr(v, "balance", 1), [(W, ("balance",))]),
    (Account(), lambda v: v.rich, [(R, ("balance",))]),
    (Account(), lambda v: v.tags.append("x"), [(R, ("tags",)), (R, ("tags", "*")), (W, ("tags", "*"))]),
    (Account(), lambda v: copy.copy(v).balance, [(R, ("*",))]),
    (Slotted(), lambda v: setattr(v, "count", 1), [(W, ("count",))]),
    ((1, [2]), lambda v: v[1].append(3), [(R, (1, "*")), (W, (1, "*"))]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "touch", "expected"), CASES)
def test_every_touch_is_announced_with_its_key_and_kind(
    value: Any, touch: Callable[[Any], Any], expected: Any, run_once: Run
) -> None:
    seen = run_once(fh.World(v=value), lambda v: touch(v))
    assert seen.accesses == expected
    assert seen.escapes == ()


@pytest.mark.parametrize(("value", "touch"), [case[:2] for case in CASES])
def test_a_tool_gets_from_a_watched_value_what_it_gets_from_a_plain_one(
    value: Any, touch: Callable[[Any], Any], run_once: Run
) -> None:
    mine = copy.deepcopy(value)
    seen = run_once(fh.World(v=value), lambda v: (repr(touch(v)), repr(v)), again=2)
    assert seen.result == (repr(touch(mine)), repr(mine))


@pytest.mark.parametrize(
    "value", [{}, [], {"a": {}}, {"a": []}], ids=["dict", "list", "dict in dict", "list in dict"]
)
def test_json_is_seen_to_read_an_empty_container(value: Any, run_once: Run) -> None:
    def fill(v: Any) -> None:
        inner = v["a"] if isinstance(v, dict) and "a" in v else v
        inner.append(1) if isinstance(inner, list) else inner.__setitem__("x", 1)

    report = fh.explore(
        fh.Batch((fh.Call("dump", {}, "d"), fh.Call("fill", {}, "f"))),
        fh.Toolbox({"dump": lambda v: json.dumps(v), "fill": fill}),
        fh.World(v=value),
    )
    assert len(report.outcomes) == 2
    read = {key[:-1] for kind, key in run_once(fh.World(v=value), lambda v: json.dumps(v)).accesses}
    assert (("a",) if value and isinstance(value, dict) else ()) in read


def test_going_on_with_a_loop_is_an_access_when_the_call_passed_a_gate_meanwhile(run_once: Run) -> None:
    def total(v: dict[str, Any]) -> None:
        for item in v["items"]:
            v["total"] += item

    seen = run_once(fh.World(v={"items": [1, 2], "total": 0}), total)
    assert [(kind, key) for kind, key in seen.accesses if key == ("items", "*")] == [(R, ("items", "*"))] * 3


def test_a_container_put_inside_later_is_watched_from_its_next_reading_on(run_once: Run) -> None:
    def store(v: dict[str, Any]) -> None:
        v["new"] = {"a": [1]}

    def use(v: dict[str, Any]) -> None:
        v["new"]["a"].append(2)

    seen = run_once(fh.World(v={}), store, use)
    assert seen.accesses == [
        (W, ("new",)), (R, ("new",)), (R, ("new", "a")), (R, ("new", "a", "*")), (W, ("new", "a", "*")),
    ]  # fmt: skip
    assert seen.state == {"v": {"new": {"a": [1, 2]}}}


def test_an_object_put_inside_is_watched_at_once_under_every_name(run_once: Run) -> None:
    def store(v: dict[str, Any]) -> None:
        account = Account()
        v["new"] = account
        account.balance = 7

    seen = run_once(fh.World(v={}), store)
    assert seen.accesses == [(W, ("new",)), (W, ("new", "balance"))]
    assert seen.state == {"v": {"new": {"balance": 7, "tags": []}}}


@pytest.mark.parametrize("put", ["setitem", "append", "setattr", "setdefault", "update", "nested"])
def test_a_change_through_a_local_name_is_kept_and_reported(put: str, run_once: Run) -> None:
    def store(v: dict[str, Any], o: Account) -> None:
        mine: list[Any] = []
        holder: list[Any] = v["list"]
        if put == "setitem":
            v["new"] = mine
        elif put == "append":
            holder.append(mine)
        elif put == "setattr":
            o.tags = mine
        elif put == "setdefault":
            v.setdefault("new", mine)
        elif put == "update":
            v.update(new=mine)
        else:
            v["new"] = {"inner": mine}
        v["other"] = 1
        mine.append("late")

    seen = run_once(fh.World(v={"list": []}, o=Account()), store)
    assert put == "setdefault" or "late" in repr(seen.state)
    assert any("changed through another name" in what for what in seen.escapes)


def test_a_container_that_a_sibling_holds_under_its_own_name_is_reported(explore: Run) -> None:
    def store(v: dict[str, Any]) -> int:
        mine: list[int] = []
        v["new"] = mine
        v["other"] = 1
        return len(mine)

    def use(v: dict[str, Any]) -> None:
        if "new" in v:
            v["new"].append(1)

    report = explore(fh.World(v={}), store, use)
    assert any("under another name" in str(escape) for escape in report.escapes)
    assert not report.verified


@pytest.mark.parametrize(
    "value",
    [bytearray(b"x"), {"a": bytearray(b"x")}, iter([1]), {1: memoryview(b"x")}],
    ids=["bytearray", "inside a dict", "iterator", "memoryview"],
)
def test_what_cannot_be_watched_is_reported(value: Any, run_once: Run) -> None:
    try:
        seen = run_once(fh.World(v=value), lambda: None)
    except fh.WorldError as error:
        assert "cannot be copied" in str(error)  # noqa: PT017  # some of them cannot be copied either
    else:
        assert any("cannot be watched" in what for what in seen.escapes)


def test_what_cannot_be_watched_is_reported_when_it_is_put_inside(run_once: Run) -> None:
    def store(v: dict[str, Any]) -> None:
        v["buffer"] = bytearray(b"x")
        v["buffer"].append(1)

    assert any("cannot be watched" in what for what in run_once(fh.World(v={}), store).escapes)


def test_a_method_that_goes_past_its_own_class_is_reported(run_once: Run) -> None:
    class Sly(dict):  # type: ignore[type-arg]  # as an application would write it
        def put(self, name: str) -> None:
            dict.__setitem__(self, name, 1)

    seen = run_once(fh.World(v=Sly()), lambda v: v.put("x"))
    assert any("Sly.put" in what for what in seen.escapes)


def test_vars_of_an_object_is_reported(run_once: Run) -> None:
    seen = run_once(fh.World(v=Account()), lambda v: vars(v).update(balance=1))
    assert any("__dict__" in what for what in seen.escapes)


def test_every_run_starts_from_a_fresh_copy_and_the_given_value_is_never_touched(run_once: Run) -> None:
    given = {"a": [1], "b": {"c": 2}}
    seen = run_once(fh.World(v=given), lambda v: (v["a"].append(2), v["b"].clear()), again=5)
    assert seen.state == {"v": {"a": [1, 2], "b": {}}}
    assert given == {"a": [1], "b": {"c": 2}}


def test_the_attributes_of_a_container_of_the_application_are_part_of_the_state(run_once: Run) -> None:
    seen = run_once(fh.World(v=Basket(x=1)), lambda v: setattr(v, "owner", "me"))
    assert seen.state == {"v": {"x": 1, ".owner": "me"}}


def test_a_tool_sees_the_classes_it_knows(run_once: Run) -> None:
    def look(v: dict[str, Any]) -> list[Any]:
        return [
            (x.__class__.__name__, isinstance(x, kind), type(x).__name__)
            for x, kind in zip(v.values(), (dict, list, set, Account, Basket), strict=True)
        ]

    values = {"dict": {}, "list": [], "set": set(), "Account": Account(), "Basket": Basket()}
    seen = run_once(fh.World(v=values), look)
    assert seen.result == [(name, True, name) for name in values]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (UserDict({"n": 1}), fh.Verdict.SAFE),
        (ChainMap({"n": 1}), fh.Verdict.SAFE),
        (array("i", [1]), fh.Verdict.INCONCLUSIVE),
    ],
    ids=["UserDict", "ChainMap", "array"],
)
def test_a_value_of_the_standard_library_is_watched_or_reported(value: object, verdict: fh.Verdict) -> None:
    def touch(context: dict[str, int]) -> None:
        context["n"] = 1

    world = fh.World(context={"value": value})
    report = fh.explore(fh.Batch((fh.Call("touch"), fh.Call("touch"))), fh.Toolbox({"touch": touch}), world)

    assert report.verdict is verdict
