"""Mutations: which batches are made of a recorded one, in which order, and what they are called."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.mutation import mutation

CALLS = (
    fh.Call("withdraw", {"account": 6, "amount": 10}, "a", result="ok"),
    fh.Call("deposit", {"account": 7, "amount": 20}, "b", result="ok"),
    fh.Call("get_balance", {"account": 7}, "c", error=True),
)
BATCH = fh.Batch(CALLS, "turn-1")


def all_of(batch: fh.Batch, seed: int = 0) -> tuple[fh.Batch, ...]:
    return fh.mutations(batch, 100_000, seed)


def texts(batch: fh.Batch) -> list[str]:
    return [str(call) for call in batch.calls]


def sign(batch: fh.Batch) -> list[str]:
    return sorted(json.dumps([call.tool, call.args], sort_keys=True) for call in batch.calls)


def kind(batch: fh.Batch) -> str:
    return (batch.id or "").rpartition("~")[2].rpartition("-")[0]


def with_one_change(batch: fh.Batch) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for made in all_of(batch):
        if "+" not in kind(made):
            found.setdefault(kind(made), []).append(texts(made))
    return {kind: sorted(made) for kind, made in found.items()}


def test_a_call_is_left_out_or_repeated_or_exchanges_an_argument_with_another() -> None:
    a, b, c = texts(BATCH)
    assert with_one_change(BATCH) == {
        "drop": sorted([[b, c], [a, c], [a, b]]),
        "duplicate": sorted([[a, a, b, c], [a, b, b, c], [a, b, c, c]]),
        "swap": sorted(
            [
                ["withdraw(account=7, amount=10)", "deposit(account=6, amount=20)", c],
                ["withdraw(account=6, amount=20)", "deposit(account=7, amount=10)", c],
                ["withdraw(account=7, amount=10)", b, "get_balance(account=6)"],
            ]
        ),
    }


def test_two_calls_stay_two_and_a_single_one_is_repeated() -> None:
    assert all(len(made.calls) > 1 for made in all_of(fh.Batch(CALLS[:2])))
    assert [texts(made) for made in fh.mutations(fh.Batch(CALLS[:1]), 1)] == [texts(BATCH)[:1] * 2]


def test_values_of_two_types_are_not_exchanged() -> None:
    calls = (fh.Call("find", {"id": 7}), fh.Call("book", {"id": "12A"}))
    assert "swap" not in with_one_change(fh.Batch(calls))


def test_a_call_whose_arguments_are_no_object_is_only_dropped_or_repeated() -> None:
    broken = fh.Call("deposit", None, "d", invalid_args="{")
    made = with_one_change(fh.Batch((*CALLS[:2], broken)))
    assert len(made["swap"]) == 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_two_have_the_same_calls_nor_those_of_the_recording_in_any_order(seed: int) -> None:
    signs = [tuple(sign(made)) for made in (BATCH, *all_of(BATCH, seed))]
    assert len(set(signs)) == len(signs) > 100


def test_one_change_comes_before_two_and_the_kinds_in_turn() -> None:
    made = [kind(each) for each in fh.mutations(BATCH, 20)]
    assert [each.count("+") for each in made] == sorted(each.count("+") for each in made)
    assert all(sorted(made[n : n + 3]) == ["drop", "duplicate", "swap"] for n in (0, 3, 6))


def test_the_name_says_how_it_was_made_and_its_number() -> None:
    names = [made.id for made in fh.mutations(BATCH, 12)]
    assert all(name.startswith("turn-1~") and name.endswith(f"-{n}") for n, name in enumerate(names, 1))
    assert "+" in names[-1]


def test_ids_are_kept_and_a_repeated_call_gets_one_of_its_own() -> None:
    for made in all_of(BATCH):
        made.check()
        assert all(call.id.partition("~")[0] in "abc" for call in made.calls)
    without = fh.Batch(tuple(fh.Call(c.tool, c.args) for c in CALLS))
    for made in all_of(without):
        made.check()


def test_what_was_recorded_of_results_is_left_out() -> None:
    assert all(call.result is None and not call.error for made in all_of(BATCH) for call in made.calls)


def test_the_same_seed_makes_the_same_ones_however_many_are_asked_for() -> None:
    assert fh.mutations(BATCH, 20, 5)[:7] == fh.mutations(BATCH, 7, 5)
    assert fh.mutations(BATCH, 7, 5) != fh.mutations(BATCH, 7, 6)


def test_one_is_found_again_by_its_name_and_seed() -> None:
    for made in fh.mutations(BATCH, 15, 3):
        assert mutation(BATCH, str(made.id), 3) == made


@pytest.mark.parametrize(
    "name", ["turn-1~swap-0", "turn-1~swap-x", "turn-1~swap-99999", "turn-2~swap-1", "swap"]
)
def test_a_name_that_none_bears_is_none(name: str) -> None:
    assert mutation(BATCH, name) is None


def test_there_are_finitely_many() -> None:
    one = fh.Batch((fh.Call("read"),), "turn-1")
    assert [made.id for made in fh.mutations(one, 10)] == [
        "turn-1~duplicate-1",
        "turn-1~duplicate+duplicate-2",
    ]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(fh.SettingsError, match="-1 mutations were asked for"):
        fh.mutations(BATCH, -1)
    with pytest.raises(fh.BatchError):
        fh.mutations(fh.Batch(()), 1)


ARGS = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2) | st.text(max_size=1) | st.lists(st.none()))


@settings(deadline=None, derandomize=True, database=None, max_examples=50)
@given(st.lists(st.builds(fh.Call, st.sampled_from(["f", "g"]), ARGS), min_size=1, max_size=4), st.integers())
def test_of_any_batch_each_mutant_is_another_and_fits_the_same_tools(calls: list[Any], seed: int) -> None:
    batch = fh.Batch(tuple(calls), "turn-1")
    shapes = {(call.tool, frozenset(call.args)) for call in calls}
    made = fh.mutations(batch, 25, seed)
    assert len({tuple(sign(each)) for each in (batch, *made)}) == len(made) + 1
    for each in made:
        each.check()
        assert {(call.tool, frozenset(call.args or ())) for call in each.calls} <= shapes
