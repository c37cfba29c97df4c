"""What rules out "verified": things a tool does that no gate can hold."""

import _thread
import functools
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh

PRICES = {"tea": 3}


@functools.cache
def price(name: str) -> int:
    return PRICES[name]


def quote(context: dict[str, int], name: str = "tea") -> int:
    context["quoted"] = 1
    return price(name)


def in_a_thread(context: dict[str, int]) -> None:
    gone = _thread.allocate_lock()
    gone.acquire()

    def helper() -> None:
        context.update(n=1)
        gone.release()

    _thread.start_new_thread(helper, ())
    gone.acquire()


def later(context: dict[str, int]) -> Any:
    context["asked"] = 1
    return (context.update(n=n) for n in range(2))


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        (quote, "the cache of "),
        (in_a_thread, "a thread"),
        (later, "nobody runs what it returned"),
    ],
    ids=["a cache", "a thread", "a generator"],
)
def test_it_is_named_and_nothing_is_verified(tool: Callable[..., Any], reason: str) -> None:
    price.cache_clear()
    batch = fh.Batch((fh.Call("tool"), fh.Call("tool")))
    report = fh.explore(batch, fh.Toolbox({"tool": tool}), fh.World(context={}))

    assert not report.verified
    assert not report.exhausted
    assert any(reason in text for text in report.reasons)


def tally(db: sa.Engine) -> None:
    with db.begin() as connection:
        connection.execute(sa.text("UPDATE tally SET n = n + 1"))


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE tally (n INTEGER)"))
    connection.execute(sa.text("INSERT INTO tally VALUES (0)"))


def test_connections_that_do_not_wait_for_locks_are_named() -> None:
    engine = sa.create_engine("sqlite://", connect_args={"timeout": 0})
    world = fh.World(db=fh.Database(engine, setup=fill))
    report = fh.explore(fh.Batch((fh.Call("tally"), fh.Call("tally"))), fh.Toolbox({"tally": tally}), world)

    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert "does not wait for locks" in report.reasons[0]


def test_a_generator_function_is_refused() -> None:
    def count() -> Any:
        yield 1

    with pytest.raises(fh.ToolError, match="generator function"):
        fh.explore(fh.Batch((fh.Call("count"),)), fh.Toolbox({"count": count}), fh.World(context={}))


class Approved:
    pass


class Rejected:
    pass


def test_returned_objects_of_two_classes_are_two_results() -> None:
    def decide(context: dict[str, int]) -> object:
        seen = context.get("n", 0)
        context["n"] = 1
        return Rejected() if seen else Approved()

    report = fh.explore(
        fh.Batch((fh.Call("decide"), fh.Call("decide"))), fh.Toolbox({"decide": decide}), fh.World(context={})
    )

    assert report.verdict is fh.Verdict.UNSAFE


def test_errors_that_differ_after_their_first_line_are_two_results() -> None:
    def fail(context: dict[str, int]) -> None:
        context["n"] = context.get("n", 0) + 1
        raise ValueError(f"refused\nattempt {context['n']}")

    def note(context: dict[str, int]) -> None:
        context["n"] = 10

    batch = fh.Batch((fh.Call("fail", id="a"), fh.Call("note", id="b")))
    report = fh.explore(batch, fh.Toolbox({"fail": fail, "note": note}), fh.World(context={}))

    assert report.verdict is fh.Verdict.UNSAFE
    texts = {outcome.results["a"].message for outcome in report.outcomes}  # type: ignore[union-attr]
    assert {"refused\nattempt 1", "refused\nattempt 11"} <= texts
