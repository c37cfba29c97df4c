"""What reaches JUnit, the report folder, xdist's controller and the summary line."""

import json
import xml.etree.ElementTree as ET

import pytest

SUITE = """
import shop

def test_race(fuzz):
    fuzz(shop.RACE, shop.TOOLS, shop.world)

def test_safe(fuzz):
    fuzz(shop.SAFE, shop.TOOLS, shop.world)

def test_large(fuzz):
    fuzz.explore(shop.LARGE, shop.TOOLS, shop.world, strategy="bounded", max_executions=2)

def test_without_a_batch():
    pass
"""
SUMMARY = "fuzzharness: 3 batches, 1 finding, 1 inconclusive batch, *"
WITH_AND_WITHOUT_XDIST = pytest.mark.parametrize("args", [(), ("-n2",)], ids=["alone", "xdist"])


@pytest.fixture
def suite(shop):
    shop.makepyfile(test_suite=SUITE)
    return shop


@WITH_AND_WITHOUT_XDIST
def test_one_summary_line_counts_all_batches(suite, args):
    result = suite.runpytest_subprocess(*args)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([SUMMARY])
    assert sum(line.startswith("fuzzharness: ") for line in result.outlines) == 1


@WITH_AND_WITHOUT_XDIST
def test_nothing_is_skipped(suite, args):
    suite.runpytest_subprocess(*args).assert_outcomes(passed=3, failed=1, skipped=0)


def test_a_suite_without_batches_has_no_summary_line(shop):
    shop.makepyfile("def test_plain(): pass")
    shop.runpytest_subprocess().stdout.no_fnmatch_line("fuzzharness: *")


@WITH_AND_WITHOUT_XDIST
def test_junit_gets_fingerprint_and_token(suite, args):
    suite.runpytest_subprocess("--junitxml=junit.xml", *args)
    case = ET.parse(suite.path / "junit.xml").find(".//testcase[@name='test_race']")
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert set(properties) == {"fuzz_fingerprint", "fuzz_token"}
    assert properties["fuzz_token"].startswith("fz1.")
    assert f"--fuzz-replay {properties['fuzz_token']}" in case.find("failure").text


@WITH_AND_WITHOUT_XDIST
def test_passing_tests_have_a_section_with_the_verdict(suite, args):
    result = suite.runpytest_subprocess("-rP", *args)
    result.stdout.fnmatch_lines(["*VERIFIED safe*"])


@WITH_AND_WITHOUT_XDIST
def test_the_report_folder_holds_every_batch(suite, args):
    suite.runpytest_subprocess("--fuzz-report=reports", *args)
    events = [json.loads(line) for line in (suite.path / "reports/events.jsonl").read_text().splitlines()]
    finished = {e["source"]: e["report"]["verdict"] for e in events if e["kind"] == "finished"}
    assert finished == {
        "test_suite.py::test_race::turn-1": "unsafe",
        "test_suite.py::test_safe::turn-2": "safe",
        "test_suite.py::test_large::turn-3": "inconclusive",
    }
    summary = (suite.path / "reports/summary.md").read_text()
    assert "pytest 'test_suite.py::test_race' --fuzz-replay fz1." in summary
    assert sorted(p.name for p in (suite.path / "reports").iterdir()) == ["events.jsonl", "summary.md"]


def test_without_the_option_nothing_is_written(suite):
    suite.runpytest_subprocess()
    assert not [*suite.path.rglob("events*"), *suite.path.rglob("summary*")]


def test_a_suite_that_turns_warnings_into_errors_is_not_disturbed(suite):
    suite.runpytest_subprocess("-W", "error").assert_outcomes(passed=3, failed=1)


def test_the_plugin_keeps_no_attribute_on_config_or_item(suite):
    suite.makeconftest(
        """
        import pytest

        def pytest_configure(config):
            assert not [name for name in vars(config) if "fuzz" in name.lower()]

        def pytest_runtest_teardown(item):
            assert not [name for name in vars(item) if "fuzz" in name.lower()]
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=3, failed=1)


INTERRUPTED = """
import _thread, itertools, os, signal
import shop

counter = itertools.count()

def add_credit(account, amount, accounts):
    if next(counter) == 1200:
        # a call itself cannot interrupt the process, nor can threads that are its own
        _thread.start_new_thread(os.kill, (os.getpid(), signal.SIGINT))
    return shop.add_credit(account, amount, accounts)

TOOLS = shop.fh.Toolbox({"add_credit": add_credit})
BATCH = shop.credits("7", "7", "7", "7")

def test_before(fuzz):
    fuzz(shop.SAFE, shop.TOOLS, shop.world)

def test_broken_off(fuzz):
    fuzz(BATCH, TOOLS, shop.world)

def test_after(fuzz):
    fuzz(shop.SAFE, shop.TOOLS, shop.world)
"""


def test_an_interrupted_search_prints_what_it_found_and_pytest_is_interrupted_as_ever(shop):
    shop.makepyfile(test_broken_off=INTERRUPTED)
    result = shop.runpytest_subprocess("--fuzz-report=reports")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*= fuzzharness: interrupted =*",
            "test_broken_off.py::test_broken_off::turn-1",
            "  UNSAFE: *",
            "shared-state, lost-update: 2 calls, 1 preemption*",
            "pytest 'test_broken_off.py::test_broken_off' --fuzz-replay fz1.*",
            "fuzzharness: 2 batches, 1 finding, *",
            "*! KeyboardInterrupt !*",
        ]
    )
    lines = (shop.path / "reports" / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines].count("finished") == 2
    assert "**Interrupted:**" in (shop.path / "reports" / "summary.md").read_text()


def test_an_interrupted_scenario_prints_what_it_found(scenario, credits):
    tools = INTERRUPTED.split("TOOLS =")[0].replace("import shop\n", "")
    tools = tools.replace(
        "return shop.add_credit(account, amount, accounts)",
        "accounts[account] = accounts[account] + amount",
    )
    result = scenario(credits("7", "7", "7", "7"), tools=tools).runpytest_subprocess()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["shared-state, lost-update: *", "fuzzharness: 1 batch, 1 finding, *"])
