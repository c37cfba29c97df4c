"""A live object that tools hold: seen under every name, and left exactly as it was."""

from __future__ import annotations

import copy
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.events import Event

Run = Callable[..., Any]

SHOP = """
import threading
ORDERS = {"a": {"n": 1}, "list": [1, 2], "set": {1}}
LOCK = threading.Lock()

def add():
    n = ORDERS["a"]["n"]
    ORDERS["a"]["n"] = n + 1

def rebind():
    global ORDERS
    ORDERS = {"other": 1}

def make():
    kept = ORDERS
    def add():
        n = kept["a"]["n"]
        kept["a"]["n"] = n + 1
    return add

def default(orders=ORDERS):
    orders["a"]["n"] += 1

class Store:
    shared = ORDERS

    def __init__(self):
        self.orders = ORDERS
        self.lock = threading.RLock()
        self.count = 0

    def of_class(self):
        n = self.shared["a"]["n"]
        self.shared["a"]["n"] = n + 1

    def of_instance(self):
        n = self.orders["a"]["n"]
        self.orders["a"]["n"] = n + 1

    def counted(self):
        n = self.count
        self.count = n + 1

    def locked(self):
        with self.lock:
            n = self.count
            self.count = n + 1

class Slotted:
    __slots__ = ("n",)

    def __init__(self):
        self.n = 1

STORE = Store()
CLOSURE = make()
"""


def module(name: str, text: str) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__file__ = f"{name}.py"
    sys.modules[name] = made
    exec(compile(text, f"{name}.py", "exec"), vars(made))
    return made


@pytest.fixture
def shop() -> Iterator[types.ModuleType]:
    yield module("a_shop", SHOP)
    del sys.modules["a_shop"]


@pytest.fixture
def other(shop: types.ModuleType) -> Iterator[types.ModuleType]:
    text = "from a_shop import ORDERS as MINE\ndef add():\n    MINE['a']['n'] = MINE['a']['n'] + 1\n"
    assert shop.ORDERS
    yield module("another_module", text)
    del sys.modules["another_module"]


def endings(report: fh.Report, *path: Any) -> set[Any]:
    found = set()
    for outcome in report.outcomes:
        value: Any = outcome.state
        for part in path:
            value = value[part]
        found.add(value)
    return found


HOLDERS: dict[str, Callable[[types.ModuleType, types.ModuleType], Callable[[], None]]] = {
    "a global": lambda shop, _other: shop.add,
    "an import of the name": lambda _shop, other: other.add,
    "a closure": lambda shop, _other: shop.CLOSURE,
    "a class attribute": lambda shop, _other: shop.STORE.of_class,
    "an instance attribute": lambda shop, _other: shop.STORE.of_instance,
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_lost_update_is_found_whatever_the_tool_holds_the_object_by(
    holder: str, shop: types.ModuleType, other: types.ModuleType, explore: Run
) -> None:
    tool = HOLDERS[holder](shop, other)
    report = explore(fh.World(orders=fh.InPlace(shop.ORDERS)), tool, calls=[tool.__name__] * 2)
    assert report.baseline.state["orders"]["a"]["n"] == 3
    assert endings(report, "orders", "a", "n") == {2, 3}
    assert report.escapes == ()


def test_a_default_argument_holds_it_too(shop: types.ModuleType, run_once: Run) -> None:
    seen = run_once(fh.World(orders=fh.InPlace(shop.ORDERS)), lambda: shop.default())
    assert ("write", ("a", "n")) in seen.accesses
    assert shop.default.__defaults__[0] is shop.ORDERS


def test_every_name_sees_one_object_during_a_run(
    shop: types.ModuleType, other: types.ModuleType, run_once: Run
) -> None:
    def tool(orders: Any) -> list[bool]:
        return [
            orders is shop.ORDERS, orders is other.MINE, orders is shop.STORE.orders,
            orders is shop.Store.shared, orders["a"] is shop.ORDERS["a"],
        ]  # fmt: skip

    assert run_once(fh.World(orders=fh.InPlace(shop.ORDERS)), tool).result == [True] * 5


class Snapshot:
    """Everything about the shop that must be as it was: which objects, and what is in them."""

    def __init__(self, shop: types.ModuleType) -> None:
        self.shop = shop
        self.objects = self.held()
        self.content = copy.deepcopy(shop.ORDERS)

    def held(self) -> list[Any]:
        shop = self.shop
        orders = shop.ORDERS
        return [
            orders, orders["a"], orders["list"], orders["set"], shop.STORE.orders, shop.Store.shared,
            shop.LOCK, shop.STORE.lock,
            shop.CLOSURE.__closure__[0].cell_contents, type(shop.STORE), type(orders),
        ]  # fmt: skip

    def check(self) -> None:
        assert all(now is then for now, then in zip(self.held(), self.objects, strict=True))
        assert self.content == self.shop.ORDERS
        assert (self.shop.STORE.count, vars(self.shop.STORE).keys()) == (0, {"orders", "lock", "count"})


def spoil(shop: types.ModuleType) -> Callable[[], None]:
    def spoil() -> None:
        shop.ORDERS["a"]["n"] = 9
        shop.ORDERS["list"].append(3)
        shop.ORDERS["set"].clear()
        shop.ORDERS["new"] = {}
        del shop.ORDERS["a"]
        shop.STORE.count = 5
        shop.STORE.new = shop.ORDERS

    return spoil


def test_everything_is_as_it_was_after_a_success(shop: types.ModuleType, explore: Run) -> None:
    before = Snapshot(shop)
    explore(fh.World(orders=fh.InPlace(shop.ORDERS), store=fh.InPlace(shop.STORE)), spoil(shop))
    before.check()


def test_everything_is_as_it_was_after_an_exception_of_a_tool(shop: types.ModuleType, explore: Run) -> None:
    def fails() -> None:
        spoil(shop)()
        raise RuntimeError("no")

    before = Snapshot(shop)
    report = explore(fh.World(orders=fh.InPlace(shop.ORDERS), store=fh.InPlace(shop.STORE)), fails)
    assert "RuntimeError" in str(report.baseline.results["fails-0"])
    before.check()


def test_everything_is_as_it_was_when_another_resource_cannot_be_opened(
    shop: types.ModuleType, explore: Run
) -> None:
    before = Snapshot(shop)
    with pytest.raises(fh.WorldError, match=r"cannot be copied.*Expected a value.*Give"):
        explore(fh.World(orders=fh.InPlace(shop.ORDERS), bad=(x for x in ())), lambda: None)
    before.check()


def test_everything_is_as_it_was_after_ctrl_c(shop: types.ModuleType) -> None:
    def stop(event: Event) -> None:
        if type(event).__name__ == "OutcomeReached":
            raise KeyboardInterrupt

    before = Snapshot(shop)
    batch = fh.Batch((fh.Call("add", {}, "a"), fh.Call("add", {}, "b")))
    with pytest.raises(KeyboardInterrupt):
        fh.explore(
            batch, fh.Toolbox({"add": shop.add}), fh.World(orders=fh.InPlace(shop.ORDERS)), on_event=stop
        )
    before.check()


def test_rebinding_the_name_is_reported_and_undone(shop: types.ModuleType, run_once: Run) -> None:
    before = Snapshot(shop)
    seen = run_once(fh.World(orders=fh.InPlace(shop.ORDERS)), lambda: shop.rebind())
    assert any("put another object where" in what and "ORDERS" in what for what in seen.escapes)
    before.check()


def test_an_object_is_watched_where_it_stands(shop: types.ModuleType, explore: Run) -> None:
    report = explore(fh.World(store=fh.InPlace(shop.STORE)), shop.STORE.counted, calls=["counted"] * 2)
    assert endings(report, "store", "count") == {1, 2}


def test_a_lock_of_the_object_still_locks(shop: types.ModuleType, explore: Run) -> None:
    before = Snapshot(shop)
    report = explore(
        fh.World(store=fh.InPlace(shop.STORE)), shop.STORE.locked, calls=["locked"] * 2, strategy="bounded"
    )
    assert report.verified
    assert endings(report, "store", "count") == {2}
    before.check()


def test_an_object_with_slots_is_watched_and_restored(shop: types.ModuleType, run_once: Run) -> None:
    held = shop.Slotted()
    seen = run_once(fh.World(s=fh.InPlace(held)), lambda s: setattr(s, "n", s.n + 1), again=3)
    assert seen.state == {"s": {"n": 2}}
    assert (held.n, type(held)) == (1, shop.Slotted)


@pytest.mark.parametrize("live", [[1, [2]], {1, 2}, deque([1, 2], 3)], ids=["list", "set", "deque"])
def test_other_containers_are_restored_too(live: Any, run_once: Run) -> None:
    holder = types.SimpleNamespace(live=live)
    content = copy.deepcopy(live)
    run_once(fh.World(v=fh.InPlace(live)), lambda: holder.live.clear(), again=3)
    assert holder.live is live
    assert live == content


def test_a_holder_that_cannot_be_rewritten_is_reported(run_once: Run) -> None:
    live = {"n": 1}
    held = (live,)
    seen = run_once(fh.World(v=fh.InPlace(live)), lambda: held[0]["n"])
    assert any("also held by a tuple" in what for what in seen.escapes)


def test_a_value_put_inside_by_a_tool_does_not_outlive_the_exploration(
    shop: types.ModuleType, run_once: Run
) -> None:
    leaked = types.SimpleNamespace()  # of a library: no state of the application

    def tool() -> None:
        leaked.orders = shop.ORDERS

    run_once(fh.World(orders=fh.InPlace(shop.ORDERS)), tool)
    assert leaked.orders is shop.ORDERS


@pytest.mark.parametrize("value", [1, "text", None, int])
def test_what_cannot_change_in_place_is_refused_in_words(value: Any) -> None:
    with pytest.raises(fh.WorldError, match=r"cannot change in place.*Expected the dict.*Give the object"):
        fh.InPlace(value)


def test_many_nested_containers_are_taken_hold_of_quickly(run_once: Run) -> None:
    live = {i: {"n": i} for i in range(500)}
    seen = run_once(fh.World(v=fh.InPlace(live)), lambda v: v[3].update(n=0))
    assert seen.state["v"][3] == {"n": 0}
    assert live[3] == {"n": 3}


def test_closing_twice_is_closing_once(shop: types.ModuleType) -> None:
    before = Snapshot(shop)
    resource = fh.InPlace(shop.ORDERS)
    world = fh.World(orders=resource)
    from fuzzharness.runtime.gate import ThreadGate  # only this test opens by hand

    for _ in range(2):
        world.open(ThreadGate())
        world.reset()["orders"]["a"]["n"] = 5
        world.close()
        world.close()
        resource.close()
        before.check()
    assert threading.active_count() >= 1
