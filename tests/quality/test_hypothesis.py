"""Hypothesis chooses the inputs and the search the interleavings: what is found, and what it shrinks to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, find, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness import strategies
from fuzzharness.schedule import Schedule, Switch

phases = [Phase.generate, Phase.shrink]  # explaining tries larger values last, which find then returns
calm = settings(deadline=None, derandomize=True, database=None, phases=phases, max_examples=300)


def add_credit(account: int, amount: int, accounts: Any) -> str:
    balance = accounts[account]
    accounts[account] = balance + amount
    return "credited"


def get_balance(account: int, accounts: Any) -> int:
    return accounts[account]


def rename(account: int, name: str, names: Any) -> None:
    names[account] = name


def world() -> fh.World:
    return fh.World(accounts={6: 100, 7: 100}, names={})


TOOLS = fh.Toolbox({"add_credit": add_credit, "get_balance": get_balance, "rename": rename})
ACCOUNTS = {"account": st.sampled_from([6, 7])}


def anomalies(batch: fh.Batch, within: fh.World | None = None) -> list[str]:
    report = fh.explore(batch, TOOLS, within or world(), fh.Settings(max_executions=200))
    return [finding.anomaly for finding in report.findings if not finding.benign]


def smallest(batches: st.SearchStrategy[fh.Batch], anomaly: str) -> list[str]:
    batch = find(batches, lambda batch: anomaly in anomalies(batch), settings=calm)
    return [str(call) for call in batch.calls]


def test_a_lost_update_shrinks_to_two_calls_with_the_smallest_amounts_that_differ() -> None:
    batches = strategies.batches(TOOLS, world(), arguments=ACCOUNTS)
    expected = ["add_credit(account=6, amount=0)", "add_credit(account=6, amount=1)"]
    assert smallest(batches, "lost-update") == expected
    assert smallest(batches, "lost-update") == expected, "the same again"


def test_a_stale_read_shrinks_to_a_credit_of_one_and_a_look_at_it() -> None:
    batches = strategies.batches(TOOLS, world(), arguments=ACCOUNTS)
    expected = ["add_credit(account=6, amount=1)", "get_balance(account=6)"]
    assert smallest(batches, "stale-read") == expected


def test_two_renamings_are_drawn_for_one_account_without_being_told_which_there_are() -> None:
    batches = strategies.batches(TOOLS, world(), tools=["rename"])
    expected = ["rename(account=0, name='')", "rename(account=0, name='0')"]
    assert smallest(batches, "last-writer-wins") == expected


def test_one_world_can_be_explored_for_every_example() -> None:
    shared = world()
    batches = strategies.batches(TOOLS, shared, tools=["add_credit"], arguments=ACCOUNTS)
    batch = find(batches, lambda batch: "lost-update" in anomalies(batch, shared), settings=calm)
    assert [call.args["amount"] for call in batch.calls] == [0, 1]


CREDITS = fh.Batch(tuple(fh.Call("add_credit", {"account": 7, "amount": n}) for n in (10, 20)))


def lost(schedule: Schedule, batch: fh.Batch = CREDITS, total: int = 130) -> bool:
    return fh.replay(schedule, batch, TOOLS, world()).outcome.state["accounts"][7] != total


def test_a_schedule_of_the_seed_story_shrinks_to_one_preemption() -> None:
    schedule = find(strategies.schedules(CREDITS), lost, settings=calm)
    assert schedule == Schedule(CREDITS.fingerprint, (0, 1), points=(Switch(0, 1, 1),))
    closed = fh.replay(schedule, CREDITS, TOOLS, world()).schedule
    assert (closed.notation, closed.preemptions, closed.switches) == ("AB-A", 1, 2)


def test_a_needless_third_call_has_no_part_in_the_smallest_schedule() -> None:
    three = fh.Batch((*CREDITS.calls, fh.Call("get_balance", {"account": 7})))
    schedule = find(strategies.schedules(three), lambda s: lost(s, three), settings=calm)
    assert schedule.points == (Switch(0, 1, 1),)


SUITE = """
import fuzzharness as fh
from fuzzharness import strategies
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def add_credit(account: int, amount: int, accounts):
    balance = accounts[account]
    accounts[account] = balance + amount


TOOLS = fh.Toolbox({"add_credit": add_credit})


def world():
    return fh.World(accounts={6: 100, 7: 100})


batches = strategies.batches(TOOLS, world(), arguments={"account": st.sampled_from([6, 7])})
calm = settings(deadline=None, derandomize=True, phases=[Phase.generate, Phase.shrink])


@calm
@given(batch=batches)
def test_no_batch_has_a_race(batch):
    report = fh.explore(batch, TOOLS, world(), fh.Settings(max_executions=300))
    assert report.verdict is not fh.Verdict.UNSAFE, report.findings[0].explanation


@settings(calm, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=batches)
def test_with_the_fixture(fuzz, batch):
    fuzz(batch, TOOLS, world, max_executions=300)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's suite, with this plugin and Hypothesis's and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p fuzzharness -p hypothesispytest")
    pytester.makepyfile(SUITE)
    return pytester


def test_a_users_suite_shows_the_smallest_inputs(suite: pytest.Pytester) -> None:
    result = suite.runpytest_subprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: A add_credit(account=6, amount=0) read accounts*",
            "E *calls=[[]Call(tool='add_credit', args={'account': 6, 'amount': 0}),",
            "E *Call(tool='add_credit', args={'account': 6, 'amount': 1})],",
            "E *RaceFound: the batch is unsafe: shared-state, lost-update: 2 calls, 1 preemption",
            "E *test case: test_with_the_fixture(*",
            "E *Call(tool='add_credit', args={'account': 6, 'amount': 1})],",
            "*A  add_credit(account=6, amount=0)*B  add_credit(account=6, amount=1)*",
        ]
    )
