"""Whatever part of a recording of spans is broken, it is read, or refused with a TraceError."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace
from tests.unit.traces.spans import SPANS, lines, records

SAMPLES = {name: records(name) for name in [*SPANS, "mcp-jsonrpc.jsonl", "mcp-jsonrpc-timestamps.jsonl"]}

names = st.sampled_from(
    [
        "id",
        "type",
        "name",
        "content",
        "message",
        "tool_calls",
        "parts",
        "function",
        "output",
        "stringValue",
        "tool_call",
        "input",
        "arguments",
        "kvlistValue",
        "values",
        "key",
        "value",
        "jsonrpc",
        "method",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | names
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)

Way = tuple[Any, ...]


def places(value: Any, here: Way = ()) -> Iterator[Way]:
    """The way to every part of a JSON value, and of the JSON in its texts."""
    value, here = (decoded(value), (*here, None)) if isinstance(value, str) else (value, here)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*here, key)
        yield from places(part, (*here, key))


def decoded(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in ("{", "[") else None
    except ValueError:
        return None


def changed(value: Any, way: Way, change: Any) -> Any:
    """``value`` with ``change(container, key)`` made where ``way`` leads; as it is where that is gone."""
    if way[0] is None:
        try:
            return json.dumps(changed(json.loads(value), way[1:], change))
        except (ValueError, TypeError):
            return value
    try:
        inner = value[way[0]]
    except (LookupError, TypeError):
        return value
    if isinstance(value, str):
        return value
    if len(way) == 1:
        change(value, way[0])
    else:
        value[way[0]] = changed(inner, way[1:], change)
    return value


@st.composite
def recordings(draw: st.DrawFn, sample: str) -> str:
    """Some records of ``sample`` with one to three of their parts dropped, replaced or doubled."""
    found = copy.deepcopy(draw(st.lists(st.sampled_from(SAMPLES[sample]), min_size=1, max_size=8)))

    def change(container: Any, key: Any) -> None:
        action = draw(st.sampled_from(["drop", "replace", "double"]))
        if action == "drop":
            del container[key]
        elif action == "replace":
            container[key] = draw(values)
        elif isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))

    for _ in range(draw(st.integers(1, 3))):
        ways = list(places(found))
        if ways:
            found = changed(found, draw(st.sampled_from(ways)), change)
    return lines(found)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "recording.jsonl"


def read(path: Path, format: str | None, lenient: bool) -> Trace | str:
    try:
        return load_trace(path, format=format, lenient=lenient)
    except TraceError as error:
        return str(error)


@pytest.mark.long
@pytest.mark.parametrize("sample", SAMPLES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_mutation_of_a_sample(path: Path, sample: str, data: st.DataObject) -> None:
    path.write_text(data.draw(recordings(sample)), encoding="utf-8")
    format = data.draw(st.sampled_from([None, FORMATS[sample]]))
    strict, lenient = read(path, format, False), read(path, format, True)
    if isinstance(strict, Trace):
        assert lenient == strict
    for found in (strict, lenient):
        if isinstance(found, Trace):
            assert_explorable(found)
        else:
            assert found.startswith(str(path))
            assert "\n" not in found


FORMATS = {name: load_trace(Path(__file__).parent / "samples" / name).format for name in SAMPLES}


def assert_explorable(trace: Trace) -> None:
    for batch in trace.batches:
        batch.check()
        assert batch.fingerprint
        assert all((call.args is None) != (call.invalid_args is None) for call in batch.calls)
