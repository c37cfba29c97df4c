"""MCP logs: what was in flight together is a batch; wrappers, arrays, lost and foreign messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fuzzharness import Call, Trace
from tests.unit.traces.spans import lines

Load = Callable[..., Trace]
Refusal = Callable[..., str]


def call(id: Any, **more: Any) -> dict[str, Any]:
    params = {"name": "add", "arguments": {"v": 1}} | more
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def answer(id: Any, text: str = "1", **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": text}], **more}}


def request(id: Any, method: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method}


def ids(trace: Trace) -> list[list[Any]]:
    return [[call.id for call in batch.calls] for batch in trace.batches]


def only_call(trace: Trace) -> Call:
    ((call,),) = (batch.calls for batch in trace.batches)
    return call


def test_calls_in_flight_together_are_a_batch(load: Load) -> None:
    log = [call(1), call(2), answer(2), answer(1), call(3), answer(3), call(4), call(5), answer(4), answer(5)]
    assert ids(load(lines(log))) == [[1, 2], [3], [4, 5]]


def test_call_that_is_sent_while_another_is_in_flight_joins_its_batch(load: Load) -> None:
    assert ids(load(lines([call(1), call(2), answer(1), call(3), answer(2), answer(3)]))) == [[1, 2, 3]]


def test_id_that_is_free_again_while_others_are_in_flight_names_the_first_of_its_calls(load: Load) -> None:
    log = [call(1), call(2), answer(2, "a"), call(2), answer(2, "b"), answer(1, "c")]
    (batch,) = load(lines(log)).batches
    assert [(c.id, c.result) for c in batch.calls] == [(1, "c"), (2, "a"), (None, "b")]
    batch.check()


def test_a_stray_in_an_array_costs_no_other_message(load: Load) -> None:
    trace = load(lines([call(1), [answer(9), answer(1, "A")]]), lenient=True)
    assert (only_call(trace).result, trace.skipped) == ("A", 1)


def test_other_requests_neither_part_nor_join_batches(load: Load) -> None:
    lists = [request(9, "tools/list"), {"jsonrpc": "2.0", "id": 9, "result": {"tools": []}}]
    log = [call(1), *lists, call(2), answer(1), request(10, "ping"), answer(2), call(3), answer(3)]
    assert ids(load(lines(log))) == [[1, 2], [3]]


def test_arrays_among_lines_are_read_in_place(load: Load) -> None:
    log = [call(0), answer(0), [call(1), call(2)], [answer(2, "b"), answer(1, "a")], call(3)]
    trace = load(lines(log))
    assert ids(trace) == [[0], [1, 2], [3]]
    assert [c.result for c in trace.batches[1].calls] == ["a", "b"]


def test_log_may_be_one_list_or_lines_of_arrays_alone(load: Load) -> None:
    assert ids(load([call(1), call(2), answer(1), answer(2)])) == [[1, 2]]
    assert ids(load(lines([[call(1), call(2)], [answer(1), answer(2)]]))) == [[1, 2]]


def test_wrapper_gives_the_time_of_the_line(load: Load) -> None:
    def wrapped(second: int, direction: str, message: Any) -> dict[str, Any]:
        return {"timestamp": f"2026-11-22T12:00:{second:02}Z", "direction": direction, "message": message}

    log = [
        wrapped(1, "client->server", call(1)),
        wrapped(2, "server->client", request(1, "roots/list")),
        wrapped(3, "client->server", {"jsonrpc": "2.0", "id": 1, "result": {"roots": []}}),
        wrapped(4, "server->client", answer(1)),
    ]
    read = only_call(load(lines(log)))
    assert (read.result, read.started_at, read.ended_at) == (
        "1",
        datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 22, 12, 0, 4, tzinfo=UTC),
    )


def test_errors_are_flagged(load: Load) -> None:
    failed = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "unknown tool"}}
    assert only_call(load(lines([call(1), failed]))) == Call("add", {"v": 1}, 1, "unknown tool", True)
    assert only_call(load(lines([call(1), answer(1, "no", isError=True)]))).error is True


def test_structured_content_is_the_result_where_there_is_no_other(load: Load) -> None:
    told = {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "structuredContent": {"v": 2}}}
    assert only_call(load(lines([call(1), told]))).result == {"v": 2}


def test_call_without_an_answer_ends_with_the_next_answer(load: Load) -> None:
    log = [call(1), call(2), answer(2), call(3), answer(3), call(4), call(5), answer(4), answer(5)]
    assert ids(load(lines(log))) == [[1, 2], [3], [4, 5]]


def test_cancelled_call_is_an_error_and_ends(load: Load) -> None:
    given_up = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    trace = load(lines([call(1), given_up, call(2), answer(2)]))
    assert ids(trace) == [[1], [2]]
    assert (trace.batches[0].calls[0].error, trace.batches[0].calls[0].result) == (True, "cancelled")


def test_new_session_or_an_id_used_again_begins_anew(load: Load) -> None:
    assert ids(load(lines([call(1), request(0, "initialize"), call(2), answer(2)]))) == [[1], [2]]
    assert ids(load(lines([call(1), call(1), answer(1)]))) == [[1], [1]]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (call(True), "$[0].id: found true. Expected the id of a request, a number or a string"),
        (call(1, name=None), "$[0].params.name: found null. Expected the name of the tool"),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}, "$[0].params: found nothing"),
    ],
)
def test_malformed_message_is_refused_by_its_path(
    message: Any, complaint: str, refusal: Refusal, load: Load
) -> None:
    assert complaint in refusal([message])
    assert load([message], lenient=True).skipped == 1


def test_arguments_that_are_no_object_are_kept(load: Load) -> None:
    read = only_call(load(lines([call(1, arguments=[1])])))
    assert (read.args, read.invalid_args) == (None, "[1]")
