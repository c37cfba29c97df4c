"""What stands around a piece of data, in any text: it is no part of it, and it stays."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzzharness import Batch, Call
from fuzzharness.privacy import Disguise

MAILS = ["ada@acme.example", "ada+tag@x.org", "a_b.c@x.co.uk", "o'brien@x.org", "27ada@x.org", "b@x.org"]
DATA = {
    "email": MAILS,
    "phone": ["+44 20 7946 0958", "(415) 555-2671", "415.555.2671", "0170 5551234"],
    "iban": ["DE89370400440532013000", "GB33 BUKB 2020 1555 5555 55", "AT61 1904 3002 3457 3201"],
    "card": ["4111111111111111", "4111 1111 1111 1111", "3782 822463 10005"],
    "ip": ["203.0.113.77", "2001:db8::dead:beef"],
    "address": ["221 Baker Street", "Lindenweg 7"],
    "customer_name": ["Zacharias Quillfeather", "Jo O'Brien"],
    "username": ["zquill"],
    "dob": ["1979-03-14"],
}
EITHER = [*"'\"`=|% \n\t,;&/*!~$?#^", "\\n", "\\\\t", "%27", "__"]
OPENING = [*EITHER, *"([{<", "b'", "u'", "N'", "\\u003c", "%20", "LIKE '%", "email='", "to=", "mailto:", "||"]
CLOSING = [*EITHER, *")]}>", "\\u003e", "%'", " is", " and more", ".", ". ", ": ", "' OR '1'='1", ")]}"]
MORE_BEFORE_A_MAIL = ["-", "+", "_", ".", "-- ", "'-", "%+"]


def disguised(args: dict[str, str], text: str, *, told: bool) -> tuple[str, str]:
    """What stands for the one value of ``args``, and for ``text``; told: it stands under its key, too."""
    work = Disguise(b"a secret of these tests", personal=True)
    (value,) = args.values()
    batches = [
        Batch((Call("tool", args if told else {"note": f"> {value} <"}),)),
        Batch((Call("t", {"q": text}),)),
    ]
    for batch in batches:
        work.look(batch)
    work.settle()
    one, other = (next(iter((work.batch(batch).calls[0].args or {}).values())) for batch in batches)
    return one.removeprefix("> ").removesuffix(" <"), other


def around(opening: list[str]) -> st.SearchStrategy[tuple[str, str]]:
    openings = st.lists(st.sampled_from(opening), max_size=3).map("".join)
    return st.tuples(openings, st.lists(st.sampled_from(CLOSING), max_size=3).map("".join))


@settings(max_examples=300, deadline=None)
@given(mail=st.sampled_from(MAILS), around=around(OPENING + MORE_BEFORE_A_MAIL), told=st.booleans())
@example(mail="ada@acme.example", around=("WHERE email='", "'"), told=True)
@example(mail="ada@acme.example", around=("LIKE '%", "%'"), told=False)
def test_a_mail_takes_nothing_along(mail: str, around: tuple[str, str], told: bool) -> None:
    before, behind = around
    stands_for, text = disguised({"email": mail}, before + mail + behind, told=told)
    assert text == before + stands_for + behind
    assert stands_for != mail


@pytest.mark.parametrize("key", DATA)
def test_no_data_takes_anything_along(key: str) -> None:
    @settings(max_examples=100, deadline=None)
    @given(value=st.sampled_from(DATA[key]), around=around(OPENING))
    def holds(value: str, around: tuple[str, str]) -> None:
        before, behind = around
        stands_for, text = disguised({key: value}, before + value + behind, told=True)
        assert text == before + stands_for + behind
        assert stands_for != value

    holds()


@pytest.mark.parametrize(
    ("text", "mail"),
    [
        ("?to=ada%2Btag%40x.org&n=1", "ada%2Btag%40x.org"),
        ("?from=ada%40x.org%2Cbob", "ada%40x.org"),
        ("?q=%22ada%40x.org%22", "ada%40x.org"),
        ("to mary.o'neil@x.org.", "mary.o'neil@x.org"),
        ("print(f'ada@x.org')", "ada@x.org"),
        ("WHERE mail LIKE'ada@x.org'", "ada@x.org"),
    ],
)
def test_a_mail_that_no_key_tells_ends_where_its_surroundings_begin(text: str, mail: str) -> None:
    before, behind = text.split(mail)
    _, after = disguised({"note": "nothing"}, text, told=False)
    assert after.startswith(before)
    assert after.endswith(behind)
    assert mail not in after


@pytest.mark.parametrize("escaped", ["o''brien@x.org", "o\\'brien@x.org", "o%27brien%40x.org"])
def test_an_apostrophe_that_is_escaped_is_one(escaped: str) -> None:
    stands_for, text = disguised({"email": "o'brien@x.org"}, f"='{escaped}'", told=True)
    assert text.replace("%40", "@") == f"='{stands_for}'"


def test_a_card_is_found_before_its_date_of_expiry() -> None:
    _, text = disguised({"note": "nothing"}, "4111 1111 1111 1111 12/27, 4111111111111111 123", told=False)
    assert text.endswith(" 123")
    assert " 12/27, " in text
    assert "1111 1111" not in text
    assert "11111111" not in text


def test_json_in_an_odd_layout_keeps_it() -> None:
    stands_for, text = disguised({"email": "ada@x.org"}, '[ "ada@x.org",1 ]', told=True)
    assert text == f'[ "{stands_for}",1 ]'
