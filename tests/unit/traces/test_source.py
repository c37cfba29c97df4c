"""Files: what may be read at all, and how what may not is refused."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzzharness import Trace, TraceError
from fuzzharness.traces import load_trace

Load = Callable[..., Trace]
Refusal = Callable[..., str]

SAMPLES = Path(__file__).parent / "samples"
SAMPLE = (SAMPLES / "openai-chat.json").read_bytes()
LINES = (SAMPLES / "openai-chat.jsonl").read_bytes()
HELLO = b'{"role": "user", "content": "hello"}'


def refused(path: str | Path) -> str:
    with pytest.raises(TraceError) as caught:
        load_trace(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path}/none.json: there is no such file" in refused(tmp_path / "none.json")


def test_path_may_be_text() -> None:
    assert load_trace(str(SAMPLES / "openai-chat.json")).format == "openai-chat"


def test_file_that_the_system_cannot_open_is_refused_with_its_reason(tmp_path: Path) -> None:
    loop = tmp_path / "loop.json"
    loop.symlink_to(loop)
    assert "cannot be read" in refused(loop)
    assert "cannot be read" in refused(tmp_path / ("long" * 100))
    assert "cannot be read" in refused("nul\0byte.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "locked.json"
    path.write_bytes(SAMPLE)
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_file_name_that_cannot_be_printed_is_shown_escaped(tmp_path: Path) -> None:
    message = refused(tmp_path / "two\nlines\udcff.json")
    assert "two\\nlines\\udcff.json" in message


def test_document_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_bytes(b"[\n" + b" " * 60_000_000 + b"]")
    assert f"{path}: one JSON value has more than 50 MB" in refused(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs an endless file")
def test_endless_file_is_read_only_up_to_the_limit() -> None:
    assert "more than 50 MB" in refused("/dev/zero")


@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_empty_file_is_refused(content: bytes, refusal: Refusal) -> None:
    assert "the file is empty" in refusal(content)


def test_byte_order_mark_is_accepted(load: Load) -> None:
    assert load(b"\xef\xbb\xbf" + SAMPLE) == load(SAMPLE)
    assert load(b"\xef\xbb\xbf" + LINES) == load(LINES)


def test_carriage_returns_are_accepted(load: Load) -> None:
    assert load(SAMPLE.replace(b"\n", b"\r\n")) == load(SAMPLE)
    assert load(LINES.replace(b"\n", b"\r\n")) == load(LINES)


def test_blank_lines_and_a_missing_last_line_end_are_accepted(load: Load) -> None:
    assert load(b"\n" + LINES.replace(b"\n", b"\n\n").rstrip()) == load(LINES)


def test_line_separators_of_unicode_do_not_end_a_line(load: Load) -> None:
    hello = '{"role": "user", "content": "a\u2028b\x85c"}\n'.encode()
    assert load(hello + LINES) == load(LINES)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'[\n {"role": "us', "line 2, column 11"),
        (b"[\n {},\n", "line 2, column 5"),
        (HELLO + b"\n" + HELLO[:-3], "line 2, column 29"),
        (b'[{"role": "user"}, {"role"', "line 1, column 27"),
    ],
)
def test_truncated_json_is_refused_where_it_breaks_off(content: bytes, place: str, refusal: Refusal) -> None:
    message = refusal(content)
    assert f"{place}: the JSON breaks off" in message
    assert "cut while it was written" in message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"no json", "line 1, column 1"),
        (b"[\n {'role': 1}]", "line 2, column 3"),
        (HELLO + b"\nINFO done\n" + HELLO, "line 2, column 1"),
        (HELLO + b"\n" + HELLO + HELLO, "line 2, column 37"),
    ],
)
def test_text_that_is_no_json_is_refused_at_its_line(content: bytes, place: str, refusal: Refusal) -> None:
    assert f"{place}: this is not JSON" in refusal(content)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_other_encoding_is_refused_at_its_line(mark: bytes, refusal: Refusal) -> None:
    latin = '{"role": "user", "content": "caf\xe9"}'.encode("latin-1")
    assert "line 2: the byte 0xe9 is not UTF-8" in refusal(mark + b"[\n" + latin + b"]")
    assert "line 3: the byte 0xe9 is not UTF-8" in refusal(mark + HELLO + b"\n\n" + latin)


def test_surrogates_encoded_as_bytes_are_refused(refusal: Refusal) -> None:
    assert "not UTF-8" in refusal(b'[{"role": "user", "content": "\xed\xa0\x80"}]')


def test_utf_16_is_refused_by_name(refusal: Refusal) -> None:
    assert "looks like UTF-16" in refusal(SAMPLE.decode().encode("utf-16"))


def test_nul_bytes_are_refused_at_their_line(refusal: Refusal) -> None:
    assert "line 2: there is a NUL byte" in refusal(HELLO + b"\n" + b"\0" * 40)
    assert "line 2: there is a NUL byte" in refusal(b"[\n\0]")


@pytest.mark.parametrize("bracket", ["[", '{"a":', '[{"role": "user", "content": ['])
def test_nesting_of_100_000_levels_is_refused(bracket: str, refusal: Refusal) -> None:
    assert "nested too deeply" in refusal(bracket * 100_000)
    assert "line 2, column" in refusal(HELLO + b"\n" + bracket.encode() * 100_000)


def test_nesting_is_bounded_at_100_levels(refusal: Refusal) -> None:
    assert "it holds no messages" in refusal("[" * 100 + "]" * 100)
    assert "line 1, column 101" in refusal("[" * 101 + "]" * 101)


def test_brackets_in_text_do_not_nest(load: Load) -> None:
    assert load([{"role": "user", "content": '"[{' * 1000}]).batches == ()


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_not_a_number_is_refused_at_its_place(word: str, refusal: Refusal) -> None:
    content = f'[{{"role": "user",\n "content": "{word}", "x": {word}}}]'
    column = len(f' "content": "{word}", "x": ') + 1
    assert f"line 2, column {column}: {word} is not JSON" in refusal(content)


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_number_out_of_range_is_refused(number: str, refusal: Refusal) -> None:
    assert "line 1, column 2: a number is out of range" in refusal(f"[{number}]")


def test_number_of_too_many_digits_is_refused_whatever_python_allows(refusal: Refusal) -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        assert "line 2, column 7: a number has 5,000 digits" in refusal(
            HELLO + b'\n{"x": ' + b"7" * 5000 + b"}"
        )
    finally:
        sys.set_int_max_str_digits(limit)


def test_lone_surrogates_in_json_are_kept(load: Load) -> None:
    args = json.dumps({"who": "\ud83d", "\udc00": 1})
    function = {"name": "greet\ud800", "arguments": args}
    call = {"id": "call_\udfff", "type": "function", "function": function}
    answer = {"role": "tool", "tool_call_id": "call_\udfff", "content": "\udead"}
    read = load([{"role": "assistant", "tool_calls": [call]}, answer]).batches[0].calls[0]
    assert (read.tool, read.id, read.result) == ("greet\ud800", "call_\udfff", "\udead")
    assert read.args == {"who": "\ud83d", "\udc00": 1}


def test_complaint_about_lone_surrogates_can_be_printed(refusal: Refusal) -> None:
    refusal([{"role": "\ud800"}]).encode()
    refusal([{"\ud800": 1, "\U0001f600": 2}]).encode()
