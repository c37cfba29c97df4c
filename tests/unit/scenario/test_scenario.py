"""Scenario files: which keys there are and what they may hold."""

import ast
import json
import re
from pathlib import Path

import pytest

import fuzzharness as fh
import fuzzharness.oracle.judge
from fuzzharness.oracle.anomaly import ANOMALIES
from fuzzharness.scenario import Expectation, load_scenario


def test_three_keys_are_enough(write):
    scenario = load_scenario(write())
    assert (scenario.title, scenario.before, scenario.expect) == ("shop", True, Expectation())
    with scenario.opened() as setup:
        assert [trial.name for trial in setup.trials] == ["turn-1"]
        assert list(setup.tools) == ["add_credit"]


def test_a_recording_is_read_leniently_if_the_file_says_so(write):
    file = write("lenient = true")
    recording = file.with_name("recording.json")
    lines = [json.dumps(message) for message in json.loads(recording.read_text())]
    recording.write_text("\n".join([*lines, '{"role": "assi']))
    assert [trial.name for trial in load_scenario(file).trials()] == ["turn-1"]
    file.write_text(file.read_text().replace("lenient = true", ""))
    with pytest.raises(fh.TraceError, match="line 2"):
        load_scenario(file).trials()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("titel = 'x'", "there is no key 'titel'. Did you mean 'title'? Expected one of: title, recording,"),
        ("[expect]\nverdikt = 'safe'", "[expect]: there is no key 'verdikt'. Did you mean 'verdict'?"),
        ("[settings]\nsead = 3", "[settings]: there is no key 'sead'. Did you mean 'seed'?"),
        ("[settings]\nmax_executions = 0", "[settings]: the setting max_executions is 0. Expected a whole"),
        ("[settings]\nignore = 3", "[settings]: "),
        ("batches = 'turn-1'", "batches is 'turn-1'. Expected a list of texts"),
        ("batches = ['turn-2']", "has no batch 'turn-2'. Did you mean 'turn-1'? Expected one of: turn-1"),
        ("before = 'all'", "before is 'all'. Expected one of: recorded, nothing"),
        ("format = 7", "format is 7. Expected a text"),
        ("lenient = 'yes'", "lenient is 'yes'. Expected true or false"),
        ("[expect]\nverdict = 'unsave'", "verdict is 'unsave'. Did you mean 'unsafe'?"),
        ("[expect]\nmode = 'race'", "mode is 'race'. Expected one of: shared-state,"),
        (
            "[expect]\nanomaly = 'lost-updat'",
            "anomaly is 'lost-updat'. Did you mean 'lost-update'? Expected one",
        ),
        ("[expect]\ncalls = 0", "[expect]: calls is 0. Expected a whole number from 1"),
        ("[expect]\ncalls = -1", "[expect]: calls is -1. Expected a whole number"),
        ("[expect]\npreemptions = -1", "[expect]: preemptions is -1. Expected a whole number from 0"),
        ("[expect]\ncalls = true", "calls is True. Expected a whole number"),
        ("[expect]\nverdict = 'safe'\ncalls = 2", "verdict is 'safe', and yet a finding is described by"),
        ("title = ", "is not TOML: "),
    ],
)
def test_a_key_that_cannot_be_meant_is_refused_with_its_place_and_neighbour(write, refusal, more, words):
    file = write(more)
    text = refusal(file)
    assert words in text
    assert str(file) in text


@pytest.mark.parametrize("anomaly", ANOMALIES)
def test_every_anomaly_can_be_expected(write, anomaly):
    assert load_scenario(write(f"[expect]\nanomaly = '{anomaly}'")).expect.anomaly == anomaly


def test_every_anomaly_that_the_oracle_names_can_be_expected():
    tree = ast.parse(Path(fuzzharness.oracle.judge.__file__).read_text())
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    named = {text for text in texts if re.fullmatch("[a-z]+(-[a-z]+)+", text)}
    assert len(named) > 4
    assert named <= set(ANOMALIES)


@pytest.mark.parametrize("key", ["recording", "tools", "world"])
def test_a_missing_key_is_named(write, refusal, key):
    assert f"the key {key!r} is missing" in refusal(write(keys={key: None}))


def test_a_file_that_is_not_text_is_refused(write, refusal):
    file = write()
    file.write_bytes(b"\xff\xfe\x00")
    assert "is not TOML" in refusal(file)


def test_a_scenario_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(fh.ScenarioError, match=r"cannot be read: No such file"):
        load_scenario(tmp_path / "x.scenario.toml")


def test_a_recording_that_is_not_there_is_named(write, refusal):
    text = refusal(write(keys={"recording": "session.json"}))
    assert "shop.scenario.toml: recording is 'session.json', but there is no file" in text


def test_a_recording_that_cannot_be_read_is_named(write, refusal):
    file = write()
    (file.parent / "recording.json").write_text('[{"role": "assistant", "tool_calls": 7}]')
    assert "recording.json" in refusal(file)


def test_errors_raised_while_it_is_open_name_the_scenario(write):
    scenario = load_scenario(write())
    with pytest.raises(fh.ToolError, match=r"shop\.scenario\.toml: no such tool"), scenario.opened():
        raise fh.ToolError("no such tool")


def test_its_settings_win_over_those_given(write):
    scenario = load_scenario(write("[settings]\nseed = 7\n"))
    assert scenario.applied(fh.Settings(seed=1, max_executions=3)) == fh.Settings(seed=7, max_executions=3)


def test_a_scenario_is_a_value(write):
    file = write()
    assert load_scenario(file) == load_scenario(file)
