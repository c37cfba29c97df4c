"""The event stream: its kinds, its fields, and that everything fits into JSON."""

import datetime
import decimal
import json
from dataclasses import replace

import pytest

from fuzzharness.access import ANY, MISSING, Place
from fuzzharness.events import (
    BaselineReached,
    Finished,
    Found,
    OutcomeReached,
    Progressed,
    SerialProgressed,
    Started,
)
from fuzzharness.finding import Change, Comparison, Deviation, Escape, Fidelity, Match, Renamed
from fuzzharness.model import Outcome, Raised, Returned, Unfinished
from fuzzharness.report.jsonl import kind, line, outcome_fields, safe
from fuzzharness.settings import Settings

HEAD = {"schema", "kind", "source"}
FIELDS = {
    "started": {"batch", "settings"},
    "baseline-reached": {"orders", "endings", "outcome"},
    "serial-progressed": {"calls", "orders", "limit"},
    "progressed": {"executions", "limit", "endings"},
    "outcome-reached": {"execution", "token", "outcome"},
    "found": {"finding"},
    "finished": {"report"},
}
FINDING = {
    *("mode", "anomaly", "benign", "fingerprint", "calls", "schedule", "certificate", "diff", "explanation"),
    *("mapping", "outcome", "execution", "baseline"),
}


@pytest.fixture
def events(report, finding):
    return [
        Started(report.batch, Settings()),
        BaselineReached(report.baseline, 2, 1),
        Progressed(100, 5000, 2),
        OutcomeReached(finding.outcome, 3, finding.schedule.token),
        Found(finding),
        Finished(report),
        SerialProgressed(6, 10, 720),
    ]


def read(event, source="x.scenario.toml::turn-1"):
    return json.loads(line(event, source))


def test_every_kind_of_event_has_exactly_its_fields(events):
    assert {kind(event) for event in events} == set(FIELDS)
    for event in events:
        fields = read(event)
        assert fields["schema"] == 1
        assert set(fields) == HEAD | FIELDS[fields["kind"]]


def test_a_finding_is_whole(events):
    fields = read(events[4])["finding"]
    assert set(fields) == FINDING
    assert fields["schedule"]["digits"] == "0110"
    assert fields["diff"] == [{"path": ["db", "accounts", 7, "balance"], "baseline": 130, "here": 110}]
    assert fields["execution"]["steps"][0] == {
        "call": "call_A",
        "accesses": [
            {
                "resource": "db",
                "key": ["accounts", 7, "balance"],
                "kind": "read",
                "value": 100,
                "file": "tools.py",
                "line": 12,
                "function": "add_credit",
            }
        ],
    }


def test_an_event_is_one_line_and_the_same_one_every_time(events):
    for event in events:
        assert "\n" not in line(event, "x")
        assert line(event, "x") == line(event, "x")


def test_a_place_where_there_is_nothing_is_left_out_and_null_stays_null(finding):
    changed = replace(finding, diff=(Change(("a",), MISSING, None), Change(("b",), None, MISSING)))
    assert read(Found(changed))["finding"]["diff"] == [
        {"path": ["a"], "here": None},
        {"path": ["b"], "baseline": None},
    ]


def test_a_call_ends_in_exactly_one_way():
    results = {"a": Returned(None), "b": Raised("KeyError", "'x'"), "c": Unfinished("tools.py:9")}
    assert outcome_fields(Outcome({}, results))["results"] == {
        "a": {"returned": None},
        "b": {"raised": {"type": "KeyError", "message": "'x'"}},
        "c": {"unfinished": "tools.py:9"},
    }


def test_folders_of_this_machine_are_left_out(report):
    escape = Escape("opened a file", "tool", Place("/home/ada/shop/tools.py", 3, "tool"))
    fields = read(Finished(replace(report, escapes=(escape,))))["report"]
    assert fields["escapes"] == [
        {"what": "opened a file", "tool": "tool", "file": "tools.py", "line": 3, "function": "tool"}
    ]


class Odd:
    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __repr__


class Plain:
    pass


CYCLE: list = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({1: "a", "b": 2}, {"1": "a", "b": 2}),
        ({1: "a", "1": "b"}, {"1": "a", "'1'": "b"}),
        ({("x", 1): 2}, {"['x', 1]": 2}),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ({3, 1, 2}, [1, 2, 3]),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (b"\xffabc", "\\xffabc"),
        (decimal.Decimal("1.10"), "1.10"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        ("\ud800", "\\ud800"),
        (ANY, "*"),
        (True, True),
        (10**30, 10**30),
    ],
)
def test_every_value_has_a_form_in_json(value, expected):
    assert json.loads(json.dumps(safe(value), allow_nan=False)) == expected


@pytest.mark.parametrize("value", [Odd(), Plain(), CYCLE, object])
def test_no_value_is_refused_and_none_shows_an_address(value):
    assert "0x" not in json.dumps(safe(value), allow_nan=False)


def test_an_unknown_event_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="no schema"):
        line(object(), "x")


def test_the_report_says_call_by_call_how_far_the_replay_is_as_recorded(report):
    renamed = Renamed("db.orders", "id", ((101, 8),))
    calls = (
        Comparison("call_A", "add", Match.RENAMED, mapping=(renamed,)),
        Comparison("call_B", "add", Match.DIFFERS, (Deviation(("left",), MISSING, None),)),
    )
    fields = read(Finished(replace(report, fidelity=Fidelity(calls))))["report"]["fidelity"]
    mapped = {"where": "db.orders", "what": "id", "pairs": [{"recorded": 101, "replayed": 8}]}
    assert fields == {
        "rate": 0.5,
        "compared": 2,
        "same": 1,
        "calls": [
            {
                "call": "call_A",
                "match": "same up to generated values",
                "deviations": [],
                "mapping": [{**mapped, "text": "db.orders: 101 is 8 here"}],
            },
            {
                "call": "call_B",
                "match": "differs",
                "deviations": [{"path": ["left"], "replayed": None}],
                "mapping": [],
            },
        ],
    }


def test_a_rate_of_nothing_is_null(report):
    assert read(Finished(report))["report"]["fidelity"] == {
        "rate": None,
        "compared": 0,
        "same": 0,
        "calls": [],
    }
