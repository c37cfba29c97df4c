"""Collected ``*.scenario.toml``: one item a batch, judged by the file's expectations."""

import shlex

import pytest

LOST_UPDATE = '[expect]\nverdict = "unsafe"\nmode = "shared-state"\nanomaly = "lost-update"\ncalls = 2\n'


def test_each_batch_of_several_calls_is_an_item_in_the_order_of_the_recording(scenario, credits):
    project = scenario(credits("7", "8"), credits("7", turn=2), credits("8", "7", turn=3))
    result = project.runpytest_subprocess("--collect-only", "-q")
    items = [line for line in result.outlines if "::" in line]
    assert items == ["credits/credits.scenario.toml::turn-1", "credits/credits.scenario.toml::turn-3"]


def test_collecting_runs_none_of_the_scenarios_code(scenario):
    project = scenario(tools="raise RuntimeError('imported')")
    assert project.runpytest_subprocess("--collect-only").ret == 0


def test_an_unexpected_race_fails_with_table_diff_explanation_and_command(scenario):
    result = scenario().runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "credits/credits.scenario.toml::turn-1",
            "*UNSAFE: 1 finding*",
            "*NOT AS EXPECTED: expected no finding, got mode shared-state*",
            "shared-state, lost-update: 2 calls, 1 preemption",
            "*read accounts*7* = 100  tools.py:3",
            "accounts.7 *130*110*",
            "pytest 'credits/credits.scenario.toml::turn-1' --fuzz-replay fz1.*",
        ]
    )
    command = [line for line in result.outlines if line.startswith("pytest '")][-1]
    assert result.outlines[result.outlines.index(command) + 1].startswith("fuzzharness: ")


def test_the_command_replays_a_scenario_in_a_new_process(scenario):
    project = scenario(more=LOST_UPDATE.replace("2", "3"))
    found = project.runpytest_subprocess()
    command = next(line for line in found.outlines if line.startswith("pytest '"))
    again = project.runpytest_subprocess(*shlex.split(command)[1:])
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*replayed schedule ends unlike the baseline*", "*accounts.7*130*110*"])


def test_an_expected_race_passes(scenario):
    scenario(more=LOST_UPDATE).runpytest_subprocess().assert_outcomes(passed=1)


def test_a_safe_batch_where_a_race_is_expected_fails(scenario, credits):
    result = scenario(credits("7", "8"), more=LOST_UPDATE).runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*NOT AS EXPECTED: expected verdict unsafe, got safe"])


def test_earlier_batches_are_run_first_unless_the_file_says_nothing(scenario, credits):
    tools = """
def add_credit(account, amount, accounts):
    if accounts[account] < 130:
        raise ValueError("too little")
    accounts[account] = accounts[account]
"""
    turns = (credits("7", "7"), credits("7", "7", turn=2))
    more = 'batches = ["turn-2"]\n'
    scenario(*turns, more=more, tools=tools.replace("< 130", "!= 100"), name="first")
    scenario(*turns, more=more + 'before = "nothing"\n', tools=tools, name="second")
    result = scenario(*turns, more=more, name="third").runpytest_subprocess("-v")
    result.stdout.fnmatch_lines(["first/*::turn-2 PASSED*"])


def test_an_inconclusive_batch_warns(scenario, credits):
    project = scenario(credits("7", "7", "7"), more='[settings]\nstrategy = "bounded"\nmax_executions = 1\n')
    result = project.runpytest_subprocess()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*FuzzWarning: turn-1 is inconclusive: *"])


@pytest.mark.parametrize("args", [(), ("-n2",)], ids=["alone", "xdist"])
def test_an_inconclusive_batch_fails_where_warnings_are_errors(scenario, credits, args):
    project = scenario(credits("7", "7", "7"), more='[settings]\nstrategy = "bounded"\nmax_executions = 1\n')
    result = project.runpytest_subprocess("-W", "error", *args)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FuzzWarning: turn-1 is inconclusive: *"])


def test_a_batch_of_which_calls_are_left_out_warns(scenario, credits):
    batch = credits("7", "8", "8")
    batch["tool_calls"][2]["function"]["arguments"] = ""
    scenario(batch, name="first", more="lenient = true\n")
    result = scenario(batch, name="second").runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1, warnings=1)
    result.stdout.fnmatch_lines(["*its arguments were not recorded*"])
    result.stdout.fnmatch_lines(["*FuzzWarning: turn-1 is inconclusive: 1 call of it left out, *"])


def test_a_batch_of_which_nothing_was_compared_fails_unless_that_is_expected(scenario):
    tools = (
        "import itertools\nnumbers = itertools.count()\n"
        "def add_credit(account, amount, accounts):\n    accounts[account] = next(numbers)\n"
    )
    scenario(tools=tools, name="first", more='[expect]\nverdict = "inconclusive"\n')
    result = scenario(tools=tools, name="second").runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["second/*::turn-1", "*NOT AS EXPECTED: nothing was compared: *"])


def test_an_inconclusive_batch_that_is_expected_does_not_warn(scenario, credits):
    more = '[expect]\nverdict = "inconclusive"\n[settings]\nstrategy = "bounded"\nmax_executions = 1\n'
    result = scenario(credits("7", "7", "7"), more=more).runpytest_subprocess()
    result.assert_outcomes(passed=1, warnings=0)


def test_a_typo_in_a_key_is_a_collection_error_of_one_paragraph(scenario):
    result = scenario(more='batchs = ["turn-1"]\n').runpytest_subprocess()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["*credits.scenario.toml: there is no key 'batchs'. Did you mean 'batches'?*"]
    )
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_a_call_that_does_not_fit_its_tool_fails_with_one_paragraph(scenario):
    result = scenario(tools="def add_credit(account, accounts):\n    pass\n").runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*credits.scenario.toml: the call 'call_1A' calls add_credit with 'amount'*"]
    )
    result.stdout.no_fnmatch_line("*During handling*")
    result.stdout.no_fnmatch_line("*direct cause*")
    result.stdout.fnmatch_lines(["fuzzharness: 1 batch, 0 findings, 1 unjudged batch"])
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_two_folders_each_have_their_own_tools(scenario):
    scenario(name="first", more=LOST_UPDATE)
    project = scenario(name="second", tools="def add_credit(account, amount, accounts):\n    return amount\n")
    result = project.runpytest_subprocess("-v")
    result.assert_outcomes(passed=2)


def test_scenarios_pass_and_fail_the_same_under_xdist(scenario):
    scenario(name="first", more=LOST_UPDATE)
    result = scenario(name="second").runpytest_subprocess("-n2")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*NOT AS EXPECTED*",
            "pytest 'second/second.scenario.toml::turn-1' --fuzz-replay fz1.*",
            "fuzzharness: 2 batches, 2 findings, *",
        ]
    )


def test_without_the_plugin_the_suite_is_still_collected(scenario, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    project = scenario()
    project.makepyfile("def test_plain(): pass\n\ndef test_fuzzed(fuzz): pass")
    result = project.runpytest_subprocess("-p", "no:fuzzharness", "--collect-only", "-q")
    result.stdout.fnmatch_lines(["2 tests collected*"])
    assert result.ret == 0
