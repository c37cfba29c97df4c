"""Importing: what is kept of recordings, what it is called, and that a file is there whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fuzzharness as fh
from fuzzharness.importing import Disguising, Selection, Summary, import_recordings
from fuzzharness.importing.selection import Reservoir, at_least
from fuzzharness.importing.shape import shape
from fuzzharness.scenario.scenario import load_scenario
from fuzzharness.traces import native_lines

SAMPLES = Path(__file__).parents[1] / "traces" / "samples"
CHAT = SAMPLES / "openai-chat.json"
ALL = Selection()
SECRETLY = Disguising(secret=b"of these tests")


def batch(*calls: tuple[str, dict[str, Any]], id: str = "turn") -> fh.Batch:
    return fh.Batch(tuple(fh.Call(tool, args) for tool, args in calls), id)


def add(account: Any, amount: Any = 1) -> tuple[str, dict[str, Any]]:
    return "add", {"account": account, "amount": amount}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """``write(*batches)``: a recording of ours with these."""

    def write(*batches: fh.Batch, name: str = "session.jsonl") -> Path:
        path = tmp_path / name
        lines = [native_lines.whole(batch, f"turn-{n}") for n, batch in enumerate(batches, 1)]
        path.write_text(native_lines.header() + "".join(lines))
        return path

    return write


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., tuple[Summary, list[str]]]:
    """``imported(*paths)``: what an import says, and the ids of the batches it wrote."""

    def imported(*paths: Path, selection: Selection = ALL, **options: Any) -> tuple[Summary, list[str]]:
        output = tmp_path / "out" / "turns.jsonl"
        output.parent.mkdir(exist_ok=True)
        summary = import_recordings(paths, output, selection, SECRETLY, **options)
        kept = fh.load_trace(output).batches if output.exists() else ()
        return summary, [batch.id or "" for batch in kept if not batch.before]

    return imported


# What is kept


@pytest.mark.parametrize(
    "sample", ["openai-chat.json", "openai-chat.jsonl", "anthropic-messages.json", "fuzzharness.jsonl"]
)
def test_every_call_is_kept_with_all_that_was_recorded(sample: str, tmp_path: Path) -> None:
    import_recordings([SAMPLES / sample], tmp_path / "out.jsonl", Selection(), SECRETLY)
    assert fh.load_trace(tmp_path / "out.jsonl").batches == fh.load_trace(SAMPLES / sample).batches


def test_importing_what_was_imported_changes_nothing(tmp_path: Path) -> None:
    once, twice = tmp_path / "once.jsonl", tmp_path / "twice.jsonl"
    import_recordings([CHAT], once, Selection(), SECRETLY)
    import_recordings([once], twice, Selection(), SECRETLY)
    assert twice.read_text() == once.read_text().replace(CHAT.name, once.name)


def test_small_batches_are_left_out(imported: Any) -> None:
    summary, ids = imported(CHAT, selection=Selection(at_least=2))
    assert ids == ["turn-1", "turn-3"]
    assert (summary.read, summary.kept, summary.left.small) == (3, 2, 1)


def written(folder: Path, selection: Selection, *recordings: Path) -> list[tuple[str, bool]]:
    """The batches that an import of ``recordings`` writes, and whether they are only to be run before."""
    output = folder / "kept.jsonl"
    import_recordings(recordings, output, selection, SECRETLY)
    again = folder / "again.jsonl"
    import_recordings([output], again, Selection(), SECRETLY)
    first, second = ([(b.id or "", b.before) for b in fh.load_trace(f).batches] for f in (output, again))
    assert first == second
    return first


TURNS = [batch(add(1)), batch(add(1), add(2)), batch(add(3)), batch(add(4), add(5)), batch(add(6))]


@pytest.mark.parametrize(
    "selection", [Selection(at_least=2), Selection(dedupe=True), Selection(sample=2, seed=3)], ids=str
)
def test_what_is_left_out_before_a_batch_that_is_kept_is_written_to_be_run_before_it(
    selection: Selection, write: Any, tmp_path: Path
) -> None:
    found = written(tmp_path, selection, write(*TURNS))
    kept = [id for id, before in found if not before]
    assert 0 < len(kept) < len(TURNS)
    assert [id for id, _ in found] == [f"turn-{n}" for n in range(1, int(kept[-1][-1]) + 1)]


def test_what_is_left_out_of_a_recording_of_which_nothing_is_kept_is_not_written(
    write: Any, tmp_path: Path
) -> None:
    one, other = write(TURNS[0], name="one.jsonl"), write(*TURNS[2:4], name="other.jsonl")
    found = written(tmp_path, Selection(at_least=2), one, other)
    assert found == [("other-turn-2", True), ("other-turn-3", False)]


ALIKE = batch(add(7, 10), add(7, 20))
SAME = [
    batch(add(8, 30), add(8, 40)),
    batch(add(0, 1), add(0, 2)),
]
OTHER = [
    batch(add(7, 10), add(8, 20)),  # they touch different accounts
    batch(add(7, 10), add(7, 10)),  # the amounts are equal, too
    batch(add(10, 10), add(10, 20)),  # an amount equals an account
    batch(add("7", 10), add("7", 20)),  # of another type
    batch(add(7, 10), ("sub", {"account": 7, "amount": 20})),
    batch(add(7, 10), ("add", {"account": 7})),
    batch(add(7, 10), add(7, 20), add(7, 30)),
    batch(add([7], 10), add([7], 20)),
    batch(add(True, 10), add(True, 20)),
]


@pytest.mark.parametrize("other", SAME)
def test_batches_are_alike_if_the_same_values_are_equal(other: fh.Batch) -> None:
    assert shape(other) == shape(ALIKE)


@pytest.mark.parametrize("other", OTHER)
def test_batches_are_not_alike_if_they_conflict_otherwise(other: fh.Batch) -> None:
    assert shape(other) != shape(ALIKE)


def test_flags_are_part_of_the_shape() -> None:
    assert shape(batch(add(True))) != shape(batch(add(False))) != shape(batch(add(None)))


def test_of_batches_that_are_alike_the_first_is_kept(imported: Any, write: Any) -> None:
    summary, ids = imported(write(ALIKE, *SAME, *OTHER, ALIKE), selection=Selection(dedupe=True))
    assert ids == ["turn-1", *(f"turn-{n}" for n in range(4, 13))]
    assert summary.left.alike == 3


def test_a_sample_follows_from_its_seed_and_stands_in_order(imported: Any, write: Any) -> None:
    recording = write(*(batch(add(n)) for n in range(100)))
    draws = [imported(recording, selection=Selection(sample=10, seed=seed))[1] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    for ids in draws:
        numbers = [int(id.removeprefix("turn-")) for id in ids]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == 10


def test_a_sample_of_more_than_there_are_is_all(imported: Any) -> None:
    summary, ids = imported(CHAT, selection=Selection(sample=10))
    assert ids == ["turn-1", "turn-2", "turn-3"]
    assert summary.left.not_drawn == 0


def test_every_item_is_drawn_about_as_often() -> None:
    counted: Counter[int] = Counter()
    for seed in range(3000):
        drawn: Reservoir[int] = Reservoir(3, seed)
        for item in range(10):
            drawn.put(item)
        counted.update(drawn)
    assert all(800 < counted[item] < 1000 for item in range(10))


@settings(deadline=None)
@given(items=st.lists(st.integers(), max_size=30), size=st.integers(1, 10), seed=st.integers())
def test_a_reservoir_holds_what_was_put_in_in_its_order(items: list[int], size: int, seed: int) -> None:
    drawn: Reservoir[tuple[int, int]] = Reservoir(size, seed)
    for numbered in enumerate(items):
        drawn.put(numbered)
    kept = list(drawn)
    assert len(kept) == min(size, len(items))
    assert kept == sorted(kept)
    assert drawn.missed == len(items) - len(kept)


@pytest.mark.parametrize("text", ["2", "0+", "+", "two", "2+ ", "-1+", "1.5+"])
def test_another_way_to_say_how_many_calls_is_refused(text: str) -> None:
    with pytest.raises(fh.SettingsError, match=r"as 2\+ for batches of two calls or more"):
        at_least(text)


# What it is called and where it comes from


def test_batches_of_several_files_bear_the_names_of_both(imported: Any, write: Any, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    one, other = write(batch(add(1)), name="a.jsonl"), write(batch(add(2)), name="b.jsonl")
    third = write(batch(add(3)), name="more/a.jsonl")
    summary, ids = imported(one, other, third)
    assert ids == ["a-turn-1", "b-turn-2", "a-turn-3"]
    assert summary.read == 3
    lines = (tmp_path / "out" / "turns.jsonl").read_text().splitlines()[1:]
    assert [json.loads(line)["source"] for line in lines] == [{"file": f"{n}.jsonl"} for n in "aba"]


def test_a_batch_that_stands_in_several_files_is_imported_once(
    imported: Any, write: Any, tmp_path: Path
) -> None:
    one, other = write(batch(add(1)), name="a.jsonl"), write(batch(add(1)), batch(add(2)), name="b.jsonl")
    summary, ids = imported(one, other)
    assert (summary.read, ids) == (2, ["a-turn-1", "b-turn-2"])
    again, same = imported(tmp_path / "*.jsonl")
    assert (again.read, same) == (2, ids)


def test_names_of_files_and_ids_are_in_disguise_too(tmp_path: Path) -> None:
    path = tmp_path / "anna.quill@x.example.jsonl"
    path.write_text(native_lines.header() + native_lines.whole(batch(add("anna.quill@x.example")), "turn-1"))
    hidden = Disguising(personal=True, secret=b"x")
    import_recordings([path, CHAT], tmp_path / "out.jsonl", Selection(), hidden)
    assert "quill" not in (tmp_path / "out.jsonl").read_text()


def test_a_name_that_only_a_left_out_batch_tells_goes_as_well(write: Any, tmp_path: Path) -> None:
    told = batch(("save", {"customer_name": "Anna Quillfeather"}))
    kept = batch(("say", {"text": "Dear Anna Quillfeather"}), ("say", {"text": "bye"}))
    import_recordings([write(kept, told)], tmp_path / "out.jsonl", Selection(2), Disguising(True, b"x"))
    assert "Quillfeather" not in (tmp_path / "out.jsonl").read_text()


# What is told


def test_malformed_parts_and_arguments_are_counted(imported: Any, tmp_path: Path) -> None:
    bad = {"id": "x", "type": "function", "function": {"name": "add", "arguments": "{no"}}
    messages = [{"role": "assistant", "tool_calls": [bad]}, {"role": 5}]
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(messages))
    with pytest.raises(fh.TraceError, match=r"bad\.json"):
        imported(path)
    summary, _ = imported(path, lenient=True)
    assert (summary.skipped, summary.invalid, summary.kept) == (1, 1, 1)


def test_a_recording_without_calls_is_refused(imported: Any, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_text('[{"role": "user", "content": "hello"}]')
    with pytest.raises(fh.TraceError, match="there is no tool call in"):
        imported(path)


def test_nothing_is_written_where_nothing_is_kept(imported: Any) -> None:
    summary, ids = imported(CHAT, selection=Selection(at_least=9))
    assert (summary.kept, summary.written, ids) == (0, [], [])


# Whole or not at all


def test_an_interrupted_import_leaves_what_was_there(tmp_path: Path) -> None:
    output = tmp_path / "out" / "turns.jsonl"
    output.parent.mkdir()
    output.write_text("what was there")

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_recordings([CHAT], output, Selection(), SECRETLY, scenario=True, listener=interrupt)
    assert [file.name for file in output.parent.iterdir()] == ["turns.jsonl"]
    assert output.read_text() == "what was there"


def test_a_recording_that_breaks_later_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text((SAMPLES / "openai-chat.jsonl").read_text() + '{"role": ')
    (tmp_path / "out").mkdir()
    with pytest.raises(fh.TraceError, match="breaks off"):
        import_recordings([CHAT, broken], tmp_path / "out" / "turns.jsonl", Selection(), SECRETLY)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_output_is_never_one_of_the_recordings(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    path = Path(shutil.copy(CHAT, tmp_path / "logs"))
    for given_ in (path, tmp_path / "logs"):
        with pytest.raises(fh.SettingsError, match="is one of the recordings"):
            import_recordings([given_], path, Selection(), SECRETLY)
    assert path.read_text() == CHAT.read_text()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(fh.SettingsError, match="there is no folder"):
        import_recordings([CHAT], tmp_path / "none" / "out.jsonl", Selection(), SECRETLY)


# The scenario beside it


@pytest.fixture
def filled_in(tmp_path: Path) -> None:
    """The files that whoever has a scenario written is asked for."""
    for name in ("tools.py", "world.py"):
        (tmp_path / name).touch()


@pytest.mark.usefixtures("filled_in")
def test_a_scenario_is_written_that_needs_only_tools_and_world(tmp_path: Path) -> None:
    output = tmp_path / "shop.jsonl"
    summary = import_recordings([CHAT], output, Selection(), SECRETLY, scenario=True)
    assert summary.written == [output, tmp_path / "shop.scenario.toml"]
    scenario = load_scenario(tmp_path / "shop.scenario.toml")
    assert (scenario.title, scenario.recording, scenario.before) == ("shop", output, True)
    assert [trial.name for trial in scenario.trials()] == ["turn-1", "turn-3"]
    assert '"get_balance"' in scenario.path.read_text()


@pytest.mark.usefixtures("filled_in")
def test_of_several_recordings_none_runs_before_another(tmp_path: Path) -> None:
    paths = [CHAT, SAMPLES / "anthropic-messages.json"]
    import_recordings(paths, tmp_path / "shop.jsonl", Selection(2), SECRETLY, scenario=True)
    trials = load_scenario(tmp_path / "shop.scenario.toml").trials()
    assert {trial.name: [batch.id for batch in trial.before] for trial in trials} == {
        "openai-chat-turn-1": [],
        "openai-chat-turn-3": ["openai-chat-turn-1", "openai-chat-turn-2"],
        "anthropic-messages-turn-4": [],
        "anthropic-messages-turn-6": ["anthropic-messages-turn-4", "anthropic-messages-turn-5"],
    }


def called(id: str) -> dict[str, Any]:
    return {"id": id, "function": {"name": "add", "arguments": "{}"}}


def test_of_sessions_in_one_file_none_runs_before_another(tmp_path: Path) -> None:
    asked = [{"role": "assistant", "tool_calls": [called(f"c{n}"), called(f"d{n}")]} for n in range(9)]
    sessions = [asked[:2], asked[2:5], asked[5:9]]
    recording = tmp_path / "sessions.jsonl"
    recording.write_text("".join(json.dumps({"messages": session}) + "\n" for session in sessions))
    for selection in (Selection(), Selection(sample=3, seed=1)):
        import_recordings([recording], tmp_path / "turns.jsonl", selection, SECRETLY)
        trace = fh.load_trace(tmp_path / "turns.jsonl")
        for number, batch in enumerate(trace.batches):
            own = next(s for s in sessions if batch.labels[0] in {turn["tool_calls"][0]["id"] for turn in s})
            earlier = [turn["tool_calls"][0]["id"] for turn in own]
            told = [before.labels[0] for before in trace.leading_to(number)]
            assert told == earlier[: earlier.index(batch.labels[0])]
    assert sum(not batch.before for batch in trace.batches) == 3


def test_a_scenario_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "shop.scenario.toml").write_text("mine")
    with pytest.raises(fh.SettingsError, match="is there already"):
        import_recordings([CHAT], tmp_path / "shop.jsonl", Selection(), SECRETLY, scenario=True)
    assert not (tmp_path / "shop.jsonl").exists()
