"""Whatever a file holds, it is either read or refused with a TraceError that can be printed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace

SAMPLES = Path(__file__).parent / "samples"
DOCUMENTS = [
    json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    for name in ("openai-chat.json", "openai-chat-wrapped.json", "anthropic-messages.json")
]
DOCUMENTS.append([json.loads(line) for line in (SAMPLES / "fuzzharness.jsonl").read_text().splitlines()])
FORMATS = [None, "openai-chat", "anthropic-messages", "fuzzharness"]

surrogates = st.characters(codec=None)
texts = st.text(surrogates, max_size=5)
words = st.sampled_from(
    ["role", "content", "messages", "tool_calls", "id", "type", "user", "assistant", "text"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | texts, inner, max_size=4),
    max_leaves=12,
)
fragments = st.sampled_from(
    [b"[", b"]", b"{", b"}", b'"', b"\\", b":", b",", b"\n", b"\r", b"\0", b"NaN", b"1"]
)
noise = st.binary(max_size=60) | st.lists(fragments | st.binary(max_size=3), max_size=30).map(b"".join)

Way = tuple[Any, ...]


def places(value: Any, here: Way = ()) -> Iterator[Way]:
    """The path of every member and item in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*here, key)
        yield from places(part, (*here, key))


PLACES = [list(places(document)) for document in DOCUMENTS]


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    """A sample with one to three of its parts dropped, replaced or doubled."""
    chosen = draw(st.sampled_from(range(len(DOCUMENTS))))
    document = copy.deepcopy(DOCUMENTS[chosen])
    for place in draw(st.lists(st.sampled_from(PLACES[chosen]), min_size=1, max_size=3)):
        mutate(document, place, draw)
    return document


def mutate(document: Any, place: Way, draw: st.DrawFn) -> None:
    *way, last = place
    try:
        for key in way:
            document = document[key]
        document[last]
    except (LookupError, TypeError):
        return
    if not isinstance(document, dict | list):
        return
    action = draw(st.sampled_from(["drop", "replace", "double"]))
    if action == "drop":
        del document[last]
    elif action == "replace":
        document[last] = draw(values)
    elif isinstance(document, list):
        document.insert(last, copy.deepcopy(document[last]))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "recording.json"


def read_or_refused(path: Path, content: bytes, format: str | None, lenient: bool) -> Trace | str:
    path.write_bytes(content)
    try:
        return load_trace(path, format=format, lenient=lenient)
    except TraceError as error:
        return str(error)


def check(path: Path, content: bytes, format: str | None) -> None:
    strict = read_or_refused(path, content, format, lenient=False)
    lenient = read_or_refused(path, content, format, lenient=True)
    if isinstance(strict, Trace):
        assert lenient == strict
    for read in (strict, lenient):
        if isinstance(read, Trace):
            assert_explorable(read)
        else:
            assert_printable(read, path)


def assert_explorable(trace: Trace) -> None:
    for batch in trace.batches:
        batch.check()
        assert batch.fingerprint
        assert all((call.args is None) != (call.invalid_args is None) for call in batch.calls)


def assert_printable(message: str, path: Path) -> None:
    assert message.encode()
    assert message.startswith(str(path))
    assert "\n" not in message


@settings(deadline=None, max_examples=300)
@given(content=noise, format=st.sampled_from(FORMATS))
@example(content=b'{"a": "\\', format=None)
@example(content=b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}\n{"a": 1}', format=None)
def test_any_bytes(path: Path, content: bytes, format: str | None) -> None:
    check(path, content, format)


@settings(deadline=None, max_examples=300)
@given(value=values, format=st.sampled_from(FORMATS))
def test_any_json_value(path: Path, value: Any, format: str | None) -> None:
    check(path, json.dumps(value).encode(), format)


@settings(deadline=None, max_examples=300)
@given(messages=st.lists(values, min_size=1, max_size=4), format=st.sampled_from(FORMATS))
def test_any_json_lines(path: Path, messages: list[Any], format: str | None) -> None:
    check(path, "\n".join(map(json.dumps, messages)).encode(), format)


@settings(deadline=None, max_examples=500)
@given(document=mutations(), format=st.sampled_from(FORMATS))
def test_any_mutation_of_a_sample(path: Path, document: Any, format: str | None) -> None:
    check(path, json.dumps(document).encode(), format)


@settings(deadline=None, max_examples=200)
@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_any_cut_or_flipped_byte_of_a_sample(path: Path, data: st.DataObject, format: str | None) -> None:
    content = bytearray(
        (SAMPLES / data.draw(st.sampled_from(["openai-chat.jsonl", "openai-chat.json"]))).read_bytes()
    )
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(path, bytes(content[: data.draw(st.integers(0, len(content)))]), format)


@pytest.mark.parametrize("bottom", ["", "[5]", '{"messages": [5]}'])
def test_lists_nested_up_to_the_bound(path: Path, bottom: str) -> None:
    for depth in (1, 50, 97, 98, 99, 100, 101):
        check(path, ("[" * depth + bottom + "]" * depth).encode(), None)
