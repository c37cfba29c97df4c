"""An explanation quotes the accesses that matter, and calls what happened by the field's name."""

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import fuzzharness as fh
from fuzzharness.access import Kind
from fuzzharness.oracle.anomaly import Did, Event, circular_flow

BALANCE = sa.text("SELECT balance FROM accounts WHERE id = 1")


def append(line: str, files: Path) -> None:
    with (files / "log.txt").open("a") as file:
        file.write(line)


def overwrite(line: str, files: Path) -> None:
    with (files / "log.txt").open("w") as file:
        file.write(line)


def choose_region(name: str) -> str:
    os.environ["REGION"] = name
    return os.environ["REGION"]


def add_credit(amount: int, db: sa.Engine) -> int:
    with db.begin() as connection:
        balance = int(connection.execute(BALANCE).scalar_one()) + amount
        connection.execute(sa.text("UPDATE accounts SET balance = :new WHERE id = 1"), {"new": balance})
    return balance


def add_at_once(amount: int, db: sa.Engine) -> None:
    with db.begin() as connection:
        statement = sa.text("UPDATE accounts SET balance = balance + :more WHERE id = 1")
        connection.execute(statement, {"more": amount})


def fill(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER)"))
    connection.execute(sa.text("INSERT INTO accounts VALUES (1, 100)"))


def findings(world: fh.World, *calls: tuple[Any, dict[str, Any]]) -> dict[str, fh.Finding]:
    """What is found, by the name of its anomaly."""
    batch = fh.Batch(tuple(fh.Call(tool.__name__, args) for tool, args in calls))
    report = fh.explore(batch, fh.Toolbox({tool.__name__: tool for tool, _ in calls}), world)
    assert report.exhausted
    return {finding.anomaly: finding for finding in report.findings}


def appended(tool: Any, one: str, other: str, start: dict[str, str]) -> str:
    world = fh.World(files=fh.Directory(start))
    return findings(world, (tool, {"line": one}), (tool, {"line": other}))["last-writer-wins"].explanation


def test_of_two_appends_the_text_is_quoted_and_not_the_opening() -> None:
    told = appended(append, "a\n", "b\n", {"log.txt": "start\n"})
    assert r"B append(line='b\n') wrote files['log.txt'] = 'start\nb\n' at " in told
    assert r"Then A append(line='a\n') wrote files['log.txt'] = 'start\nb\na\n' at " in told
    assert "Both are kept, each behind what was there: what differs is the order of the lines." in told
    assert "whoever comes last" not in told


def test_appends_to_a_new_file_and_of_parts_of_a_line() -> None:
    assert "what differs is the order of the lines." in appended(append, "a\n", "b\n", {})
    assert "what differs is the order of the parts." in appended(append, "a", "b", {})


@pytest.mark.parametrize(("one", "other"), [("a\n", "b\n"), ("no", "on"), ("ab", "a"), ("a\nb\n", "b\na\n")])
def test_of_two_overwrites_the_last_decides(one: str, other: str) -> None:
    told = appended(overwrite, one, other, {"log.txt": "start\n"})
    assert f"wrote files['log.txt'] = {other!r} at " in told
    assert f"wrote files['log.txt'] = {one!r} at " in told
    assert "Neither looks at what was there: whoever comes last decides, and here that is A." in told


def test_reading_back_what_a_sibling_put_over_ones_own_is_a_circular_flow() -> None:
    world = fh.World(env=fh.Environment({"REGION": "none"}))
    found = findings(world, (choose_region, {"name": "eu"}), (choose_region, {"name": "us"}))
    assert "unserializable" not in found
    told = found["circular-information-flow"].explanation
    assert "A choose_region(name='eu') wrote env['REGION'] = 'eu' at " in told
    assert "Then B choose_region(name='us') wrote env['REGION'] = 'us' at " in told
    assert "Then A read env['REGION'] as 'us' at " in told
    assert "(in the recorded order it reads 'eu')" in told
    assert "A does not read back what it wrote itself, but what B has put there since." in told


def test_who_has_written_again_reads_back_its_own() -> None:
    def event(step: int, call: int, kind: Kind) -> Event:
        return Event(step, call, "ctx", ("x",), kind)

    mine = [event(0, 0, Kind.WRITE), event(3, 0, Kind.READ)]
    theirs = Did.of(1, [event(1, 1, Kind.WRITE)])
    assert list(circular_flow(Did.of(0, mine), theirs))
    assert not list(circular_flow(Did.of(0, [*mine, event(2, 0, Kind.WRITE)]), theirs))


@pytest.mark.parametrize("late", [True, False])
def test_beside_an_atomic_update_the_read_of_the_value_is_quoted(late: bool) -> None:
    racy, atomic = (add_credit, {"amount": 10}), (add_at_once, {"amount": 20})
    calls = (racy, atomic) if late else (atomic, racy)
    found = findings(fh.World(db=fh.Database("sqlite://", setup=fill)), *calls)
    assert set(found) == {"lost-update", "future-read" if late else "stale-read"}
    told = found["future-read" if late else "stale-read"].explanation
    here, there = (120, 100) if late else (100, 120)
    name = "A" if late else "B"
    assert f"{name} add_credit(amount=10) read db['accounts'][1] as balance {here} at " in told
    assert f"(in the recorded order it reads balance {there})" in told
    assert "looked for" not in told


def test_to_read_back_what_one_wrote_oneself_is_no_use_of_a_siblings_value() -> None:
    world = fh.World(env=fh.Environment({"REGION": ""}))
    found = findings(world, (choose_region, {"name": "eu"}), (choose_region, {"name": "us"}))
    assert set(found) == {"circular-information-flow", "last-writer-wins"}
    assert "whoever comes last decides, and here that is A." in found["last-writer-wins"].explanation
