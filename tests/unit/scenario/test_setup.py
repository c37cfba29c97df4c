"""What a scenario's names stand for: tools, world, batches."""

import pytest

from fuzzharness.scenario import load_scenario


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("tools", "tools.py:TOOLS", "has no 'TOOLS'. "),
        ("tools", "world.py:FIXED", "is a World. Expected a file whose public functions are the tools"),
        ("world", "world.py", "does not say where in it the world is"),
        ("world", "world.py:wrld", "has no 'wrld'. Did you mean 'world'?"),
        ("world", "world.py:nothing", "gives a NoneType. Expected a fuzzharness.World"),
        ("world", "world.py:broken", "could not be made at "),
    ],
)
def test_what_a_key_names_must_be_there(write, refusal, key, text, words):
    refused = refusal(write(keys={key: text}))
    assert words in refused
    assert f"shop.scenario.toml: {key} is {text!r}" in refused


def test_a_file_without_public_functions_of_its_own_has_no_tools(write, refusal):
    assert "has no public function of its own" in refusal(write(tools="from json import dumps\n_x = 1"))


@pytest.mark.parametrize("value", ["fh.Toolbox({'add_credit': add})", "{'add_credit': add}"])
def test_tools_may_be_a_toolbox_or_a_mapping(write, value):
    code = f"import fuzzharness as fh\ndef add(**_): pass\nBOX = {value}"
    with load_scenario(write(keys={"tools": "tools.py:BOX"}, tools=code)).opened() as setup:
        assert list(setup.tools) == ["add_credit"]


def test_a_call_that_fits_no_tool_is_found_before_anything_runs(write, refusal):
    text = refusal(write(tools="def add_credt(account, amount):\n    raise SystemExit"))
    assert "shop.scenario.toml: " in text
    assert "Did you mean 'add_credt'?" in text


def test_a_world_is_made_anew_where_the_file_has_a_function(write):
    with load_scenario(write()).opened() as setup:
        assert setup.world() is not setup.world()


def test_a_world_that_is_a_value_is_handed_out(write):
    with load_scenario(write(keys={"world": "world.py:FIXED"})).opened() as setup:
        assert setup.world() is setup.world()


def names(file):
    return [(trial.name, len(trial.before)) for trial in load_scenario(file).trials()]


def test_batches_of_several_calls_are_run_after_those_before_them(write):
    assert names(write(turns=["7", "77", "77"])) == [("turn-2", 1), ("turn-3", 2)]


def test_where_no_batch_has_several_calls_all_are_run(write):
    assert names(write(turns=["7", "7"])) == [("turn-1", 0), ("turn-2", 1)]


def test_batches_can_be_chosen_and_run_on_the_initial_world(write):
    assert names(write('batches = ["turn-2"]\nbefore = "nothing"\n', turns=["77", "7"])) == [("turn-2", 0)]
