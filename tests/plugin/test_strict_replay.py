"""Strict replay: a recorded result that the calls in recorded order do not give fails the test."""

import pytest

RECORDED = """
import pytest
import shop
import fuzzharness as fh

def batch(result):
    calls = [fh.Call("get_balance", {"account": "7"}, "a", result), fh.Call("get_balance", {"account": "8"})]
    return fh.Batch(tuple(calls), "turn-1")

def test_as_recorded(fuzz):
    fuzz(batch("100"), shop.TOOLS, shop.world)

def test_otherwise(fuzz):
    fuzz(batch("90"), shop.TOOLS, shop.world)
"""
MARKED = """
import fuzzharness as fh

@pytest.mark.fuzz(strict_replay=True)
def test_marked(fuzz):
    with pytest.raises(fh.NotAsRecorded) as caught:
        fuzz(batch("90"), shop.TOOLS, shop.world)
    assert caught.value.report.fidelity.rate == 0.0
"""
LINE = "E * turn-1 is not as recorded: a get_balance differs: recorded '90', replayed 100"


@pytest.mark.parametrize("given", ["option", "ini", "environment"])
def test_it_is_asked_for_by_option_ini_or_environment(shop, monkeypatch, given):
    shop.makepyfile(test_recorded=RECORDED)
    if given == "ini":
        shop.makeini("[pytest]\npythonpath = .\nfuzz_strict_replay = true\n")
    if given == "environment":
        monkeypatch.setenv("FUZZ_STRICT_REPLAY", "1")
    result = shop.runpytest_subprocess(*["--fuzz-strict-replay"] * (given == "option"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([LINE])


def test_without_it_the_test_passes_and_its_text_says_so(shop):
    shop.makepyfile(test_recorded=RECORDED)
    result = shop.runpytest_subprocess("-rP")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*fidelity 0 of 1 recorded result (0%): a get_balance differs:*"])


def test_a_marker_asks_for_it_and_the_error_has_the_report(shop):
    shop.makepyfile(test_recorded=RECORDED + MARKED)
    shop.runpytest_subprocess("-k", "marked").assert_outcomes(passed=1)


def test_a_scenario_fails_with_the_difference(scenario, credits):
    def answer(id, content):
        return {"role": "tool", "tool_call_id": id, "content": content}

    project = scenario(credits("7", "8"), answer("call_1A", "credited"), answer("call_1B", "refused"))
    project.runpytest_subprocess().assert_outcomes(passed=1)
    result = project.runpytest_subprocess("--fuzz-strict-replay")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*NOT AS EXPECTED: not as recorded: call_1B add_credit differs:*"])
