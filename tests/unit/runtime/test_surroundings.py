"""State that tools change and the world does not cover is named, wherever they keep it."""

import importlib
from collections import deque
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

import fuzzharness as fh

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
    "a global that is bound anew": (rebinds, f"{HERE}.COUNT"),
    "a global container, deep inside": (mutates, f"{HERE}.STOCK"),
    "a deque": (appends, f"{HERE}.LOG"),
    "an object": (by_object, f"{HERE}.SHOP"),
    "a class": (by_class, f"{HERE}.Shop.SOLD"),
    "by a function it calls": (by_function, f"{HERE}.STOCK"),
    "by a function inside": (in_inner_function, f"{HERE}.STOCK"),
    "by a wrapped function": (wrapped, f"{HERE}.STOCK"),
    "a default": (by_default, "by_default.seen"),
    "a keyword default": (by_keyword_default, "by_keyword_default.seen"),
    "an attribute of a function": (by_own_attribute, "by_own_attribute.__dict__"),
    "a closure": (by_closure(), "by_closure.<locals>.tool.seen"),
    "the object of a method": (Shop().add, "Shop.add.__self__"),
    "by a partial": (partial(by_function), f"{HERE}.STOCK"),
}


@pytest.mark.parametrize(("tool", "name"), CHANGING.values(), ids=CHANGING)
def test_what_a_run_changed_and_no_reset_brings_back_is_named(escapes: Any, tool: Any, name: str) -> None:
    says = f"{name} was changed by a run and is not in the World (fh.InPlace would watch it)"
    assert says in [escape.what for escape in escapes(tool)]


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
        assert [e.what.split()[0] for e in escapes(tool)] == ["stock_of_a_shop.STOCK"]


def reads() -> Any:
    return COUNT, len(STOCK), list(LOG), SHOP.items


def test_what_is_only_read_is_not_named(escapes: Any) -> None:
    assert escapes(reads) == ()


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
    assert escapes(rebinds, ignore=[pattern]) == ()


def test_what_another_pattern_ignores_is_named(escapes: Any) -> None:
    assert len(escapes(rebinds, ignore=["*.STOCK"])) == 1


def test_a_batch_that_changes_its_surroundings_is_never_verified() -> None:
    def tool(ctx: Any) -> None:
        mutates()
        ctx["x"] = 1

    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    report = fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(ctx={"x": 0}))
    assert (report.verdict, report.verified) == (fh.Verdict.INCONCLUSIVE, False)
    assert any(f"{HERE}.STOCK was changed by a run" in reason for reason in report.reasons)
