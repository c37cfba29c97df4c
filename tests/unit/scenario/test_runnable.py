"""Which calls of a recording a lenient scenario leaves out, and what is left of their batches."""

from __future__ import annotations

import fuzzharness as fh
from fuzzharness.scenario.runnable import Missing, left_out, runnable

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
    assert left_out(trace) == {"turn-1": Missing(2), "turn-2": Missing(0, 2)}


def test_sessions_stay_apart_whatever_is_left_out() -> None:
    names = [
        ("a1", GOOD, 0),
        ("b1", BAD, 0),
        ("a2", BAD, 2),
        ("b2", GOOD, 2),
        ("a3", GOOD, 2),
        ("b3", GOOD, 2),
    ]
    trace = fh.Trace(tuple(fh.Batch((call,), name, behind=behind) for name, call, behind in names))
    kept = runnable(trace)
    told = {b.id: [before.id for before in kept.leading_to(n)] for n, b in enumerate(kept.batches)}
    assert told == {"a1": [], "b2": [], "a3": ["a1"], "b3": ["b2"]}
    assert left_out(trace) == {
        "b1": Missing(1),
        "a2": Missing(1),
        "b2": Missing(0, 1),
        "a3": Missing(0, 1),
        "b3": Missing(0, 1),
    }


def test_a_trace_whose_calls_can_all_be_run_is_as_it_was() -> None:
    trace = fh.Trace((fh.Batch((GOOD, GOOD), "turn-1"),))
    assert runnable(trace) == trace
    assert left_out(trace) == {}
