"""Schedules: sparse points and dense orders are the same thing, and tokens carry them whole."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.schedule import Schedule, letter

BATCH = fh.Batch(tuple(fh.Call("t", {"n": n}) for n in range(4)))

orders = st.lists(st.integers(0, 3), min_size=1, max_size=20)


@settings(deadline=None, derandomize=True)
@given(orders, st.data())
def test_any_order_survives_points_and_token(order: list[int], data: Any) -> None:
    waits = frozenset(data.draw(st.sets(st.integers(0, len(order)))))
    stood = sorted(data.draw(st.sets(st.sampled_from(sorted(set(order))))))
    schedule = Schedule.from_order(BATCH.fingerprint, range(4), order, waits, stood)
    assert schedule.order == tuple(order)
    assert Schedule.from_token(schedule.token, BATCH) == schedule


@pytest.mark.parametrize(
    ("order", "digits", "notation", "preemptions", "switches"),
    [
        ([0, 0, 1, 1], "0011", "A-B-", 0, 1),
        ([1, 1, 0, 0], "1100", "B-A-", 0, 1),
        ([0, 1, 1, 0], "0110", "AB-A", 1, 2),
        ([0, 1, 0, 1], "0101", "ABAB", 2, 3),
    ],
)
def test_one_line_says_a_schedule(
    order: list[int], digits: str, notation: str, preemptions: int, switches: int
) -> None:
    schedule = Schedule.from_order(BATCH.fingerprint, range(2), order)
    assert (schedule.digits, schedule.notation) == (digits, notation)
    assert (schedule.preemptions, schedule.switches) == (preemptions, switches)


def test_a_switch_away_from_a_call_that_waits_is_no_preemption() -> None:
    assert Schedule.from_order(BATCH.fingerprint, range(2), [0, 1, 1, 0], frozenset({1})).preemptions == 0


def test_a_switch_away_from_a_call_that_never_ends_is_one() -> None:
    assert Schedule.from_order(BATCH.fingerprint, range(2), [0, 1], stood=(0, 1)).preemptions == 1
    assert Schedule.from_order(BATCH.fingerprint, range(2), [0, 1]).preemptions == 0


TOKEN = Schedule.from_order(BATCH.fingerprint, range(4), [0, 1, 1, 0, 2, 3]).token


@pytest.mark.parametrize("token", ["", "nonsense", "fz9." + TOKEN[4:], "fz1.", None])
def test_another_version_is_refused(token: Any) -> None:
    with pytest.raises(fh.TokenError, match="not a schedule token of this version"):
        Schedule.from_token(token, BATCH)


@pytest.mark.parametrize("token", [TOKEN[:-2], TOKEN[:6] + "AAAA" + TOKEN[10:], "fz1.ä", "fz1.AAAA"])
def test_a_damaged_token_is_refused(token: str) -> None:
    with pytest.raises(fh.TokenError, match="not a whole schedule token"):
        Schedule.from_token(token, BATCH)


def test_the_token_of_another_batch_is_refused() -> None:
    with pytest.raises(fh.TokenError, match="was made for the batch"):
        Schedule.from_token(TOKEN, fh.Batch((fh.Call("t"),)))


def test_the_ids_of_calls_do_not_change_the_batch_a_token_is_for() -> None:
    named = fh.Batch(tuple(fh.Call("t", {"n": n}, f"toolu_{n}") for n in range(4)))
    assert Schedule.from_token(TOKEN, named).order == (0, 1, 1, 0, 2, 3)


def test_calls_have_letters() -> None:
    assert [letter(n) for n in (0, 25, 26, 53)] == ["A", "Z", "A1", "B2"]
