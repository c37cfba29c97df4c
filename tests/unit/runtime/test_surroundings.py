"""State that tools keep outside the World: watched wherever they keep it, named where it cannot be."""

import importlib
from collections import deque
from functools import cache, partial, wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import fuzzharness as fh
from fuzzharness.runtime.stage import Stage
from fuzzharness.search.serial import in_order

COUNT = 0
STOCK: dict[str, Any] = {"a": [1]}
LOG: deque[int] = deque()
ORDERS: list[int] = []


class Shop:
    SOLD: list[int] = []  # noqa: RUF012  # what is tested

    def __init__(self) -> None:
        self.items: list[int] = []
        self.orders = ORDERS

    def add(self) -> None:
        self.items.append(1)

    def order(self) -> None:
        self.orders.append(1)


SHOP = Shop()


def rebinds() -> None:
    global COUNT
    COUNT += 1


def mutates() -> None:
    STOCK["a"].append(1)


def appends() -> None:
    LOG.append(1)


def by_object() -> None:
    SHOP.add()


def by_class() -> None:
    Shop.SOLD.append(1)


def by_function() -> None:
    mutates()


def in_inner_function() -> None:
    def inner() -> None:
        STOCK["a"].append(2)

    inner()


def by_default(seen: list[int] = []) -> None:  # noqa: B006  # what is tested
    seen.append(1)


def by_keyword_default(*, seen: list[int] = []) -> None:  # noqa: B006  # what is tested
    seen.append(1)


def by_own_attribute() -> None:
    by_own_attribute.seen.append(1)  # type: ignore[attr-defined]


by_own_attribute.seen = []  # type: ignore[attr-defined]


def by_closure() -> Any:
    seen: list[int] = []

    def tool() -> None:
        seen.append(1)

    return tool


@wraps(mutates)
def wrapped() -> None:
    mutates()


HERE = __name__
CHANGING = {
    "a global that is bound anew": (rebinds, "COUNT", 1),
    "a global container, deep inside": (mutates, "STOCK", {"a": [1, 1]}),
    "a deque": (appends, "LOG", [1]),
    "an object": (by_object, "SHOP", {"items": [1], "orders": []}),
    "a class": (by_class, "Shop.SOLD", [1]),
    "by a function it calls": (by_function, "STOCK", {"a": [1, 1]}),
    "by a function inside": (in_inner_function, "STOCK", {"a": [1, 2]}),
    "by a wrapped function": (wrapped, "STOCK", {"a": [1, 1]}),
    "a default": (by_default, "by_default.seen", [1]),
    "a keyword default": (by_keyword_default, "by_keyword_default.seen", [1]),
    "an attribute of a function": (by_own_attribute, "by_own_attribute.seen", [1]),
    "a closure": (by_closure(), "by_closure.seen", [1]),
    "the object of a method": (Shop().add, "Shop()", {"items": [1], "orders": []}),
    "by a partial": (partial(by_function), "STOCK", {"a": [1, 1]}),
}


@pytest.mark.parametrize(("tool", "name", "value"), CHANGING.values(), ids=CHANGING)
def test_what_a_run_changes_is_brought_back_and_told_by_the_ending(tool: Any, name: str, value: Any) -> None:
    batch = fh.Batch((fh.Call("tool"),))
    with Stage(batch, fh.Toolbox({"tool": tool}), fh.World(), fh.Settings()) as stage:
        endings = [stage.run((0,), in_order((0,))).outcome.state for _ in range(3)]
        assert stage.escapes == ()
    assert endings[1:] == [{HERE: {name: value}}] * 2
    assert (COUNT, STOCK, LOG, ORDERS, Shop.SOLD, SHOP.items) == (0, {"a": [1]}, deque(), [], [], [])


def test_a_module_reached_by_its_name_is_looked_at_too(
    escapes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stock_of_a_shop.py").write_text("STOCK = []\ndef sell():\n    STOCK.append(1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    shop = importlib.import_module("stock_of_a_shop")

    def directly() -> None:
        shop.STOCK.append(1)

    def by_function() -> None:
        shop.sell()

    for tool in (directly, by_function):
        assert escapes(tool) == ()
        assert shop.STOCK == []


# ---- what cannot be watched ---------------------------------------------------------------------------

LARGE = {n: n for n in range(10_001)}


VAST = {n: [list(range(20)) for _ in range(20)] for n in range(500)}


class Registered:
    """A class that is told of its subclasses, so that none may be made."""

    known: list[type] = []  # noqa: RUF012  # what is tested

    def __init_subclass__(cls) -> None:
        Registered.known.append(cls)

    def __init__(self) -> None:
        self.value = 0


REGISTERED = Registered()


@cache
def remembered(n: int) -> int:
    return n


NUMBERS = iter(range(1_000))


def asks_a_cache() -> None:
    remembered(next(NUMBERS))


def changes_a_large_one() -> None:
    LARGE[len(LARGE) + 1] = 1


def changes_a_vast_one() -> None:
    VAST[0].append([])


def changes_what_cannot_be_watched() -> None:
    REGISTERED.value += 1


def goes_past_the_code() -> None:
    globals()["COUNT"] += 1


UNWATCHED = {
    "a cache": (asks_a_cache, f"the cache of {HERE}.remembered was changed"),
    "a large container": (changes_a_large_one, f"{HERE}.LARGE was changed"),
    "a container with very much inside": (changes_a_vast_one, f"{HERE}.VAST was changed"),
    "an object": (changes_what_cannot_be_watched, f"{HERE}.REGISTERED was changed"),
    "a global, past the code": (goes_past_the_code, f"{HERE}.COUNT was changed by a run in a way"),
}


@pytest.mark.parametrize(("tool", "says"), UNWATCHED.values(), ids=UNWATCHED)
def test_what_cannot_be_watched_is_named(escapes: Any, tool: Any, says: str) -> None:
    assert [escape.what[: len(says)] for escape in escapes(tool)] == [says]
    assert Registered.known == []


def reads() -> Any:
    return COUNT, len(STOCK), list(LOG), SHOP.items


def test_what_is_only_read_is_not_named(escapes: Any) -> None:
    assert escapes(reads) == ()


def parses() -> str:
    return urlsplit(f"http://{next(NUMBERS)}.example").netloc


def test_a_cache_of_the_standard_library_is_no_state(escapes: Any) -> None:
    assert escapes(parses) == ()


def put_back() -> None:
    STOCK["new"] = 1
    del STOCK["new"]


def test_what_is_as_before_in_the_end_is_not_named(escapes: Any) -> None:
    assert escapes(put_back) == ()


def covered() -> None:
    ORDERS.append(1)


@pytest.mark.parametrize("tool", [covered, SHOP.order], ids=["global", "held by an object"])
def test_what_the_world_covers_is_not_named(escapes: Any, tool: Any) -> None:
    assert escapes(tool, again=2, orders=fh.InPlace(ORDERS)) == ()
    assert ORDERS == []


@pytest.mark.parametrize("pattern", [f"{HERE}.COUNT", "*.COUNT", f"{HERE}.*"], ids=["name", "end", "module"])
def test_what_is_ignored_is_not_named(escapes: Any, pattern: str) -> None:
    assert escapes(goes_past_the_code, ignore=[pattern]) == ()


def test_what_another_pattern_ignores_is_named(escapes: Any) -> None:
    assert len(escapes(goes_past_the_code, ignore=["*.STOCK"])) == 1


def test_a_batch_that_changes_what_cannot_be_watched_is_never_verified() -> None:
    def tool(ctx: Any) -> None:
        changes_a_large_one()
        ctx["x"] = 1

    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    report = fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(ctx={"x": 0}))
    assert (report.verdict, report.verified) == (fh.Verdict.INCONCLUSIVE, False)
    assert any(f"{HERE}.LARGE was changed by a run" in reason for reason in report.reasons)
