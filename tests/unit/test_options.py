"""Options: names, kinds and the order of sources."""

from dataclasses import fields

import pytest

import fuzzharness as fh
from fuzzharness.options import OPTIONS, from_environment, settled, variable


def test_every_option_is_a_setting():
    assert set(OPTIONS) <= {field.name for field in fields(fh.Settings)}


def test_later_sources_win_and_none_says_nothing():
    assert settled({"seed": 1, "budget": 2.0}, {"seed": None, "budget": 3.0}) == fh.Settings(
        seed=1, budget=3.0
    )


def test_an_unknown_name_is_refused():
    with pytest.raises(fh.SettingsError, match=r"Did you mean 'seed'\?"):
        settled({"sead": 1})


def test_a_variable_is_named_after_its_option():
    assert variable("max_executions") == "FUZZ_MAX_EXECUTIONS"


def test_the_environment_gives_values_of_the_options_kind():
    assert from_environment("budget", float, {"FUZZ_BUDGET": "1.5"}) == 1.5
    assert from_environment("budget", float, {}) is None
    assert from_environment("budget", float, {"FUZZ_BUDGET": ""}) is None


def test_a_value_of_another_kind_names_the_variable():
    with pytest.raises(fh.SettingsError, match=r"FUZZ_SEED='x'\. Expected a whole number"):
        from_environment("seed", int, {"FUZZ_SEED": "x"})


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("Yes", True), ("0", False)])
def test_a_flag_in_the_environment_is_a_word(text, value):
    assert from_environment("strict_replay", bool, {"FUZZ_STRICT_REPLAY": text}) is value


def test_another_word_names_the_variable():
    with pytest.raises(fh.SettingsError, match=r"FUZZ_STRICT_REPLAY='perhaps'\. Expected 1 or 0"):
        from_environment("strict_replay", bool, {"FUZZ_STRICT_REPLAY": "perhaps"})
