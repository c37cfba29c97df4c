"""Where locks are found, and that the real ones are back afterwards."""

import threading
from functools import partial
from typing import Any

import pytest

import fuzzharness as fh

LOCK, MANY = threading.Lock(), threading.RLock()


class Shop:
    lock = threading.Lock()

    def __init__(self) -> None:
        self.own, self.inner, self.locks = threading.Lock(), Inner(), {"a": threading.Lock()}

    def by_class(self, ctx: Any) -> None:
        bump(ctx, self.lock)

    def by_attribute(self, ctx: Any) -> None:
        bump(ctx, self.own)

    def by_attribute_of_attribute(self, ctx: Any) -> None:
        bump(ctx, self.inner.lock)

    def by_key(self, ctx: Any) -> None:
        bump(ctx, self.locks["a"])


class Inner:
    def __init__(self) -> None:
        self.lock = threading.Lock()


def bump(ctx: Any, lock: Any) -> None:
    with lock:
        ctx["x"] = ctx["x"] + 1


SHOP = Shop()


def by_global(ctx: Any) -> None:
    bump(ctx, LOCK)


def by_global_object(ctx: Any) -> None:
    bump(ctx, SHOP.own)


def by_function_called(ctx: Any) -> None:
    by_global(ctx)


def by_default(ctx: Any, lock: Any = threading.Lock()) -> None:  # noqa: B008  # what is tested
    bump(ctx, lock)


def by_keyword_default(ctx: Any, *, lock: Any = threading.Lock()) -> None:  # noqa: B008  # what is tested
    bump(ctx, lock)


def by_closure() -> Any:
    lock = threading.Lock()

    def tool(ctx: Any) -> None:
        bump(ctx, lock)

    return tool


TOOLS = {
    "global": by_global,
    "attribute of a global": by_global_object,
    "function it calls": by_function_called,
    "default": by_default,
    "keyword default": by_keyword_default,
    "closure": by_closure(),
    "class of a method": SHOP.by_class,
    "attribute of a method's object": SHOP.by_attribute,
    "attribute of an attribute": SHOP.by_attribute_of_attribute,
    "value of a dict": SHOP.by_key,
    "partial": partial(bump, lock=threading.Lock()),
}


def explore(*tools: Any) -> fh.Report:
    named = {f"t{n}": tool for n, tool in enumerate(tools)}
    batch = fh.Batch(tuple(fh.Call(name) for name in named))
    return fh.explore(batch, fh.Toolbox(named), fh.World(ctx={"x": 0}))


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_a_lock_is_found_wherever_tools_keep_it(tool: Any) -> None:
    report = explore(tool, tool)
    assert (report.verdict, report.exhausted, report.executions) == (fh.Verdict.SAFE, True, 2)


def test_the_real_locks_are_back_afterwards() -> None:
    before = LOCK, MANY, SHOP.own, Shop.lock
    explore(by_global, SHOP.by_attribute, SHOP.by_class)
    after = LOCK, MANY, SHOP.own, Shop.lock
    assert all(a is b for a, b in zip(before, after, strict=True))
    assert [type(lock) for lock in after[:2]] == [type(threading.Lock()), type(threading.RLock())]


def test_a_lock_that_one_run_kept_is_free_in_the_next() -> None:
    def keeps(ctx: Any) -> bool:
        ctx["x"] = 1
        return LOCK.acquire(blocking=False)

    report = explore(keeps)
    assert report.baseline.results == {"call-1": fh.Returned(True)}
    assert len(report.outcomes) == 1
    assert not LOCK.locked()


@pytest.mark.parametrize(
    "tool", [lambda: LOCK.release(), lambda: MANY.release()], ids=["lock", "reentrant lock"]
)
def test_releasing_what_is_not_held_fails_as_ever(tool: Any) -> None:
    assert "raised RuntimeError: " in str(explore(tool).baseline.results["call-1"])


def test_a_thread_of_a_tools_own_may_take_a_reentrant_lock_twice() -> None:
    def work(ctx: Any) -> None:
        with MANY, MANY:
            ctx["done"] = True

    def tool(ctx: Any) -> bool:
        done: dict[str, bool] = {}
        thread = threading.Thread(target=work, args=(done,))
        thread.start()
        thread.join()
        ctx["x"] = 1
        return "done" in done

    assert explore(tool).baseline.results == {"call-1": fh.Returned(True)}
