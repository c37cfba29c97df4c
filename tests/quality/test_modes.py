"""The failure modes told apart: is the value used, or must something merely have happened?"""

import threading
from collections import deque
from typing import Any

import pytest
from sqlalchemy import text

import fuzzharness as fh


def fill(connection: Any) -> None:
    connection.execute(text("create table customer (id integer primary key, name text)"))
    connection.execute(
        text(
            "create table orders (id integer primary key, customer integer references customer (id), n text)"
        )
    )
    connection.execute(text("insert into customer values (1, 'nobody')"))


def set_value(ctx: Any) -> None:
    ctx["customer"] = 42


def use_value(ctx: Any) -> str:
    return f"orders of {ctx.get('customer')}"


def rename_row(db: Any) -> None:
    with db.begin() as connection:
        connection.execute(text("update customer set name = 'Ada' where id = 1"))


def greet_row(db: Any) -> str:
    with db.connect() as connection:
        return f"Dear {connection.execute(text('select name from customer where id = 1')).scalar_one()}"


def write_file(files: Any) -> None:
    (files / "plan.txt").write_text("monday")


def read_file(files: Any) -> str:
    return f"we meet on {(files / 'plan.txt').read_text()}"


def add_key(ctx: Any) -> None:
    ctx["session"] = "s-1"


def in_key(ctx: Any) -> str:
    return "ok" if "session" in ctx else "no session"


def need_key(ctx: Any) -> str:
    ctx["session"]
    return "ok"


def insert_parent(db: Any) -> None:
    with db.begin() as connection:
        connection.execute(text("insert into customer values (2, 'Bob')"))


def insert_child(db: Any) -> None:
    with db.begin() as connection:
        connection.execute(text("pragma foreign_keys = on"))
        connection.execute(text("insert into orders values (1, 2, 'tea')"))


def create_file(files: Any) -> None:
    (files / "new.txt").write_text("x")


def need_file(files: Any) -> str:
    (files / "new.txt").read_text()
    return "found"


def raise_flag(ctx: Any) -> None:
    ctx["ready"] = True


def need_flag(ctx: Any) -> str:
    if not ctx["ready"]:
        raise RuntimeError("not ready")
    return "went"


def take_lock(ctx: Any) -> None:
    ctx["lock"] = {"owner": "job-1"}


def need_lock(ctx: Any) -> str:
    if ctx["lock"] is None:
        raise PermissionError("lock not held")
    return "written"


def increment(ctx: Any) -> None:
    ctx["n"] = ctx["n"] + 1


CONTEXT, TIMING, SHARED = fh.Mode.CONTEXT, fh.Mode.TIMING, fh.Mode.SHARED_STATE
CASES = [
    (set_value, use_value, CONTEXT, "stale-read"),
    (rename_row, greet_row, CONTEXT, "stale-read"),
    (write_file, read_file, CONTEXT, "stale-read"),
    (add_key, in_key, TIMING, "missing-precondition"),
    (add_key, need_key, TIMING, "missing-precondition"),
    (insert_parent, insert_child, TIMING, "missing-precondition"),
    (create_file, need_file, TIMING, "missing-precondition"),
    (raise_flag, need_flag, TIMING, "missing-precondition"),
    (take_lock, need_lock, TIMING, "missing-precondition"),
    (increment, increment, SHARED, "lost-update"),
]


def world() -> fh.World:
    return fh.World(
        ctx={"customer": 1, "ready": False, "lock": None, "n": 0},
        db=fh.Database("sqlite://", setup=fill),
        files=fh.Directory({"plan.txt": "tuesday"}),
    )


@pytest.mark.parametrize(
    ("one", "other", "mode", "anomaly"), CASES, ids=lambda v: getattr(v, "__name__", None)
)
def test_the_mode_of_a_coupling(one: Any, other: Any, mode: fh.Mode, anomaly: str) -> None:
    tools = fh.Toolbox({one.__name__: one, other.__name__: other})
    report = fh.explore(fh.Batch((fh.Call(one.__name__), fh.Call(other.__name__))), tools, world())
    assert report.verdict is fh.Verdict.UNSAFE
    by_order = [f for f in report.findings if f.schedule.preemptions == 0] or report.findings
    assert [(f.mode, f.anomaly) for f in by_order] == [(mode, anomaly)]
    assert all(f.certificate.proven for f in report.findings)


NEVER, HIDDEN = deque([threading.Lock()]), deque([threading.Lock()])
"""Locks where nobody looks for them."""

NEVER[0].acquire()


def waits_for_ever(ctx: Any) -> None:
    if ctx["n"] == 1:
        NEVER[0].acquire()


def spins(ctx: Any) -> None:
    while ctx["n"] == 1:
        pass


@pytest.mark.parametrize("tool", [waits_for_ever, spins])
def test_a_hang_names_its_line_and_the_next_exploration_goes_on(tool: Any) -> None:
    tools = fh.Toolbox({"tool": tool, "increment": increment})
    batch = fh.Batch((fh.Call("tool"), fh.Call("increment")))
    report = fh.explore(batch, tools, fh.World(ctx={"n": 0}), fh.Settings(call_timeout=0.02))
    hang = next(f for f in report.findings if f.mode is fh.Mode.HANG)
    assert f"in {tool.__name__}" in hang.explanation
    assert "test_modes.py:" in hang.explanation
    assert hang.outcome.results["call-2"] == fh.Returned(None)
    assert not report.exhausted
    twice = fh.explore(fh.Batch((fh.Call("increment"),) * 2), tools, fh.World(ctx={"n": 0}))
    assert (twice.executions, twice.exhausted) == (4, True)


def under_a_hidden_lock(ctx: Any) -> None:
    with HIDDEN[0]:
        ctx["n"] = ctx["n"] + 1


def test_a_wait_for_a_lock_that_cannot_be_seen_is_no_hang_but_named() -> None:
    batch = fh.Batch((fh.Call("t"), fh.Call("t")))
    tools = fh.Toolbox({"t": under_a_hidden_lock})
    report = fh.explore(batch, tools, fh.World(ctx={"n": 0}), fh.Settings(call_timeout=0.02))
    assert report.findings == ()
    assert report.verdict is fh.Verdict.INCONCLUSIVE
    assert any(
        "waited outside the harness's control" in r and "under_a_hidden_lock" in r for r in report.reasons
    )
