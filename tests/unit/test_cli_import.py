"""``fuzzharness import``: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import fuzzharness as fh
from fuzzharness.cli import main
from fuzzharness.importing import Progress
from fuzzharness.report.reading import Reading

CLEAN, INTERRUPTED, USAGE, NOTHING = 0, 2, 4, 5
SAMPLES = Path(__file__).parent / "traces" / "samples"
CHAT = str(SAMPLES / "openai-chat.json")
LOGIN = {"user": "ada@example.com", "password": "hunter2-Tr0ub"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FUZZHARNESS_SECRET", raising=False)
    call = {"id": "a", "type": "function", "function": {"name": "login", "arguments": json.dumps(LOGIN)}}
    Path("login.json").write_text(json.dumps([{"role": "assistant", "tool_calls": [call]}]))
    return tmp_path


def importing(*args: str, **env: str) -> Result:
    return CliRunner(env={"COLUMNS": "100", **env}).invoke(main, ["import", *args])


def test_it_says_what_was_read_kept_left_out_and_written() -> None:
    result = importing(CHAT, "-o", "turns.jsonl", "--batches", "2+")
    assert result.exit_code == CLEAN
    assert result.stdout.splitlines() == [
        "read      3 batches of 6 calls (openai-chat)",
        "kept      2 batches of 5 calls",
        "left out  1 batch too small",
        "before    1 batch of 1 call, written only to be run before those kept, not explored",
        "wrote     turns.jsonl",
    ]
    assert result.stderr == ""
    batches = fh.load_trace("turns.jsonl").batches
    assert [batch.id for batch in batches if not batch.before] == ["turn-1", "turn-3"]


TOOLS = """
def deposit(amount, balance):
    balance["now"] = balance.get("now", 0) + amount
    return balance["now"]
"""


def test_what_is_kept_replays_on_the_state_that_was_recorded() -> None:
    deposits = [[5], [10, 20], [1]]
    balance, messages = 0, []
    for turn, amounts in enumerate(deposits):
        calls = [{"id": f"{turn}{n}", "type": "function"} for n in range(len(amounts))]
        for call, amount in zip(calls, amounts, strict=True):
            call["function"] = {"name": "deposit", "arguments": json.dumps({"amount": amount})}
        messages.append({"role": "assistant", "tool_calls": calls})
        for call, amount in zip(calls, amounts, strict=True):
            balance += amount
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": str(balance)})
    Path("session.json").write_text(json.dumps(messages))
    Path("tools.py").write_text(TOOLS)
    Path("world.py").write_text("import fuzzharness as fh\n\nworld = fh.World(balance={})\n")

    assert importing("session.json", "-o", "turns.jsonl", "--batches", "2+").exit_code == CLEAN
    words = ["run", "turns.jsonl", "--tools", "tools.py", "--world", "world.py:world", "--strict-replay"]
    result = CliRunner(env={"COLUMNS": "100"}).invoke(main, words)
    assert result.stdout.startswith("turns.jsonl::turn-2\n")
    assert "turns.jsonl::turn-1" not in result.stdout
    assert "fidelity" not in result.stdout
    assert "not as recorded" not in result.stdout


def test_secrets_are_masked_and_the_rest_stays_unless_asked() -> None:
    result = importing("login.json", "-o", "turns.jsonl")
    assert "masked    1 secret" in result.stdout
    written = Path("turns.jsonl").read_text()
    assert LOGIN["password"] not in written
    assert LOGIN["user"] in written
    assert "no secret was given" in result.stderr


def test_pseudonyms_follow_from_the_secret_of_a_file_or_the_environment() -> None:
    Path("secret").write_text("of these tests\n")
    named = importing("login.json", "-o", "a.jsonl", "--pseudonymise", "--secret-file", "secret")
    told = importing("login.json", "-o", "b.jsonl", "--pseudonymise", FUZZHARNESS_SECRET="of these tests")
    other = importing("login.json", "-o", "c.jsonl", "--pseudonymise", FUZZHARNESS_SECRET="another")
    assert [r.stderr for r in (named, told, other)] == ["", "", ""]
    assert "replaced  1 email" in named.stdout
    a, b, c = (Path(f"{name}.jsonl").read_text() for name in "abc")
    assert a == b != c
    assert not any(value in a for value in LOGIN.values())


def test_rules_come_from_the_command_line_and_from_a_file() -> None:
    Path("rules.toml").write_text('[[rule]]\nkind = "text"\npattern = "ada"\n')
    rules = "--pseudonymise-rules", "rules.toml", "--rule", "keep:key=password"
    assert importing("login.json", "-o", "turns.jsonl", "--pseudonymise", *rules).exit_code == CLEAN
    written = Path("turns.jsonl").read_text()
    assert LOGIN["password"] in written
    assert "ada" not in written


def test_a_locale_of_faker_may_be_named() -> None:
    Path("who.json").write_text(
        Path("login.json").read_text().replace("user", "customer_name").replace(LOGIN["user"], "Ada Lovelace")
    )
    options = "--pseudonymise", "--locale", "ja_JP"
    assert importing("who.json", "-o", "turns.jsonl", *options, FUZZHARNESS_SECRET="x").exit_code == CLEAN
    assert re.search(
        r"[\u3040-\u9fff]",
        json.loads(Path("turns.jsonl").read_text().splitlines()[1])["calls"][0]["args"]["customer_name"],
    )


WRONG = {
    "no output": (["login.json"], "Missing option '-o'"),
    "no recording": (["none.json", "-o", "x"], "there is no such file"),
    "no number of calls": (["login.json", "-o", "x", "--batches", "two"], "Expected a number and a plus"),
    "no rule": (["login.json", "-o", "x", "--pseudonymise", "--rule", "name"], "Expected KIND:key=GLOB"),
    "no kind": (["login.json", "-o", "x", "--pseudonymise", "--rule", "nam:key=x"], "Did you mean 'name'?"),
    "no way": (["login.json", "-o", "x", "--pseudonymise", "--rule", "name:kye=x"], "Did you mean 'key'?"),
    "no pattern": (
        ["login.json", "-o", "x", "--pseudonymise", "--rule", "text:pattern=("],
        "regular expression",
    ),
    "nothing to find": (["login.json", "-o", "x", "--pseudonymise", "--rule", "text:value="], "not empty"),
    "rules not asked for": (["login.json", "-o", "x", "--rule", "name:key=x"], "need --pseudonymise"),
    "no file of rules": (["login.json", "-o", "x", "--pseudonymise-rules", "none"], "cannot be read"),
    "no rules in it": (["login.json", "-o", "x", "--pseudonymise-rules", "login.json"], "is not TOML"),
    "no secret": (["login.json", "-o", "x", "--secret-file", "none"], "cannot be read"),
    "an empty secret": (["login.json", "-o", "x", "--secret-file", os.devnull], "is empty"),
    "no locale": (
        ["login.json", "-o", "x", "--pseudonymise", "--locale", "xx_XX"],
        "a locale that Faker has",
    ),
    "no format": (["login.json", "-o", "x", "--format", "openai"], "Did you mean"),
    "no folder": (["login.json", "-o", "none/x"], "there is no folder"),
    "no sample": (["login.json", "-o", "x", "--sample", "0"], "0 is not in the range"),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_input_is_told_and_writes_nothing(what: str, folder: Path) -> None:
    args, told = WRONG[what]
    result = importing(*args)
    assert result.exit_code == USAGE
    assert told in " ".join(result.stderr.split())
    assert [file.name for file in folder.iterdir()] == ["login.json"]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("", "no tables [[rule]]"),
        ('[[rule]]\nkind = "name"\n', "Expected kind and one of key, pattern, value"),
        ('[[rule]]\nkind = "name"\nkey = "a"\nvalue = "b"\n', "Expected kind and one of key, pattern, value"),
        ('[[rule]]\nkind = "name"\nkey = 5\n', "all of them texts"),
        ('other = 1\n[[rule]]\nkind = "name"\nkey = "a"\n', "has other"),
    ],
)
def test_a_malformed_file_of_rules_is_told(toml: str, told: str) -> None:
    Path("rules.toml").write_text(toml)
    result = importing("login.json", "-o", "x", "--pseudonymise", "--pseudonymise-rules", "rules.toml")
    assert result.exit_code == USAGE
    assert told in " ".join(result.stderr.split())


def test_where_nothing_is_kept_nothing_is_written() -> None:
    result = importing("login.json", "-o", "turns.jsonl", "--batches", "2+")
    assert result.exit_code == NOTHING
    assert result.stdout.splitlines()[-1] == "wrote     nothing"
    assert not Path("turns.jsonl").exists()


def test_what_was_imported_runs_with_the_scenario_filled_in() -> None:
    Path("tools.py").write_text("def login(user, password, seen):\n    seen[user] = True\n    return 'in'\n")
    Path("world.py").write_text("import fuzzharness as fh\ndef world():\n    return fh.World(seen={})\n")
    assert importing("login.json", "-o", "turns.jsonl", "--scenario").exit_code == CLEAN
    result = CliRunner().invoke(main, ["run", "turns.scenario.toml"])
    assert result.exit_code == CLEAN
    assert "turns.scenario.toml::turn-1" in result.stdout


def test_an_interrupt_leaves_no_half_file(folder: Path) -> None:
    Path("out").mkdir()
    os.mkfifo("pipe.jsonl")
    command = [sys.executable, "-m", "fuzzharness", "import", "pipe.jsonl", "-o", "out/turns.jsonl"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        with open("pipe.jsonl", "w") as pipe:  # opens once the command reads from it
            process.send_signal(signal.SIGINT)
            assert process.wait() == INTERRUPTED
            pipe.close()
        assert process.stderr is not None
        assert "interrupted" in process.stderr.read()
    assert list((folder / "out").iterdir()) == []


# Progress


def test_without_a_terminal_there_is_a_line_every_half_minute() -> None:
    console = Console(file=io.StringIO(), width=80)
    times = iter([0.0, 10.0, 31.0, 31.0])
    with Reading(console, lambda: next(times)) as reading:
        reading(Progress(Path("a.jsonl"), 10, 100, 1000))
        reading(Progress(Path("a.jsonl"), 20, 500, 1000))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "a.jsonl: 20 batches read, 50%\n"


def test_on_a_terminal_there_is_a_bar_of_which_nothing_stays() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    times = iter([0.0, 1.0, 1.0])
    with Reading(console, lambda: next(times)) as reading:
        reading(Progress(Path("a.jsonl"), 20, 500, 1000))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "a.jsonl: 20 batches read" in shown
    assert "50%" in shown
    assert shown.endswith("\x1b[2K")


def test_a_format_that_it_is_not_is_told_with_the_one_it_looks_like() -> None:
    result = importing(CHAT, "-o", "out.jsonl", "--format", "gemini")
    assert result.exit_code == USAGE
    assert "holds no tool call in the format gemini: it looks like openai-chat" in " ".join(
        result.stderr.split()
    )


def test_several_are_told_in_the_plural() -> None:
    calls = [
        {"id": n, "type": "function", "function": {"name": "f", "arguments": json.dumps({"email": m})}}
        for n, m in {"a": "ada@example.com", "b": "bob@example.com"}.items()
    ]
    Path("two.json").write_text(json.dumps([{"role": "assistant", "tool_calls": calls}]))
    assert "replaced  2 emails\n" in importing("two.json", "-o", "out.jsonl", "--pseudonymise").stdout


def test_lenient_reading_says_what_was_left_out_and_where() -> None:
    Path("logs").mkdir()
    Path("logs/a.json").write_text("")
    Path("logs/b.jsonl").write_bytes(Path(CHAT).with_suffix(".jsonl").read_bytes() + b'{"role": \n')
    result = importing("logs", "-o", "turns.jsonl", "--lenient")
    assert result.exit_code == CLEAN
    assert result.stdout.splitlines()[2:5] == [
        "skipped   2 malformed parts",
        "  logs/a.json: the file is empty",
        "  logs/b.jsonl, line 13, column 9: the JSON breaks off (Expecting value)",
    ]


def test_what_stands_there_twice_is_counted() -> None:
    Path("again.json").write_bytes(Path(CHAT).read_bytes())
    result = importing(CHAT, "again.json", "-o", "turns.jsonl")
    assert "repeats   3 batches passed over, that had been read before" in result.stdout


def test_what_was_left_out_is_named_without_what_it_held() -> None:
    held = "joe@corp.example sk-proj-0123456789abcdef"
    bad = {"role": "assistant", "tool_calls": [{"id": "a", "function": held}]}
    stray = {"role": "tool", "tool_call_id": "joe@corp.example", "content": "1"}
    lines = [*json.loads(Path("login.json").read_text()), bad, stray]
    Path("bad.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = importing("bad.jsonl", "-o", "turns.jsonl", "--lenient", "--pseudonymise")
    assert result.exit_code == CLEAN
    assert "  bad.jsonl, line 2, $.tool_calls[0].function: found the text" in result.stdout.splitlines()
    assert "joe" not in result.stdout
    assert "sk-proj" not in result.stdout
