"""Settings: what they may be."""

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
