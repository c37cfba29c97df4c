"""How many classes of interleavings there are: each is run exactly once, and counted beforehand."""

import threading
from math import comb, factorial
from typing import Any

import pytest

import fuzzharness as fh

LOCK = threading.Lock()


def increment(ctx: Any) -> None:
    ctx["x"] = ctx["x"] + 1


def put(ctx: Any, name: str = "x", times: int = 1) -> None:
    for _ in range(times):
        ctx[name] = 1


def look(ctx: Any, name: str = "x") -> int:
    return int(ctx[name])


def copy_on(ctx: Any, source: str, target: str) -> None:
    """A writer of lastzero."""
    ctx[target] = ctx[source] + 1


def last_zero(ctx: Any, n: int) -> int:
    while ctx[f"a{n}"] != 0:
        n -= 1
    return n


def locked(ctx: Any) -> None:
    with LOCK:
        ctx["x"] = ctx["x"] + 1


def atomically(ctx: Any, names: str) -> None:
    for name in names:
        with fh.atomic():
            ctx[name] = ctx[name] + 1


def transfer(ctx: Any, source: str, target: str) -> None:
    ctx[source] = ctx[source] - 1
    ctx[target] = ctx[target] + 1


def store_then_look(ctx: Any, mine: str, other: str) -> int:
    ctx[mine] = 1
    return int(ctx[other])


def increment_often(ctx: Any, times: int) -> None:
    for _ in range(times):
        ctx["x"] = ctx["x"] + 1


def look_twice(ctx: Any, own: str) -> list[int]:
    return [ctx[own], ctx["x"]]


NAMES = "abcdefghij"


def lastzero(n: int) -> list[Any]:
    writers = [(copy_on, {"source": f"a{j - 1}", "target": f"a{j}"}) for j in range(1, n + 1)]
    return [*writers, (last_zero, {"n": n})]


def ring(n: int) -> list[Any]:
    return [(store_then_look, {"mine": NAMES[i], "other": NAMES[(i + 1) % n]}) for i in range(n)]


ROWS: list[tuple[str, list[Any], int]] = [
    *((f"{n} calls R x; W x", [increment] * n, factorial(n) ** 2) for n in range(1, 5)),
    *((f"W x against {n} calls R x", [put, *[look] * n], 2**n) for n in range(1, 10)),
    *((f"lastzero({n})", lastzero(n), (n + 3) * 2**n // 4) for n in range(2, 8)),
    *((f"{n} calls in one lock", [locked] * n, factorial(n)) for n in range(1, 6)),
    *(
        (f"{n} calls add to {k} keys atomically", [(atomically, {"names": NAMES[:k]})] * n, factorial(n) ** k)
        for n, most in ((2, 9), (3, 3), (4, 2), (5, 1))
        for k in range(1, most + 1)
    ),
    ("2 transfers A to B", [(transfer, {"source": "a", "target": "b"})] * 2, 16),
    *(
        (
            f"{n} transfers on disjoint accounts",
            [(transfer, {"source": NAMES[2 * i], "target": NAMES[2 * i + 1]}) for i in range(n)],
            1,
        )
        for n in (2, 3, 4)
    ),
    *((f"ring of {n}", ring(n), 2**n - 1) for n in range(2, 10)),
    *((f"2 calls W x {k} times", [(put, {"times": k})] * 2, comb(2 * k, k)) for k in range(1, 6)),
    *(
        (f"2 calls (R x; W x) {k} times", [(increment_often, {"times": k})] * 2, classes)
        for k, classes in ((1, 4), (2, 34), (3, 328))
    ),
    ("W x against 2 calls R own; R x", [put, (look_twice, {"own": "a"}), (look_twice, {"own": "b"})], 4),
]
CASES = [pytest.param(calls, classes, id=name) for name, calls, classes in ROWS]
START = dict.fromkeys([*NAMES, "x", *(f"a{n}" for n in range(10))], 0)


@pytest.mark.long
@pytest.mark.parametrize(("calls", "classes"), CASES)
def test_every_class_is_run_exactly_once_and_none_in_vain(
    exhaust: Any, calls: list[Any], classes: int
) -> None:
    report = exhaust(calls, strategy="dpor", **START)
    assert (report.executions, report.blocked) == (classes, 0)


@pytest.mark.long
@pytest.mark.parametrize(("calls", "classes"), [case for case in CASES if "lastzero" not in str(case.id)])
def test_the_classes_are_counted_beforehand_where_data_does_not_decide(
    exhaust: Any, calls: list[Any], classes: int
) -> None:
    report = exhaust(calls, strategy="auto", **START)
    assert report.executions == classes
    parts = " in " if "independent parts" in report.coverage else ""
    assert report.coverage.partition(parts or "|")[0] == (
        f"{classes} of {classes} {'class' if classes == 1 else 'classes'}"
    )


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_where_data_decides_the_count_is_only_an_estimate_and_not_quoted(exhaust: Any, n: int) -> None:
    report = exhaust(lastzero(n), strategy="auto", **START)
    assert report.coverage == f"all {(n + 3) * 2**n // 4} classes"


def test_independent_parts_are_searched_one_after_another(exhaust: Any) -> None:
    pair = [(transfer, {"source": "a", "target": "b"})] * 2
    other = [(transfer, {"source": "c", "target": "d"})] * 2
    report = exhaust([pair[0], other[0], pair[1], other[1]], strategy="auto", **START)
    assert report.executions == 16 + 16 - 1
    assert report.coverage == "31 of 31 classes in 2 independent parts"
