"""What models were given is read once, as far as later requests of the same trace repeat it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fuzzharness.traces.history import Histories
from fuzzharness.traces.leniency import Leniency
from fuzzharness.traces.node import Node
from fuzzharness.traces.span import Span

SAID = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
MORE = [*SAID, {"role": "tool", "tool_call_id": "c1", "content": "7"}, {"role": "user", "content": "bye"}]

encoded = pytest.mark.parametrize("encode", [json.dumps, lambda said: said], ids=["as JSON", "as a list"])


def span(second: int, trace: str = "t1") -> Span:
    return Span(trace, f"s{second}", None, datetime(2026, 11, 22, 12, 0, second, tzinfo=UTC))


def read(histories: Histories, at: Span, given: Any) -> list[int]:
    """The numbers of the messages that are new in ``given``."""
    histories.begin()
    start, messages = histories.messages(at, "input", Node(given, ("file", 1)))
    histories.keep()
    said = json.loads(given) if isinstance(given, str) else given
    assert [message.value for message in messages] == said[start:]
    return list(range(start, start + len(messages)))


@encoded
def test_of_a_history_that_grew_only_what_is_new_is_read(encode: Any) -> None:
    histories = Histories(Leniency())
    assert read(histories, span(1), encode(SAID)) == [0, 1]
    assert read(histories, span(2), encode(MORE)) == [2, 3]
    assert read(histories, span(3), encode(MORE)) == []


@encoded
def test_a_history_that_begins_in_another_way_is_read_whole(encode: Any) -> None:
    histories = Histories(Leniency())
    read(histories, span(1), encode(SAID))
    assert read(histories, span(2), encode(MORE[1:])) == [0, 1, 2]
    assert read(histories, span(3), encode([{**MORE[0], "content": "Hello"}, *MORE[1:]])) == [0, 1, 2, 3]


@encoded
def test_a_history_of_another_trace_or_of_an_earlier_span_is_read_whole(encode: Any) -> None:
    histories = Histories(Leniency())
    read(histories, span(2), encode(SAID))
    assert read(histories, span(3, "t2"), encode(MORE)) == [0, 1, 2, 3]
    assert read(histories, span(1), encode(MORE)) == [0, 1, 2, 3]


@encoded
def test_a_history_of_which_something_was_left_out_is_read_again(encode: Any) -> None:
    leniency = Leniency(lenient=True)
    histories = Histories(leniency)
    histories.begin()
    histories.messages(span(1), "input", Node(encode(SAID), ("file", 1)))
    leniency.skipped += 1
    histories.keep()
    assert read(histories, span(2), encode(MORE)) == [0, 1, 2, 3]


@encoded
def test_a_history_whose_span_was_refused_is_read_again(encode: Any) -> None:
    histories = Histories(Leniency())
    histories.begin()
    histories.messages(span(1), "input", Node(encode(SAID), ("file", 1)))
    assert read(histories, span(2), encode(MORE)) == [0, 1, 2, 3]


@pytest.mark.parametrize("end", [",]", ', {"role"]', "", ', {"role": "user"}] x'])
def test_text_that_only_begins_like_a_known_history_is_taken_for_what_it_is(end: str) -> None:
    histories = Histories(Leniency())
    read(histories, span(1), json.dumps(SAID))
    text = json.dumps(SAID)[:-1] + end
    histories.begin()
    start, messages = histories.messages(span(2), "input", Node(text, ("file", 1)))
    assert (start, [message.value for message in messages]) == (0, [text])


@encoded
def test_blocks_of_one_message_are_no_history(encode: Any) -> None:
    blocks = [*SAID, {"type": "tool_call", "id": "c1", "name": "add"}]
    histories = Histories(Leniency())
    read(histories, span(1), encode(SAID))
    histories.begin()
    start, messages = histories.messages(span(2), "input", Node(encode(blocks), ("file", 1)))
    assert (start, [message.value for message in messages]) == (0, [blocks])
