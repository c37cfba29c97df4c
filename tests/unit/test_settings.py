"""Settings: what they may be."""

import copy
import pickle
from typing import Any

import pytest

import fuzzharness as fh


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "guess"},
        {"max_executions": 0},
        {"max_executions": True},
        {"max_executions": 1.5},
        {"seed": "1"},
        {"call_timeout": 0},
        {"budget": -1},
        {"preemptions": -1},
        {"ignore": "db.*"},
    ],
)
def test_a_value_out_of_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(fh.SettingsError, match=next(iter(wrong))) as caught:
        fh.Settings(**wrong)
    assert "Expected" in str(caught.value)


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(fh.SettingsError, match="Did you mean 'call_timeout'"):
        fh.Settings().but(call_timout=1)


def test_changes_leave_the_rest() -> None:
    assert fh.Settings(seed=3).but(budget=1.5) == fh.Settings(seed=3, budget=1.5)


def test_an_unknown_name_gets_the_hint_when_settings_are_made_too() -> None:
    with pytest.raises(fh.SettingsError, match="Did you mean 'max_executions'"):
        fh.Settings(max_execution=1)  # type: ignore[call-arg]  # the mistake


@pytest.mark.parametrize("ignore", [("",), (1,)])
def test_a_pattern_that_says_nothing_is_refused(ignore: Any) -> None:
    with pytest.raises(fh.SettingsError, match="patterns that are not empty"):
        fh.Settings(ignore=ignore)


def test_settings_can_be_copied_and_sent_to_another_process() -> None:
    settings = fh.Settings(seed=3, ignore=("db.*",))
    assert copy.deepcopy(settings) == pickle.loads(pickle.dumps(settings)) == settings
