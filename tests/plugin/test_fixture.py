"""The fixture ``fuzz``: what passes, fails or warns."""

import pytest


def test_an_unsafe_batch_fails_with_its_interleaving_and_the_command_as_last_line(shop):
    shop.makepyfile("import shop\ndef test_credits(fuzz):\n    fuzz(shop.RACE, shop.TOOLS, shop.world)")
    result = shop.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * fuzzharness.errors.RaceFound: turn-1 is unsafe: shared-state, lost-update: 2 calls, *",
            "schedule    AB-A   (0110)",
            "certificate minimal (proven)*",
            "*A  add_credit(account='7',*",
            "*read accounts*7* = 100  shop.py:4",
            "*accounts.7*130*110*",
            "A add_credit(account='7', amount=10) read accounts*7* as 100 at shop.py:4*",
            "pytest '*::test_credits' --fuzz-replay fz1.*",
        ]
    )
    command = [line for line in result.outlines if "--fuzz-replay" in line][-1]
    after = result.outlines[result.outlines.index(command) + 1]
    assert after.startswith("fuzzharness: 1 batch, 1 finding")


def test_a_safe_batch_returns_its_report(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import shop

        def test_credits(fuzz):
            report = fuzz(shop.SAFE, shop.TOOLS, shop.world())
            assert report.verdict is fh.Verdict.SAFE
            assert report.verified
        """
    )
    shop.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_failure_is_a_race_found_that_holds_the_report(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import pytest
        import shop

        def test_credits(fuzz):
            with pytest.raises(fh.RaceFound, match="--fuzz-replay fz1") as caught:
                fuzz(shop.RACE, shop.TOOLS, shop.world)
            assert caught.value.report.findings[0].anomaly == "lost-update"
        """
    )
    shop.runpytest_subprocess().assert_outcomes(passed=1)


def test_explore_returns_the_report_of_an_unsafe_batch(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import shop

        def test_credits(fuzz):
            assert fuzz.explore(shop.RACE, shop.TOOLS, shop.world).verdict is fh.Verdict.UNSAFE
        """
    )
    shop.runpytest_subprocess().assert_outcomes(passed=1)


def test_an_inconclusive_batch_warns_with_the_reason_and_does_not_fail(shop):
    shop.makepyfile(
        """
        import shop

        def test_credits(fuzz):
            fuzz(shop.LARGE, shop.TOOLS, shop.world, strategy="bounded", max_executions=1)
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*test_*.py:4: FuzzWarning: turn-3 is inconclusive: *max_executions*"])


def test_the_warning_is_the_public_one(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import pytest
        import shop

        def test_credits(fuzz):
            with pytest.warns(fh.FuzzWarning, match="turn-3 is inconclusive"):
                fuzz(shop.LARGE, shop.TOOLS, shop.world, strategy="bounded", max_executions=1)
        """
    )
    shop.runpytest_subprocess().assert_outcomes(passed=1)


def test_tools_that_are_not_deterministic_cannot_be_judged(shop):
    shop.makepyfile(
        """
        import itertools

        import fuzzharness as fh
        import shop

        numbers = itertools.count()

        def draw(accounts):
            accounts["7"] = next(numbers)

        def test_draws(fuzz):
            fuzz(fh.Batch((fh.Call("draw"), fh.Call("draw"))), fh.Toolbox({"draw": draw}), shop.world)
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E * fuzzharness.errors.NotJudged: the batch cannot be judged: *accounts.7*"]
    )


def test_a_world_in_which_every_call_fails_cannot_be_judged(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import shop

        def test_credits(fuzz):
            fuzz(shop.SAFE, shop.TOOLS, fh.World(accounts={}))
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E * fuzzharness.errors.NotJudged: turn-2 cannot be judged: every call fails *KeyError*setup*"]
    )


def test_calls_that_touch_nothing_of_the_world_give_a_warning(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import shop

        def test_nothing(fuzz):
            fuzz(fh.Batch((fh.Call("one"), fh.Call("one"))), fh.Toolbox({"one": lambda: 1}), shop.world)
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*FuzzWarning: the batch is inconclusive: no call touched anything*"])


def test_batches_given_as_before_are_run_first(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import shop

        def test_credits(fuzz):
            report = fuzz(shop.SAFE, shop.TOOLS, shop.world, before=[shop.RACE])
            assert report.baseline.state["accounts"] == {"7": 140, "8": 120}
        """
    )
    shop.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_call_that_does_not_fit_its_tool_fails_with_one_paragraph(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import shop

        def test_credits(fuzz):
            fuzz(fh.Batch((fh.Call("add_credt"),)), shop.TOOLS, shop.world)
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * fuzzharness.errors.ToolError: *Did you mean 'add_credit'?*"])
    for file in ("plugin.py", "trial.py", "toolbox.py"):
        result.stdout.no_fnmatch_line(f"*{file}*")
    result.stdout.fnmatch_lines(["fuzzharness: 1 batch, 0 findings, 1 unjudged batch"])


def test_what_tools_print_does_not_bury_the_finding(shop):
    shop.makepyfile(
        """
        import fuzzharness as fh
        import shop

        def add_credit(**args):
            print("a line of the tool")
            return shop.add_credit(**args)

        def test_credits(fuzz):
            def tool(account, amount, accounts):
                return add_credit(account=account, amount=amount, accounts=accounts)

            fuzz(shop.RACE, fh.Toolbox({"add_credit": tool}), shop.world)
        """
    )
    result = shop.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    assert "a line of the tool" not in result.outlines


@pytest.mark.parametrize("style", ["long", "short", "line", "native", "no"])
def test_every_traceback_style_is_survived(shop, style):
    shop.makepyfile("import shop\ndef test_credits(fuzz):\n    fuzz(shop.RACE, shop.TOOLS, shop.world)")
    result = shop.runpytest_subprocess(f"--tb={style}")
    result.assert_outcomes(failed=1)
    if style in ("long", "short", "native"):
        assert any(line.startswith("pytest '") for line in result.outlines)


def test_after_captured_output_the_last_line_is_still_the_command(shop):
    shop.makepyfile(
        """
        import shop

        def test_credits(fuzz):
            print("a line of the test")
            fuzz(shop.RACE, shop.TOOLS, shop.world)
        """
    )
    lines = shop.runpytest_subprocess().outlines
    summary = next(n for n, line in enumerate(lines) if line.startswith("fuzzharness: "))
    assert lines[summary - 1].startswith("pytest '")
