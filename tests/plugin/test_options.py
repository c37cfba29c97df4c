"""Which settings win: the call's, the marker's, the command line's, the environment's, the ini file's."""

import pytest

pytestmark = pytest.mark.long

LADDER = """
import pytest
import shop

def test_options(fuzz):
    print("runs:", fuzz.explore(shop.LARGE, shop.TOOLS, shop.world).executions)

@pytest.mark.fuzz(max_executions=5)
def test_marker(fuzz):
    print("runs:", fuzz.explore(shop.LARGE, shop.TOOLS, shop.world).executions)

@pytest.mark.fuzz(max_executions=5)
class TestMarkers:
    @pytest.mark.fuzz(max_executions=6)
    def test_closest(self, fuzz):
        print("runs:", fuzz.explore(shop.LARGE, shop.TOOLS, shop.world).executions)

    def test_call(self, fuzz):
        print("runs:", fuzz.explore(shop.LARGE, shop.TOOLS, shop.world, max_executions=7).executions)
"""


@pytest.fixture
def ladder(shop):
    shop.makepyfile(test_ladder=LADDER)
    return shop


def runs(project, *args):
    lines = project.runpytest_subprocess("-s", "test_ladder.py", *args).outlines
    return [int(line.rpartition("runs: ")[2]) for line in lines if "runs: " in line]


def test_the_nearer_to_the_call_a_setting_is_given_the_more_it_counts(ladder, monkeypatch):
    ladder.makeini("[pytest]\npythonpath = .\nfuzz_max_executions = 2\n")
    assert runs(ladder) == [2, 5, 6, 7]
    monkeypatch.setenv("FUZZ_MAX_EXECUTIONS", "3")
    assert runs(ladder) == [3, 5, 6, 7]
    assert runs(ladder, "--fuzz-max-executions=4") == [4, 5, 6, 7]


def test_the_native_table_of_pyproject_takes_numbers(ladder):
    (ladder.path / "tox.ini").unlink()
    ladder.makepyprojecttoml("[tool.pytest]\npythonpath = ['.']\nstrict = true\nfuzz_max_executions = 2\n")
    assert runs(ladder) == [2, 5, 6, 7]


def test_a_scenarios_own_settings_count_as_those_of_a_call(scenario, credits):
    more = '[expect]\nverdict = "inconclusive"\n[settings]\nstrategy = "bounded"\nmax_executions = 3\n'
    result = scenario(credits(*"777"), more=more).runpytest_subprocess("--fuzz-max-executions=9")
    result.stdout.fnmatch_lines(["fuzzharness: 1 batch, 0 findings, 1 inconclusive batch, 3 runs"])


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--fuzz-strategy=sideways"], "*the setting strategy is 'sideways'*"),
        (["--fuzz-max-executions=0"], "*the setting max_executions is 0*"),
        (["--fuzz-seed=x"], "*--fuzz-seed: invalid int value: 'x'*"),
        (["-o", "fuzz_budget=soon"], "*soon*"),
        (["--fuzz-report=shop.py/sub"], "*shop.py is not a folder*"),
    ],
)
def test_an_option_out_of_range_is_a_usage_error(shop, args, complaint):
    result = shop.runpytest_subprocess(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])
    result.stderr.no_fnmatch_line("Traceback*")


def test_an_environment_out_of_range_is_a_usage_error(shop, monkeypatch):
    monkeypatch.setenv("FUZZ_BUDGET", "soon")
    result = shop.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*FUZZ_BUDGET='soon'. Expected a number.*"])


def test_an_unknown_setting_in_a_call_names_its_neighbour(shop):
    shop.makepyfile(
        """
        import shop

        def test_credits(fuzz):
            fuzz(shop.SAFE, shop.TOOLS, shop.world, max_execution=3)
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * no setting 'max_execution'. Did you mean 'max_executions'?*"])


def test_a_marker_without_names_is_refused(shop):
    shop.makepyfile(
        """
        import pytest
        import shop

        @pytest.mark.fuzz(100)
        def test_credits(fuzz):
            fuzz(shop.SAFE, shop.TOOLS, shop.world)
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * the marker fuzz has (100,) without a name*"])


def test_the_marker_and_the_options_are_documented(shop):
    shop.runpytest_subprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.fuzz(*"])
    shop.runpytest_subprocess("--help").stdout.fnmatch_lines(
        ["fuzzharness: *:", "*--fuzz-strategy*", "*--fuzz-replay*", "*fuzz_seed (int):*"]
    )
