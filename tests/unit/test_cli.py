"""The command line: what it prints, what it writes, and its exit codes."""

import json
import os
import shlex
import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

from fuzzharness.cli import main

CLEAN, FINDINGS, INTERRUPTED, INTERNAL, USAGE, NOTHING = range(6)

TOOLS = """
def add_credit(account, amount, accounts):
    balance = accounts[account]
    accounts[account] = balance + amount
"""
WORLD = """
import fuzzharness as fh

def world():
    return fh.World(accounts={"7": 100, "8": 100})
"""
SCENARIO = """
title = "Two credits"
recording = "recording.json"
tools = "tools.py"
world = "world.py:world"
"""
EXPECTED = '[expect]\nverdict = "unsafe"\nanomaly = "lost-update"\n'


def call(account, amount, id, name="add_credit", **more):
    arguments = json.dumps({"account": account, "amount": amount, **more})
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def turn(*calls):
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


RACE = turn(call("7", 10, "a"), call("7", 20, "b"))
SAFE = turn(call("7", 10, "a"), call("8", 20, "b"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, in which a test writes scenarios."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder):
    def build(*turns, name="shop", more="", tools=TOOLS):
        (folder / name).mkdir()
        (folder / name / "recording.json").write_text(json.dumps(turns))
        (folder / name / "tools.py").write_text(textwrap.dedent(tools))
        (folder / name / "world.py").write_text(WORLD)
        (folder / name / f"{name}.scenario.toml").write_text(SCENARIO + more)
        return f"{name}/{name}.scenario.toml"

    return build


def fuzzharness(*args):
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, args, prog_name="fuzzharness")


def one_paragraph(result):
    """The complaint of a run that ended with bad input: one line on standard error, nothing else."""
    assert result.exit_code == USAGE
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


# Run


def test_a_scenario_without_expectations_is_as_expected_unless_it_is_unsafe(write):
    assert fuzzharness("run", write(SAFE, name="safe")).exit_code == CLEAN
    assert fuzzharness("run", write(RACE, name="race")).exit_code == FINDINGS


def test_an_expected_race_is_as_expected(write):
    assert fuzzharness("run", write(RACE, more=EXPECTED)).exit_code == CLEAN


DRAWS = """
import itertools
numbers = itertools.count()

def add_credit(account, amount, accounts):
    accounts[account] = next(numbers)
"""


def test_a_batch_of_which_nothing_was_compared_is_not_as_expected(write):
    result = fuzzharness("run", write(RACE, tools=DRAWS))
    assert result.exit_code == FINDINGS
    assert "turn-1: nothing was compared: " in result.stdout.splitlines()[-2]
    expected = write(RACE, tools=DRAWS, name="expected", more='[expect]\nverdict = "inconclusive"\n')
    result = fuzzharness("run", expected)
    assert result.exit_code == CLEAN
    assert result.stdout.splitlines()[-1].endswith(": all as expected")


BROKEN = """
def add_credit(account, amount, accounts):
    raise LookupError("no such table: accounts")
"""


@pytest.mark.parametrize(
    ("recorded", "code"),
    [(None, FINDINGS), ("credited", FINDINGS), ("LookupError: no such table: accounts", CLEAN)],
    ids=["not recorded", "recorded otherwise", "recorded as that"],
)
def test_a_batch_of_which_every_call_fails_is_as_expected_only_if_it_is_recorded_so(write, recorded, code):
    answers = [] if recorded is None else [told(id, recorded) for id in "ab"]
    result = fuzzharness("run", write(RACE, *answers, tools=BROKEN))
    assert result.exit_code == code
    lines = result.stdout.splitlines()
    assert ("  INCONCLUSIVE: nothing was compared" in lines) is (code == FINDINGS)
    assert lines[-1].endswith("1 not as expected" if code else "all as expected, 1 inconclusive")
    if code == FINDINGS:
        assert "turn-1: nothing was compared: every call fails in the recorded order" in lines[-2]
        assert "raised LookupError: no such table: accounts" in lines[-2]
        assert "Look at the setup of the World" in lines[-2]


def test_the_last_line_names_batches_that_were_not_decided(write):
    result = fuzzharness("run", write(SAFE), "--strategy", "bounded", "--max-executions", "1")
    assert result.exit_code == CLEAN
    assert result.stdout.splitlines()[-1].endswith(", 1 run: all as expected, 1 inconclusive")


def test_each_scenario_is_printed_with_verdict_interleaving_and_command(write):
    path = write(RACE)
    result = fuzzharness("run", path)
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        f"{path}::turn-1",
        "  Two credits",
        "  UNSAFE: 1 finding (4 of 4 classes; strategy auto; judged against 2 serial orders)",
        "",
    ]
    assert "schedule    AB-A   (0110)" in lines
    assert any("write accounts['7'] = 110  tools.py:4" in line for line in lines)
    assert any(line.startswith("accounts.7 ") for line in lines)
    assert any(line.startswith("fuzzharness replay fz1.") and line.endswith(path) for line in lines)
    assert lines[-2].startswith(
        f"NOT AS EXPECTED: {path}::turn-1: expected no finding, got mode shared-state"
    )
    assert result.stdout.count("NOT AS EXPECTED") == 1
    assert lines[-1] == "1 batch, 1 finding, 4 runs: 1 not as expected"


def test_a_folder_is_searched_and_its_scenarios_run_in_order(write):
    for name in ("b", "a"):
        write(SAFE, name=name)
    result = fuzzharness("run", ".")
    titles = [line for line in result.stdout.splitlines() if line.endswith("::turn-1")]
    assert titles == ["a/a.scenario.toml::turn-1", "b/b.scenario.toml::turn-1"]
    assert result.stdout.splitlines()[-1] == "2 batches, 0 findings, 2 runs: all as expected"


def test_the_last_line_says_how_many_batches_of_one_call_are_left_out(write):
    path = write(*(turn(call("7", n, f"c{n}")) for n in range(2)), SAFE)
    last = fuzzharness("run", path).stdout.splitlines()[-1]
    assert last.startswith("1 batch, 0 findings, ")
    assert last.endswith(": all as expected; 2 batches of one call left out")


def test_a_recording_is_run_with_tools_and_world_given(write):
    write(RACE)
    result = fuzzharness(
        "run", "shop/recording.json", "--tools", "shop/tools.py", "--world", "shop/world.py:world"
    )
    assert result.exit_code == FINDINGS
    command = next(line for line in result.stdout.splitlines() if line.startswith("fuzzharness replay"))
    assert fuzzharness(*shlex.split(command)[1:]).exit_code == FINDINGS


def test_a_module_of_the_working_directory_can_be_imported(write, folder):
    (folder / "project").mkdir()
    (folder / "project" / "credit.py").write_text(TOOLS)
    path = write(
        RACE,
        tools="from project import credit\ndef add_credit(account, amount, accounts):\n"
        "    credit.add_credit(account, amount, accounts)\n",
    )
    result = process("run", path)
    assert result.returncode == FINDINGS
    script = [sys.executable, "-P", "-c", "from fuzzharness.cli import main; main()", "run", path]
    assert subprocess.run(script, capture_output=True, check=False).returncode == FINDINGS


def test_options_reach_the_search_and_a_scenarios_own_win(write):
    path = write(turn(*(call("7", n, f"c{n}") for n in range(6))), more=EXPECTED)
    assert "(2 runs, of 518,400 classes" in fuzzharness("run", path, "--max-executions", "2").stdout
    own = write(SAFE, name="own", more='[settings]\nstrategy = "bounded"\nmax_executions = 1\n')
    assert "(1 interleaving" in fuzzharness("run", own, "--max-executions", "2").stdout


def test_the_environment_gives_options_too(write, monkeypatch):
    monkeypatch.setenv("FUZZ_STRATEGY", "serial")
    assert "(2 runs" in fuzzharness("run", write(SAFE)).stdout


def test_what_tools_print_is_not_printed_a_hundred_times(write):
    path = write(SAFE, tools=TOOLS + "    print('a line of the tool')\n")
    assert "a line of the tool" not in fuzzharness("run", path).output


def test_two_runs_print_and_write_the_same(write, folder):
    path = write(RACE)
    first = fuzzharness("run", path, "--report", "first")
    second = fuzzharness("run", path, "--report", "second")
    assert first.stdout == second.stdout
    for name in ("events.jsonl", "summary.md"):
        assert (folder / "first" / name).read_bytes() == (folder / "second" / name).read_bytes()


def test_the_report_holds_each_batch(write, folder):
    paths = [write(SAFE, name="safe"), write(RACE, name="race", more=EXPECTED)]
    fuzzharness("run", *paths, "--report", "reports")
    events = [json.loads(line) for line in (folder / "reports" / "events.jsonl").read_text().splitlines()]
    assert [e["source"] for e in events if e["kind"] == "finished"] == [f"{path}::turn-1" for path in paths]
    assert str(folder) not in json.dumps(events)
    summary = (folder / "reports" / "summary.md").read_text()
    assert "| race/race.scenario.toml::turn-1 | unsafe | 4 | 1 | yes |" in summary


SOURCES = ["--tools", "shop/tools.py", "--world", "shop/world.py:world"]


def test_where_there_is_nothing_to_run_the_exit_code_says_so(folder):
    (folder / "empty").mkdir()
    (folder / "bare").mkdir()
    result = fuzzharness("run", "empty", "bare")
    assert (result.exit_code, result.stdout) == (NOTHING, "")
    assert result.stderr == (
        "fuzzharness: nothing to run: there is no *.scenario.toml in empty, bare. "
        "Give the path of one, or of a recording with --tools and --world.\n"
    )


@pytest.mark.parametrize("verb", ["run", "replay"])
def test_a_folder_of_recordings_is_told_what_to_do_with_them(write, folder, verb):
    token = replay_command(write(RACE))[1]
    (folder / "my logs").mkdir()
    for name in ("a.json", "b.jsonl", "notes.txt"):
        (folder / "my logs" / name).write_text(json.dumps(RACE))
    result = fuzzharness(verb, *([token] if verb == "replay" else ()), "my logs", *SOURCES)
    assert result.exit_code == (NOTHING if verb == "run" else USAGE)
    assert result.stderr == (
        f"fuzzharness: nothing to {verb}: there is no *.scenario.toml in my logs, but 2 files that may be "
        "recordings, such as my logs/a.json. Give the files themselves with --tools and --world, or import "
        "them into one: fuzzharness import 'my logs' -o turns.jsonl --scenario\n"
    )


@pytest.mark.parametrize("args", [["shop"], ["shop/recording.json", *SOURCES]], ids=["scenario", "recording"])
@pytest.mark.parametrize(
    "message",
    [{"role": "user", "content": "hello"}, {"role": "assistant", "tool_calls": []}],
    ids=["no batch", "an empty batch"],
)
def test_a_recording_without_a_tool_call_is_bad_input(write, folder, args, message):
    write(message)
    result = fuzzharness("run", *args, "--report", "reports")
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert result.stderr.startswith("fuzzharness: there is no tool call in shop/recording.json. Expected")
    assert not (folder / "reports").exists()


# Interrupted, internal error


def process(*args):
    command = [sys.executable, "-m", "fuzzharness", *args]
    env = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_an_interrupt_keeps_what_is_known(write, folder):
    first = write(RACE, name="a", more=EXPECTED)
    second = write(
        turn(*(call("7", n, f"c{n}") for n in range(6))),
        name="b",
        tools="""
        import _thread, itertools, os, signal

        counter = itertools.count()

        def add_credit(account, amount, accounts):
            if next(counter) == 1200:
                # a call itself cannot interrupt the process, nor can threads that are its own
                _thread.start_new_thread(os.kill, (os.getpid(), signal.SIGINT))
            accounts[account] = accounts[account] + amount
        """,
    )
    result = process("run", first, second, "--report", "reports")
    assert result.returncode == INTERRUPTED
    assert "Traceback" not in result.stderr
    assert f"{first}::turn-1" in result.stdout
    assert f"{second}::turn-1" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("interrupted; 2 batches, ")
    lines = (folder / "reports" / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines].count("finished") == 2
    assert "**Interrupted:**" in (folder / "reports" / "summary.md").read_text()


@pytest.mark.parametrize("module", ["rich", "tools"])
def test_an_interrupt_while_modules_are_imported_has_no_traceback(write, folder, monkeypatch, module):
    path = write(RACE, tools="raise KeyboardInterrupt" if module == "tools" else TOOLS)
    if module == "rich":
        (folder / "rich.py").write_text("raise KeyboardInterrupt")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    result = process("run", path)
    assert (result.returncode, result.stdout) == (INTERRUPTED, "")
    assert result.stderr.split() == ["fuzzharness:", "interrupted"]


def test_an_error_of_our_own_is_told_apart_and_leaves_no_report(write, folder, monkeypatch):
    monkeypatch.setattr("fuzzharness.scenario.trial.explore", lambda *_: 1 / 0)
    result = fuzzharness("run", write(RACE), "--report", "reports")
    assert result.exit_code == INTERNAL
    assert not (folder / "reports").exists()
    assert "ZeroDivisionError" in result.stderr
    assert "this is an error in fuzzharness itself" in result.stderr


# Replay


def replay_command(path, *options):
    lines = fuzzharness("run", path, *options).stdout.splitlines()
    return shlex.split(next(line for line in lines if line.startswith("fuzzharness replay")))[1:]


def test_a_finding_is_replayed_in_a_new_process(write):
    command = replay_command(write(RACE))
    for _ in range(3):
        result = process(*command)
        assert result.returncode == FINDINGS
        assert "write accounts['7'] = 110  tools.py:4" in result.stdout
        assert result.stdout.splitlines()[-2] == shlex.join(["fuzzharness", *command])


def test_a_replay_that_ends_as_the_baseline_is_clean(write, folder):
    command = replay_command(write(RACE))
    tools = folder / "shop" / "tools.py"
    tools.write_text(tools.read_text().replace("balance + amount", "1"))
    result = fuzzharness(*command)
    assert result.exit_code == CLEAN
    assert "ends as the baseline does" in result.stdout


def test_a_replay_of_a_benign_difference_is_clean_unless_order_counts(write, folder):
    code = "def add_credit(account, amount, accounts):\n    accounts['log'].append(amount)\n"
    path = write(RACE, tools=code)
    world = folder / "shop" / "world.py"
    world.write_text(world.read_text().replace('"8": 100', '"log": []'))
    benign, strict = replay_command(path), replay_command(path, "--strict-order")
    assert strict == [*benign, "--strict-order"]
    assert fuzzharness(*benign).exit_code == CLEAN
    assert fuzzharness(*strict).exit_code == FINDINGS


def test_a_replay_judges_as_the_run_did(write):
    command = replay_command(write(RACE), "--ignore", "results.*", "--call-timeout", "3")
    assert command[3:] == ["--ignore", "results.*", "--call-timeout", "3.0"]
    assert fuzzharness(*command).exit_code == FINDINGS
    assert fuzzharness(*command, "--ignore", "accounts").exit_code == CLEAN


def test_a_token_finds_its_batch_among_several(write):
    path = write(SAFE, RACE, more='before = "nothing"\n')
    command = replay_command(path)
    assert f"{path}::turn-2" in fuzzharness(*command).stdout
    assert fuzzharness(*command[:2], f"{path}::turn-2").exit_code == FINDINGS
    assert "this batch is" in one_paragraph(fuzzharness(*command[:2], f"{path}::turn-1"))


def test_a_replay_shows_what_the_tools_print(write):
    path = write(RACE, tools=TOOLS + "    print('a line of the tool')\n")
    assert "a line of the tool" in fuzzharness(*replay_command(path)).stdout


# Bad input


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (call("7", 1, "a", name="add_credt"), "names the tool 'add_credt'"),
        (call("7", 1, "a", currency="EUR"), "with 'currency', which it does not take"),
        (
            {"id": "a", "type": "function", "function": {"name": "add_credit", "arguments": "{}"}},
            "without 'account', 'amount'",
        ),
        (
            {"id": "a", "type": "function", "function": {"name": "add_credit", "arguments": "{oops"}},
            "arguments that are not a JSON object: '{oops'",
        ),
        (call("7", 1, "b"), "'b'"),
    ],
    ids=["unknown tool", "extra argument", "missing argument", "arguments not JSON", "duplicate call id"],
)
def test_a_call_that_cannot_be_run_stops_everything_before_it_begins(write, folder, bad, words):
    good = write(RACE, name="a")
    path = write(turn(bad, call("7", 20, "b")), name="b")
    line = one_paragraph(fuzzharness("run", good, path, "--report", "reports"))
    assert words in line
    assert "b/" in line
    assert not (folder / "reports").exists()


def unreadable(id, text=""):
    return {"id": id, "type": "function", "function": {"name": "add_credit", "arguments": text}}


def test_a_call_whose_arguments_were_not_recorded_is_told_so_and_how_to_go_on(write):
    line = one_paragraph(fuzzharness("run", write(turn(call("7", 10, "a"), unreadable("b")))))
    assert "the call 'b' to add_credit cannot be run: its arguments were not recorded" in line
    assert "leave the call out of the batch: fuzzharness run --lenient does" in line


@pytest.mark.parametrize("lenient", [("--lenient",), ()], ids=["option", "key"])
def test_calls_without_usable_arguments_are_left_out_leniently_and_counted(write, lenient):
    race = turn(unreadable("x", "{oops"), call("7", 10, "a"), call("7", 20, "b"))
    turns = turn(unreadable("y")), race, turn(call("8", 1, "c"), unreadable("z"))
    result = fuzzharness("run", write(*turns, more="" if lenient else "lenient = true\n"), *lenient)
    assert result.exit_code == FINDINGS
    assert "shop.scenario.toml::turn-2" in result.stdout
    assert "1 call of it and 1 call before it left out, whose arguments are no JSON object" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(
        ": 1 not as expected; 1 batch of one call left out; 3 calls without usable arguments left out"
    )
    command = next(line for line in result.stdout.splitlines() if line.startswith("fuzzharness replay "))
    assert fuzzharness(*shlex.split(command)[1:]).exit_code == FINDINGS


def test_results_of_the_other_calls_are_still_compared(write):
    turns = turn(unreadable("x"), call("7", 10, "a"), call("8", 20, "b")), told("a", "110"), told("b", "130")
    result = fuzzharness("run", write(*turns, tools=CREDITS), "--lenient")
    assert "fidelity 1 of 2 recorded results (50%): b add_credit differs" in result.stdout


def test_where_no_call_has_usable_arguments_there_is_none_to_run(write):
    line = one_paragraph(fuzzharness("run", write(turn(unreadable("a"), unreadable("b"))), "--lenient"))
    assert "there is no tool call that can be run, all 2 being without arguments, in shop/recording" in line


def test_an_earlier_report_survives_bad_input(write, folder):
    path = write(RACE)
    fuzzharness("run", path, "--report", "reports")
    before = {file.name: file.read_bytes() for file in (folder / "reports").iterdir()}
    (folder / "shop" / "tools.py").write_text("def add(): pass")
    one_paragraph(fuzzharness("run", path, "--report", "reports"))
    assert {file.name: file.read_bytes() for file in (folder / "reports").iterdir()} == before


def test_a_typo_in_a_scenario_names_file_and_key(write):
    line = one_paragraph(fuzzharness("run", write(RACE, more="batchs = []\n")))
    assert "shop.scenario.toml: there is no key 'batchs'. Did you mean 'batches'?" in line


def test_a_recording_of_60_megabytes_is_refused(write, folder):
    path = write(RACE)
    (folder / "shop" / "recording.json").write_bytes(
        b'[{"role": "user", "content": "' + b"x" * 60_000_000 + b'"}]'
    )
    assert "recording.json" in one_paragraph(fuzzharness("run", path))


@pytest.mark.parametrize("token", ["fz0.AAAA", "fz1.AAAA", "fz1.nI0BpwIAAQICAQABAXCNmw", "token"])
def test_a_damaged_token_or_one_of_another_version_is_refused(write, token):
    assert "token" in one_paragraph(fuzzharness("replay", token, write(RACE)))


def test_a_token_of_another_batch_is_refused(write):
    command = replay_command(write(RACE))
    other = write(SAFE, name="other")
    assert "was made for the batch" in one_paragraph(fuzzharness(*command[:2], other))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run", "missing"], "there is no file or folder missing"),
        (["run", "shop/recording.json"], "Expected --tools FILE.py and --world FILE.py:NAME"),
        (["run", "shop", "--strategy", "sideways"], "the setting strategy is 'sideways'"),
        (["run", "shop", "--max-executions", "0"], "the setting max_executions is 0"),
        (["run", "shop", "--max-executions", "many"], "'many' is not a valid integer"),
        (["run", "shop", "--report", "shop/recording.json"], "is a file"),
        (["run", "shop", "--report", "shop/recording.json/sub"], "shop/recording.json is not a folder"),
        (["run", "shop", "--report", "shop/recording.json/sub/deep"], "cannot be written into"),
        (["run"], "Missing argument 'PATH...'"),
        (["runn"], "No such command 'runn'"),
        (["run", "shop", "--verbose"], "No such option"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_bad_usage(write, args, words):
    write(RACE)
    result = fuzzharness(*args)
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_help_and_version_are_there():
    for command in ([], ["run"], ["replay"]):
        result = fuzzharness(*command, "--help")
        assert result.exit_code == CLEAN
        assert "Exit codes: 0 everything as expected" in result.stdout
    assert fuzzharness("--version").stdout.startswith("fuzzharness, version ")


def test_a_stream_that_cannot_show_every_character_is_survived(write, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    result = process("run", write(RACE))
    assert result.returncode == FINDINGS
    assert "\\u2500" in result.stdout


# Fidelity


def told(id, content):
    return {"role": "tool", "tool_call_id": id, "content": content}


CREDITS = """
def add_credit(account, amount, accounts):
    accounts[account] = accounts[account] + amount
    return accounts[account]
"""


def test_results_that_are_as_recorded_are_not_mentioned(write):
    result = fuzzharness(
        "run", write(SAFE, told("a", "110"), told("b", "120"), tools=CREDITS), "--strict-replay"
    )
    assert result.exit_code == CLEAN
    assert "recorded" not in result.stdout.splitlines()[2]
    assert "fidelity" not in result.stdout


def test_results_that_are_not_as_recorded_are_told_and_fail_only_under_strict_replay(write, folder):
    path = write(SAFE, told("a", "110"), told("b", "130"), tools=CREDITS)
    line = "fidelity 1 of 2 recorded results (50%): b add_credit differs: recorded '130', replayed 120"

    result = fuzzharness("run", path, "--report", "reports")
    assert result.exit_code == CLEAN
    assert line in result.stdout.replace("\n  ", " ")
    assert "fidelity 1 of 2" in (folder / "reports/summary.md").read_text()
    last = json.loads((folder / "reports/events.jsonl").read_text().splitlines()[-1])
    assert last["report"]["fidelity"]["rate"] == 0.5

    result = fuzzharness("run", path, "--strict-replay")
    assert result.exit_code == FINDINGS
    assert result.stdout.splitlines()[-2:] == [
        f"NOT AS EXPECTED: {path}::turn-1: not as recorded: "
        "b add_credit differs: recorded '130', replayed 120",
        "1 batch, 0 findings, 1 run: 1 not as expected",
    ]


@pytest.mark.parametrize("results", [("120", "130"), ("110", "120")], ids=["no ending", "the race"])
def test_a_recording_that_holds_the_race_is_told_as_that(write, folder, results):
    recorded = [told(id, result) for id, result in zip("ab", results, strict=True)]
    path = write(RACE, *recorded, tools=CREDITS, more=EXPECTED)
    result = fuzzharness("run", path, "--strict-replay", "--report", "reports")
    text = " ".join(result.stdout.split())
    last = json.loads((folder / "reports/events.jsonl").read_text().splitlines()[-1])["report"]
    happened = last["fidelity"].get("happened")

    assert ("The world or the tools are not what was recorded" in text) is (happened is None)
    assert result.exit_code == (FINDINGS if happened is None else CLEAN)
    assert (happened is None) is (results == ("120", "130"))
    if happened is not None:
        assert happened["fingerprint"] in last["findings"]
        assert "The recording ended as in the finding lost-update" in text
        assert f"({happened['token']}): the race happened" in text
        assert "the race happened" in (folder / "reports/summary.md").read_text()


def test_a_scenario_may_ask_for_strict_replay_itself(write):
    more = "[settings]\nstrict_replay = true\n"
    path = write(SAFE, told("a", "110"), told("b", "130"), tools=CREDITS, more=more)
    assert fuzzharness("run", path).exit_code == FINDINGS


# Mutations


def sources(result):
    return [line for line in result.stdout.splitlines() if line.startswith("shop/") and "::" in line]


def test_each_batch_is_followed_by_those_made_of_it(write):
    path = write(SAFE)
    result = fuzzharness("run", path, "--mutate", "3")
    first, *made = sources(result)
    assert first == f"{path}::turn-1"
    assert len(made) == 3
    assert all(source.startswith(f"{path}::turn-1~") for source in made)
    assert sources(fuzzharness("run", path, "--mutate", "2")) == [first, *made[:2]]


def test_a_token_of_a_mutated_batch_is_replayed_by_the_command_that_is_printed(write):
    result = fuzzharness("run", write(SAFE), "--mutate", "2", "--seed", "4", "--report", "reports")
    assert result.exit_code == FINDINGS
    command = next(line for line in result.stdout.splitlines() if line.startswith("fuzzharness replay "))
    _, *words = shlex.split(command)
    assert "::turn-1~duplicate-" in words[2]
    assert words[3:] == ["--seed", "4"]

    again = fuzzharness(*words)
    assert again.exit_code == FINDINGS
    assert "lost-update" in again.stdout
    assert again.stdout.splitlines()[-2] == command


def test_with_another_seed_it_asks_for_that_one(write):
    calls = [call(account, amount, f"{account}{amount}") for account in "78" for amount in (10, 20)]
    path = write(turn(*calls), more="[settings]\nmax_executions = 50\n")
    result = fuzzharness("run", path, "--mutate", "1", "--seed", "4")
    mutated = [line for line in result.stdout.splitlines() if "fuzzharness replay" in line and "~" in line]
    _, *words = shlex.split(mutated[0])
    complaint = one_paragraph(fuzzharness(*words[:-1], "5"))
    assert "--seed" in complaint or "has no batch 'turn-1~" in complaint


def test_batches_made_of_one_that_is_expected_to_be_unsafe_may_be_anything(write):
    assert fuzzharness("run", write(RACE, more=EXPECTED), "--mutate", "2").exit_code == CLEAN


def test_that_there_are_no_more_is_said(write):
    result = fuzzharness("run", write(turn(call("7", 10, "a"))), "--mutate", "9")
    assert "turn-1: 9 mutations were asked for, there are 2" in result.stderr


# How the recording is read


READ = "run", "session.jsonl", "--tools", "tools.py", "--world", "world.py:world"


@pytest.fixture
def broken(folder):
    """A recording with a line that is malformed, beside its tools and world."""
    (folder / "tools.py").write_text(TOOLS)
    (folder / "world.py").write_text(WORLD)
    lines = [json.dumps(RACE), '{"role": "assistant", "tool_calls": 7}']
    (folder / "session.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.usefixtures("broken")
def test_a_malformed_recording_is_read_leniently_where_the_error_says_how():
    line = one_paragraph(fuzzharness(*READ))
    assert "--lenient" in line
    assert "lenient=True" not in line
    result = fuzzharness(*READ, "--lenient", "--format", "openai-chat")
    assert result.exit_code == FINDINGS
    command = next(line for line in result.stdout.splitlines() if line.startswith("fuzzharness replay "))
    assert command.endswith(" --format openai-chat --lenient")
    assert fuzzharness(*shlex.split(command)[1:]).exit_code == FINDINGS


@pytest.mark.usefixtures("broken")
def test_a_format_that_is_not_recognised_is_named_by_an_option(folder):
    (folder / "session.jsonl").write_text('{"what": 1}\n')
    line = one_paragraph(fuzzharness(*READ))
    assert "name its format with --format if" in line
    assert "there is no format 'openai'" in one_paragraph(fuzzharness(*READ, "--format", "openai"))


def test_a_batch_is_not_safe_of_which_calls_were_left_out_or_before_which_some_were(write):
    turns = turn(unreadable("x"), call("7", 10, "a")), turn(call("7", 1, "b"), call("8", 1, "c"))
    result = fuzzharness(
        "run", write(*turns, turn(call("7", 1, "d"), unreadable("y"), call("8", 1, "e"))), "--lenient"
    )
    assert "VERIFIED" not in result.stdout
    assert "1 call before it left out" in result.stdout
    assert "1 call of it and 1 call before it left out" in result.stdout
    assert result.stdout.count("INCONCLUSIVE, not verified") == 2
