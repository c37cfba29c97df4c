"""``--fuzz-replay``: the command a failure ends with shows the same failure in a new process."""

import shlex

import pytest

from fuzzharness.schedule import Schedule

HINT = "If you changed the tool, this interleaving may no longer be possible: run without --fuzz-replay."


def commands(result: pytest.RunResult) -> list[list[str]]:
    """The commands that replay, as a shell would split them, without ``pytest`` itself."""
    return [shlex.split(line)[1:] for line in result.outlines if line.startswith("pytest '")]


def write_first(tools):
    """Change ``add_credit`` so that it has a step more, which no schedule made before leads to."""
    tools.write_text(
        tools.read_text().replace("    balance = acc", "    accounts['x'] = 1\n    balance = acc")
    )


@pytest.fixture
def race(shop):
    shop.makepyfile(
        test_race="import shop\ndef test_credits(fuzz):\n    fuzz(shop.RACE, shop.TOOLS, shop.world)",
        test_other="import shop\ndef test_other(fuzz):\n    fuzz(shop.SAFE, shop.TOOLS, shop.world)",
    )
    return shop


def test_the_last_line_of_a_failure_replays_it(race):
    found = race.runpytest_subprocess()
    (command,) = commands(found)
    for _ in range(3):
        again = race.runpytest_subprocess(*command)
        again.assert_outcomes(failed=1)
        again.stdout.fnmatch_lines(["certificate replayed, not searched", "*accounts.7*130*110*"])
        assert commands(again) == [command]


def test_the_command_works_where_pytest_was_called_below_the_root(race, monkeypatch):
    folder = race.mkdir("inner")
    (folder / "test_inner.py").write_text((race.path / "test_race.py").read_text())
    monkeypatch.chdir(folder)
    (command,) = commands(race.runpytest_subprocess())
    assert command[0] == "test_inner.py::test_credits"
    race.runpytest_subprocess(*command).assert_outcomes(failed=1)


def test_a_schedule_that_ends_as_the_baseline_passes(race):
    (command,) = commands(race.runpytest_subprocess())
    shop = race.path / "shop.py"
    shop.write_text(shop.read_text().replace("balance + amount", "1"))
    again = race.runpytest_subprocess(*command)
    again.assert_outcomes(passed=1)
    again.stdout.fnmatch_lines(["fuzzharness: 1 batch, 0 findings*"])


def test_tests_of_other_batches_are_skipped_and_say_so(race):
    (command,) = commands(race.runpytest_subprocess())
    everything = race.runpytest_subprocess("-rs", *command[1:])
    everything.assert_outcomes(failed=1, skipped=1)
    everything.stdout.fnmatch_lines(["SKIPPED * --fuzz-replay is for another batch"])


def test_the_second_batch_of_a_test_is_reached(shop):
    shop.makepyfile(
        """
        import shop

        def test_credits(fuzz):
            fuzz(shop.SAFE, shop.TOOLS, shop.world)
            fuzz(shop.RACE, shop.TOOLS, shop.world)
        """
    )
    (command,) = commands(shop.runpytest_subprocess())
    shop.runpytest_subprocess(*command).assert_outcomes(failed=1)


def test_a_schedule_for_no_batch_that_runs_is_a_usage_error(race):
    (command,) = commands(race.runpytest_subprocess())
    result = race.runpytest_subprocess("test_other.py", *command[1:])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["fuzzharness: the schedule to replay is for none of the batches*"])


@pytest.mark.parametrize("token", ["fz0.AAAA", "fz1.AAAA", "nonsense"])
def test_a_damaged_token_is_a_usage_error_of_one_paragraph(race, token):
    result = race.runpytest_subprocess("--fuzz-replay", token)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *token*Copy*"])
    result.stderr.no_fnmatch_line("Traceback*")


def test_a_schedule_the_tools_no_longer_follow_fails_and_names_the_step(race):
    (command,) = commands(race.runpytest_subprocess())
    write_first(race.path / "shop.py")
    result = race.runpytest_subprocess(*command)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*fuzz(shop.RACE, shop.TOOLS, shop.world)",
            "E * fuzzharness.errors.ReplayMismatch: the replay differs at step * of 4:*",
            "fuzzharness: 1 batch, 0 findings, 1 unjudged batch",
        ]
    )
    told_once(result, "the replay differs at step")


def told_once(result, words):
    """Nothing of the harness's own frames, and the paragraph with ``words`` only once above the summary."""
    end = next(n for n, line in enumerate(result.outlines) if "short test summary info" in line)
    (paragraph,) = [line for line in result.outlines[:end] if words in line]
    assert paragraph.endswith(HINT)
    for other in ("*During handling*", "*direct cause*", "*plugin.py*", "*follow.py*", "*for none of the*"):
        result.stdout.no_fnmatch_line(other)


def test_a_scenario_whose_tools_no_longer_follow_fails_with_one_paragraph(scenario):
    project = scenario()
    (command,) = commands(project.runpytest_subprocess())
    write_first(project.path / "credits" / "tools.py")
    result = project.runpytest_subprocess(*command)
    result.assert_outcomes(failed=1)
    told_once(result, "credits.scenario.toml: the replay differs at step")
    result.stdout.fnmatch_lines(["fuzzharness: 1 batch, 0 findings, 1 unjudged batch"])


def test_under_xdist_an_unfollowed_schedule_is_counted_too(race):
    (command,) = commands(race.runpytest_subprocess())
    write_first(race.path / "shop.py")
    result = race.runpytest_subprocess("-n2", *command)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["fuzzharness: 1 batch, 0 findings, 1 unjudged batch"])


def test_a_token_that_does_not_fit_its_batch_fails_without_frames_of_ours(race):
    (command,) = commands(race.runpytest_subprocess())
    batch = Schedule.from_token(command[-1]).batch
    token = Schedule(batch, (0, 5), (1, 1)).token
    result = race.runpytest_subprocess(*command[:-1], token)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * fuzzharness.errors.TokenError: *names a call that the batch does not*"])
    result.stdout.no_fnmatch_line("*schedule.py*")
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_a_replay_under_xdist_fails_the_same(race):
    (command,) = commands(race.runpytest_subprocess("-n2"))
    again = race.runpytest_subprocess("-n2", *command)
    again.assert_outcomes(failed=1)
    assert commands(again) == [command]
