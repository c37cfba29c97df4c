"""What the report of a batch must say."""

from dataclasses import replace

import pytest

import fuzzharness as fh
from fuzzharness.scenario import Expectation

SEEN = "mode shared-state, anomaly lost-update, calls 2, preemptions 1"


@pytest.fixture(scope="module")
def report():
    def add_credit(account, amount, accounts):
        accounts[account] = accounts[account] + amount

    batch = fh.Batch(tuple(fh.Call("add_credit", {"account": "7", "amount": n}) for n in (10, 20)))
    return fh.explore(batch, fh.Toolbox({"add_credit": add_credit}), fh.World(accounts={"7": 100}))


@pytest.mark.parametrize(
    "expectation",
    [
        Expectation("unsafe"),
        Expectation("unsafe", "shared-state", "lost-update", 2, 1),
        Expectation(anomaly="lost-update"),
    ],
)
def test_expectations_that_hold_say_nothing(report, expectation):
    assert expectation.disappointments(report) == ()


@pytest.mark.parametrize(
    ("expectation", "line"),
    [
        (Expectation(), f"expected no finding, got {SEEN}"),
        (Expectation("safe"), "expected verdict safe, got unsafe"),
        (Expectation("unsafe", "timing"), f"expected a finding with mode timing, got {SEEN}"),
        (
            Expectation(calls=3, preemptions=1),
            f"expected a finding with calls 3, preemptions 1, got {SEEN}",
        ),
    ],
)
def test_each_expectation_that_does_not_hold_is_one_line(report, expectation, line):
    assert expectation.disappointments(report) == (line,)


@pytest.mark.parametrize("expectation", [Expectation(), Expectation("safe"), Expectation(calls=2)])
def test_where_nothing_was_compared_nothing_is_as_expected(report, expectation):
    reasons = ("the tools are not deterministic", "another")
    empty = replace(report, verdict=fh.Verdict.INCONCLUSIVE, executions=0, findings=(), reasons=reasons)
    first, *_ = expectation.disappointments(empty)
    assert first == "nothing was compared: the tools are not deterministic"
    assert Expectation("inconclusive").disappointments(empty) == ()
    assert Expectation().disappointments(replace(empty, executions=1)) == ()


def test_all_that_is_expected_must_hold_of_one_finding(report):
    (finding,) = report.findings
    other = replace(finding, anomaly="write-skew", calls=("a", "b", "c"))
    both = replace(report, findings=(finding, other))
    assert Expectation(anomaly="write-skew", calls=3).disappointments(both) == ()
    assert Expectation(anomaly="write-skew", calls=2).disappointments(both) != ()


def test_a_benign_finding_is_not_the_one_that_was_expected(report):
    benign = replace(report.findings[0], benign=True)
    safe = replace(report, findings=(benign,), verdict=fh.Verdict.SAFE)
    assert Expectation(mode="shared-state").disappointments(safe) != ()
    assert Expectation().disappointments(safe) == ()
