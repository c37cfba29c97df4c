"""Formats of spans: whatever order, however often, wherever results stand, the batches are the same."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Trace
from fuzzharness.traces import assembly, load_trace
from tests.unit.traces.spans import SAMPLES, SPANS, chat, export, lines, ran, records, span

Load = Callable[..., Trace]

ARGUMENTS = "gen_ai.tool.call.arguments"

every_format = pytest.mark.parametrize("sample", SPANS)


def labels(trace: Trace) -> list[tuple[str, ...]]:
    return [batch.labels for batch in trace.batches]


def results(trace: Trace) -> list[list[Any]]:
    return [[call.result for call in batch.calls] for batch in trace.batches]


def runs_a_tool(record: Any) -> bool:
    text = json.dumps(record)
    marks = ("execute_tool ", '"run_type": "tool"', '"stringValue": "TOOL"', '"type": "TOOL"')
    return any(mark in text for mark in marks)


@every_format
@pytest.mark.parametrize("seed", range(5))
def test_order_of_spans_in_the_file_does_not_matter(sample: str, seed: int, load: Load) -> None:
    shuffled = records(sample)
    random.Random(seed).shuffle(shuffled)
    assert load(lines(shuffled)) == load_trace(SAMPLES / sample)


@every_format
def test_duplicated_export_is_read_once(sample: str, load: Load) -> None:
    assert load(lines(records(sample) * 2)) == load_trace(SAMPLES / sample)


@every_format
def test_spans_of_two_traces_make_the_batches_of_each(sample: str, load: Load) -> None:
    other = json.loads(lines_of_another_trace(sample))
    together = load(lines([*other, *records(sample)]))
    once = load_trace(SAMPLES / sample)
    assert results(together) == results(once) * 2
    assert [len(batch.calls) for batch in together.batches] == [2, 1, 3] * 2


def lines_of_another_trace(sample: str) -> str:
    """The sample once more, as another session with calls of its own."""
    text = json.dumps(records(sample))
    for key in ("traceId", "trace_id"):
        for record in records(sample):
            found = record.get(key) or (
                record["resourceSpans"][0]["scopeSpans"][0]["spans"][0].get(key)
                if "resourceSpans" in record
                else None
            )
            if isinstance(found, str):
                text = text.replace(found, f"other{found[5:]}")
    return re.sub(r"call_(?=[0-9a-f]{6})", "CALL_", text)


@pytest.mark.parametrize("sample", [name for name in SPANS if not name.startswith("openai-agents")])
def test_batches_stand_without_the_spans_that_ran_the_calls(sample: str, load: Load) -> None:
    left = [record for record in records(sample) if not runs_a_tool(record)]
    assert len(left) < len(records(sample))
    trace = load(lines(left))
    assert labels(trace) == labels(load_trace(SAMPLES / sample))
    assert all(call.started_at is None for batch in trace.batches for call in batch.calls)
    assert "C-1815" in str(results(trace)[2][0])


@every_format
def test_lenient_reading_counts_broken_spans(sample: str, load: Load) -> None:
    broken = [*records(sample), broken_of(records(sample)[0])]
    trace = load(lines(broken), lenient=True)
    assert (trace.skipped, trace.batches) == (1, load_trace(SAMPLES / sample).batches)


def broken_of(record: Any) -> Any:
    text = json.dumps(record)
    for key in ("spanId", "run_type", "traceId", "trace_id"):
        if f'"{key}": "' in text:
            return json.loads(text.replace(f'"{key}": "', f'"{key}": 5, "was": "', 1))
    raise AssertionError(record)


def test_calls_come_in_the_order_of_the_message_not_of_running(load: Load) -> None:
    asked = chat("m", 0, ("a", "add", {}), ("b", "add", {}))
    trace = load(export(ran("1", 20, "b"), ran("2", 30, "a"), asked))
    assert labels(trace) == [("a", "b")]
    assert trace.batches[0].calls[0].started_at > trace.batches[0].calls[1].started_at  # type: ignore[operator]


def test_results_may_stand_in_another_trace(load: Load) -> None:
    asked = chat("m", 0, ("a", "add", {"v": 1}), traceId="t0")
    done = ran("1", 20, "a", given={"gen_ai.tool.call.result": "1"})
    assert load(export(done, asked)).batches[0].calls[0].result == "1"


def test_history_in_another_trace_brings_results_and_no_second_batch(load: Load) -> None:
    told = [
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "a", "name": "add", "arguments": {}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "a", "response": {"v": 1}}]},
    ]
    later = chat("n", 50, traceId="t2", given={"gen_ai.input.messages": json.dumps(told)})
    trace = load(export(later, chat("m", 0, ("a", "add", {}))))
    assert (labels(trace), results(trace)) == ([("a",)], [[{"v": 1}]])


def test_message_that_only_history_has_is_a_batch(load: Load) -> None:
    asked = [{"type": "tool_call", "id": id, "name": "add", "arguments": {}} for id in "ab"]
    told = json.dumps([{"role": "assistant", "parts": asked}])
    later = [chat(str(n), n, given={"gen_ai.input.messages": told}) for n in range(3)]
    assert labels(load(export(*later))) == [("a", "b")]


def test_same_ids_in_two_traces_are_two_batches_with_results_of_their_own(load: Load) -> None:
    several = []
    for trace in ("t1", "t2"):
        several.append(chat("m", 0, ("a", "add", {}), traceId=trace))
        several.append(ran("r", 20, "a", traceId=trace, given={"gen_ai.tool.call.result": trace}))
    assert results(load(export(*several))) == [["t1"], ["t2"]]


def test_sub_agents_calls_are_batches_of_their_own(load: Load) -> None:
    spans = [
        chat("m1", 0, ("a", "research", {}), ("b", "research", {})),
        ran("r1", 20, "a", "research"),
        ran("r2", 20, "b", "research"),
        chat("m2", 21, ("c", "fetch", {}), parent="r1"),
        chat("m3", 21, ("d", "fetch", {}), ("e", "fetch", {}), parent="r2"),
        ran("r3", 22, "c", "fetch", parent="r1"),
    ]
    assert labels(load(export(*spans))) == [("a", "b"), ("c",), ("d", "e")]


def test_without_messages_runs_between_two_models_are_a_batch(load: Load) -> None:
    spans = [chat("m1", 0), ran("r1", 20, "a"), ran("r2", 90, "b"), chat("m2", 150), ran("r3", 170, "c")]
    assert labels(load(export(*spans[::-1]))) == [("a", "b"), ("c",)]


def test_without_messages_runs_of_sub_agents_stay_apart(load: Load) -> None:
    spans = [
        chat("m1", 0),
        ran("r1", 20, "a"),
        ran("r2", 60, "b"),
        chat("m2", 21, parent="r1"),
        ran("r3", 32, "c", parent="r1"),
    ]
    assert labels(load(export(*spans))) == [("a", "b"), ("c",)]


def test_without_any_model_runs_under_way_together_are_a_batch(load: Load) -> None:
    spans = [ran("r1", 20, "a"), ran("r2", 25, "b"), ran("r3", 40, "c")]
    assert labels(load(export(*spans))) == [("a", "b"), ("c",)]


def test_what_a_call_runs_itself_is_no_call_of_a_message(load: Load) -> None:
    spans = [chat("m", 0, ("a", "add", {})), ran("r1", 20, "a"), ran("r2", 21, None, "sum", parent="r1")]
    assert labels(load(export(*spans))) == [("a",)]


def test_a_run_inside_a_run_of_the_same_call_is_the_same_call(load: Load) -> None:
    outer = ran("r1", 20, "a", given={"gen_ai.tool.call.result": "outer"})
    inner = ran("r2", 21, "a", given={"gen_ai.tool.call.result": "inner"}, parent="r1")
    assert results(load(export(inner, outer, chat("m", 0, ("a", "add", {}))))) == [["outer"]]


def test_runs_that_name_no_id_are_joined_by_tool_and_arguments(load: Load) -> None:
    asked = chat("m", 0, ("a", "add", {"v": 1}), ("b", "add", {"v": 2}))
    done = [
        ran(
            f"r{v}",
            20 + v,
            None,
            given={ARGUMENTS: {"v": v}, "gen_ai.tool.call.result": v},
        )
        for v in (2, 1)
    ]
    assert results(load(export(asked, *done))) == [[1, 2]]


def test_parents_in_a_circle_end(load: Load) -> None:
    spans = [ran("r1", 0, "a", parent="x"), span("x", 0, "y"), span("y", 0, "x")]
    assert labels(load(export(*spans))) == [("a",)]


def test_traces_are_let_go_when_nothing_was_heard_of_them_for_long(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "WINDOW", 3)
    several = [session for n in range(6) for session in a_session(f"t{n}", n)]
    trace = load(lines([*map(export, several), export(several[1])]))
    assert labels(trace) == [(f"t{n}a", f"t{n}b") for n in range(6)]
    assert results(trace) == [[1, 2]] * 6


def test_span_far_behind_its_trace_is_refused_unless_it_only_repeats(
    load: Load, refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "WINDOW", 3)
    several = [export(session) for n in range(6) for session in a_session(f"t{n}", n)]
    late = export(ran("late", 70, "late", traceId="t0"))
    assert "Sort the recording by trace" in refusal(lines([*several, late]))
    assert load(lines([*several, late]), lenient=True).skipped == 1


def a_session(trace: str, at: int) -> list[dict[str, Any]]:
    ids = [f"{trace}a", f"{trace}b"]
    runs = [
        ran(f"r{n}", at * 100 + n, id, traceId=trace, given={"gen_ai.tool.call.result": n})
        for n, id in enumerate(ids, 1)
    ]
    asked = chat("m", at * 100, *((id, "add", {}) for id in ids), traceId=trace)
    return [asked, *runs, span("root", at * 100, None, traceId=trace)]


@pytest.mark.parametrize("step", [1, -1])
def test_ids_that_count_anew_in_each_message_name_the_calls_of_the_latest(step: int, load: Load) -> None:
    spans = [
        chat("m1", 0, ("call_0", "add", {"v": 1})),
        ran("r1", 20, "call_0", given={"gen_ai.tool.call.result": 1}),
        chat("m2", 50, ("call_0", "add", {"v": 2})),
        ran("r2", 70, "call_0", given={"gen_ai.tool.call.result": 2}),
    ]
    assert results(load(export(*spans[::step]))) == [[1], [2]]


@pytest.mark.parametrize("step", [1, -1])
def test_messages_alike_whose_ids_count_anew_are_as_many_as_were_put_out(step: int, load: Load) -> None:
    asked = ("call_0", "add", {"v": 1})
    spans = [
        chat("around", 0, asked, endTimeUnixNano="90000000"),
        chat("m1", 5, asked),
        ran("r1", 20, "call_0", given={"gen_ai.tool.call.result": 1}),
        chat("m2", 50, asked),
        ran("r2", 70, "call_0", given={"gen_ai.tool.call.result": 1}),
    ]
    assert results(load(export(*spans[::step]))) == [[1], [1]]


def test_message_that_a_proxy_tells_in_a_trace_of_its_own_is_read_once(load: Load) -> None:
    asked = ("a", "add", {"v": 1})
    spans = [chat("p", 1, asked, traceId="t0"), chat("m", 0, asked), ran("r", 20, "a")]
    assert labels(load(export(*spans))) == [("a",)]
    other = chat("p", 1, ("a", "add", {"v": 2}), traceId="t0")
    assert labels(load(export(other, *spans[1:]))) == [("a",), ("a",)]
