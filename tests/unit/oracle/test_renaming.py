"""Endings are one if a bijection of what the run made carries one to the other; held against brute force."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzharness.oracle.benign import Likeness
from fuzzharness.oracle.compare import frozen
from fuzzharness.oracle.facts import Fact, Name
from fuzzharness.oracle.renaming import Structure, renaming
from fuzzharness.world.layout import Layout, Table

LAYOUT = Layout(
    {
        ("db", "orders"): Table(("id",), generated=True),
        ("db", "lines"): Table(("id",), generated=True, parents={"part_of": "orders"}),
        ("db", "tags"): Table(()),
    }
)
OLD_ORDER = {"id": 1, "what": "coffee"}
START = {"db": {"orders": {1: OLD_ORDER}, "lines": {}, "tags": {}}, "log": [{"order_id": 1}]}

Bijection = Mapping[int, int]


@st.composite
def endings(draw: st.DrawFn) -> dict[str, Any]:
    """A few orders, lines and tags of them, a log that tells of orders, and calls that return their ids."""
    orders = draw(st.lists(st.sampled_from(["tea", "milk"]), min_size=1, max_size=3))
    ids = range(1, len(orders) + 2)
    lines = draw(st.lists(st.tuples(st.sampled_from(ids), st.integers(1, 2)), max_size=3))
    tags = draw(st.lists(st.sampled_from(ids), max_size=2))
    log = draw(st.lists(st.sampled_from(ids), max_size=3))
    results = draw(st.lists(st.sampled_from(ids), max_size=2))
    return {
        "db": {
            "orders": {1: OLD_ORDER, **{n: {"id": n, "what": what} for n, what in enumerate(orders, 2)}},
            "lines": {n: {"id": n, "part_of": o, "n": m} for n, (o, m) in enumerate(lines, 1)},
            "tags": {n: {"order_id": o} for n, o in enumerate(tags, 1)},
        },
        "log": [{"order_id": 1}, *({"order_id": o} for o in log)],
        "results": {f"call-{n}": {"order_id": o} for n, o in enumerate(results)},
    }


def renamed(tree: dict[str, Any], orders: Bijection, lines: Bijection) -> dict[str, Any]:
    """The same ending with other ids."""
    db = tree["db"]
    to = lambda order: orders.get(order, order)  # noqa: E731  # a name for what follows
    return {
        "db": {
            "orders": {to(n): {**row, "id": to(n)} for n, row in db["orders"].items()},
            "lines": {
                lines[n]: {"id": lines[n], "part_of": to(row["part_of"]), "n": row["n"]}
                for n, row in db["lines"].items()
            },
            "tags": {n: {"order_id": to(row["order_id"])} for n, row in db["tags"].items()},
        },
        "log": [{"order_id": to(entry["order_id"])} for entry in tree["log"]],
        "results": {label: {"order_id": to(r["order_id"])} for label, r in tree["results"].items()},
    }


def unordered(tree: dict[str, Any]) -> Any:
    """An ending without the order of what was added to the log, and of the rows that have no key."""
    db = {**tree["db"], "tags": Counter(map(frozen, tree["db"]["tags"].values()))}
    return db, tree["log"][:1], Counter(map(frozen, tree["log"][1:])), tree["results"]


def bijections(tree: dict[str, Any], other: dict[str, Any], table: str) -> Iterator[Bijection]:
    mine, theirs = (sorted(t["db"][table].keys() - START["db"][table].keys()) for t in (tree, other))  # type: ignore[index]  # nested
    if len(mine) == len(theirs):
        yield from (dict(zip(mine, p, strict=True)) for p in permutations(theirs))


def same_by_brute_force(here: dict[str, Any], there: dict[str, Any]) -> bool:
    return any(
        unordered(renamed(here, orders, lines)) == unordered(there)
        for orders in bijections(here, there, "orders")
        for lines in bijections(here, there, "lines")
    )


def found(here: dict[str, Any], there: dict[str, Any]) -> Any:
    likeness = Likeness(START, LAYOUT, {})
    return likeness.between(likeness.structure(here), likeness.structure(there))


@given(endings(), st.data())
def test_an_ending_under_other_ids_and_in_another_order_is_the_same(tree: Any, data: st.DataObject) -> None:
    shuffled = lambda names: dict(zip(names, data.draw(st.permutations(names)), strict=True))  # noqa: E731  # as above
    orders, lines = (sorted(tree["db"][t].keys() - START["db"][t].keys()) for t in ("orders", "lines"))  # type: ignore[index]  # nested
    other = renamed(tree, shuffled(orders), shuffled(lines))
    other["log"] = [other["log"][0], *data.draw(st.permutations(other["log"][1:]))]

    assert found(tree, other) is not None


@given(endings(), endings())
@settings(max_examples=300)
def test_two_endings_are_the_same_exactly_where_brute_force_finds_a_bijection(here: Any, there: Any) -> None:
    assert (found(here, there) is not None) == same_by_brute_force(here, there)


@given(endings(), st.data())
@settings(max_examples=300)
def test_one_change_is_seen_exactly_where_no_bijection_undoes_it(here: Any, data: st.DataObject) -> None:
    there = json.loads(json.dumps(here), object_hook=by_number)
    spots = list(places(there))
    holder, field = data.draw(st.sampled_from(spots))
    holder[field] = data.draw(st.sampled_from(["tea", "milk"] if field == "what" else [1, 2, 3]))

    assert (found(here, there) is not None) == same_by_brute_force(here, there)


def by_number(fields: dict[str, Any]) -> dict[Any, Any]:
    return {int(k) if k.isdecimal() else k: v for k, v in fields.items()}


def places(tree: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every field that can be set to something else."""
    rows = [*tree["db"]["orders"].values(), *tree["db"]["lines"].values(), *tree["db"]["tags"].values()]
    for row in [*rows, *tree["log"][1:], *tree["results"].values()]:
        yield from ((row, field) for field in row if field != "id")


def circle(size: int, first: int = 0) -> list[Fact]:
    """Names that each stand beside the next: all look alike."""
    names = [Name(("table",), first + n) for n in range(size)]
    return [Fact(("beside",), (names[n], names[(n + 1) % size])) for n in range(size)]


def test_names_that_look_alike_are_told_apart_by_trying() -> None:
    mixed = [Fact(f.shape, tuple(Name(n.kind, n.value * 5 % 7) for n in f.names)) for f in circle(7)]
    assert renaming(Structure(circle(7)), Structure(mixed)) is not None
    assert renaming(Structure(circle(6)), Structure([*circle(3), *circle(3, first=3)])) is None


def test_a_hundred_twins_need_no_search() -> None:
    twins = [Fact(("row",), (Name(("table",), n),)) for n in range(100)]
    shifted = [Fact(("row",), (Name(("table",), n + 50),)) for n in range(100)]
    names = renaming(Structure(twins), Structure(shifted))
    assert names is not None
    assert all(names[Name(("table",), n)].value == n for n in range(50, 100))


def test_a_search_that_takes_too_long_ends_without_an_answer() -> None:
    """Circles of three or of six: refinement cannot tell, and neither can a few tries of so many."""
    mine = [f for n in range(40) for f in circle(6, 6 * n)]
    theirs = [f for n in range(80) for f in circle(3, 3 * n)]
    assert renaming(Structure(mine), Structure(theirs)) is None
