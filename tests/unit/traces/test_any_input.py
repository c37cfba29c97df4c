"""Whatever a file holds, it is either read or refused with a TraceError that can be printed."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace
from fuzzharness.traces.document import parse
from fuzzharness.traces.formats import READERS

SAMPLES = Path(__file__).parent / "samples"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
FORMATS = [None, *(reader.name for reader in READERS)]
NAMES = [name for name, expected in EXPECTED.items() if expected["format"] in FORMATS]


def content_of(name: str) -> Any:
    """The document of a sample, or the list of its lines' documents."""
    text = (SAMPLES / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)


DOCUMENTS = [content_of(name) for name in NAMES]

surrogates = st.characters(codec=None)
texts = st.text(surrogates, max_size=5)


def strings(value: Any) -> Iterator[str]:
    """The names of members and the short texts in a JSON value."""
    if isinstance(value, str) and len(value) < 30:
        yield value
    for key, part in value.items() if isinstance(value, dict) else ():
        yield key
        yield from strings(part)
    for part in value if isinstance(value, list) else ():
        yield from strings(part)


words = st.sampled_from(sorted({word for document in DOCUMENTS for word in strings(document)}))
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

EDGES = [
    "18446744073709551616",
    "-9223372036854775809",
    "9" * 4300,
    "9" * 4301,
    "-0",
    "-0.0",
    "1e999",
    "1e-400",
    "4.9e-324",
    "0." + "1" * 3000,
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '{"a": 1, "b": 2, "a": 3}',
    "01",
    "1.",
    "NaN",
    "[1,]",
    '"\t"',
    "\x0c1",
    "\ufeff1",
    "\ufeff\ufeff1",
]

Way = tuple[Any, ...]


def places(value: Any, here: Way = ()) -> Iterator[Way]:
    """The path of every member and item in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*here, key)
        yield from places(part, (*here, key))


PLACES = [list(places(document)) for document in DOCUMENTS]


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The text of a sample with one to three of its parts dropped, replaced or doubled."""
    chosen = draw(st.sampled_from(range(len(DOCUMENTS))))
    document = copy.deepcopy(DOCUMENTS[chosen])
    for place in draw(st.lists(st.sampled_from(PLACES[chosen]), min_size=1, max_size=3)):
        mutate(document, place, draw)
    if isinstance(document, list) and draw(st.booleans()):
        return "\n".join(map(json.dumps, document))
    return json.dumps(document)


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


@pytest.mark.long
@settings(deadline=None, max_examples=300)
@given(messages=st.lists(values, min_size=1, max_size=4), format=st.sampled_from(FORMATS))
def test_any_json_lines(path: Path, messages: list[Any], format: str | None) -> None:
    check(path, "\n".join(map(json.dumps, messages)).encode(), format)


@pytest.mark.long
@settings(deadline=None, max_examples=500)
@given(document=mutations(), format=st.sampled_from(FORMATS))
def test_any_mutation_of_a_sample(path: Path, document: str, format: str | None) -> None:
    check(path, document.encode(), format)


@settings(deadline=None, max_examples=200)
@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_any_cut_or_flipped_byte_of_a_sample(path: Path, data: st.DataObject, format: str | None) -> None:
    content = bytearray((SAMPLES / data.draw(st.sampled_from(NAMES))).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(path, bytes(content[: data.draw(st.integers(0, len(content)))]), format)


@pytest.mark.parametrize("bottom", ["", "[5]", '{"messages": [5]}'])
def test_lists_nested_up_to_the_bound(path: Path, bottom: str) -> None:
    for depth in (1, 50, 97, 98, 99, 100, 101):
        check(path, ("[" * depth + bottom + "]" * depth).encode(), None)


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_any_line_twice_is_one_batch(path: Path, data: st.DataObject) -> None:
    """Exports repeat lines: whatever the format, no batch comes of it. Ours and logs are no exports."""
    exports = [name for name in NAMES if name.endswith("l") and not name.startswith(("fuzzharness", "mcp"))]
    name = data.draw(st.sampled_from(exports))
    lines = (SAMPLES / name).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines) + b"".join(data.draw(st.lists(st.sampled_from(lines), max_size=4))))
    repeated = load_trace(path).batches
    assert [batch.labels for batch in repeated] == [
        batch.labels for batch in load_trace(SAMPLES / name).batches
    ]


@given(content=noise | values.map(json.dumps).map(str.encode) | st.sampled_from(list(map(str.encode, EDGES))))
def test_the_fast_decoder_reads_what_the_standard_library_reads(content: bytes) -> None:
    """With its values and their types; or both refuse."""
    assert repr(fast(content)) == repr(standard(content))


def fast(content: bytes) -> Any:
    try:
        return parse(content, "recording.json").value
    except TraceError:
        return "refused"


def standard(content: bytes) -> Any:
    def refuse(text: str) -> None:
        raise ValueError(text)

    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=refuse)
    except (ValueError, RecursionError):
        return "refused"
    return "refused" if "inf" in repr(value) and has_infinity(value) else value


def has_infinity(value: Any) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value in (math.inf, -math.inf) or any(map(has_infinity, inside))
