"""fuzzharness' own recordings: what is written is read again, and what is malformed is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import fuzzharness
from fuzzharness import Batch, Call, Trace
from fuzzharness.literal import described
from fuzzharness.traces import load_trace, native_lines

Load = Callable[..., Trace]
Refusal = Callable[..., str]

SCHEMA = Path(fuzzharness.__file__).parent / "traces" / "native.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))

HEADER = '{"fuzzharness": "recording", "version": 1}\n'
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

texts = st.text(st.characters(codec=None), max_size=8)
names = st.text(st.characters(codec=None), min_size=1, max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
times = st.none() | st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC))


@st.composite
def calls(draw: st.DrawFn, id: str | None) -> Call:
    args = draw(st.none() | st.dictionaries(texts, values, max_size=3))
    return Call(
        draw(names),
        args,
        id,
        draw(values),
        draw(st.booleans()),
        draw(times),
        draw(times),
        draw(texts) if args is None else None,
        draw(st.booleans()),
    )


@st.composite
def batches(draw: st.DrawFn, id: str) -> Batch:
    ids = draw(st.lists(st.none() | names, min_size=1, max_size=4))
    batch = Batch(tuple(draw(calls(call)) for call in ids), id)
    return batch if len(set(batch.labels)) == len(ids) else Batch(batch.calls[:1], id)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    ids = draw(st.lists(names, unique=True, max_size=4))
    return Trace(tuple(draw(batches(id)) for id in ids), "fuzzharness")


def line_by_line(batch: Batch) -> list[str]:
    """A batch as a recorder writes it whose runner did not say beforehand what it would call."""
    id = batch.id or ""
    lines = [native_lines.opened(id, ())]
    for label, call in zip(batch.labels, batch.calls, strict=True):
        lines.append(
            native_lines.called(id, Call(call.tool, call.args, label, invalid_args=call.invalid_args))
        )
    for label, call in reversed(list(zip(batch.labels, batch.calls, strict=True))):
        lines.append(
            native_lines.ended(id, Call("", None, label, call.result, call.error, opaque=call.opaque))
        )
    return [*lines, native_lines.closed(id)]


def written(path: Path, lines: list[str]) -> Trace:
    path.write_text(native_lines.header() + "".join(lines), encoding="utf-8")
    return load_trace(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("native") / "session.jsonl"


@settings(deadline=None)
@given(trace=traces())
def test_any_trace_is_read_as_it_was_written(path: Path, trace: Trace) -> None:
    assert written(path, [native_lines.whole(batch, batch.id or "") for batch in trace.batches]) == trace


@pytest.mark.long
@settings(deadline=None)
@given(trace=traces())
def test_a_batch_written_as_it_happens_reads_as_one_written_whole(path: Path, trace: Trace) -> None:
    read = written(path, [line for batch in trace.batches for line in line_by_line(batch)])
    assert [batch.id for batch in read.batches] == [batch.id for batch in trace.batches]
    for found, batch in zip(read.batches, trace.batches, strict=True):
        assert found.labels == batch.labels
        for one, other in zip(found.calls, batch.calls, strict=True):
            assert (one.tool, one.args, one.invalid_args) == (other.tool, other.args, other.invalid_args)
            assert (one.result, one.error, one.opaque) == (other.result, other.error, other.opaque)


@pytest.mark.long
@settings(deadline=None)
@given(trace=traces())
def test_every_line_is_as_the_schema_says(trace: Trace) -> None:
    whole = [native_lines.whole(b, b.id or "", {"file": "a.json", "batch": "turn-1"}) for b in trace.batches]
    apart = [line for batch in trace.batches for line in line_by_line(batch)]
    start = native_lines.started("turn-1", "a", NOON)
    for line in [native_lines.header(), *whole, *apart, start]:
        VALIDATOR.validate(json.loads(line))


def lines(*records: Any) -> str:
    return HEADER + "".join(json.dumps(record) + "\n" for record in records)


def call(id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"tool": "add", "args": {}, **({"id": id} if id else {}), **more}


def test_a_recording_that_breaks_off_has_all_but_the_answer_in_flight(load: Load) -> None:
    trace = load(
        lines(
            {"open": "turn-1", "calls": [call("a"), call("b")]},
            {"start": "a", "of": "turn-1", "started_at": NOON.isoformat()},
            {"start": "b", "of": "turn-1", "started_at": NOON.isoformat()},
            {"end": "b", "of": "turn-1", "result": 5, "ended_at": NOON.isoformat()},
        )
    )
    a, b = trace.batches[0].calls
    assert (a.started_at, a.result, a.ended_at) == (NOON, None, None)
    assert (b.started_at, b.result, b.ended_at) == (NOON, 5, NOON)


def test_batches_that_are_open_at_once_stand_in_the_order_they_were_opened(load: Load) -> None:
    trace = load(
        lines(
            {"open": "x", "calls": []},
            {"open": "y", "calls": [call("a")]},
            {"call": call("a"), "of": "x"},
            {"end": "a", "of": "y", "result": 2},
            {"close": "y"},
            {"end": "a", "of": "x", "result": 1},
            {"batch": "z", "calls": [call()]},
        )
    )
    assert [batch.id for batch in trace.batches] == ["x", "y", "z"]
    assert [batch.calls[0].result for batch in trace.batches] == [1, 2, None]


def test_another_header_ends_what_was_open_and_ids_may_come_again(load: Load) -> None:
    session = lines({"open": "turn-1", "calls": [call("a")]})
    assert [batch.id for batch in load(session + session).batches] == ["turn-1", "turn-2"]
    assert [batch.id for batch in load(lines({"batch": "b", "calls": [call()]}) * 3).batches] == [
        "b",
        "turn-2",
        "turn-3",
    ]


def test_a_batch_without_calls_is_none(load: Load) -> None:
    assert load(lines({"open": "turn-1", "calls": []}, {"close": "turn-1"})).batches == ()


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("version", [2, 0, "1", None, True])
def test_another_version_is_refused(version: Any, lenient: bool, refusal: Refusal) -> None:
    message = refusal(
        json.dumps({"fuzzharness": "recording", "version": version}) + "\n{}\n", lenient=lenient
    )
    assert "line 1, $.version" in message
    assert "Expected version 1 of fuzzharness' recordings" in message
    assert "install a newer one" in message


OPEN = {"open": "x", "calls": []}
MALFORMED: dict[str, tuple[list[Any], str]] = {
    "a batch that is not open": ([{"end": "a", "of": "turn-1"}], "line 2, $.of"),
    "a batch that was closed": ([OPEN, {"close": "x"}, {"close": "x"}], "line 4, $.close"),
    "a call that is not there": ([OPEN, {"end": "a", "of": "x"}], "line 3, $.end"),
    "a call that ends twice": (
        [{"open": "x", "calls": [call("a")]}, {"end": "a", "of": "x"}, {"end": "a", "of": "x"}],
        "line 4, $.end",
    ),
    "two calls of one id": ([{"batch": "x", "calls": [call("a"), call("a")]}], "line 2, $.calls[1].id"),
    "two batches of one id at once": ([OPEN, OPEN], "line 3, $.open"),
    "no tool": ([{"batch": "x", "calls": [{"args": {}}]}], "line 2, $.calls[0].tool"),
    "no arguments": ([{"batch": "x", "calls": [{"tool": "add"}]}], "line 2, $.calls[0].args"),
    "no id of a later call": ([OPEN, {"call": call(), "of": "x"}], "line 3, $.call.id"),
    "no line we know": ([{"comment": "x"}], "line 2, $"),
    "no object": ([5], "line 2, $"),
    "no time": ([{"batch": "x", "calls": [call(started_at="soon")]}], "line 2, $.calls[0].started_at"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_line_is_refused_where_it_stands_or_left_out(
    what: str, load: Load, refusal: Refusal
) -> None:
    records, where = MALFORMED[what]
    assert where in refusal(lines(*records))
    rest = {"batch": "rest", "calls": [call()]}
    trace = load(lines(*records, rest), lenient=True)
    assert trace.batches[-1].id == "rest"
    assert trace.skipped == 1


def test_a_forced_format_still_needs_the_header(refusal: Refusal) -> None:
    content = json.dumps({"batch": "x", "calls": []})
    assert 'Expected the line {"fuzzharness": "recording"' in refusal(content, format="fuzzharness")


def str_of(value: Any) -> str:
    return ascii(value)[:20]


@pytest.mark.parametrize(
    "value",
    [None, True, 7, -1.5, "x", [], {}, [1, (2, 3)], {"a": {"b": [None]}}, 10**3990, "\ud800"],
    ids=str_of,
)
def test_what_is_json_is_recordable(value: Any) -> None:
    assert native_lines.recordable(value)
    call = Call("add", {}, result=value)
    (line,) = native_lines.whole(Batch((call,)), "x").splitlines()
    assert json.loads(line)["calls"][0].get("result") == json.loads(json.dumps(value))


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    "value",
    [{1: 2}, float("nan"), float("inf"), b"x", {1, 2}, object(), NOON, 10**4400, nested(90), {"a": {1: 2}}],
    ids=lambda value: "wide" if type(value) is int else repr(value)[:20],
)
def test_what_is_not_json_is_not_recordable_and_yet_has_a_text(value: Any) -> None:
    assert not native_lines.recordable(value)
    assert described(value)


def test_a_text_is_found_whatever_repr_does() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ZeroDivisionError

    assert described(Odd()).endswith("whose repr raises ZeroDivisionError>")


@pytest.mark.parametrize("calls", [[], 5], ids=["of no calls", "malformed"])
def test_a_batch_that_is_not_there_moves_no_other(calls: Any, load: Load) -> None:
    def batch(id: str, behind: int) -> dict[str, Any]:
        return {"batch": id, "calls": [{"tool": "add", "args": {}}], "behind": behind}

    lost = {"batch": "b", "calls": calls, "behind": 0}
    file = [batch("a", 0), batch("x", 0), lost, batch("a2", 3), batch("x2", 3)]
    trace = load(HEADER + "".join(json.dumps(line) + "\n" for line in file), lenient=True)
    told = {b.id: [before.id for before in trace.leading_to(n)] for n, b in enumerate(trace.batches)}
    assert told == {"a": [], "x": [], "a2": ["a"], "x2": ["x"]}
