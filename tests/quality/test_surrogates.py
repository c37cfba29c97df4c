"""Ids, UUIDs and order that the world makes itself: what differs in these alone is benign, and is shown."""

import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

import fuzzharness as fh
from fuzzharness.report.jsonl import finding_fields
from fuzzharness.report.markdown import page, section
from fuzzharness.report.terminal import compose, plain

SCHEMA = (
    "create table orders (id integer primary key, what text, status text)",
    "create table lines (id integer primary key, order_id integer references orders, item text)",
    "create table notes (about integer, said text)",
    "create table sessions (token text primary key, owner text unique)",
    "create table leases (id integer primary key, name text unique, expires_at text)",
    "create table users (id integer primary key, name text)",
    "insert into orders values (7, 'coffee', 'sent')",
)


def fill(connection: Connection) -> None:
    for statement in SCHEMA:
        connection.execute(text(statement))


def run(db: Engine, statement: str, **values: Any) -> Any:
    with db.begin() as connection:
        done = connection.execute(text(statement), values)
        return done.scalar() if done.returns_rows else done.lastrowid


Tool = Callable[..., Any]
Calls = list[tuple[Tool, dict[str, Any]]]


def explored(calls: Calls, world: fh.World | None = None, **settings: Any) -> fh.Report:
    tools = fh.Toolbox({tool.__name__: tool for tool, _ in calls})
    batch = fh.Batch(tuple(fh.Call(tool.__name__, args) for tool, args in calls))
    world = world or fh.World(db=fh.Database("sqlite://", setup=fill))
    return fh.explore(batch, tools, world, fh.Settings(**settings))


def shown(report: fh.Report) -> list[list[str]]:
    """The mapping of each finding; a finding that is not benign has none."""
    assert all(finding.benign == bool(finding.mapping) for finding in report.findings)
    return [[str(renamed) for renamed in finding.mapping] for finding in report.findings]


def order(db: Engine, what: str) -> dict[str, Any]:
    return {"id": run(db, "insert into orders (what) values (:what)", what=what), "what": what}


TEA_AND_MILK: Calls = [(order, {"what": "tea"}), (order, {"what": "milk"})]


def test_two_inserts_swap_their_ids() -> None:
    report = explored(TEA_AND_MILK)
    assert report.verdict is fh.Verdict.SAFE
    assert shown(report) == [["db.orders: 8 ↔ 9"]]
    assert report.findings[0].explanation.endswith("the recorded order's: db.orders: 8 ↔ 9.")


def test_every_report_shows_what_is_named_otherwise() -> None:
    report = explored(TEA_AND_MILK)
    (finding,) = report.findings
    assert finding_fields(finding)["mapping"] == [
        {
            "where": "db.orders",
            "what": "id",
            "pairs": [{"baseline": 8, "here": 9}, {"baseline": 9, "here": 8}],
            "text": "db.orders: 8 ↔ 9",
        }
    ]
    command = lambda _: "fuzzharness replay"  # noqa: E731  # any will do
    assert "mapping     db.orders: 8 ↔ 9" in plain(compose(report, ("a batch",), command, 100), 100)
    assert "- mapping: `db.orders: 8 ↔ 9`" in page([section(report, "a batch", command)])


def test_under_strict_order_other_ids_fail() -> None:
    report = explored(TEA_AND_MILK, strict_order=True)
    assert report.verdict is fh.Verdict.UNSAFE
    assert shown(report) == [["db.orders: 8 ↔ 9"]]


def test_children_follow_their_parents_and_may_be_numbered_among_each_other() -> None:
    def buy(db: Engine, what: str) -> str:
        number = run(db, "insert into orders (what) values (:what)", what=what)
        for item in ("first", "second"):
            run(db, "insert into lines (order_id, item) values (:number, :item)", number=number, item=item)
        return f"created order {number}"

    report = explored([(buy, {"what": "tea"}), (buy, {"what": "milk"})])
    assert report.verdict is fh.Verdict.SAFE
    assert len(report.outcomes) > 2
    assert ["db.lines: 1 ↔ 3, 2 ↔ 4", "db.orders: 8 ↔ 9"] in shown(report)


def test_a_child_of_the_other_parent_is_a_difference() -> None:
    def buy(db: Engine, what: str) -> None:
        run(db, "insert into orders (what) values (:what)", what=what)
        run(db, "insert into lines (order_id, item) select max(id), :what from orders", what=what)

    report = explored([(buy, {"what": "tea"}), (buy, {"what": "milk"})])
    assert report.verdict is fh.Verdict.UNSAFE
    assert [] in shown(report)


@pytest.mark.parametrize("form", ["{}", "order {}", '{{"order_id": {}}}'])
def test_a_call_that_reads_back_the_highest_id_may_return_its_siblings(form: str) -> None:
    def order(db: Engine, what: str) -> str:
        run(db, "insert into orders (what) values (:what)", what=what)
        return form.format(run(db, "select max(id) from orders"))

    report = explored([(order, {"what": "tea"}), (order, {"what": "milk"})])
    assert report.verdict is fh.Verdict.UNSAFE
    assert any(not finding.benign and "results.call-1" in finding.explanation for finding in report.findings)


def test_an_id_that_is_swapped_on_its_way_back_is_a_difference() -> None:
    last: dict[str, int] = {}

    def order(db: Engine, what: str, last: dict[str, int]) -> int:
        last["id"] = run(db, "insert into orders (what) values (:what)", what=what)
        return last["id"]

    world = fh.World(db=fh.Database("sqlite://", setup=fill), last=last)
    report = explored([(order, {"what": "tea"}), (order, {"what": "milk"})], world, ignore=("last.id",))
    assert report.verdict is fh.Verdict.UNSAFE


def test_a_number_copied_to_where_no_key_refers_is_a_difference() -> None:
    def ticket(db: Engine, what: str) -> None:
        with db.begin() as connection:
            made = connection.execute(text("insert into orders (what) values (:what)"), {"what": what})
            copy = {"about": made.lastrowid, "said": what}
            connection.execute(text("insert into notes values (:about, :said)"), copy)

    report = explored([(ticket, {"what": "tea"}), (ticket, {"what": "milk"})])
    assert report.verdict is fh.Verdict.UNSAFE
    assert shown(report) == [[]]


@pytest.mark.parametrize("by", ["number", "id", "user"])
def test_a_key_that_a_caller_chose_is_no_surrogate(by: str) -> None:
    def register(db: Engine, name: str, **chosen: int) -> None:
        run(db, "insert into users values (:number, :name)", number=chosen[by], name=name)

    def exchange(db: Engine) -> None:
        with db.begin() as connection:
            (low, high) = connection.execute(text("select min(id), max(id) from users")).one()
            statement = text("update users set name = case id when 1 then 'y' else 'x' end")
            connection.execute(statement if low != high else text("select 1"))

    calls: Calls = [(register, {by: 1, "name": "x"}), (register, {by: 2, "name": "y"}), (exchange, {})]
    report = explored(calls)
    assert set(map(tuple, shown(report))) == {()}


def test_a_number_that_a_caller_gave_for_something_else_is_one() -> None:
    def ordered(db: Engine, order: int, item: str) -> int:
        values = {"number": order, "item": item}
        return int(run(db, "insert into lines (order_id, item) values (:number, :item)", **values))

    report = explored([(ordered, {"order": 1, "item": "x"}), (ordered, {"order": 2, "item": "y"})])
    assert report.verdict is fh.Verdict.SAFE
    assert shown(report) == [["db.lines: 1 ↔ 2"]]


def test_whichever_call_opens_the_session_both_return_its_token() -> None:
    def session(db: Engine, owner: str) -> str:
        with db.begin() as connection:
            values = {"token": str(uuid.uuid4()), "owner": owner}
            connection.execute(text("insert or ignore into sessions values (:token, :owner)"), values)
            return str(connection.execute(text("select token from sessions")).scalar())

    report = explored([(session, {"owner": "me"}), (session, {"owner": "me"})])
    assert report.verdict is fh.Verdict.SAFE
    ((mapping,),) = shown(report)
    assert mapping.startswith("uuid: ")
    assert mapping.endswith(" here")


def test_a_token_that_its_call_has_told_is_no_other_token() -> None:
    def rotate(db: Engine) -> str:
        token = str(uuid.uuid4())
        run(db, "insert or replace into sessions values (:token, 'me')", token=token)
        return token[:8]

    report = explored([(rotate, {}), (rotate, {})])
    assert report.verdict is fh.Verdict.UNSAFE


def test_keys_of_one_generator_are_handed_out_in_any_order() -> None:
    def open_account(ctx: dict[str, Any], owner: str) -> str:
        ctx["drawn"] += 1
        key = str(uuid.UUID(int=random.Random(ctx["drawn"]).getrandbits(128), version=4))
        with fh.atomic():
            ctx["accounts"][key] = {"owner": owner}
        return key

    def one(ctx: dict[str, Any], owner: str) -> str:
        with fh.atomic():
            return open_account(ctx, owner)

    world = fh.World(ctx={"drawn": 0, "accounts": {}})
    report = explored([(one, {"owner": "a"}), (one, {"owner": "b"})], world)
    assert report.verdict is fh.Verdict.SAFE
    ((mapping,),) = shown(report)
    assert " ↔ " in mapping


def test_a_lease_that_ends_at_another_time_is_another_lease() -> None:
    def lease(db: Engine, ends: str) -> None:
        statement = "insert into leases (name, expires_at) values ('x', '2024-01-01T0' || :ends || ':00:00') "
        run(db, statement + "on conflict (name) do update set expires_at = excluded.expires_at", ends=ends)

    report = explored([(lease, {"ends": "1"}), (lease, {"ends": "2"})])
    assert report.verdict is fh.Verdict.UNSAFE


def test_entries_of_a_log_may_stand_among_each_other() -> None:
    def work(ctx: dict[str, Any], who: str) -> None:
        ctx["log"].append({"who": who, "what": "begin"})
        ctx["log"].append({"who": who, "what": "end"})

    report = explored([(work, {"who": "a"}), (work, {"who": "b"})], fh.World(ctx={"log": ["opened"]}))
    assert report.verdict is fh.Verdict.SAFE
    assert len(report.outcomes) == 6
    assert shown(report) == [["ctx.log: entries 2, 3, 4, 5 stand here as 4, 5, 2, 3"]]


def append(files: Path, name: str, entry: dict[str, Any]) -> None:
    with open(files / name, "a") as file:
        file.write(json.dumps(entry) + "\n")


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.py"])
def test_only_lines_of_a_log_file_may_stand_in_another_order(name: str) -> None:
    def note(files: Path, what: str) -> None:
        append(files, name, {"what": what})

    calls: Calls = [(note, {"what": "a"}), (note, {"what": "b"})]
    report = explored(calls, fh.World(files=fh.Directory({name: '{"what": "start"}\n'})))
    if name == "audit.py":
        assert report.verdict is fh.Verdict.UNSAFE
    else:
        assert report.verdict is fh.Verdict.SAFE
        assert shown(report) == [["files.audit.jsonl: lines 2 and 3 in the other order"]]
