"""The names that others call."""

import pytest

import fuzzharness as fh

NAMES = [
    "Call",
    "Batch",
    "Trace",
    "load_trace",
    "record",
    "Recording",
    "RecordingError",
    "TraceError",
    "FuzzHarnessError",
    "Toolbox",
    "World",
    "Database",
    "Directory",
    "InPlace",
    "Http",
    "Environment",
    "explore",
    "Settings",
    "Verdict",
    "Outcome",
    "Mode",
    "Finding",
    "Report",
    "Schedule",
    "replay",
    "Execution",
    "ReplayMismatch",
    "atomic",
    "RaceFound",
    "TokenError",
    "BatchError",
    "ToolError",
    "WorldError",
    "SettingsError",
    "Certificate",
    "Escape",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(fh, name)
    assert name in dir(fh)


def test_every_error_is_one_of_ours() -> None:
    errors = [getattr(fh, n) for n in NAMES if n.endswith("Error") or n in ("ReplayMismatch", "RaceFound")]
    assert all(issubclass(error, fh.FuzzHarnessError) for error in errors)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        fh.nothing  # noqa: B018


def test_the_fields_of_values() -> None:
    assert {"SAFE", "UNSAFE", "INCONCLUSIVE"} == {v.name for v in fh.Verdict}
    assert {"SHARED_STATE", "CONTEXT", "TIMING", "DEADLOCK", "HANG"} == {m.name for m in fh.Mode}
