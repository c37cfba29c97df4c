"""The sieve: what it lets pass unseen has nothing that looking through everything would find."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzharness import Batch, Call
from fuzzharness.privacy import Disguise, personal, rough, sieve
from fuzzharness.privacy.base64_text import hidden
from fuzzharness.privacy.escapes import without_escapes
from fuzzharness.privacy.keys import SECRET_NAMES
from fuzzharness.privacy.scanner import Form
from fuzzharness.privacy.secrets import SECRET_WORDS
from fuzzharness.privacy.sieve import Sight, sight
from fuzzharness.privacy.span import Span
from fuzzharness.traces import native_lines

SECRETS = [
    *(
        "hunter2-Tr0ub4dor",
        "p4ss:w0rd",
        "4711",
        "x7",
        "Falke",
        "geheimnisvoll",
        "größe-ß",
        "日本語",
        '"q\\"z/9',
    ),
    *("sk-proj-abcDEF123456ghiJKL", "AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    *("xoxb-123456789012-abcdefGHIJ", "key-0123456789abcdef0123456789abcdef", "eyJhbGciOi.eyJzdWIi.dozjgNry"),
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq\n-----END RSA PRIVATE KEY-----",
    *("https://hooks.slack.com/services/T0/B0/x", "SG.abcdefghijk.lmnopqrstuv", "hf_abcdefghijklmnopqrst"),
]
COMMANDS = [
    *(
        "app --password topsecret1 --x",
        "--db-api-key='top secret'",
        "--token\ttok3n",
        "curl -sSu joe:hunter22 h",
    ),
    *(
        "curl --user 'jöe:hunter 22'",
        "sshpass -p cu5r ssh",
        "mysql -h d -psecretpw99",
        "mariadb-dump\t-p'x y z'",
    ),
    *(
        '<input name="password" value="form pw">',
        "<INPUT value='formpw' id=pwd>",
        "Authorization: Bearer short",
    ),
    *('pw = "let me in"', "Server=d;Password=P@ss w0rd;", "password: str = 'let me in'", "token: Final = 1"),
    *("TOKEN=$(cat x)", "--token <token>", 'password\\": \\"hunter22 x\\"'),
]
NAMES = [
    "password",
    "PassWord",
    "api key",
    "apiKey",
    "API-KEY",
    "access_key",
    "user.token",
    "pin",
    "cvv2",
    "secret",
]
NAMES += [
    "credentials",
    "auth",
    "Cookies",
    "one\ttime/code",
    "pa\u017f\u017fword",
    "to\u212aen",
    "s\u0131gnature",
    "sig",
    "pwd",
    *("pass", "pw", "passwordHash", "PASSWORD_DB", "db_password_1", "token 2"),
]
JOINTS = [
    "",
    " ",
    "=",
    ": ",
    "://",
    "@",
    ":",
    '"',
    "'",
    "\\",
    "/",
    "\n",
    "\x1b",
    "\x7f",
    "ü",
    "\u2028",
    "_",
    "Bearer ",
]
JOINTS += [
    "a",
    "n",
    "u0070",
    "\\u0070",
    "basic ",
    "12345678",
    "the/path/of/it/all",
    "postgres://u:",
    "\ud800",
]

words = st.lists(st.sampled_from(SECRETS + COMMANDS + NAMES + JOINTS * 2), max_size=6).map("".join)


def escaped(text: str) -> str:
    """``text`` as JSON that escapes whatever it may."""
    return '["' + "".join(f"\\u{ord(c):04x}" for c in text if ord(c) < 65536) + '"]'


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def wrapped(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        texts.map(lambda text: json.dumps([text])),
        texts.map(lambda text: json.dumps({"a": text}, ensure_ascii=False, indent=2)),
        texts.map(lambda text: json.dumps({text: 1})),
        texts.map(lambda text: json.dumps([text]).replace("/", "\\/")),
        st.tuples(st.sampled_from(NAMES), texts).map(lambda pair: json.dumps({pair[0]: pair[1]})),
        texts.map(escaped),
        texts.map(in_base64),
        texts.map(lambda text: f"\n{in_base64(text).rstrip('=')} of"),
    )


def batches_of(words: st.SearchStrategy[str], keys: list[str]) -> st.SearchStrategy[list[Batch]]:
    texts = st.recursive(words, wrapped, max_leaves=3)
    leaves = texts | st.sampled_from([True, None, 4711, 12, 1234567, 47.11, 10**25, 5551234567])
    names = st.sampled_from(["note", "to", *keys]) | texts
    values = st.recursive(
        leaves | st.sampled_from(SECRETS) | words,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
        max_leaves=4,
    )
    tools, args = st.sampled_from(["save", "credentials"]), st.dictionaries(names, values, max_size=2)
    calls = st.lists(st.builds(Call, tools, args, texts, values), min_size=1, max_size=2)
    return st.lists(calls.map(lambda found: Batch(tuple(found), "turn-1")), max_size=4)


@pytest.fixture(params=["re", "re2"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Either engine, the sieve being made anew for it."""
    if request.param == "re2":
        pytest.importorskip("re2")
    else:
        monkeypatch.setitem(sys.modules, "re2", None)
    sieve._caught.cache_clear()
    rough.scanners.cache_clear()
    yield request.param
    sieve._caught.cache_clear()
    rough.scanners.cache_clear()


def disguised(found: list[Batch], *, through_the_sieve: bool, personal: bool = False) -> list[Batch]:
    work = Disguise(b"a secret of these tests", personal=personal)
    texts = [native_lines.calls(batch) for batch in found]
    seen = [work.look(b, text if through_the_sieve else None) for b, text in zip(found, texts, strict=True)]
    work.settle()
    return [
        work.batch(batch, sight) if not through_the_sieve or work.concerns(text, sight) else batch
        for batch, text, sight in zip(found, texts, seen, strict=True)
    ]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=batches_of(words, NAMES))
def test_it_never_lets_a_secret_pass(found: list[Batch]) -> None:
    assert disguised(found, through_the_sieve=True) == disguised(found, through_the_sieve=False)


PEOPLE = [
    "Zacharias Quillfeather",
    "zacharias",
    "QUILLFEATHER",
    "Groß",
    "GROSS",
    "gro\u1e9e",
    "Öz McDonald",
    "mcdonald",
]
PEOPLE += [
    "öz_mcdonald",
    "山田太郎",
    "山田",
    "z.quill@host.example",
    "z.quill%40host.example",
    "Z.QUILL@HOST.EXAMPLE",
]
PEOPLE += ["Anna Quill", "Eve Adams <eve@x.example>", "/home/zquill/", "zquill", "admin", "01.02.1980"]
PEOPLE += [
    "+44 20 7946 0958",
    "4556 7375 8689 9855",
    "4556737586899855",
    *("0170 1234567", "+49 170 1234567", "020/79460958"),
    "17b Thistle Street",
    "84.12.211.77",
    "SW1",
]
PEOPLE += ["5551234567", "none", "Li", "li", "bytes"]
FIELDS = [
    "customer_name",
    "name",
    "owner",
    "email",
    "zip",
    "City",
    "phone",
    "username",
    "address",
    "ssn",
    "dob",
    "line_1",
]
FIELDS += ["customer", "password", "names"]

people = st.lists(st.sampled_from(PEOPLE * 2 + JOINTS), max_size=5).map("".join)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(found=batches_of(people, FIELDS))
def test_a_batch_that_is_passed_over_has_nothing_personal(found: list[Batch]) -> None:
    through, looked_at = (
        disguised(found, through_the_sieve=sieved, personal=True) for sieved in (True, False)
    )
    assert through == looked_at


@pytest.mark.parametrize(
    ("told", "elsewhere"),
    [
        ({"customer_name": "Zacharias Quillfeather"}, "Dear Zacharias,\nthank you"),
        ({"customer_name": "Zacharias Quillfeather"}, "user zacharias_quillfeather logged in"),
        ({"customer_name": "Jo Groß"}, "FRAU GROSS"),
        ({"customer_name": "Jo Gross"}, "Frau Groß"),
        ({"customer_name": "Jo McDonald"}, "to JO MCDONALD"),
        ({"recipient": "山田太郎"}, "山田太郎様"),
        ({"email": "z.quill@host.example"}, "?to=z.quill%40host.example"),
        ({"phone": "+44 20 7946 0958"}, "call (020) 7946-0958"),
        ({"zip": 123}, "none"),
        ({"zip": "123"}, " 123\n"),
        ({"note": "password: 'bytes'"}, {"phone": "bytes"}),
        ({"phone": "5551234567"}, 5551234567),
    ],
)
def test_what_one_batch_tells_is_found_in_another(told: dict[str, Any], elsewhere: Any) -> None:
    found = [
        Batch((Call("save", told),)),
        Batch((Call("say", {}, "c1", elsewhere),)),
        Batch((Call("say", told),)),
    ]
    through, looked_at = (
        disguised(found, through_the_sieve=sieved, personal=True) for sieved in (True, False)
    )
    assert through == looked_at
    assert elsewhere == "none" or looked_at[1] != found[1]


@pytest.mark.parametrize(
    "result",
    [
        "def key(self) -> str:\n    return self.name  # passes the token on",
        'https://h.example/a:b?q=1, "C:\\\\temp", für alle: 12:30 @ home',
        {"order_id": "#W1234567", "items": [{"key": 1, "pinned": True, "max": 47.11}], "user": "a_b_1234"},
        json.dumps({"status": "pending", "uuid": "8f14e45f-ceea-467f-9f0b-2c5b0a3f2f11"}, indent=2),
        "/home/dev/project/fuzzharness/privacy/secrets.py:12: one of the ways-of_doing_it_without_any",
    ],
)
def test_it_lets_pass_what_calls_are_full_of(result: Any) -> None:
    assert (
        sight(native_lines.calls(Batch((Call("tool", {"path": "a/b"}, "toolu_01", result),)))) is Sight.CLEAR
    )


FORMS = (*sieve._keyed(), *sieve._FORMS)


def test_every_name_of_a_secret_has_a_stem() -> None:
    assert all(
        any(stem in name for stem in sieve._STEMS) for name in (*SECRET_NAMES.split("|"), *SECRET_WORDS)
    )


@pytest.mark.parametrize("form", FORMS, ids=lambda form: ascii(form.pattern)[:40])
def test_what_has_a_form_has_its_hint_and_is_caught(form: Form) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(re.compile(form.pattern, re.DOTALL)))
    def holds(data: bytes) -> None:
        assert form.hint in data
        assert re.search(form.rest, data, re.DOTALL)
        assert sieve._caught()(data) is not None

    holds()


@pytest.mark.parametrize("before", ["", " ", "\n", "\x1f", "\\", "ü", "{\n", "="])
def test_base64_is_seen_behind_any_character(before: str) -> None:
    text = "the quick brown für alle"
    data = json.dumps(before + in_base64(text), ensure_ascii=False).encode()
    assert text in hidden(data)


PARTS = [
    "4556 7375 8689 9855",
    "GB33 BUKB 2020 1555 5555 55",
    "84.12.211.77",
    "2001:db8::1",
    "+44 20 7946 0958",
]
PARTS += [
    "(415) 555-2671",
    "415.555.2671",
    "536-22-8726",
    "17b Thistle Wood Street",
    "1 Elm St",
    "a@b.example",
]
PARTS += [
    "Lindenstraße 7",
    "Am-Weg 1",
    "Sommerallee 12 a",
    "a%40b.example",
    "\u0664\u0665\u0665\u0666737586899855",
    "12:30:01",
    "v1.2.3.4",
]
PARTS += ["Eve Adams <", "/home/", "ada_q/", "C:\\Users\\", "C:\\\\Users\\\\", "bob\\"]
PARTS += ["\\n", "%20", "%2B", "%", "'", "@", "::", "_"]
PARTS += [" ", "x", "-", ".", "1", "ü", "\n", ": ", "Street"]


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_the_rough_form_of_personal_data_never_lets_any_pass(text: str) -> None:
    for whole in (text, text.ljust(100)):
        assert list(personal.personal(whole)) == list(_looked_through(whole))


def _looked_through(text: str) -> Iterator[Span]:
    yield from personal._users(text)
    plain = without_escapes(text)
    for _, kind, _, pattern, length in personal._COMPILED:
        found = ((m.start(), length(m[0])) for m in pattern.finditer(plain))
        yield from (Span(start, start + size, kind) for start, size in found if size)
