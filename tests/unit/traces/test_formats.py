"""Recognition: which format a recording is in, and which recordings are in none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace
from fuzzharness.traces.formats import READERS

Load = Callable[..., Trace]
Refusal = Callable[..., str]

HELLO = {"role": "user", "content": "hello"}
FUNCTION = {"id": "call_A", "type": "function", "function": {"name": "add", "arguments": "{}"}}
OPENAI = [HELLO, {"role": "assistant", "tool_calls": [FUNCTION]}]
OTHER = [HELLO, {"role": "assistant", "tool_calls": [FUNCTION | {"id": "call_B"}]}]
THIRD = [HELLO, {"role": "assistant", "tool_calls": [FUNCTION | {"id": "call_C"}]}]
ANTHROPIC = [
    HELLO,
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_A", "name": "add", "input": {}}]},
]
OTHERS: dict[str, Any] = {
    "places": {"type": "FeatureCollection", "features": []},
    "a package": {"name": "shop", "version": "1.0.0", "dependencies": {"left-pad": "^1.3.0"}},
    "a log": [{"level": "info", "msg": "started"}, {"level": "warn", "msg": "slow"}],
    "a web archive": {"log": {"version": "1.2", "entries": []}},
}


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_names_of_formats_are_unique() -> None:
    names = [reader.name for reader in READERS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("messages", "name"), [(OPENAI, "openai-chat"), (ANTHROPIC, "anthropic-messages")])
def test_format_is_recognised_by_what_only_it_writes(messages: list[Any], name: str, load: Load) -> None:
    for content in (messages, {"messages": messages}, lines(*messages), lines({"messages": messages})):
        assert load(content).format == name


def test_recording_of_text_alone_has_no_batches(load: Load) -> None:
    assert load([HELLO, {"role": "assistant", "content": "hello"}]).batches == ()


def test_one_message_alone_is_a_recording(load: Load) -> None:
    assert [batch.labels for batch in load(OPENAI[1]).batches] == [("call_A",)]


def test_a_line_may_hold_a_whole_conversation(load: Load) -> None:
    trace = load(lines({"messages": OPENAI, "model": "m"}, {"messages": OTHER}, THIRD))
    assert [batch.id for batch in trace.batches] == ["turn-1", "turn-2", "turn-3"]


def test_a_list_may_hold_whole_conversations(load: Load) -> None:
    assert len(load([{"messages": OPENAI}, {"messages": OTHER}]).batches) == 2
    assert len(load([OPENAI, OTHER]).batches) == 2


def test_results_are_not_joined_across_conversations(load: Load) -> None:
    late = {"role": "tool", "tool_call_id": "call_A", "content": "of another session"}
    trace = load(lines({"messages": OPENAI}, {"messages": [late]}), lenient=True)
    assert (trace.batches[0].calls[0].result, trace.skipped) == (None, 1)


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_other_formats_are_refused_with_the_names_of_the_known_ones(content: Any, refusal: Refusal) -> None:
    names = ", ".join(reader.name for reader in READERS)
    assert f"one of the formats {names}" in refusal(content)


@pytest.mark.parametrize(
    ("content", "filter"),
    [
        ({"data": {"conversation": {"messages": OPENAI}}}, ".data.conversation"),
        ({"id": 7, "conversations": [{"id": 1, "messages": OPENAI}]}, ".conversations"),
        ({"data": {"transcript": OPENAI, "n": [1]}}, ".data.transcript"),
        ({"my session": {"messages": OPENAI}}, """'."my session"'"""),
        ([{"session": {"messages": OPENAI}}, {"session": {"messages": OTHER}}], "'.[].session'"),
        ({"messages": [{"state": {"messages": OPENAI}}]}, "'.messages[].state'"),
    ],
)
def test_where_the_conversation_stands_in_what_fits_no_format_is_told(
    content: Any, filter: str, refusal: Refusal
) -> None:
    told = refusal(content)
    assert "What is read is the list of messages itself, or an object with 'messages': " in told
    assert f" try what jq -c {filter} " in told


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_where_there_is_none_an_example_is_given(content: Any, refusal: Refusal) -> None:
    told = refusal(content)
    assert "or an object with 'messages', as jq -c .data.conversation may take it out" in told


def test_a_document_of_many_members_is_not_looked_through(refusal: Refusal) -> None:
    wide = {f"m{n}": {} for n in range(1000)} | {"data": {"messages": OPENAI}}
    assert "as jq -c .data.conversation may" in refusal(wide)


def test_first_record_that_fits_no_format_is_named(refusal: Refusal) -> None:
    assert "$[1]: found an object with 'level', 'msg'" in refusal([HELLO, *OTHERS["a log"]])
    assert "line 2, $: found an object with 'level'" in refusal(lines(HELLO, *OTHERS["a log"]))


@pytest.mark.parametrize("content", ["1", '"text"', "null", "true", "[1, 2]", "1\n2\n", "{}", "[[[5]]]"])
def test_json_without_messages_is_refused(content: str, refusal: Refusal) -> None:
    assert "one of the formats" in refusal(content)


@pytest.mark.parametrize("content", ["[]", '{"messages": []}', "[]\n[]\n"])
@pytest.mark.parametrize("name", [None, "openai-chat"])
def test_recording_without_messages_is_refused(content: str, name: str | None, refusal: Refusal) -> None:
    assert "it holds no messages" in refusal(content, format=name)


@pytest.mark.parametrize("wrong", [5, "text", {"role": "user"}])
def test_messages_that_are_no_list_are_refused(wrong: Any, refusal: Refusal) -> None:
    assert "$.messages: found" in refusal({"messages": wrong})


def test_unknown_format_is_refused_before_the_file_is_read() -> None:
    with pytest.raises(TraceError, match=r"there is no format 'openai_chat'.*Did you mean 'openai-chat'\?"):
        load_trace("no such file", format="openai_chat")


def test_forced_format_refuses_what_is_not_in_it(refusal: Refusal, load: Load) -> None:
    answered = [*OPENAI, {"role": "tool", "tool_call_id": "call_A", "content": "1"}]
    assert "$[1].content: found nothing" in refusal(answered, format="anthropic-messages")
    assert load(ANTHROPIC, format="openai-chat").batches == ()
