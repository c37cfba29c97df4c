"""Which calls of a recording a lenient scenario leaves out, and what is left of their batches."""

from __future__ import annotations

import fuzzharness as fh
from fuzzharness.scenario.runnable import left_out, runnable

GOOD = fh.Call("add", {"v": 1})
BAD = fh.Call("add", None, invalid_args="")


def test_the_other_calls_keep_their_labels_results_and_place() -> None:
    batch = fh.Batch((BAD, GOOD, fh.Call("add", {"v": 2}, "b", "2")), "turn-1", before=True)
    (kept,) = runnable(fh.Trace((batch,), "openai-chat", 3)).batches
    assert (kept.id, kept.labels, kept.before) == ("turn-1", ("call-2", "b"), True)
    assert [call.result for call in kept.calls] == [None, "2"]


def test_a_batch_that_has_no_call_left_is_left_out() -> None:
    trace = fh.Trace((fh.Batch((BAD, BAD), "turn-1"), fh.Batch((GOOD,), "turn-2")))
    assert [batch.id for batch in runnable(trace).batches] == ["turn-2"]
    assert left_out(trace) == {"turn-1": 2}


def test_a_trace_whose_calls_can_all_be_run_is_as_it_was() -> None:
    trace = fh.Trace((fh.Batch((GOOD, GOOD), "turn-1"),))
    assert runnable(trace) == trace
    assert left_out(trace) == {}
