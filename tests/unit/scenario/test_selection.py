"""Which scenarios a path stands for, and which batch a token belongs to."""

import pytest

import fuzzharness as fh
from fuzzharness.scenario import load_scenario
from fuzzharness.scenario.selection import fitting, replay_command, scenarios_at
from fuzzharness.schedule import Schedule


def test_a_folder_stands_for_the_scenarios_below_it_sorted_and_each_once(write, tmp_path):
    files = [write(name=name) for name in ("b", "a")]
    write(name=".hidden")
    found = [s.path for s in scenarios_at([str(tmp_path), str(files[0])], None, None)]
    assert found == sorted(files)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("missing", (None, None), "there is no file or folder"),
        ("recording.json", (None, None), "Expected --tools FILE.py and --world FILE.py:NAME"),
        ("shop.scenario.toml", ("tools.py", None), "names its tools and world itself"),
    ],
)
def test_a_path_that_stands_for_nothing_is_refused(write, name, given, words):
    folder = write().parent
    with pytest.raises(fh.ScenarioError) as caught:
        list(scenarios_at([str(folder / name)], *given))
    assert words in str(caught.value)


def test_a_recording_with_tools_and_world_is_a_scenario(write, monkeypatch):
    monkeypatch.chdir(write().parent)
    (scenario,) = scenarios_at(["recording.json"], "tools.py", "world.py:world")
    assert scenario.check() == 1
    assert replay_command(scenario, scenario.trials()[0], "fz1.x") == (
        "fuzzharness replay fz1.x recording.json --tools tools.py --world world.py:world"
    )


def test_the_command_that_replays_repeats_how_endings_are_judged(write):
    scenario = load_scenario(write())
    options = {"ignore": ("db.*.at", "results.*"), "strict_order": True, "call_timeout": 0.5, "seed": 3}
    command = replay_command(scenario, scenario.trials()[0], "fz1.x", options)
    assert command == (
        f"fuzzharness replay fz1.x {scenario.path} "
        "--ignore 'db.*.at' --ignore 'results.*' --strict-order --call-timeout 0.5"
    )


def schedule(batch):
    return Schedule(batch.fingerprint, (0,), (1,))


def test_a_token_finds_its_batch(write):
    scenario = load_scenario(write(turns=["77", "78"]))
    for trial in scenario.trials():
        assert fitting(schedule(trial.batch), [scenario]) == (scenario, trial)


def test_a_token_of_another_batch_is_refused(write):
    other = schedule(fh.Batch((fh.Call("other"),)))
    with pytest.raises(fh.TokenError, match=r"was made for the batch \w+, this batch is"):
        fitting(other, [load_scenario(write())])
    with pytest.raises(fh.TokenError, match=r"no such batch here, only: .*turn-1, .*turn-2"):
        fitting(other, [load_scenario(write(turns=["77", "78"]))])


def test_a_batch_that_is_not_there_is_refused_with_those_there_are(write):
    scenario = load_scenario(write(turns=["77", "78"]))
    with pytest.raises(fh.ScenarioError) as caught:
        fitting(schedule(scenario.trials()[0].batch), [scenario], "turn-3")
    assert "shop.scenario.toml has no batch 'turn-3'." in str(caught.value)
    assert "Expected one of: turn-1, turn-2." in str(caught.value)


def test_a_token_of_two_equal_batches_needs_the_name_of_one(write):
    scenario = load_scenario(write(turns=["77", "77"]))
    first, second = scenario.trials()
    with pytest.raises(fh.TokenError, match=r"fits several batches: .*::turn-1, .*::turn-2"):
        fitting(schedule(first.batch), [scenario])
    assert fitting(schedule(first.batch), [scenario], "turn-2") == (scenario, second)
    assert replay_command(scenario, second, "fz1.x").endswith("shop.scenario.toml::turn-2")
