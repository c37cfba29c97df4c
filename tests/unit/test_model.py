"""Calls, batches and results: how they are named, shown and told apart."""

from typing import Any

import pytest

import fuzzharness as fh
from fuzzharness.model import Unfinished

ADD = fh.Call("add", {"account": 7, "amount": 10}, id="call_A")


def test_a_call_is_shown_as_it_would_be_written() -> None:
    assert str(ADD) == "add(account=7, amount=10)"
    assert str(fh.Call("now")) == "now()"
    assert str(fh.Call("add", None, invalid_args="{oops")) == "add()"


def test_calls_without_arguments_do_not_share_them() -> None:
    assert fh.Call("a").args is not fh.Call("b").args


def test_calls_and_batches_given_as_lists_are_kept_as_tuples() -> None:
    calls: Any = [ADD]
    batches: Any = [fh.Batch(calls)]
    assert fh.Trace(batches) == fh.Trace((fh.Batch((ADD,)),))


def test_a_call_without_an_id_is_labelled_by_its_place() -> None:
    assert fh.Batch((fh.Call("a"), ADD, fh.Call("b", id=""))).labels == ("call-1", "call_A", "call-3")


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (fh.Batch(()), ["the batch has no calls", "Expected at least one call", "leave the empty batch out"]),
        (fh.Batch((), id="turn-3"), ["batch 'turn-3' has no calls"]),
        (fh.Batch((ADD, ADD)), ["more than one call with the id 'call_A'", "Expected", "Rename one of them"]),
        (fh.Batch((fh.Call("a", id="call-2"), fh.Call("b"))), ["more than one call with the id 'call-2'"]),
    ],
    ids=["no calls", "no calls, named", "an id twice", "an id that is the label of another"],
)
def test_a_batch_that_cannot_be_explored_says_why(batch: fh.Batch, says: list[str]) -> None:
    with pytest.raises(fh.BatchError) as caught:
        batch.check()
    assert [part for part in says if part not in str(caught.value)] == []


def test_a_batch_of_calls_with_ids_of_their_own_can_be_explored() -> None:
    fh.Batch((ADD, fh.Call("add"))).check()


BATCH = fh.Batch((ADD, fh.Call("look", {"a": [1, {"b": None}], "c": "x"})))


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    assert BATCH.fingerprint == "714ced71"


@pytest.mark.parametrize(
    "same",
    [
        fh.Batch((fh.Call("add", {"amount": 10, "account": 7}), BATCH.calls[1]), id="other"),
        fh.Batch((fh.Call("add", ADD.args, "x", result=3, error=True), BATCH.calls[1])),
    ],
    ids=["order of arguments and ids", "results"],
)
def test_the_fingerprint_is_of_tools_and_arguments_only(same: fh.Batch) -> None:
    assert same.fingerprint == BATCH.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        fh.Batch(BATCH.calls[::-1]),
        fh.Batch(BATCH.calls[:1]),
        fh.Batch((fh.Call("sub", ADD.args), BATCH.calls[1])),
        fh.Batch((fh.Call("add", {"account": 7, "amount": 11}), BATCH.calls[1])),
        fh.Batch((fh.Call("add", None), BATCH.calls[1])),
    ],
    ids=["order", "number", "tool", "argument", "no arguments"],
)
def test_other_calls_have_another_fingerprint(other: fh.Batch) -> None:
    assert other.fingerprint != BATCH.fingerprint


def test_calls_that_are_taken_out_keep_their_labels_and_all_else() -> None:
    late = fh.Call("c", None, None, "r", True, invalid_args="{")
    taken = fh.Batch((fh.Call("a"), ADD, late), id="turn").take((2, 1))
    assert taken == fh.Batch((fh.Call("c", None, "call-3", "r", True, invalid_args="{"), ADD), id="turn")


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (fh.Returned("x"), "returned 'x'"),
        (fh.Raised("KeyError", "'made'"), "raised KeyError: 'made'"),
        (fh.Raised("StopIteration", ""), "raised StopIteration"),
        (Unfinished("shop.py:3 in wait"), "never came back: shop.py:3 in wait"),
    ],
    ids=["returned", "raised", "raised without text", "unfinished"],
)
def test_a_result_says_how_the_call_ended(result: Any, shown: str) -> None:
    assert str(result) == shown


def test_a_returned_text_is_not_an_exception_of_that_text() -> None:
    assert fh.Returned("KeyError") != fh.Raised("KeyError", "")
