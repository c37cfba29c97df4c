"""Personal data and secrets: what is found, what stands for it, and that nothing of it remains."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzharness import Batch, Call
from fuzzharness.privacy import Disguise
from fuzzharness.privacy.personal import iban_remainder, passes_luhn
from fuzzharness.privacy.rules import Rule, rule
from fuzzharness.traces import native_lines

KEY = b"a secret of these tests"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq\nq8w1\n-----END RSA PRIVATE KEY-----"

PERSONAL = {
    "customer_name": "Zacharias Quillfeather",
    "lastName": "Öztürk-Lindqvist",
    "email": "z.quillfeather+shop@mail-host.co.uk",
    "phone": "+44 20 7946 0958",
    "address": "17b Thistlewood Crescent",
    "zip": "SW1A 2AA",
    "card": "4556 7375 8689 9855",
    "iban": "GB33 BUKB 2020 1555 5555 55",
    "ip_address": "84.12.211.77",
    "dob": "1987-03-14",
    "username": "zquill_87",
    "ssn": "536-22-8726",
    "recipient": "山田太郎",
}
SECRETS = {
    "password": "hunter2-Tr0ub4dor",
    "api_key": "ak_93jfh2kd93jd",
    "authorization": "Bearer 9f8e7d6c5b4a39281706",
    "token": JWT,
    "private_key": PEM,
}
FORMS = {
    "a JWT": (JWT, JWT),
    "a key in PEM": (f"it is {PEM} there", PEM),
    "a key of OpenAI": ("use sk-proj-abcDEF123456ghiJKL now", "sk-proj-abcDEF123456ghiJKL"),
    "a key of Anthropic": ("sk-ant-api03-abcDEF123456", "sk-ant-api03-abcDEF123456"),
    "a key of AWS": ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    "a token of GitHub": (
        "x ghp_16C7e42F292c6912E7710c838347Ae178B4a y",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    ),
    "a token of Slack": ("xoxb-123456789012-abcdefGHIJ", "xoxb-123456789012-abcdefGHIJ"),
    "a bearer": ("Authorization: Bearer 9f8e7d6c5b4a3928", "9f8e7d6c5b4a3928"),
    "a password in a URL": ("postgres://shop:p4ss:w0rd@db.example/shop", "p4ss:w0rd"),
    "a password in a text": ("login with password=Tr0ub4dor&3 please", "Tr0ub4dor"),
    "a key in a query": ("https://h.example/x?api_key=93jfh2kd&n=1", "93jfh2kd"),
    "a password in quotes": ('password: "dbl quoted pw", n', "dbl quoted pw"),
    "a password in code": ("  pw = 'letmein-please'", "letmein-please"),
    "a password in bytes": ("secret=b'hunter 22')", "hunter 22"),
    "a password in an environment": ("DB_PASS=hunter22", "hunter22"),
    "a word in an environment": ("PASSWORD=changeme", "changeme"),
    "a word in a query": ("https://h.example/x?password=changeme&n=1", "changeme"),
    "a password that is typed": ('password: str | None = "letmein please"', "letmein please"),
    "a password in JSON that is cut": ('{\\"password\\": \\"hunter22 x\\", \\"n', "hunter22 x"),
    "a password with blanks in a connection string": (
        "Server=db;User Id=sa;Password=P@ss w0rd;",
        "P@ss w0rd",
    ),
    "a password first in a connection string": ("Pwd=P@ss w0rd;Server=db", "P@ss w0rd"),
    "an option": ("app --n 1 --password topsecret1 --x", "topsecret1"),
    "an option with a sign": ("app --db-password=topsecret", "topsecret"),
    "an option in quotes": ("app --api-key 'top secret'", "top secret"),
    "a token as an option": ("app --token tok3n99", "tok3n99"),
    "a user of curl": ("curl -sSu joe:hunter22 https://h", "hunter22"),
    "a user of curl in quotes": ("curl -X POST \\\n --user 'joe:hunter 22' https://h", "hunter 22"),
    "a password for sshpass": ("sshpass -p cu5r ssh h", "cu5r"),
    "a password for mysql": ("mysqldump -h db -psecretpw99 -u root x", "secretpw99"),
    "a field of HTML": ('<input type="password" name="x" value="form pw"><b>', "form pw"),
    "a field of HTML, its name last": ('<INPUT value="formpw123" name="user[password]">', "formpw123"),
    "a short bearer": ("-H 'Authorization: Bearer short'", "short"),
    "a key in a connection string": ("Name=x;AccountKey=Eby8vdM02xNOcq==;Y=1", "Eby8vdM02xNOcq=="),
}


def disguise(
    *batches: Batch, key: bytes = KEY, personal: bool = True, rules: tuple[Rule, ...] = ()
) -> list[Batch]:
    work = Disguise(key, personal=personal, rules=rules)
    for batch in batches:
        work.look(batch)
    work.settle()
    return [work.batch(batch) for batch in batches]


def through(args: dict[str, Any], result: Any = None, **options: Any) -> Call:
    """One call with these arguments, disguised."""
    ((call,),) = (batch.calls for batch in disguise(Batch((Call("tool", args, result=result),)), **options))
    return call


def text_of(batches: list[Batch]) -> str:
    """All there is in ``batches``, with what hides in base64 beside it, in all escapes and none."""
    plain = "".join(native_lines.whole(batch, batch.id or "x") for batch in batches)
    decoded = [
        base64.urlsafe_b64decode(match[0] + "=" * (-len(match[0]) % 4)).decode(errors="replace")
        for match in re.finditer(r"[A-Za-z0-9_-]{16,}", plain)
        if len(match[0]) % 4 != 1
    ]
    together = "\n".join([plain, *decoded])
    unescaped = together.encode("ascii", "backslashreplace").decode("unicode_escape")
    twice = unescaped.encode("ascii", "backslashreplace").decode("unicode_escape")
    return "\n".join([together, unescaped, twice, unquote(together), unquote(unescaped)]).lower()


def everywhere(value: str) -> list[Call]:
    """Calls in which ``value`` stands in every place but under its key."""
    encoded = base64.b64encode(f"user is {value} now".encode()).decode()
    return [
        Call(
            "say", {"text": f"Dear {value}, hello", "loud": value.upper()}, f"id {value}", f"sent to {value}."
        ),
        Call("look", {"q": json.dumps({"deep": [json.dumps({"deeper": f"({value})"})]})}, result={value: 1}),
        Call("get", {"url": f"https://h.example/?q={quote(value)}&n=1"}, result={"rows": [[f"<{value}>"]]}),
        Call("bin", {"data": encoded}, result=f"log: {json.dumps(value)}"),
        Call("odd", None, invalid_args=f'{{"who": "{value}", '),
    ]


def planted(values: dict[str, str]) -> list[Batch]:
    """First every value where it is not known to be one, then, far away, once under a key that tells."""
    found = [Batch(tuple(everywhere(value)), f"for {value}") for value in values.values()]
    return [*found, Batch((Call("save", {"customer": dict(values)}),))]


# Nothing remains


def test_nothing_that_was_found_remains_in_any_place_or_form() -> None:
    values = PERSONAL | SECRETS
    before = planted(values)
    assert all(value.lower() in text_of(before) for value in values.values())
    after = text_of(disguise(*before))
    assert [value for value in values.values() if value.lower() in after] == []


def test_secrets_go_without_being_asked_and_personal_data_stays() -> None:
    after = text_of(disguise(*planted(PERSONAL | SECRETS), personal=False))
    assert [value for value in SECRETS.values() if value.lower() in after] == []
    assert [value for value in PERSONAL.values() if value.lower() not in after] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("personal", [False, True])
def test_a_secret_is_told_by_its_form(form: str, personal: bool) -> None:
    text, secret = FORMS[form]
    call = through({"note": text}, personal=personal)
    assert call.args is not None
    assert secret not in call.args["note"]
    assert re.search(r"secret-[0-9a-f]{16}", call.args["note"])


def test_of_a_connection_string_only_the_password_goes() -> None:
    call = through({"dsn": "postgresql://shop:hunter22@db.example:5432/shop?sslmode=require"})
    assert re.fullmatch(
        r"postgresql://shop:secret-[0-9a-f]{16}@db\.example:5432/shop\?sslmode=require", call.args["dsn"]
    )


@pytest.mark.parametrize(
    "args",
    [
        {"max_tokens": 500, "page_token": "abc123def456", "tokenizer": "bpe", "key": "balance"},
        {"name": "blue chair", "title": "Mr Blue", "status": "open", "amount": 12345, "owner": "team-a"},
        {"when": "2026-11-22T12:00:00+00:00", "id": "8f14e45f-ceea-467f-9f0b-2c5b0a3f2f11", "v": "1.2.3"},
        {"phone": None, "email": "", "password": None, "token": True, "card": "gold", "zip": "none"},
        {"n": 4556737586899854, "order": "#W1234567", "sum": "100-200-3000 items", "local": "127.0.0.1"},
    ],
)
def test_what_is_neither_stays_as_it_is(args: dict[str, Any]) -> None:
    assert through(args).args == args


@pytest.mark.parametrize(
    "text",
    [
        *("TOKEN=$(cat x)", 'TOKEN="$(cat a b)"', "PASSWORD=$PASSWORD", "PASSWORD=${DB_PASSWORD:-none}"),
        *(
            "set PASSWORD=%DB_PASSWORD%",
            "password: {{ db.password }}",
            "--token <token>",
            "api_key: '<your key>'",
        ),
        *(
            "Authorization: Bearer $TOKEN",
            "Authorization: Bearer {token}",
            "token=`cat x`",
            "secret='%(secret)s'",
            'token = f"{a}-{b}"',
            "password='${A}:{b}'",
        ),
        *("password: Final = 3", "token = re.compile(r'x')", "secret: str | None", "token = self._next()"),
        *("api_key=settings.api_key", "password: required", "f(token=token, secret=None)", "token: &str,"),
        *(
            "--password PASSWORD",
            "mkdir -p secrets",
            "the password:\n/srv/x.py:7:",
            "python -pabcdef",
            "docker run -u 1000:1000 x",
        ),
        *("curl --user-agent a:b https://h", "curl -u joe https://h", '<input name="user" value="joe joe">'),
    ],
)
def test_what_only_names_a_secret_is_none(text: str) -> None:
    assert through({"note": text}, text, personal=False).args == {"note": text}


@pytest.mark.parametrize(
    "value", ["$(cat x)", "${DB_PASSWORD}", "$TOKEN", "{{ token }}", "<token>", "%TOKEN%"]
)
def test_what_only_names_a_secret_is_none_in_its_field_either(value: str) -> None:
    assert through({"token": value}).args == {"token": value}


@pytest.mark.parametrize("word", ["Token", "SecretStr", "str | None", "config.Token", "SECRET_NAME"])
def test_a_word_in_the_place_of_a_secret_goes_only_there(word: str) -> None:
    call = through({"note": f'token: "{word}"'}, f"class {word}: ...", personal=False)
    assert word not in call.args["note"]
    assert call.result == f"class {word}: ..."


@pytest.mark.parametrize(
    "key",
    [
        *("pass", "pw", "db_pass", "password_hash", "hashed_password", "PASSWORD_DB", "db_password_1"),
        *("passwordConfirmation", "api_key2", "token_1"),
    ],
)
def test_a_field_that_holds_a_secret(key: str) -> None:
    after = through({key: "Tr0ub4dor&3"}, "it is Tr0ub4dor&3!", personal=False)
    assert re.fullmatch(r"secret-[0-9a-f]{16}", after.args[key])
    assert after.result == f"it is {after.args[key]}!"


# Equal and distinct, kinds and shapes


POOL = [
    *PERSONAL.values(),
    *(value for value in SECRETS.values() if "\n" not in value),
    *("Anna Li", "anna li", "ANNA LI", "Anna Lee", "Li", "anna.li@x.example", "Anna.Li@x.example"),
    *("4556737586899855", "GB33BUKB20201555555555", "plain", "7", ""),
]
KEYS = ["customer_name", "email", "phone", "card", "iban", "password", "note", "id", "username"]
fields = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(POOL), max_size=4)


def leaves(batches: list[Batch]) -> Iterator[str]:
    for batch in batches:
        for call in batch.calls:
            for key in sorted(call.args or {}):
                yield (call.args or {})[key]


@settings(deadline=None, max_examples=60)
@given(args=st.lists(fields, min_size=1, max_size=6))
def test_equal_stays_equal_and_distinct_stays_distinct(args: list[dict[str, str]]) -> None:
    before = [Batch(tuple(Call("tool", each) for each in args))]
    one, other = list(leaves(before)), list(leaves(disguise(*before)))
    pairs = [(i, j) for i in range(len(one)) for j in range(i)]
    assert [one[i] == one[j] for i, j in pairs] == [other[i] == other[j] for i, j in pairs]


def test_thousands_of_names_and_of_short_numbers_stay_apart() -> None:
    syllables = [
        a + b for a in ("Ba", "Lo", "Mi", "Ne", "Ru") for b in ("ga", "lin", "mo", "rak", "stu", "vi")
    ]
    names = [f"{one}{other}" for one in syllables for other in map(str.lower, syllables)]
    people = [Call("save", {"first_name": name, "zip": f"{n:04}"}) for n, name in enumerate(names)]
    (batch,) = disguise(Batch(tuple(people)))
    for key in ("first_name", "zip"):
        after = [(call.args or {})[key] for call in batch.calls]
        assert len(set(after)) == len(after) == 900
        assert not set(after) & set(names)


def test_a_name_stands_for_the_same_person_in_parts_and_in_capitals() -> None:
    call = through(
        {"full_name": "Joshua Diaz"},
        "Dear Joshua, Mr DIAZ (joshua_diaz_1234, diaz.joshua): see mark_read, and Diaz' order",
    )
    first, last = call.args["full_name"].split(" ")
    low = f"{first}_{last}".lower(), f"{last}.{first}".lower()
    assert call.result == (
        f"Dear {first}, Mr {last.upper()} ({low[0]}_1234, {low[1]}): see mark_read, and {last}' order"
    )


def test_a_word_that_is_also_a_name_stays_where_it_is_a_word() -> None:
    call = through(
        {"customer_name": "Mark Will", "action": "mark_read"}, {"will_call": "i will, mark my words"}
    )
    assert call.args["action"] == "mark_read"
    assert call.result == {"will_call": "i will, mark my words"}


def test_values_keep_their_kind_and_their_spacing() -> None:
    args = through(dict(PERSONAL)).args
    assert re.fullmatch(r"[\w.]+@example\.(com|org|net)", args["email"])
    assert re.fullmatch(r"\+44 \d\d \d{4} \d{4}", args["phone"])
    assert re.fullmatch(r"4000 00\d\d \d{4} \d{4}", args["card"])
    assert passes_luhn(args["card"].replace(" ", ""))
    assert re.fullmatch(r"GB\d\d [A-Z]{4} \d{4} \d{4} \d{4} \d\d", args["iban"])
    assert iban_remainder(args["iban"].replace(" ", "")) == 1
    assert ipaddress.ip_address(args["ip_address"]) in ipaddress.ip_network("10.0.0.0/8")
    assert re.fullmatch(r"[A-Z]{2}\d[A-Z] \d[A-Z]{2}", args["zip"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", args["dob"])
    assert re.fullmatch(r"\d{3}-\d\d-\d{4}", args["ssn"])
    assert len(args["customer_name"].split(" ")) == 2


@pytest.mark.parametrize(("card", "start"), [("378734493671000", "378282"), ("5105105105105100", "555555")])
def test_cards_are_of_ranges_that_are_for_testing(card: str, start: str) -> None:
    after = through({"note": f"card {card}"}).args["note"].removeprefix("card ")
    assert after.startswith(start)
    assert len(after) == len(card)
    assert passes_luhn(after)


def test_numbers_stay_numbers_and_equal_to_their_texts() -> None:
    call = through(
        {"phone": 4915112345678, "zip": 10115, "pin": 4711, "amount": 10115}, "4915112345678, 4711"
    )
    args = call.args
    assert [len(str(args[key])) for key in ("phone", "zip", "pin")] == [13, 5, 4]
    assert args["amount"] == 10115
    assert call.result == f"{args['phone']}, {args['pin']}"


def test_a_card_is_one_card_however_it_is_spaced() -> None:
    call = through({"card": "4556 7375 8689 9855", "n": 4556737586899855}, "4556-7375-8689-9855")
    digits = call.args["card"].replace(" ", "")
    assert (str(call.args["n"]), call.result.replace("-", "")) == (digits, digits)
    assert re.fullmatch(r"(\d{4}-){3}\d{4}", call.result)


@pytest.mark.parametrize(
    "text",
    ['{"email": "ü@x.example", "n": 1}', '{"email":"\\u00fc@x.example"}', '{\n  "email": "a@x.example"\n}'],
)
def test_json_within_a_string_keeps_its_layout(text: str) -> None:
    after = through({"body": text}).args["body"]
    email = json.loads(after)["email"]
    assert after == text.replace(json.loads(text)["email"], email).replace("\\u00fc@x.example", email)


def test_a_mail_in_a_url_is_the_mail_and_the_url_stays_one() -> None:
    call = through(
        {"url": "https://h.example/a?q=anna.q+1%40x.example&n=1"}, "anna.q+1@x.example, ?to=b@x.example"
    )
    mail, _, other = call.result.partition(", ?to=")
    assert call.args["url"] == f"https://h.example/a?q={mail.replace('@', '%40')}&n=1"
    assert all(re.fullmatch(r"[\w.]+@example\.(com|org|net)", each) for each in (mail, other))


def test_names_of_tools_and_parameters_stay() -> None:
    ((call,),) = (
        batch.calls
        for batch in disguise(
            Batch((Call("greet_anna", {"anna": 1, "customer_name": "anna", "to": "anna"}),))
        )
    )
    assert call.tool == "greet_anna"
    assert list(call.args) == ["anna", "customer_name", "to"]
    assert call.args["to"] == call.args["customer_name"] != "anna"


def test_what_was_masked_before_is_not_masked_again() -> None:
    once = through({"password": "hunter2-Tr0ub4dor"}, "password=hunter2-Tr0ub4dor")
    assert through(dict(once.args), once.result) == once


# People, where nothing but what stands there tells


@pytest.mark.parametrize(
    "args",
    [
        {"name": "Gertrude Hofstadter", "seats": 2},
        {"name": "ANNA SCHMIDT"},
        {"names": ["Jörg Müller", "Anna Schmidt"]},
        {"full_names": ["Wislawa Szymborska"]},
        {"passenger_names": ["Elias Canetti"]},
        {"billing_name": "Heinrich Boell", "shippingName": "Carl Spitteler", "name_on_card": "Wislawa Es"},
        {"contact": {"first": "Ludmilla", "last": "Orlova"}},
        {"guest": {"name": {"first": "Ludmilla", "last": "Orlova"}}},
        {"to": "Eve Adams <eve@corp.example>"},
        {"to": '"Eve Quillon Adams" <eve@corp.example>'},
        {"from": "Max Frisch <mfrisch@x.example>"},
    ],
)
def test_a_person_is_told_by_the_name_or_by_what_stands_beside_it(args: dict[str, Any]) -> None:
    words = set(re.findall(r"[^\W\d_]{3,}", json.dumps([*args.values()], ensure_ascii=False)))
    gone = words - {"first", "last", "name", "corp", "example", "eve", "mfrisch"}
    after = through(args, f"Dear {' and '.join(sorted(gone))}!")
    assert [word for word in gone if word.lower() in text_of([Batch((after,))])] == []
    assert list(after.args) == list(args)


@pytest.mark.parametrize(
    "args",
    [
        {"name": "report.txt", "names": ["Annual Report", "Anna"], "first": "Monday", "last": 3},
        {"name": "Blue Chair", "file_names": ["Open Items"], "name_2": "anna schmidt"},
        {"to": "Support <help desk>", "page": {"first": "One", "last": "Nine"}},
        {
            "cwd": "/home/dev/x",
            "more": "/home/runner/x, /Users/shared/x, C:\\Users\\Public\\x, ./home/page/x",
        },
    ],
)
def test_what_is_nobody_stays(args: dict[str, Any]) -> None:
    assert through(args).args == args


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/wquackenbush/notes.txt", "wquackenbush"),
        ("file:///Users/ada.l/x", "ada.l"),
        ("C:\\Users\\nadia\\x", "nadia"),
        ("'D:\\\\Users\\\\nadia\\\\x'", "nadia"),
    ],
)
def test_the_user_in_a_path_goes_everywhere(path: str, name: str) -> None:
    call = through({"path": path}, f"{name}:x, {name}2go, as {name}")
    before, behind = path.split(name)
    after = call.args["path"].removeprefix(before).removesuffix(behind)
    assert after != name
    assert call.result.endswith(f", as {after}")
    assert call.args["path"] == before + after + behind


@pytest.mark.parametrize("key", ["mrn", "bic", "mac", "mac_address", "twitter", "instagram", "linkedin"])
def test_more_fields_that_are_personal(key: str) -> None:
    value = "00:1A:2B:3C:4D:5E" if key.startswith("mac") else "@gertrudehof"
    call = through({key: value}, f"see {value}")
    assert call.args[key] != value
    assert call.result == f"see {call.args[key]}"
    assert re.fullmatch(r"@\w+" if value[0] == "@" else r"02(:[0-9A-F]{2}){5}", call.args[key])


@pytest.mark.parametrize(
    ("abroad", "prefix", "at_home", "kept"),
    [
        ("+49 170 1234567", "49", "0170 1234567", "0"),
        ("+49 170 1234567", "49", "0170/1234567", "0"),
        ("+49-170-1234567", "49", "(0170) 123-4567", "0"),
        ("+44 20 7946 0958", "44", "02079460958", "0"),
        ("+353 86 123 4567", "353", "086 1234567", "0"),
        ("+1 202 555 0143", "1", "(202) 555-0143", ""),
        ("+49 170 1234567", "", "0049 170 1234567", "00"),
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_a_phone_is_the_same_number_at_home(
    abroad: str, prefix: str, at_home: str, kept: str, told: bool
) -> None:
    args = {"phone": abroad} | ({"mobile": at_home} if told else {})
    call = through(args, f"call '{at_home}', 1 {at_home}x")
    digits = re.sub(r"\D", "", call.args["phone"])
    after = call.result.removeprefix("call '").partition("',")[0]
    assert re.sub(r"\D", "", after) == kept + digits[len(prefix) :]
    assert re.sub(r"\d", "0", after) == re.sub(r"\d", "0", at_home)
    assert not told or call.args["mobile"] == after


# Dates, everyday words and short numbers


DATES = [
    *("1980-02-01", "1980/2/1", "19800201", "1980-02-01T00:00:00Z"),
    *("01.02.1980", "1.2.1980", "01. 02. 1980", "02/01/1980", "2/1/80", "01-02-1980"),
    *(
        "Feb 1, 1980",
        "February 1st, 1980",
        "1 February 1980",
        "1. Februar 1980",
        "01-FEB-1980",
        "Mar. 3 1971",
    ),
]
READINGS = {
    r"\d{4}-\d\d-\d\d": ["%Y-%m-%d"],
    r"\d{4}/\d{1,2}/\d{1,2}": ["%Y/%m/%d"],
    r"\d{8}": ["%Y%m%d"],
    r"\d{4}-\d\d-\d\dT00:00:00Z": ["%Y-%m-%dT%H:%M:%SZ"],
    r"\d\d\.\d\d\.\d{4}|\d{1,2}\.\d{1,2}\.\d{4}": ["%d.%m.%Y", "%m.%d.%Y"],
    r"\d\d\. \d\d\. \d{4}": ["%d. %m. %Y", "%m. %d. %Y"],
    r"\d\d/\d\d/\d{4}": ["%m/%d/%Y", "%d/%m/%Y"],
    r"\d{1,2}/\d{1,2}/\d\d": ["%m/%d/%y", "%d/%m/%y"],
    r"\d\d-\d\d-\d{4}": ["%m-%d-%Y", "%d-%m-%Y"],
    r"[A-Z][a-z]{2} \d{1,2}, \d{4}": ["%b %d, %Y"],
    r"[A-Z][a-z]+ \d{1,2}(?:st|nd|rd|th), \d{4}": [],
    r"\d{1,2} [A-Z][a-z]+ \d{4}": ["%d %B %Y"],
    r"\d{1,2}\. [A-Z][a-zä]+ \d{4}": [],
    r"\d\d-[A-Z]{3}-\d{4}": ["%d-%b-%Y"],
    r"[A-Z][a-z]{2}\. \d{1,2} \d{4}": ["%b. %d %Y"],
}


@pytest.mark.parametrize("text", DATES)
def test_a_date_stays_one_in_its_layout_whoever_reads_it(text: str) -> None:
    after = through({"dob": text}, f"born on {text}.").args["dob"]
    layouts = [layout for layout in READINGS if re.fullmatch(layout, text)]
    assert layouts
    assert re.fullmatch(layouts[-1], after)
    assert after != text
    for reading in READINGS[layouts[-1]]:
        datetime.strptime(after, reading)


def test_equal_dates_stay_equal_and_distinct_ones_distinct() -> None:
    dates = [
        f"{day:02}.{month:02}.{year}"
        for day in range(1, 29)
        for month in range(1, 13)
        for year in (1971, 1988)
    ]
    (batch,) = disguise(Batch(tuple(Call("save", {"dob": text, "note": f"*{text}"}) for text in dates)))
    after = [(call.args or {})["dob"] for call in batch.calls]
    assert len(set(after)) == len(dates)
    assert [(call.args or {})["note"] for call in batch.calls] == [f"*{text}" for text in after]


def test_a_date_that_is_a_number_stays_a_number() -> None:
    after = through({"dob": 19800201}).args["dob"]
    assert after != 19800201
    datetime.strptime(str(after), "%Y%m%d")


@pytest.mark.parametrize(
    "word", ["admin", "root", "Guest", "user", "postgres", "anonymous", "support", "api", "bot"]
)
@pytest.mark.parametrize("key", ["username", "login", "display_name"])
def test_an_everyday_word_is_nobody(key: str, word: str) -> None:
    args = {key: word, "role": word}
    call = through(args, {word: True, "path": f"/{word}/x", "text": f"as {word}"})
    assert (call.args, call.result) == (args, {word: True, "path": f"/{word}/x", "text": f"as {word}"})


def test_an_everyday_word_may_still_be_the_name_of_a_person() -> None:
    call = through(
        {"username": "balance", "last_name": "Price", "user": "page"}, {"balance": 1, "to": "Ms Price"}
    )
    assert (call.args["username"], call.args["user"]) == ("balance", "page")
    assert call.result == {"balance": 1, "to": f"Ms {call.args['last_name']}"}
    assert call.args["last_name"] != "Price"


def test_a_short_number_that_is_secret_goes_only_as_a_word() -> None:
    call = through({"pin": "1234", "note": "abcd1234 x1234y 12345 1234a (1234) pin=1234."}, personal=False)
    pin = call.args["pin"]
    assert call.args["note"] == f"abcd1234 x1234y 12345 1234a ({pin}) pin={pin}."


# Functions of the secret


def test_the_same_secret_gives_the_same_in_every_process() -> None:
    code = (
        "import json, sys; from fuzzharness import Batch, Call; from fuzzharness.privacy import Disguise\n"
        "d = Disguise(sys.argv[1].encode(), personal=True)\n"
        "b = Batch((Call('save', json.loads(sys.argv[2])),)); d.look(b); d.settle()\n"
        "print(json.dumps(d.batch(b).calls[0].args))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, key, json.dumps(PERSONAL | SECRETS)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for key, seed in (("one", "1"), ("one", "2"), ("other", "1"))
    }
    assert len(found) == 2
    one, other = map(json.loads, found)
    assert [key for key in one if one[key] == other[key]] == []


def test_a_value_has_the_same_pseudonym_whatever_else_is_in_the_recording() -> None:
    alone = through({"email": "anna@x.example", "customer_name": "Anna Quill"}).args
    args = {f"{key}_2": value for key, value in PERSONAL.items()}
    beside = through({**args, "email": "anna@x.example", "customer_name": "Anna Quill"}).args
    assert (beside["email"], beside["customer_name"]) == (alone["email"], alone["customer_name"])


def test_without_a_secret_every_time_is_another() -> None:
    batch = Batch((Call("save", {"password": "hunter2"}),))
    work = [Disguise(), Disguise()]
    for each in work:
        each.look(batch)
        each.settle()
    one, other = (each.batch(batch) for each in work)
    assert one != other


def test_faker_is_loaded_only_where_something_is_made_up() -> None:
    code = (
        "import sys; from fuzzharness import Batch, Call; from fuzzharness.privacy import Disguise\n"
        "d = Disguise(personal=True); b = Batch((Call('login', {'password': 'hunter2'}),))\n"
        "d.look(b); d.settle(); d.batch(b); print('faker' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


# Rules of the user


def test_rules_name_keys_patterns_and_values() -> None:
    args = {"memberNo": "M-1234", "note": "see ACME-778812 of Project Falcon", "city": "Berlin"}
    rules = (
        rule("text:key=member_*"),
        rule(r"text:pattern=ACME-\d{6}"),
        rule("secret:value=Project Falcon"),
        rule("city:key=city"),
    )
    after = through(args, "M-1234, Berlin", rules=rules).args
    assert re.fullmatch(r"[A-Z]-\d{4}", after["memberNo"])
    assert re.fullmatch(r"see [A-Z]{4}-\d{6} of secret-[0-9a-f]{16}", after["note"])
    assert after["city"] != "Berlin"
    assert not {"M-1234", "ACME-778812"} & set(after.values())


def test_the_rule_keep_leaves_keys_and_values_alone() -> None:
    told = "key=token", "value=info@shop.example", r"pattern=.*@test\.example"
    rules = tuple(rule(f"keep:{each}") for each in told)
    args = {"token": "abc-123", "email": "info@shop.example", "cc": "a@test.example", "bcc": "b@x.example"}
    after = through(args, rules=rules).args
    assert {key for key in args if after[key] != args[key]} == {"bcc"}


def test_a_rule_replaces_what_cannot_be_of_its_kind_all_the_same() -> None:
    after = through({"who": "agent 007"}, rules=(rule("name:key=who"),)).args
    assert re.fullmatch(r"[a-z]{5} \d{3}", after["who"])
    assert after["who"] != "agent 007"
