"""Values and names as text: nothing in them acts, nothing in them raises."""

import pytest

from fuzzharness.model import Call
from fuzzharness.report.text import (
    call_text,
    count,
    cut,
    dotted,
    paragraph,
    portable,
    printable,
    quoted,
    shown,
)


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no repr")


class Addressed:
    pass


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("héllo ✓ 日本", "héllo ✓ 日本"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("right\u202eleft", "right\\u202eleft"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_characters_that_act_become_escapes(text, safe):
    assert printable(text) == safe


def test_a_paragraph_keeps_its_line_breaks_and_nothing_else():
    assert paragraph("one\ntwo\x1b[2J") == "one\ntwo\\x1b[2J"


def test_a_value_whose_repr_fails_is_named_by_its_class():
    assert shown(Unshowable()) == "<Unshowable that cannot be shown>"


def test_a_value_is_shown_without_its_address():
    assert shown(Addressed()).endswith("Addressed object>")


@pytest.mark.parametrize("value", ["x" * 10_000_000, b"x" * 10_000_000, list(range(1000)), {"a": "b" * 500}])
def test_a_long_value_is_cut(value):
    assert len(shown(value)) == 60
    assert shown(value).endswith("…")


def test_cut_leaves_a_text_that_fits():
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"


def test_a_path_is_written_as_the_patterns_that_ignore_it():
    assert dotted(("db", "accounts", 7, "balance")) == "db.accounts.7.balance"
    assert dotted(("db", ("order", 1))) == "db.('order', 1)"


def test_a_call_shows_each_argument_cut():
    assert call_text(Call("add", {"a": 1, "b": "x"})) == "add(a=1, b='x')"
    text = call_text(Call("write", {"path": "p" * 100, "content": "c" * 100}), limit=200)
    assert text.startswith("write(path='ppp")
    assert "content='ccc" in text


def test_a_call_whose_arguments_are_not_json_shows_their_text():
    assert call_text(Call("add", None, invalid_args="{oops")) == "add('{oops')"


def test_a_tool_name_cannot_act():
    assert "\x1b" not in call_text(Call("\x1b[2Jadd", {"\x1b": 1}))


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(0, "run", "0 runs"), (1, "run", "1 run"), (1234, "run", "1,234 runs"), (2, "batch", "2 batches")],
)
def test_counts_are_written_out(number, noun, text):
    assert count(number, noun) == text


def test_a_quoted_word_is_one_word_of_a_shell():
    assert quoted("it's[a b]") == "'it'\"'\"'s[a b]'"


def test_a_portable_file_has_no_folders_of_this_machine():
    assert portable("/home/ada/shop/tools.py") == "tools.py"
    assert portable("shop/tools.py") == "shop/tools.py"
