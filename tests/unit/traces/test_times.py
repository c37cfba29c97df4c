"""Times of recordings: ISO 8601 and nanoseconds, always in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fuzzharness.errors import TraceError
from fuzzharness.traces.node import MISSING, Node
from fuzzharness.traces.place import Place
from fuzzharness.traces.times import from_nanoseconds, moment


def node(value: object) -> Node:
    return Node(value, Place("a.json", 3, path="$.time"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T12:00:01.290Z",
        "2026-11-22T12:00:01.290+00:00",
        "2026-11-22T13:00:01.290+01:00",
        "2026-11-22T12:00:01.290",
    ],
)
def test_every_spelling_of_one_moment_is_the_same_moment(text: str) -> None:
    assert moment(node(text)) == datetime(2026, 11, 22, 12, 0, 1, 290_000, UTC)


@pytest.mark.parametrize("value", [1795348801290000999, "1795348801290000999"], ids=["number", "digits"])
def test_nanoseconds_are_read_from_numbers_and_digits(value: object) -> None:
    assert from_nanoseconds(node(value)) == datetime(2026, 11, 22, 12, 0, 1, 290_000, UTC)


@pytest.mark.parametrize("value", [None, MISSING])
def test_no_time_is_none(value: object) -> None:
    assert moment(node(value)) is None
    assert from_nanoseconds(node(value)) is None


@pytest.mark.parametrize("value", ["", "soon", 3, [], {}, "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(TraceError, match=r"a\.json, line 3, \$\.time: .*the start, in ISO 8601"):
        moment(node(value), "the start")


@pytest.mark.parametrize("value", ["", "soon", True, 1.5, [], {}, 10**40])
def test_what_is_no_count_of_nanoseconds_is_refused(value: object) -> None:
    with pytest.raises(TraceError, match="the start, in nanoseconds since 1970"):
        from_nanoseconds(node(value), "the start")
